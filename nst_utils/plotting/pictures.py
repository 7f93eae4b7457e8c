"""Draw pictures side by side, feature maps and Gram matrices.

Every function returns a new `matplotlib.figure.Figure` and touches no global state, so notebooks,
tests and threads do not disturb each other. `album` saves figures. `language` is that of the
labels: "en" or "vi".
"""

import re
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ..images.samples import SOURCE
from ..transfer.result import Result
from .loss_curves import plot_losses
from .style import DPI, LETTER, WIDTH, hide_ticks, own_look
from .translations import translator

SHEET_WIDTH = 6.0
"""Inches of a contact sheet: at 200 dpi three in a row have 400 pixels each."""


def show_picture(axes: Axes, image: Image.Image, title: str) -> None:
    """Show a picture with its title and without ticks."""
    # As RGB: matplotlib would draw a gray picture in the colors of its default color map.
    axes.imshow(image.convert("RGB"), interpolation="lanczos")
    axes.set_anchor("N")
    axes.set_title(title, fontsize=8, parse_math=False)  # a file name may hold a $
    hide_ticks(axes)


@own_look()
def quickstart_figure(
    content: Image.Image, style: Image.Image, result: Result, *, language: str = "en"
) -> Figure:
    """Show content, style and result side by side, and the loss curve below."""
    say = translator(language)
    image = result.image
    pictures = [
        (content, f"{say('content')}: {source_name(result, 'content')}"),
        (style, f"{say('style')}: {source_name(result, 'style')}"),
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
    """Describe a run in one line: layers, weights, steps, seconds."""
    recipe, record, say = result.recipe, result.provenance, translator(language)
    label = result.weights_label.replace("$", r"\$")
    return (
        f"{label}, {say('content')} {recipe.content_layer}, "
        rf"$\alpha$ = {recipe.alpha:g}, $\beta$ = {recipe.beta:g}, "
        f"{say('losses')}: {say(recipe.loss)}, {record['steps']} {say('steps')}, "
        f"{result.seconds:.0f} s, {record['precision']}"
    )


def source_name(result: Result, role: str) -> str:
    """Return the source of a run's content or style: a sample's name, a file or an address."""
    return result.provenance[role]["source"].removeprefix(SOURCE)


@own_look()
def contact_sheet(
    pictures: Sequence[tuple[Image.Image, str]],
    *,
    columns: int = 5,
    width: float = SHEET_WIDTH,
    title: str = "",
) -> Figure:
    """Show pictures in rows, each under its title, in reading order.

    `columns` is the number of pictures in a row, `width` that of the figure in inches. `title`
    stands above the whole figure, for example the label of the weights.
    """
    side = width / columns
    letters = max(6, int(side / LETTER))
    joined = ((p, re.sub(r" (?=\d)", "\u00a0", text)) for p, text in pictures)  # "ssim 0.67"
    pictures = [(p, textwrap.fill(text, letters, break_on_hyphens=False)) for p, text in joined]
    rows = [pictures[i : i + columns] for i in range(0, len(pictures), columns)]
    heights = [
        max(p.height / p.width for p, _ in row) * side
        + 0.11
        + 0.14 * max(text.count("\n") + 1 for _, text in row)
        for row in rows
    ]
    room = 0.25 if title else 0
    figure = Figure(figsize=(width, sum(heights) + room), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=9)
    grid = figure.add_gridspec(len(rows), columns, height_ratios=heights)
    for i, row in enumerate(rows):
        for j, (picture, title) in enumerate(row):
            picture = picture.copy()
            picture.thumbnail((round(side * DPI),) * 2, Image.Resampling.LANCZOS)
            show_picture(figure.add_subplot(grid[i, j]), picture, title)
    return figure


def flow_picture(flow: np.ndarray) -> Image.Image:
    """Return a flow (h, w, 2) as colors: the direction as hue, the length as saturation.

    The longest motion has the full color, and what stands still is white.
    """
    length = np.hypot(flow[..., 0], flow[..., 1])
    hue = np.arctan2(flow[..., 1], flow[..., 0]) / (2 * np.pi) % 1
    saturation = length / max(length.max(), 1e-6)
    hsv = np.stack([hue, saturation, np.ones_like(hue)], -1)
    return Image.fromarray((255 * hsv_to_rgb(hsv)).astype(np.uint8))


@own_look()
def feature_plate(
    features: Mapping[str, Tensor], *, columns: int = 6, language: str = "en"
) -> Figure:
    """Show the channels of each layer that answer most.

    Zero is gray, or black in a layer without negative values; white is a channel's maximum.

    Parameters
    ----------
    features : mapping of str to Tensor, shape (1, d, h, w)
        Activations by layer, as `Backbone.extract` returns them.
    columns : int
        Channels shown of each layer: those with the largest mean after a ReLU, in falling order.
    """
    say = translator(language)
    shape = next(iter(features.values())).shape
    side = WIDTH / columns
    height = side * shape[2] / shape[3] + 0.22
    figure = Figure(figsize=(WIDTH, len(features) * height), layout="constrained")
    grid = figure.add_gridspec(len(features), columns)
    for i, (name, tensor) in enumerate(features.items()):
        maps = tensor[0].detach().float().cpu()
        answers, signed = maps.clamp(min=0).mean(dim=(1, 2)), bool((maps < 0).any())
        for j, channel in enumerate(answers.argsort(descending=True)[:columns]):
            axes = figure.add_subplot(grid[i, j])
            limit = maps[channel].abs().max().item() or 1.0
            axes.imshow(maps[channel].numpy(), cmap="gray", vmin=-limit * signed, vmax=limit)
            axes.set_title(f"{name}, {say('channel')} {int(channel)}", fontsize=6)
            hide_ticks(axes)
    return figure


@own_look()
def gram_plate(
    grams: Mapping[str, Mapping[str, Tensor]], *, size: int = 48, language: str = "en"
) -> Figure:
    """Show Gram matrices as pictures: a row for each image, a column for each layer.

    The images in a column share one color scale, so they can be compared.

    Parameters
    ----------
    grams : mapping of str to mapping of str to Tensor, shape (1, d, d)
        By image title, then by layer.
    size : int
        Number of channels shown, counted from the first.
    """
    say = translator(language)
    layers = list(next(iter(grams.values())))
    side = WIDTH / len(layers)
    figure = Figure(figsize=(WIDTH, len(grams) * (side + 0.2) + 0.3), layout="constrained")
    grid = figure.add_gridspec(len(grams), len(layers))
    for j, layer in enumerate(layers):
        shown = {title: g[layer][0, :size, :size].float().numpy() for title, g in grams.items()}
        limit = max(np.quantile(np.abs(m), 0.99) for m in shown.values())
        for i, (title, matrix) in enumerate(shown.items()):
            axes = figure.add_subplot(grid[i, j])
            axes.imshow(matrix, cmap="RdBu_r", vmin=-limit, vmax=limit)
            axes.set_title(f"{title}, {layer}", fontsize=7)
            hide_ticks(axes)
    figure.suptitle(say("Gram matrix"), fontsize=9)
    return figure
