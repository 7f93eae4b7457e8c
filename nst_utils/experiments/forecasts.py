"""What a run will take on this machine, before it begins: seconds, memory, the painting's size."""

import contextlib
import dataclasses
import warnings
from dataclasses import dataclass
from typing import Any

import psutil

from ..errors import NSTError, NSTWarning
from ..images.clips import Clip
from ..images.inputs import LEAST_SIDE
from ..networks.device import pick_device, pick_precision
from ..parallel import control_groups, run_in_fresh_process
from ..transfer.config import Recipe
from ..transfer.optimizers import LBFGS_HISTORY
from ..transfer.run import stylize
from .peak_memory import PeakMemory
from .run_cache import open_pair

PROBES = (256, 448)
"""Long sides at which steps are timed and memory is measured: at smaller ones, what is made ready
once would be taken for growth."""

PROBE_STEPS = 4

BYTES_A_PIXEL = {"bfloat16": 1400, "float32": 1600}
"""Of the finest scale, that a run takes on a CPU above `BASE_BYTES`, by number format: measured for
the default at 512 and 1,024 pixels (see ``benchmark/NOTES.md``). For a guard, no forecast."""

BASE_BYTES = 0.8e9


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
    """

    seconds: float
    megabytes: float
    width: int
    height: int
    free_megabytes: float


def forecast(content: Any, style: Any, recipe: Recipe, masks: Any = None) -> Forecast:
    """Time a few steps at small sizes, in a process of their own, and scale them by the pixels.

    Parameters
    ----------
    content, style, recipe, masks
        As for `run.stylize`; paths or names of samples.
    """
    opened, _ = open_pair(content, style, recipe)
    sizes = [size for size in PROBES if size <= recipe.size] or [recipe.size]
    rows = run_in_fresh_process(_probe, content, style, recipe, sizes, masks)
    shapes = {size: _shape(opened.size, size) for size in (*sizes, *recipe.scales)}
    pixels = {size: w * h for size, (w, h) in shapes.items()}
    last = rows[-1]
    each = last["seconds_per_step"] / pixels[last["size"]]
    steps = zip(recipe.scales, recipe.steps, strict=True)
    seconds = last["overhead"] + sum(count * each * pixels[scale] for scale, count in steps)
    # To go over to a finer scale takes as long as some steps: images anew, and their finest band.
    finer = sum(pixels[scale] for scale in recipe.scales[1:])
    seconds += last["change"] * finer / pixels[last["size"]]
    grows = 0.0
    if len(rows) > 1:
        gap = pixels[last["size"]] - pixels[rows[0]["size"]]
        grows = max(0.0, (last["mb"] - rows[0]["mb"]) / gap)
    if recipe.optimizer == "lbfgs":
        # A whole run remembers more pairs of pictures and gradients than the probe: float32.
        grows += max(0, min(LBFGS_HISTORY, recipe.steps[-1]) - PROBE_STEPS) * 24 / 1e6
    megabytes = last["mb"] + grows * (pixels[recipe.size] - pixels[last["size"]])
    width, height = shapes[recipe.size]
    return Forecast(seconds, megabytes, width, height, free_bytes() / 1e6)


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


def free_bytes() -> float:
    """Return the memory that is free now, within the limits of a container or a batch job."""
    free = float(psutil.virtual_memory().available)
    names = ("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")
    for folder in control_groups():
        for limit, used in names:
            with contextlib.suppress(OSError, ValueError):  # "max" is no number
                numbers = [int((folder / name).read_text()) for name in (limit, used)]
                free = min(free, numbers[0] - numbers[1])
    return free


def check_memory(content: Any, style: Any, recipe: Recipe) -> None:
    """Refuse a run on the CPU that surely does not fit into the free memory, before it begins.

    Raises
    ------
    NSTError
        With the largest size that would fit.
    """
    if pick_device(recipe.device).type != "cpu":
        return
    opened, _ = open_pair(content, style, recipe)
    free, form = free_bytes(), pick_precision(recipe.precision, pick_device("cpu"))
    each = BYTES_A_PIXEL[str(form).removeprefix("torch.")]

    def needed(size: int) -> float:
        width, height = _shape(opened.size, size)
        larger = max(1.0, *recipe.style_scale) ** 2
        return BASE_BYTES + each * width * height * (0.5 + 0.5 * larger)

    if needed(recipe.size) <= free:
        return
    fits = [size for size in range(64, recipe.size, 32) if needed(size) <= free]
    told = f"the largest that would fit is size={fits[-1]}" if fits else "close other programs"
    raise NSTError(
        f"{recipe.size} pixels need about {needed(recipe.size) / 1e9:.1f} GB of memory, but "
        f"{free / 1e9:.1f} GB are free; {told}"
    )


def _shape(size: tuple[int, int], long: int) -> tuple[int, int]:
    """Return width and height of a picture whose long side is brought to some pixels."""
    factor = max(long / max(size), LEAST_SIDE / min(size))
    return round(size[0] * factor), round(size[1] * factor)


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
        short = recipe.replace(scales=scales, steps=steps, schedule=(), finish=0.0)
        with PeakMemory() as memory, warnings.catch_warnings():
            # A few steps may lower no loss; that is no news of the run that is asked about.
            warnings.simplefilter("ignore", NSTWarning)
            result = stylize(content, style, short, masks=masks)
        first = result.history[0].seconds
        fine = [step.seconds for step in result.history if step.scale == size]
        each = (fine[-1] - fine[0]) / (len(fine) - 1)
        change = max(0.0, fine[0] - first - each) if several else 0.0
        rows.append({
            "size": size, "mb": memory.mb, "seconds_per_step": each, "overhead": first,
            "change": change,
        })  # fmt: skip
    return rows
