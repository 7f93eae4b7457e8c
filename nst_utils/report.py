"""Figures for a report, each with a record of how it was made; the only writer to ``figures/``.

Every figure is drawn without global state, so that notebooks, tests and threads do not disturb
each other, and is saved as PNG at 200 dpi with a JSON record of the same name beside it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from .images import save_png
from .registry import NSTError
from .result import Result

DPI = 200
MAX_BYTES = 1_000_000

COLORS = {"total": "#000000", "content": "#0072B2", "style": "#D55E00", "tv": "#009E73"}
"""Okabe and Ito's colors, told apart by color-blind readers and, by lightness, in gray print."""

LINES = {"total": "-", "content": "--", "style": "-.", "tv": ":"}


class ReportError(NSTError, OSError):
    """A figure that cannot be written."""


def save_figure(figure: Figure, path: str | os.PathLike, record: Mapping[str, Any]) -> Path:
    """Save a figure as PNG, and beside it as JSON the record of how it was made.

    Above `MAX_BYTES` the picture is brought to 256 colors, chosen for it and dithered: a figure
    full of brush strokes would else be too large for a report.

    Raises
    ------
    ReportError
        If the folder cannot be made or written to.
    """
    path = Path(path)
    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(DPI)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_png(image, path, record, dpi=(DPI, DPI), optimize=True)
        if path.stat().st_size > MAX_BYTES:
            palette = image.quantize(256)
            reduced = image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
            save_png(reduced, path, record, dpi=(DPI, DPI), optimize=True)
        path.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{path}: cannot be written ({error.strerror or error})") from None
    return path


def show_picture(axes: Axes, image: Image.Image, title: str) -> None:
    """Show a picture without ticks, its title above."""
    axes.imshow(image, interpolation="lanczos")
    axes.set_anchor("N")
    axes.set_title(title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])


def plot_losses(axes: Axes, result: Result) -> None:
    """Plot each loss term, weighted as it enters the total, against the step; log scale.

    A gray line with the size in pixels marks where a finer scale begins.
    """
    records = [record for record in result.history if np.isfinite(record.total)]
    steps = [record.step for record in records]
    weights = [result.recipe.at(record.step) for record in records]
    curves = {
        "total": [record.total for record in records],
        "content": [w.alpha * r.content for w, r in zip(weights, records, strict=True)],
        "style": [w.beta * r.style for w, r in zip(weights, records, strict=True)],
        "tv": [w.tv * r.tv for w, r in zip(weights, records, strict=True)],
    }
    labels = {"content": r"$\alpha\,$content", "style": r"$\beta\,$style", "tv": "total variation"}
    for name, values in curves.items():
        if any(values):
            values = [value if value > 0 else np.nan for value in values]
            label = labels.get(name, name)
            axes.plot(steps, values, LINES[name], color=COLORS[name], label=label, linewidth=1.4)
    axes.set_yscale("log")
    # The content loss starts at 0 when the start is the content: do not let it stretch the axis.
    shown = [v for name in ("total", "style", "tv") for v in curves[name] if v > 0]
    if shown:
        axes.set_ylim(min(shown) / 6, max(shown) * 12)  # room for both rows of labels
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
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


def quickstart_figure(content: Image.Image, style: Image.Image, result: Result) -> Figure:
    """Show content, style and result side by side, and the loss curve below."""
    image = result.image
    pictures = [
        (content, f"content: {_name(result, 'content')}"),
        (style, f"style: {_name(result, 'style')}"),
        (image, f"result: {max(image.size)} px, {result.weights_label}"),
    ]
    shapes = [picture.width / picture.height for picture, _ in pictures]
    width, gap = 9.0, 0.12
    row = (width - 0.3 - 2 * gap) / sum(shapes)
    figure = Figure(figsize=(width, row + 2.75), layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=shapes, height_ratios=[row + 0.25, 2.3])
    for column, (picture, title) in enumerate(pictures):
        show_picture(figure.add_subplot(grid[0, column]), picture, title)
    axes = figure.add_subplot(grid[1, :])
    plot_losses(axes, result)
    axes.set_title(describe(result), fontsize=9)
    return figure


def describe(result: Result) -> str:
    """Say in one line what a run was: layers, weights, steps, seconds."""
    recipe, record = result.recipe, result.provenance
    return (
        f"{result.weights_label}, content {recipe.content_layer}, "
        rf"$\alpha$ = {recipe.alpha:g}, $\beta$ = {recipe.beta:g}, {recipe.loss} losses, "
        f"{record['steps']} steps, {result.seconds:.0f} s, {record['precision']}"
    )


def _name(result: Result, role: str) -> str:
    return str(result.provenance[role]["source"]).removeprefix("sample ")


def contact_sheet(
    pictures: Sequence[tuple[Image.Image, str]], *, columns: int = 5, width: float = 7.5
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
