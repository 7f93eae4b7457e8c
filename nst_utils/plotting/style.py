"""The look that all figures share: sizes, colors, line styles, grid."""

import contextlib
from collections.abc import Iterator
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI = 200

LETTER = 0.066
"""Width of the widest letter of a title, inches."""

WIDTH = 7.0
"""Text width of a report in inches, so that figures need no scaling."""

CYCLE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
STYLES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1))]
MARKERS = "os^Dv<>"

TERM_COLORS = {"total": "#000000", "content": "#0072B2", "style": "#D55E00", "tv": "#009E73"}
"""Okabe and Ito's colors, which color-blind readers can tell apart."""

TERM_LINES = {"total": "-", "content": "--", "style": "-.", "tv": ":"}


@contextlib.contextmanager
def own_look() -> Iterator[None]:
    """Draw with matplotlib's own defaults, whatever the user has set: a dark style, TeX.

    As a decorator of a function it holds for each call.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        yield


def term_look(name: str, place: int) -> tuple[Any, str]:
    """Return line style and color of a loss term; further terms take the next ones of the cycle."""
    further = 3 + place % 3
    return TERM_LINES.get(name, STYLES[further]), TERM_COLORS.get(name, CYCLE[further])


def draw_grid(axes: Axes, x: str = "", y: str = "") -> None:
    """Name the axes and draw a pale grid behind the data; tick labels are small, two sides open."""
    axes.grid(True, color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    if x:
        axes.set_xlabel(x, fontsize=8)
    if y:
        axes.set_ylabel(y, fontsize=8)


def one_panel(height: float) -> tuple[Figure, Axes]:
    """Return a figure of the text's width and some inches of height, with axes that fill it."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def line_look(place: int, *, marker: bool = False) -> dict[str, Any]:
    """Return color and line style of the curve at a place of the cycle, and a marker if asked."""
    look = {"color": CYCLE[place % len(CYCLE)], "linestyle": STYLES[place % len(STYLES)]}
    return look | ({"marker": MARKERS[place % len(MARKERS)], "markersize": 4} if marker else {})


def hide_ticks(axes: Axes) -> None:
    """Show a picture without ticks."""
    axes.set_xticks([])
    axes.set_yticks([])


def legend_below(figure: Figure, axes: Axes, columns: int = 2) -> None:
    """Put the legend of one panel below all of them."""
    shown = axes.get_legend_handles_labels()
    figure.legend(*shown, loc="outside lower center", ncols=columns, fontsize=8, frameon=False)
