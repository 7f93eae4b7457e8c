"""The command ``bench``."""

import json
from pathlib import Path

import click


@click.command()
@click.option("--json", "out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write the table there as JSON, too.")  # fmt: skip
@click.option("--only", "names", multiple=True, metavar="NAME", help="One figure; may be repeated.")
@click.option("--studio", is_flag=True, help="Add the studio's latency.")
@click.option("--record", is_flag=True, help="Make the recorded end points again: 40 minutes.")
def bench(out: Path | None, names: tuple[str, ...], studio: bool, record: bool) -> None:
    """Measure this machine: ours, the peers and the machine's limit, side by side.

    Status 1 when a target is missed.
    """
    from dataclasses import asdict

    from . import bench as engine

    if record:
        from .records import record as make

        if out or names or studio:
            raise click.UsageError("--record makes end points and measures nothing; give it alone")
        click.echo(f"written {make(engine.machine(), click.echo)}")
        return
    wanted = list(names)
    if not wanted and not studio:
        wanted = [name for name in engine.FIGURES if name != "studio"]
    if studio and "studio" not in wanted:
        wanted.append("studio")
    if out is not None and not out.parent.is_dir():
        raise click.ClickException(f"{out.parent}: no such folder; make it first")
    click.echo(engine.machine())
    click.echo(engine.HEAD)
    rows = engine.run(wanted, click.echo)
    if out is not None:
        out.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    missed = [row.figure for row in rows if not row.met]
    if missed:
        raise click.ClickException(f"{len(missed)} of {len(rows)} targets missed")
