"""The benchmark's figures by name: how they are run, printed and published.

A figure is a function that yields rows.
"""

from collections.abc import Callable, Iterator

from ..errors import check_choice
from .ablation import measure_levers, measure_quality_over_time
from .common import BenchError, Exhibit, Row
from .convergence import measure_pastiche_time, measure_quality, measure_report_time
from .kills import measure_kills
from .speed import (
    measure_growth,
    measure_large,
    measure_memory,
    measure_share,
    measure_startup,
    measure_step,
    measure_together,
)
from .studio_latency import measure_studio

FIGURES: dict[str, Callable[[], Iterator[Row | Exhibit]]] = {
    "startup": measure_startup,
    "step": measure_step,
    "share": measure_share,
    "growth": measure_growth,
    "memory": measure_memory,
    "together": measure_together,
    "report": measure_report_time,
    "pastiche": measure_pastiche_time,
    "quality": measure_quality,
    "large": measure_large,
    "levers": measure_levers,
    "curve": measure_quality_over_time,
    "studio": measure_studio,
    "kills": measure_kills,
}
"""Every figure by its name."""


def run_benchmark(
    names: list[str], show: Callable[[Exhibit], object] | None = None
) -> Iterator[Row]:
    """Measure figures; yield each row as it comes, and pass each chart to `show`.

    Raises
    ------
    UnknownNameError
        For a name that is not in `FIGURES`.
    """
    for name in names:
        check_choice("figure", name, FIGURES)
    for name in names:
        for row in FIGURES[name]():
            if not isinstance(row, Exhibit):
                yield row
            elif show:
                show(row)


HEAD = f"{'figure':76} {'ours':>9} {'theirs':>9} {'ratio':>7}  target"


def line(row: Row) -> str:
    """Return a row as a line of the table."""
    numbers = [_short(row.ours), _short(row.theirs), _short(row.ratio)]
    judged = row.target and f"  {row.target}: {'met' if row.met else 'MISSED'}"
    return f"{row.figure:76} {numbers[0]:>9} {numbers[1]:>9} {numbers[2]:>7}{judged}"


def _short(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if abs(value) < 1000 or abs(value) >= 1e7 else f"{value:,.0f}"


MARKS = ("<!-- bench: begin -->", "<!-- bench: end -->")


def with_table(text: str, heading: str, rows: list[Row]) -> str:
    """Return a page with the table between its marks.

    Raises
    ------
    BenchError
        If the page does not hold each mark once.
    """
    if any(text.count(mark) != 1 for mark in MARKS):
        raise BenchError(f"expected {MARKS[0]} and {MARKS[1]} once each on the page")
    before, rest = text.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    lines = ["| figure | ours | theirs | ratio | target |", "|---|---|---|---|---|"]
    for row in rows:
        numbers = " | ".join(map(_short, (row.ours, row.theirs, row.ratio)))
        judged = row.target and f"{row.target}: {'met' if row.met else '**missed**'}"
        lines.append(f"| {row.figure} | {numbers} | {judged} |")
    table = "\n".join(lines)
    return f"{before}{MARKS[0]}\n{heading}\n\n{table}\n{MARKS[1]}{after}"
