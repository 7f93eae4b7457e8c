"""What a run will take on this machine, before it begins: seconds, memory, the painting's size."""

import dataclasses
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import NSTWarning, ignoring
from ..images.clips import Clip
from ..images.inputs import InputPicture
from ..networks.backbone import load_backbone
from ..parallel import run_in_fresh_process
from ..paths import short_path
from ..transfer.config import Recipe
from ..transfer.losses import LOSSES
from ..transfer.memory import (
    PAIR_BYTES,
    free_bytes,
    make_plan,
    number_format,
    refuse_size,
    shape_at,
)
from ..transfer.optimizers import OPTIMIZERS
from ..transfer.pictures import open_pair
from ..transfer.run import stylize
from ..transfer.style import active_layers
from ..transfer.tiles import check_tile, margin_of, read_pixels
from .peak_memory import PeakMemory

PROBES = (256, 448)
"""Long sides at which steps are timed and memory is measured. At smaller sides, one-time costs of
loading and preparing would be taken for growth with the picture's size."""

PROBE_STEPS = 4

RESCUED = 50e6
"""Bytes of a painting that is made even where the disk is full; see `paths.save_elsewhere`."""

MATCHED_PIXELS = 16 * 16_384
"""Pixels of a picture whose positions are all matched, a position for each 4 x 4; see
`losses.neighbors`. In a larger one some are drawn."""

TILED_STEP = 1.45
"""What a step in tiles takes, over a step as a whole on as many pixels: two passes forward, one
back, and the cutting."""


@dataclass(frozen=True)
class Forecast:
    """What a run is expected to take.

    Attributes
    ----------
    seconds, megabytes : float
        Of the whole run, and at the peak of the whole process.
    width, height : int
        Of the painting, pixels.
    free_megabytes : float
        What this machine has free now.
    tile : int
        Side of the tiles of the finest scale, pixels; 0: none.
    """

    seconds: float
    megabytes: float
    width: int
    height: int
    free_megabytes: float
    tile: int = 0


def forecast(content: Any, style: Any, recipe: Recipe, masks: Any = None) -> Forecast:
    """Time a few steps at small sizes, in a process of their own, and scale them by the pixels.

    Parameters
    ----------
    content, style, recipe, masks
        As for `run.stylize`; paths or names of samples.
    """
    opened, _ = open_pair(content, style, recipe)
    sizes = sorted({min(size, recipe.size) for size in PROBES})
    rows = run_in_fresh_process(_probe, content, style, recipe, sizes, masks)
    shapes = {size: shape_at(opened.size, size) for size in (*sizes, *recipe.scales)}
    pixels = {size: w * h for size, (w, h) in shapes.items()}
    last = rows[-1]
    free, form = free_bytes(), number_format(recipe)
    plans = {
        size: make_plan(recipe, pixels[size], free, form, last["margin"], steps)
        for size, steps in zip(recipe.scales, recipe.steps, strict=True)
    }
    for plan in plans.values():
        check_tile(plan.tile if plan.tile < recipe.size else 0, last["margin"])
    seconds, grows = last["overhead"], _growth(rows, pixels, recipe)
    for scale, count in zip(recipe.scales, recipe.steps, strict=True):
        shallow = min(recipe.texture_steps, count) if scale == recipe.size else 0
        for steps, kind in ((count - shallow, ""), (shallow, "texture_")):
            each = last[f"{kind}seconds_per_step"] / pixels[last["size"]]
            each *= grows(pixels[scale])
            read = pixels[scale]
            if plans[scale].tile:
                tiled = read_pixels(shapes[scale], plans[scale].tile, last[f"{kind}margin"])
                read = TILED_STEP * tiled if tiled > read else read
            seconds += steps * each * read
    # To go over to a finer scale takes as long as some steps: images anew, and their finest band.
    finer = sum(pixels[scale] for scale in recipe.scales[1:])
    seconds += last["change"] * finer / pixels[last["size"]]
    slope = 0.0
    if len(rows) > 1:
        gap = pixels[last["size"]] - pixels[rows[0]["size"]]
        slope = max(0.0, (last["mb"] - rows[0]["mb"]) / gap)
    # A whole run remembers more steps than the probe: float32.
    remembered = min(OPTIMIZERS[recipe.optimizer].memory, recipe.steps[-1])
    slope += max(0, remembered - PROBE_STEPS) * PAIR_BYTES / 1e6
    megabytes = last["mb"] + slope * (pixels[recipe.size] - pixels[last["size"]])
    width, height = shapes[recipe.size]
    plan = plans[recipe.size]
    if plan.tile:
        megabytes = plan.bytes(recipe, pixels[recipe.size], form, last["margin"]) / 1e6
    return Forecast(seconds, megabytes, width, height, free / 1e6, plan.tile)


def forecast_film(
    clip: Clip, style: Any, recipe: Recipe, steps: int, masks: Any = None
) -> Forecast:
    """Say what a film will take, from a forecast of its first frame.

    Parameters
    ----------
    clip : Clip
    style, recipe, masks
        As for `film_runs.film`.
    steps : int
        Of a frame that follows another one; see `painter.Stillness`.
    """
    first = next(iter(clip.frames(recipe.size))).image
    told = forecast(first, style, recipe, masks)
    pairs = zip(recipe.scales, recipe.steps, strict=True)
    each = told.seconds / sum(count * (scale / recipe.size) ** 2 for scale, count in pairs)
    seconds = told.seconds + (clip.count - 1) * steps * each
    return dataclasses.replace(told, seconds=seconds, width=first.width, height=first.height)


def check_disk(path: Path, content: InputPicture, recipe: Recipe, depth: int = 8) -> None:
    """Refuse a large painting that its folder's disk cannot hold, before it is painted.

    A small one, below `RESCUED` bytes, is painted: where the disk is full it is saved elsewhere.

    Raises
    ------
    NSTError
        With the largest size that would fit.
    """
    free = max(shutil.disk_usage(path.parent).free, RESCUED)
    refuse_size(
        content.size,
        recipe.size,
        lambda pixels: pixels * 4 * depth / 8,
        free,
        f"in {short_path(path.parent)}",
        "remove what is not needed there",
    )


def _growth(
    rows: list[dict[str, float]], pixels: dict[int, int], recipe: Recipe
) -> Callable[[float], float]:
    """Return how a pixel's seconds grow with the number of pixels, over the last probe's.

    Matching compares every position with every one of the style, up to a number of positions.
    """
    if LOSSES[recipe.style_statistic].layerwise or len(rows) < 2:
        return lambda count: 1.0
    first, last = rows[0], rows[-1]
    most, known = MATCHED_PIXELS, pixels[last["size"]]
    slower = math.log(last["seconds_per_step"] / first["seconds_per_step"])
    power = min(1.0, max(0.0, slower / math.log(known / pixels[first["size"]]) - 1))
    return lambda count: (min(count, most) / min(known, most)) ** power


def _probe(
    content: Any, style: Any, recipe: Recipe, sizes: list[int], masks: Any
) -> list[dict[str, float]]:
    """Paint a few steps at each size; peaks only grow, so the sizes ascend.

    A recipe of several scales is painted at half the size first, to time the change of scale.
    """
    rows = []
    several = len(recipe.scales) > 1
    for size in sizes:
        scales = (size // 2, size) if several else (size,)
        steps = (1, PROBE_STEPS) if several else (PROBE_STEPS,)
        short = recipe.replace(
            scales=scales, steps=steps, schedule=(), finish=0.0, texture_steps=0, tile="none"
        )
        with PeakMemory() as memory, ignoring(NSTWarning):
            # A few steps may lower no loss; that is no news of the run that is asked about.
            result = stylize(content, style, short, masks=masks)
        first = result.history[0].seconds
        fine = [step.seconds for step in result.history if step.scale == size]
        each = (fine[-1] - fine[0]) / (len(fine) - 1)
        change = max(0.0, fine[0] - first - each) if several else 0.0
        rows.append({
            "size": size, "mb": memory.mb, "seconds_per_step": each, "overhead": first,
            "change": change,
        })  # fmt: skip
    network = load_backbone(recipe.backbone, recipe.weights)
    shallow = recipe.at(sum(recipe.steps) - 1) if recipe.texture_steps else recipe
    for kind, now in (("", recipe), ("texture_", shallow)):
        read = [*active_layers(now), now.content_layer]
        rows[-1][f"{kind}margin"] = margin_of(network, read)
    rows[-1]["texture_seconds_per_step"] = rows[-1]["seconds_per_step"]
    if recipe.texture_steps:
        rows[-1]["texture_seconds_per_step"] = _seconds_a_step(
            content, style, short, shallow, masks
        )
    return rows


def _seconds_a_step(content: Any, style: Any, short: Recipe, shallow: Recipe, masks: Any) -> float:
    """Time steps that read shallow layers."""
    layers = {"style_layers": shallow.style_layers, "content_layer": shallow.content_layer}
    one = short.replace(scales=short.scales[-1:], steps=(PROBE_STEPS,), **layers)
    with ignoring(NSTWarning):
        steps = stylize(content, style, one, masks=masks).history
    return (steps[-1].seconds - steps[0].seconds) / (len(steps) - 1)
