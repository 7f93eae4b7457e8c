"""The command ``bench``."""

import json
import time
from pathlib import Path

import click

from .. import paths
from .errors import say


@click.command()
@click.option("--json", "out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write the table there as JSON, too.")  # fmt: skip
@click.option("--only", "names", multiple=True, metavar="NAME", help="One figure; may be repeated.")
@click.option("--studio", is_flag=True, help="Add the studio's latency.")
@click.option("--record", is_flag=True, help="Make the recorded end points again: 50 minutes.")
@click.option("--publish", is_flag=True,
              help="Write the benchmark's page, and its figures to figures/.")  # fmt: skip
def bench(
    out: Path | None, names: tuple[str, ...], studio: bool, record: bool, publish: bool
) -> None:
    """Measure this machine: ours, the peers and the machine's limit, side by side.

    Status 1 when a target is missed.
    """
    from dataclasses import asdict

    from ..benchmark import common
    from ..benchmark import table as engine
    from ..plotting.album import save_figure

    if record:
        from ..benchmark.reference import record_end_points as make

        if out or names or studio or publish:
            raise click.UsageError("--record makes end points and measures nothing; give it alone")
        say(f"written {make(common.describe_machine(), click.echo)}")
        return
    wanted = list(names) or [name for name in engine.FIGURES if name != "studio"]
    if studio and "studio" not in wanted:
        wanted.append("studio")
    if out is not None and not out.parent.is_dir():
        raise click.ClickException(f"{out.parent}: no such folder; make it first")
    if publish and names:
        raise click.UsageError("--publish writes the whole table; leave out --only")
    if publish:
        if not paths.BENCHMARK_PAGE.is_file():
            raise click.ClickException("--publish is for a clone: there is no page to write here")
        engine.with_table(
            paths.BENCHMARK_PAGE.read_text(encoding="utf-8"), "", []
        )  # its marks, now
    machine = common.describe_machine()
    say(machine)
    say(engine.HEAD)
    command = "python -m nst_utils bench --publish"

    def show(exhibit: common.Exhibit) -> None:
        if publish:
            record = {"machine": machine, **exhibit.record}
            path = paths.ROOT / "figures" / f"{exhibit.name}.png"
            save_figure(exhibit.figure, path, record, caption=exhibit.caption, command=command)

    began = time.monotonic()
    rows = []
    try:
        for row in engine.run_benchmark(wanted, show):
            rows.append(row)
            say(engine.line(row))
    finally:  # what was measured before something broke, too
        if out is not None:
            table = json.dumps([asdict(row) for row in rows], indent=1)
            out.write_text(table + "\n", encoding="utf-8")
    minutes = (time.monotonic() - began) / 60
    say(f"{len(rows)} rows in {minutes:.0f} minutes")
    if publish:
        text = paths.BENCHMARK_PAGE.read_text(encoding="utf-8")
        text = engine.with_table(text, f"On {machine}, in {minutes:.0f} minutes:", rows)
        paths.BENCHMARK_PAGE.write_text(text, encoding="utf-8")
    missed = [row.figure for row in rows if not row.met]
    if missed:
        raise click.ClickException(f"{len(missed)} of {len(rows)} targets missed")
