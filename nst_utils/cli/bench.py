"""The command ``bench``."""

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import paths
from .errors import say

if TYPE_CHECKING:
    from ..benchmark.common import Exhibit, Row


@click.command()
@click.option("--json", "out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Also write the table to this file, as JSON.")  # fmt: skip
@click.option("--only", "names", multiple=True, metavar="NAME", help="One figure; may be repeated.")
@click.option("--studio", is_flag=True, help="Add the studio's latency.")
@click.option("--record", is_flag=True, help="Only make the recorded end points again: 50 minutes.")
@click.option("--publish", is_flag=True,
              help="Write the benchmark's page, and its figures to figures/.")  # fmt: skip
def bench(
    out: Path | None, names: tuple[str, ...], studio: bool, record: bool, publish: bool
) -> None:
    """Measure this machine: this package beside its peers and the machine's own limit.

    The exit status is 1 if a target is missed.
    """
    import pandas as pd

    from ..benchmark import table as engine
    from ..networks.device import describe_machine

    if record:
        if out or names or studio or publish:
            raise click.UsageError("--record measures nothing; give it without other options")
        from ..benchmark.reference import record_end_points

        say(f"written {record_end_points(describe_machine(), click.echo)}")
        return
    if out is not None and not out.parent.is_dir():
        raise click.ClickException(f"{out.parent}: no such folder; make it first")
    if publish:
        _check_page(names)
    wanted = list(names) or [n for n in engine.FIGURES if n not in ("studio", "kills")]
    if studio and "studio" not in wanted:
        wanted.append("studio")
    machine = describe_machine()
    say(machine)
    say(engine.HEAD)
    began = time.monotonic()
    rows: list[Row] = []
    try:
        for row in engine.run_benchmark(wanted, partial(_save, machine) if publish else None):
            rows.append(row)
            say(engine.line(row))
    finally:  # if a figure fails, the rows before it are still written
        if out is not None:
            pd.DataFrame(rows).to_json(out, orient="records", indent=1)
    minutes = (time.monotonic() - began) / 60
    say(f"{len(rows)} rows in {minutes:.0f} minutes")
    if publish:
        page = paths.BENCHMARK_PAGE.read_text(encoding="utf-8")
        page = engine.with_table(page, f"On {machine}, in {minutes:.0f} minutes:", rows)
        paths.BENCHMARK_PAGE.write_text(page, encoding="utf-8")
    if missed := [row for row in rows if not row.met]:
        raise click.ClickException(f"{len(missed)} of {len(rows)} targets missed")


def _check_page(names: tuple[str, ...]) -> None:
    """Check, before anything is measured, that the benchmark's page can take the table."""
    from ..benchmark.table import with_table

    if names:
        raise click.UsageError("--publish writes the whole table; leave out --only")
    if not paths.BENCHMARK_PAGE.is_file():
        raise click.ClickException("--publish is for a clone: there is no page to write here")
    with_table(paths.BENCHMARK_PAGE.read_text(encoding="utf-8"), "", [])


def _save(machine: str, exhibit: "Exhibit") -> None:
    """Save a figure of the benchmark's page."""
    from ..plotting.album import save_figure

    record = {"machine": machine, **exhibit.record}
    path = paths.ROOT / "figures" / f"{exhibit.name}.png"
    command = "python -m nst_utils bench --publish"
    options = {"caption": exhibit.caption, "command": command, "small": True}
    save_figure(exhibit.figure, path, record, **options)
