"""What the benchmark's figures share: a row of its table, its pictures, its judges."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ..errors import NSTError
from ..experiments.metrics import judge
from ..images.samples import open_sample
from ..images.tensors import normalize, to_tensor
from ..networks.backbone import load_backbone
from ..networks.registry import BACKBONES
from ..networks.weights import local_files, locate_source
from ..transfer.config import Recipe
from ..transfer.descent import Descent
from ..transfer.objective import Objective
from ..transfer.style import Style
from . import reference

CPU = torch.device("cpu")


class BenchError(NSTError, RuntimeError):
    """A figure that cannot be measured here."""


@dataclass(frozen=True)
class Row:
    """A line of the table: what was measured, our value, the peer's, their ratio, and the target.

    `theirs` and `ratio` are None where there is no peer, `ours` where the target is out of reach.
    JSON has the same names.
    """

    figure: str
    ours: float | None
    theirs: float | None
    ratio: float | None
    target: str
    met: bool


@dataclass(frozen=True)
class Exhibit:
    """A figure that goes with the table; `record` holds its numbers as JSON values."""

    name: str
    figure: Figure
    caption: str
    record: dict[str, Any]


def ratio_row(figure: str, ours: float, theirs: float, most: float) -> Row:
    """Return a row whose ratio must not be above a target."""
    # Numbers of Python's own: JSON knows no numpy.
    ours, theirs = float(ours), float(theirs)
    ratio = ours / theirs
    return Row(figure, ours, theirs, ratio, f"ratio {most:g} or less", ratio <= most)


def value_row(figure: str, ours: float, most: float, theirs: float | None = None) -> Row:
    """Return a row whose own value must not be above a target."""
    ratio = ours / theirs if theirs else None
    return Row(figure, ours, theirs, ratio, f"{most:g} or less", ours <= most)


def benchmark_pair(width: int = 0, height: int = 0) -> tuple[Image.Image, Image.Image]:
    """Return the benchmark's content and style, resized if a size is given."""
    content, style = open_sample(reference.CONTENT), open_sample(reference.STYLE)
    if width:
        content, style = (
            p.resize((width, height), Image.Resampling.LANCZOS) for p in (content, style)
        )
    return content, style


def begin_descent(
    content: Image.Image,
    style: Image.Image,
    settings: Recipe,
    dtype: torch.dtype,
    *,
    plain: bool = False,
) -> Descent:
    """Return what `stylize` optimizes at one scale, to time single steps.

    The pictures have the size to work at; `plain` is as for `backbone.Backbone.to`.
    """
    network = load_backbone(settings.backbone, "oxford", padding=settings.padding)
    network = network.to(CPU, dtype, plain=plain)
    photo, painting = (normalize(to_tensor(p)) for p in (content, style))
    objective = Objective(Style(network, settings, painting), photo)
    return Descent(objective, to_tensor(content), settings)


def loss_of(objective: Objective, picture: Tensor) -> float:
    """Return the loss of a picture, shape (1, 3, H, W), in [0, 1] or near it."""
    with torch.no_grad():
        return objective(normalize(picture.to(CPU)))[0].item()


def median_seconds(steps: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Time functions in turns, A B C A B C, after one untimed call each; return the medians."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for i in range(rounds + 1):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            if i:
                times[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in times.items()}


def judges() -> dict[str, Any]:
    """Return networks as judges that took no part in the paintings."""
    held_out = {"by untrained VGG19": judge("vgg19", "random")}
    if find_trained("resnet50"):
        held_out["by ResNet-50"] = judge("resnet50")
    return held_out


def find_trained(backbone: str) -> bool:
    """Tell whether a network has trained weights here, without a download."""
    return bool(local_files(backbone)) or any(
        locate_source(backbone, name) for name in BACKBONES[backbone].sources
    )
