"""Loss curves, drawn from numbers: one look for notebooks and reports.

Free of torch. `language` is that of the labels: "en" or "vi".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import TERM_COLORS, WIDTH, draw_grid, line_look, one_panel, own_look, term_look
from .translations import translator

if TYPE_CHECKING:
    from ..transfer.result import Result

SMOOTH = 20
"""Steps of a training whose losses are averaged for its curve."""


def plot_losses(axes: Axes, result: "Result", language: str = "en") -> None:
    """Plot each loss term of a run, weighted as it enters the total; see `plot_terms`.

    A dashed line marks a change of the recipe's ``schedule``.
    """
    records = [record for record in result.history if np.isfinite(record.total)]
    steps = [record.step for record in records]
    parts = [record.weighted() for record in records]
    curves = {"total": [record.total for record in records]}
    for name in dict.fromkeys(name for groups in parts for name in groups):
        curves[name] = [groups.get(name, 0.0) for groups in parts]  # 0 where a step lacks it
    axes.set_xlim(0, max(1, len(result.history) - 1))
    plot_terms(axes, steps, curves, [record.scale for record in records], language)
    for step, field, value in result.recipe.schedule:
        axes.axvline(step, color="0.5", linewidth=0.8, linestyle="--", zorder=0)
        text = f"{field} {value:g}" if isinstance(value, int | float) else field
        _note(axes, step, text, 1, left=step > 0.9 * axes.get_xlim()[1])


@own_look()
def loss_figure(runs: "Mapping[str, Result]", *, language: str = "en") -> Figure:
    """Plot runs side by side: above each loss term as weighted, below the style by layer."""
    say = translator(language)
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    grid = figure.add_gridspec(2, len(runs))
    for j, (title, result) in enumerate(runs.items()):
        above, below = (figure.add_subplot(grid[i, j]) for i in (0, 1))
        plot_losses(above, result, language)
        above.set_title(title, fontsize=8, loc="left")
        look = dict(fontsize=7, frameon=False, borderaxespad=0)
        columns = 4 if len(runs) == 1 else 2
        above.legend(loc="lower right", bbox_to_anchor=(1, 1.01), ncols=columns, **look)
        weights, history = result.recipe.style_layers, result.history
        steps = [record.step for record in history]
        terms = dict.fromkeys(name for record in history for name in record.parts("style"))
        for k, name in enumerate(terms):
            weight = weights.get(name, 1.0)
            values = [weight * record.parts("style").get(name, np.nan) for record in history]
            below.plot(steps, values, label=name, **line_look(k))
        for step, *_ in result.recipe.schedule:
            below.axvline(step, color="0.5", linewidth=0.8, linestyle="--", zorder=0)
        below.set_yscale("log")
        below.set_title(say("style loss by layer"), fontsize=8)
        below.set_xlabel(say("step"))
        below.set_ylabel(say("loss"))
        below.legend(fontsize=7, ncols=2, frameon=False)
        below.set_xlim(above.get_xlim())
        draw_grid(below)
    return figure


_SYMBOLS = {"content": r"$\alpha\,$", "style": r"$\beta\,$"}


def _label(name: str, say: Callable[[str], str]) -> str:
    """Return a term's name in the legend; a user's own term keeps the name that it has."""
    return _SYMBOLS.get(name, "") + (say(name) if name in TERM_COLORS else name)


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
            look = {"linestyle": line, "color": color, "label": _label(name, say)}
            axes.plot(steps, values, linewidth=1.4, **look)
    axes.set_yscale("log")
    # The content loss starts at 0 when the start is the content: do not let it stretch the axis.
    lowest = max(terms.get("content", ()), default=0) * 1e-2
    shown = [v for name in terms for v in terms[name] if v > (lowest if name == "content" else 0)]
    if shown:
        below, above = (6, 12) if any(scales) else (1.3, 4)  # room for both rows of labels
        axes.set_ylim(min(shown) / below, max(shown) * above)
    axes.set_xlabel(say("step"))
    axes.set_ylabel(say("loss"))
    for step, scale in _begins(steps, scales):
        axes.axvline(step, color="0.7", linewidth=0.8, zorder=0)
        _note(axes, step, f"{scale} px", left=step > 0.9 * axes.get_xlim()[1])
    axes.legend(fontsize=8, loc="upper right", ncols=4, edgecolor="none")
    draw_grid(axes)


def _begins(steps: Sequence[int], scales: Sequence[int]) -> list[tuple[int, int]]:
    """Return each step at which a scale begins, with that scale."""
    before = [None, *scales[:-1]]
    changes = zip(steps, scales, before, strict=True) if steps else ()
    return [(step, scale) for step, scale, last in changes if scale != last]


def _note(axes: Axes, step: float, text: str, line: int = 0, *, left: bool) -> None:
    """Write beside the foot of a vertical line; a higher `line` is one above."""
    place = -3 if left else 3, 3 + 10 * line
    axes.annotate(
        text, (step, 0), xycoords=("data", "axes fraction"), xytext=place,
        textcoords="offset points", va="bottom", ha="right" if left else "left", fontsize=8,
        color="0.35",
    )  # fmt: skip


@own_look()
def training_figure(curve: pd.DataFrame, *, language: str = "en") -> Figure:
    """Plot how the losses of a network fall: means over `SMOOTH` steps, since crops differ.

    The table holds a column for each term, weighted as it enters the total, by step.
    """
    figure, axes = one_panel(2.8)
    smooth = curve.rolling(SMOOTH, min_periods=1).mean()
    plot_terms(axes, list(smooth.index), smooth, [None] * len(smooth), language)
    axes.set_yscale("linear")  # the losses of a network fall by a factor, not by decades
    axes.set_ylim(0, 1.05 * smooth.to_numpy().max())
    return figure
