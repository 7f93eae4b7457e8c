"""Figures for the background: kernels, activations, gradients, receptive fields, classifiers.

Every function returns a new figure and touches no global state. `language` is that of the labels:
"en" or "vi".
"""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from ..experiments.building_blocks import convolve
from .style import CYCLE, WIDTH, draw_grid, hide_ticks, legend_below, line_look, one_panel, own_look
from .translations import translator


@own_look()
def kernel_figure(
    photo: Image.Image,
    kernel: np.ndarray,
    positions: Sequence[tuple[int, int]],
    *,
    language: str = "en",
) -> Figure:
    """Show a kernel at places of a photo: the pixels under it, the products, the output so far.

    Parameters
    ----------
    photo : PIL.Image.Image
        Shown in gray.
    kernel : ndarray, shape (k, k)
    positions : sequence of (int, int)
        Upper left corner of the window (row, column), one for each row of panels.
    """
    say = translator(language)
    gray = np.asarray(photo.convert("L"), float) / 255
    whole, side = convolve(gray, kernel), len(kernel)
    limit = np.abs(whole).max() or 1.0
    figure = Figure(figsize=(WIDTH, 1.75 * len(positions) + 0.2), layout="constrained")
    rows = figure.subplots(len(positions), 4, squeeze=False)
    for (i, j), (place, under, product, output) in zip(positions, rows, strict=True):
        place.imshow(gray, cmap="gray", vmin=0, vmax=1)
        window = (j - 0.5, i - 0.5), side, side
        place.add_patch(Rectangle(*window, fill=False, color=CYCLE[1], linewidth=2))
        place.set_title(f"{say('row')} {i}, {say('column')} {j}", fontsize=7)
        part = gray[i : i + side, j : j + side]
        _numbers(under, part, "gray", (0, 1), say("pixels under the kernel"))
        title = f"{say('times the kernel, sum')} {(part * kernel).sum():.2f}"
        _numbers(product, part * kernel, "RdBu_r", (-limit, limit), title)
        seen = np.full_like(whole, np.nan)
        seen[:i] = whole[:i]
        seen[i, : j + 1] = whole[i, : j + 1]
        output.imshow(seen, cmap="RdBu_r", vmin=-limit, vmax=limit)
        output.set_facecolor("0.85")  # what is not computed yet
        output.plot(j, i, "o", color=CYCLE[1], markersize=4, clip_on=False)
        output.set_title(say("output so far"), fontsize=7)
        hide_ticks(place)
        hide_ticks(output)
    return figure


def _numbers(
    axes: Axes, values: np.ndarray, colors: str, limits: tuple[float, float], title: str
) -> None:
    """Show a small matrix as colors with its numbers."""
    axes.imshow(values, cmap=colors, vmin=limits[0], vmax=limits[1])
    for (i, j), value in np.ndenumerate(values):
        dark = abs(value) > 0.6 * limits[1] if colors != "gray" else value < 0.5
        color = "white" if dark else "black"
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=6, color=color)
    axes.set_title(title, fontsize=7)
    hide_ticks(axes)


@own_look()
def filter_figure(
    photo: Image.Image,
    kernels: Mapping[str, np.ndarray],
    filters: np.ndarray,
    *,
    language: str = "en",
) -> Figure:
    """Show a photo filtered by hand-made kernels, above the learned filters of a first layer.

    Parameters
    ----------
    photo : PIL.Image.Image
    kernels : mapping of str to ndarray, shape (k, k)
        Kernels by English title.
    filters : ndarray, shape (n, k, k, 3)
        Between -1 and 1, RGB; shown with 0 as gray.
    """
    say = translator(language)
    gray = np.asarray(photo.convert("L"), float) / 255
    columns = len(kernels)
    below = -(-len(filters) // (2 * columns))
    side = WIDTH / columns
    height = side * photo.height / photo.width + 0.25
    figure = Figure(figsize=(WIDTH, height + below * side / 2 + 0.5), layout="constrained")
    above, learned = figure.subfigures(2, 1, height_ratios=(height, below * side / 2 + 0.3))
    for axes, (title, kernel) in zip(above.subplots(1, columns), kernels.items(), strict=True):
        shown = convolve(gray, kernel)
        limit = np.quantile(np.abs(shown), 0.99)
        # The blurred or sharpened photo is a picture; edges have both signs, and 0 is gray.
        low, high = (0, 1) if kernel.sum() > 0.5 else (-limit, limit)
        axes.imshow(shown, cmap="gray", vmin=low, vmax=high)
        axes.set_title(say(title), fontsize=8)
    learned.suptitle(say("learned filters of conv1_1, the strongest first"), fontsize=8)
    grid = learned.subplots(below, 2 * columns, squeeze=False).flat
    for axes, weights in zip(grid, filters, strict=False):
        axes.imshow((weights + 1) / 2)
    for axes in figure.axes:
        hide_ticks(axes)
        axes.spines[:].set_visible(False)
    return figure


@own_look()
def activation_functions_figure(depths: pd.DataFrame, *, language: str = "en") -> Figure:
    """Plot ReLU and tanh, their derivatives, and statistics of deep stacks of each.

    The table has columns ``function``, ``layer``, ``mean square`` and ``flat``, the share of flat
    slopes; notebook 00 makes it.
    """
    say = translator(language)
    x = np.linspace(-3, 3, 301)
    curves = {"ReLU": (np.maximum(x, 0), (x > 0) * 1.0), "tanh": (np.tanh(x), 1 / np.cosh(x) ** 2)}
    figure = Figure(figsize=(WIDTH, 2.5), layout="constrained")
    panels = figure.subplots(1, 4)
    for k, (name, values) in enumerate(curves.items()):
        part = depths[depths["function"] == name]
        style = line_look(k)
        for axes, y in zip(panels, values, strict=False):
            axes.plot(x, y, label=name, **style)
        for axes, column in zip(panels[2:], ("mean square", "flat"), strict=True):
            axes.plot(part["layer"], part[column], **style)
    titles = ("function", "derivative", "mean square of activations", "share with a flat slope")
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(textwrap.fill(say(title), 24), fontsize=8)
        draw_grid(axes)
    for axes in panels[:2]:
        axes.set_xlabel("z", fontsize=8)
    for axes in panels[2:]:
        axes.set_xlabel(say("layer"), fontsize=8)
        axes.set_ylim(bottom=0)
    legend_below(figure, panels[0])
    return figure


@own_look()
def gradient_figure(norms: pd.DataFrame, *, language: str = "en") -> Figure:
    """Plot the gradient's norm by layer: seeds as thin lines, their geometric mean as a thick one.

    The table has columns ``stack``, ``seed``, ``layer`` and ``norm``, the gradient's norm at the
    layer's input over that at the output; notebook 00 makes it.
    """
    say = translator(language)
    figure, axes = one_panel(2.8)
    for k, (stack, part) in enumerate(norms.groupby("stack", sort=False)):
        for _, run in part.groupby("seed"):
            axes.plot(run["layer"], run["norm"], color=CYCLE[k], linewidth=0.4)
        mean = np.exp(np.log(part["norm"]).groupby(part["layer"]).mean())
        axes.plot(mean.index, mean, label=say(stack), **line_look(k))
    axes.set_yscale("log")
    axes.legend(fontsize=8, frameon=False)
    draw_grid(axes, say("layer"), say("gradient's norm, over that at the output"))
    return figure


@own_look()
def receptive_figure(photo: Image.Image, fields: Mapping[str, int]) -> Figure:
    """Show on a photo how much of it one position of each layer sees.

    The photo has the size at which the network reads it. `fields` holds the side of each layer's
    receptive field in pixels.
    """
    figure = Figure(figsize=(0.7 * WIDTH, WIDTH / 2 * photo.height / photo.width))
    axes = figure.add_axes((0, 0, 1 / 1.4, 1))  # the legend stands beside the photo
    axes.imshow(photo, interpolation="lanczos")
    axes.set_axis_off()
    x, y = photo.width / 2, photo.height / 2
    for k, (layer, side) in enumerate(fields.items()):
        look = {"color": CYCLE[k % len(CYCLE)], "linewidth": 2, "label": f"{layer}: {side} px"}
        axes.add_patch(Rectangle((x - side / 2, y - side / 2), side, side, fill=False, **look))
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
    axes.set_xlim(0, photo.width)
    axes.set_ylim(photo.height, 0)
    return figure


@own_look()
def accuracy_figure(table: pd.DataFrame, chance: float, *, language: str = "en") -> Figure:
    """Plot how well each statistic of each layer tells styles apart, with intervals.

    The table is that of `style_classifier.by_layer`. A line shows `chance`: the accuracy of always
    predicting the most common style.
    """
    say = translator(language)
    figure, axes = one_panel(3.0)
    for k, (statistic, part) in enumerate(table.groupby("statistic", sort=False)):
        x = np.arange(len(part)) + 0.12 * (k - 1)
        spread = np.stack([part["accuracy"] - part["low"], part["high"] - part["accuracy"]])
        look = line_look(k, marker=True) | {"markersize": 5, "capsize": 2, "label": say(statistic)}
        axes.errorbar(x, part["accuracy"], yerr=np.maximum(spread, 0), **look)
    axes.axhline(chance, color="0.5", linewidth=1, label=say("one style for all pictures"))
    axes.set_xticks(range(len(part)), part["layer"], fontsize=8)
    axes.set_ylim(0, 1.02)
    legend_below(figure, axes, columns=4)
    draw_grid(axes, y=say("accuracy; bars: 95 % over artists"))
    return figure


@own_look()
def confusion_figure(predictions: pd.DataFrame, *, language: str = "en") -> Figure:
    """Plot the confusion matrix of ``style`` and ``predicted``; the shares in a row add up to 1."""
    say = translator(language)
    shares = pd.crosstab(predictions["style"], predictions["predicted"], normalize="index")
    names = sorted(set(shares.index) | set(shares.columns))
    shares = shares.reindex(index=names, columns=names, fill_value=0)
    side = min(WIDTH, 2.6 + 0.32 * len(names))
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    size = 6 if len(names) <= 12 else 4
    middle = {"ha": "center", "va": "center", "fontsize": size}
    for (i, j), share in np.ndenumerate(shares.to_numpy()):
        if share >= 0.005:
            color = "white" if share > 0.55 else "black"
            axes.text(j, i, f"{100 * share:.0f}", color=color, **middle)
    shown = [name.replace("_", " ") for name in names]
    axes.set_xticks(range(len(names)), shown, rotation=90, fontsize=size + 1)
    axes.set_yticks(range(len(names)), shown, fontsize=size + 1)
    axes.set_xlabel(say("predicted"), fontsize=8)
    axes.set_ylabel(say("true style; shares in %"), fontsize=8)
    return figure
