"""Loss curves, drawn from numbers: one look for notebooks, reports and the studio.

Free of torch. `language` is that of the labels: "en" or "vi".
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from PIL import Image

from ..transfer.result import Result
from .style import TERM_COLORS, WIDTH, draw_grid, line_look, own_look, term_look
from .translations import translator


def plot_losses(axes: Axes, result: Result, language: str = "en") -> None:
    """Plot each loss term of a run, weighted as it enters the total; see `plot_terms`."""
    records = [record for record in result.history if np.isfinite(record.total)]
    steps = [record.step for record in records]
    parts = [record.weighted() for record in records]
    curves = curves_of([record.total for record in records], parts)
    plot_terms(axes, steps, curves, [record.scale for record in records], language)
    axes.set_xlim(0, max(1, len(result.history) - 1))


def curves_of(
    totals: Sequence[float], parts: Sequence[Mapping[str, float]]
) -> dict[str, list[float]]:
    """Return the total and every group of terms as curves, step by step.

    `parts` are as `StepRecord.weighted` returns them; a group that is missing at a step counts as 0
    there.
    """
    names = dict.fromkeys(name for groups in parts for name in groups)
    curves = {name: [groups.get(name, 0.0) for groups in parts] for name in names}
    return {"total": list(totals), **curves}


@own_look()
def loss_figure(runs: Mapping[str, Result], *, language: str = "en") -> Figure:
    """Plot runs side by side: above each loss term as weighted, below the style by layer."""
    say = translator(language)
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    grid = figure.add_gridspec(2, len(runs))
    for j, (title, result) in enumerate(runs.items()):
        above, below = (figure.add_subplot(grid[i, j]) for i in (0, 1))
        plot_losses(above, result, language)
        above.set_title(title, fontsize=8)
        above.legend(fontsize=7, loc="upper right", ncols=2, frameon=False)
        weights, history = result.recipe.style_layers, result.history
        steps = [record.step for record in history]
        terms = dict.fromkeys(name for record in history for name in record.parts("style"))
        for k, name in enumerate(terms):
            weight = weights.get(name, 1.0)
            values = [weight * record.parts("style").get(name, np.nan) for record in history]
            below.plot(steps, values, label=name, **line_look(k))
        below.set_yscale("log")
        below.set_title(say("style loss by layer"), fontsize=8)
        below.set_xlabel(say("step"))
        below.legend(fontsize=7, ncols=2, frameon=False)
        draw_grid(below)
    return figure


_SYMBOLS = {"content": r"$\alpha\,$", "style": r"$\beta\,$"}


def _label(name: str, say: Callable[[str], str]) -> str:
    """Return a term's name in the legend; a user's own term keeps the name that it has."""
    return _SYMBOLS.get(name, "") + (say(name) if name in TERM_COLORS else name)


LIVE_DPI = 96
LIVE_TEXT = "#808080"
MARK, MARK_TEXT = "#CC79A7", "#B5568F"

NOTE_ROWS = 4
"""Rows of names at the top of a live curve; where no row is free, a change has a line only."""


def plot_terms(
    axes: Axes,
    steps: Sequence[int],
    terms: Mapping[str, Sequence[float]],
    scales: Sequence[int],
    language: str = "en",
) -> None:
    """Plot loss terms against the step, on a log scale.

    A gray line with the size in pixels marks where another scale begins.

    Parameters
    ----------
    axes : Axes
        To draw on.
    steps : sequence of int
        Where each value belongs.
    terms : mapping of str to sequence of float
        By term, weighted as it enters the total. Terms that are 0 throughout are left out, and so
        are single values that are not above 0.
    scales : sequence of int
        Long side at each step, pixels.
    """
    say = translator(language)
    for place, (name, values) in enumerate(terms.items()):
        if any(values):
            values = [value if value > 0 else np.nan for value in values]
            line, color = term_look(name, place)
            axes.plot(steps, values, line, color=color, label=_label(name, say), linewidth=1.4)
    axes.set_yscale("log")
    # The content loss starts at 0 when the start is the content: do not let it stretch the axis.
    lowest = max(terms.get("content", ()), default=0) * 1e-2
    shown = [v for name in terms for v in terms[name] if v > (lowest if name == "content" else 0)]
    if shown:
        axes.set_ylim(min(shown) / 6, max(shown) * 12)  # room for both rows of labels
    axes.set_xlabel(say("step"))
    axes.set_ylabel(say("loss"))
    for step, scale in _begins(steps, scales):
        axes.axvline(step, color="0.7", linewidth=0.8, zorder=0)
        _note(axes, step, f"{scale} px")
    axes.legend(fontsize=8, loc="upper right", ncols=4, frameon=False)
    draw_grid(axes)


def _begins(steps: Sequence[int], scales: Sequence[int]) -> list[tuple[int, int]]:
    """Return each step at which a scale begins, with that scale."""
    before = [None, *scales[:-1]]
    changes = zip(steps, scales, before, strict=True) if steps else ()
    return [(step, scale) for step, scale, last in changes if scale != last]


def _note(
    axes: Axes, step: float, text: str, *, down: int | None = None, color: str = "0.35"
) -> Annotation:
    """Write beside a vertical line: at its foot, or `down` points below its top."""
    top = down is not None
    left = step > 0.7 * axes.get_xlim()[1]  # else a long name would leave the figure
    return axes.annotate(
        text, (step, 1 if top else 0), xycoords=("data", "axes fraction"),
        xytext=(-3 if left else 3, -down if top else 3), textcoords="offset points",
        va="top" if top else "bottom", ha="right" if left else "left", fontsize=8, color=color,
    )  # fmt: skip


class LiveCurve:
    """A loss curve of `width` x `height` pixels that is drawn again and again as the run grows.

    Its lines are kept and moved. That takes a quarter of the time of a new figure; meanwhile a
    painting in the same process has to wait.
    """

    def __init__(self, width: int, height: int, language: str = "en") -> None:
        say = translator(language)
        # Transparent, in grays that can be seen on a light and on a dark page.
        figure = Figure((width / LIVE_DPI, height / LIVE_DPI), dpi=LIVE_DPI, facecolor="none")
        figure.subplots_adjust(left=0.125, right=0.985, top=0.87, bottom=0.24)
        self._canvas = FigureCanvasAgg(figure)
        self._axes = axes = figure.add_subplot()
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel(say("step"), fontsize=8, color=LIVE_TEXT)
        axes.set_ylabel(say("loss"), fontsize=8, color=LIVE_TEXT)
        axes.grid(color=LIVE_TEXT, alpha=0.25, linewidth=0.6)
        axes.set_facecolor("none")
        axes.tick_params(colors=LIVE_TEXT)
        for side in axes.spines.values():
            side.set_color(LIVE_TEXT)
        self._say, self._lines = say, {}
        self._add_lines(TERM_COLORS)
        across = axes.get_xaxis_transform()
        self._scales = axes.plot([], [], color="0.7", linewidth=0.8, transform=across)[0]
        self._marks = axes.plot([], [], "--", color=MARK, linewidth=1, transform=across)[0]
        self._feet = axes.plot([], [], "^", color=MARK, markersize=7, clip_on=False,
                               transform=across)[0]  # fmt: skip
        self._notes: list[Annotation] = []
        self._noted: tuple[Any, ...] = ()

    def draw(
        self,
        steps: Sequence[int],
        terms: Mapping[str, Sequence[float]],
        scales: Sequence[int],
        marks: Sequence[tuple[int, str]] = (),
    ) -> bytes:
        """Draw the curve so far and return the bytes of a PNG.

        Parameters
        ----------
        steps, terms, scales
            As for `plot_terms`.
        marks : sequence of (int, str)
            Steps at which something was changed, and what: a line with a triangle at its foot.
        """
        self._add_lines(terms)
        for name, line in self._lines.items():
            values = np.array(terms.get(name, [0.0] * len(steps)), dtype=float)
            line.set_data(steps, np.where(values > 0, values, np.nan))
        highest = max((max(values) for values in terms.values() if values), default=1.0)
        style = [value for value in terms.get("style", ()) if value > 0]
        # Room below for the terms that start at 0, above for the labels.
        self._axes.set_ylim(min(style, default=highest) / 100, highest * 20)
        self._axes.set_xlim(0, max(20, len(steps)) * 1.03)
        begins = _begins(steps, scales)
        _stand(self._scales, [step for step, _ in begins])
        _stand(self._marks, [step for step, _ in marks])
        self._feet.set_data([step for step, _ in marks], [0] * len(marks))
        self._annotate(begins, marks)
        self._canvas.draw()
        size = self._canvas.get_width_height()
        image = Image.frombuffer("RGBA", size, self._canvas.buffer_rgba())
        data = io.BytesIO()
        image.save(data, "PNG", compress_level=1)
        return data.getvalue()

    def _add_lines(self, names: Iterable[str]) -> None:
        """Add a line for each term that has none yet."""
        fresh = [name for name in names if name not in self._lines]
        for name in fresh:
            look, color = term_look(name, len(self._lines))
            color = LIVE_TEXT if name == "total" else color
            [self._lines[name]] = self._axes.plot(
                [], [], look, linewidth=1.4, color=color, label=_label(name, self._say)
            )
        if fresh:  # above the axes, where no line runs, in any language
            self._axes.legend(
                fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), frameon=False,
                ncols=len(self._lines), borderaxespad=0, labelcolor=LIVE_TEXT, columnspacing=1.2,
            )  # fmt: skip

    def _annotate(
        self, begins: Sequence[tuple[int, int]], marks: Sequence[tuple[int, str]]
    ) -> None:
        noted = (tuple(begins), tuple(marks), self._axes.get_xlim())
        if self._noted == noted:
            return
        for note in self._notes:
            note.remove()
        # A name stands only where the one before it has ended. A drag marks every step: name one.
        self._notes, free = [], -1.0
        across = self._axes.get_window_extent().width / (self._axes.get_xlim()[1] or 1)
        for step, scale in begins:
            if step * across >= free:
                self._notes.append(_note(self._axes, step, f"{scale} px", color=LIVE_TEXT))
                free = step * across + 7.0 * len(f"{scale} px")
        drags = [mark for i, mark in enumerate(marks) if not i or marks[i - 1][1] != mark[1]]
        rows = [-1.0] * NOTE_ROWS
        for step, what in drags:
            row = min(range(NOTE_ROWS), key=lambda r: (rows[r] > step * across, r))
            if rows[row] > step * across:
                continue  # no row is free here: the line itself still stands
            note = _note(self._axes, step, what, down=4 + 10 * row, color=MARK_TEXT)
            self._notes.append(note)
            rows[row] = step * across + 5.5 * len(what) + 6
        self._noted = noted


def _stand(line: Line2D, steps: Sequence[int]) -> None:
    """Draw a vertical line at each of several steps, all of them one line object."""
    line.set_data([x for step in steps for x in (step, step, np.nan)], [0, 1, np.nan] * len(steps))
