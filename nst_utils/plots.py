"""Figures drawn: pictures side by side, losses, feature maps, Gram matrices.

Every function returns a `matplotlib.figure.Figure` made without global state, so that notebooks,
tests and threads do not disturb each other; `report` saves them. One look: Okabe and Ito's colors,
each with a line style of its own, readable in gray print.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from .result import Result
from .words import words

DPI = 200
WIDTH = 7.0
"""Inches: the text width of a report, so that figures go in unscaled."""

COLORS = {"total": "#000000", "content": "#0072B2", "style": "#D55E00", "tv": "#009E73"}
"""Okabe and Ito's colors, told apart by color-blind readers."""

CYCLE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
STYLES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1))]
LINES = {"total": "-", "content": "--", "style": "-.", "tv": ":"}


def show_picture(axes: Axes, image: Image.Image, title: str) -> None:
    """Show a picture without ticks, its title above."""
    axes.imshow(image, interpolation="lanczos")
    axes.set_anchor("N")
    axes.set_title(title, fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])


def plot_losses(axes: Axes, result: Result, language: str = "en") -> None:
    """Plot each loss term, weighted as it enters the total, against the step; log scale.

    A gray line with the size in pixels marks where a finer scale begins.
    """
    say = words(language)
    records = [record for record in result.history if np.isfinite(record.total)]
    steps = [record.step for record in records]
    weights = [result.recipe.at(record.step) for record in records]
    curves = {
        "total": [record.total for record in records],
        "content": [w.alpha * r.content for w, r in zip(weights, records, strict=True)],
        "style": [w.beta * r.style for w, r in zip(weights, records, strict=True)],
        "tv": [w.tv * r.tv for w, r in zip(weights, records, strict=True)],
    }
    symbols = {"content": r"$\alpha\,$", "style": r"$\beta\,$"}
    for name, values in curves.items():
        if any(values):
            values = [value if value > 0 else np.nan for value in values]
            label = symbols.get(name, "") + say(name)
            axes.plot(steps, values, LINES[name], color=COLORS[name], label=label, linewidth=1.4)
    axes.set_yscale("log")
    # The content loss starts at 0 when the start is the content: do not let it stretch the axis.
    shown = [v for name in ("total", "style", "tv") for v in curves[name] if v > 0]
    if shown:
        axes.set_ylim(min(shown) / 6, max(shown) * 12)  # room for both rows of labels
    axes.set_xlabel(say("step"))
    axes.set_ylabel(say("loss"))
    axes.set_xlim(0, max(1, len(result.history) - 1))
    previous = None
    for record in result.history:
        if record.scale != previous:
            axes.axvline(record.step, color="0.7", linewidth=0.8, zorder=0)
            axes.annotate(
                f"{record.scale} px",
                (record.step, 0),
                xycoords=("data", "axes fraction"),
                xytext=(3, 3),
                textcoords="offset points",
                va="bottom",
                fontsize=8,
                color="0.35",
            )
            previous = record.scale
    axes.legend(fontsize=8, loc="upper right", ncols=4, frameon=False)
    axes.grid(True, which="major", color="0.9", linewidth=0.6)
    axes.tick_params(labelsize=8)


def quickstart_figure(
    content: Image.Image, style: Image.Image, result: Result, *, language: str = "en"
) -> Figure:
    """Show content, style and result side by side, and the loss curve below."""
    say = words(language)
    image = result.image
    pictures = [
        (content, f"{say('content')}: {_name(result, 'content')}"),
        (style, f"{say('style')}: {_name(result, 'style')}"),
        (image, f"{say('result')}: {max(image.size)} px, {result.weights_label}"),
    ]
    shapes = [picture.width / picture.height for picture, _ in pictures]
    row = (WIDTH - 0.6) / sum(shapes)
    figure = Figure(figsize=(WIDTH, row + 2.4), layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=shapes, height_ratios=[row + 0.2, 2.0])
    for column, (picture, title) in enumerate(pictures):
        show_picture(figure.add_subplot(grid[0, column]), picture, title)
    axes = figure.add_subplot(grid[1, :])
    plot_losses(axes, result, language)
    axes.set_title(describe(result, language), fontsize=8)
    return figure


def describe(result: Result, language: str = "en") -> str:
    """Say in one line what a run was: layers, weights, steps, seconds."""
    recipe, record, say = result.recipe, result.provenance, words(language)
    return (
        f"{result.weights_label}, {say('content')} {recipe.content_layer}, "
        rf"$\alpha$ = {recipe.alpha:g}, $\beta$ = {recipe.beta:g}, "
        f"{say('losses')}: {say(recipe.loss)}, {record['steps']} {say('steps')}, "
        f"{result.seconds:.0f} s, {record['precision']}"
    )


def _name(result: Result, role: str) -> str:
    return str(result.provenance[role]["source"]).removeprefix("sample ")


def contact_sheet(
    pictures: Sequence[tuple[Image.Image, str]], *, columns: int = 5, width: float = WIDTH
) -> Figure:
    """Show pictures in rows, each under its title.

    Parameters
    ----------
    pictures : sequence of (PIL.Image.Image, str)
        Pictures and their titles, in reading order.
    columns : int
        Pictures in a row.
    width : float
        Width of the figure, inches.
    """
    rows = [pictures[i : i + columns] for i in range(0, len(pictures), columns)]
    side = width / columns
    heights = [max(p.height / p.width for p, _ in row) * side + 0.25 for row in rows]
    figure = Figure(figsize=(width, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(rows), columns, height_ratios=heights)
    for i, row in enumerate(rows):
        for j, (picture, title) in enumerate(row):
            picture = picture.copy()
            picture.thumbnail((round(side * DPI),) * 2, Image.Resampling.LANCZOS)
            show_picture(figure.add_subplot(grid[i, j]), picture, title)
    return figure
