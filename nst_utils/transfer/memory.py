"""The memory that a scale takes, and how it is made to fit: tiles, and what L-BFGS remembers.

What cannot fit is refused before a run begins; see `check_memory`.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from ..errors import NSTError
from ..images.inputs import LEAST_SIDE
from ..networks.device import pick_device, pick_precision
from ..parallel import control_groups
from .config import Recipe
from .optimizers import LBFGS_HISTORY, OPTIMIZERS

BASE_BYTES = 1.0e9
"""Bytes of a process that holds the network, before its first picture."""

NETWORK_BYTES = {"bfloat16": 950, "float32": 1350}
"""Bytes for each pixel that the network reads with a gradient, by number format: the activations of
all layers. Measured for the default recipe at 512 and 1,024 pixels (``benchmark/NOTES.md``)."""

PICTURE_BYTES = 250
"""Bytes for each pixel of the painting: about 14 copies of the picture, style images included, and
the content layer's activations."""

PAIR_BYTES = 24
"""Bytes for each pixel and each step that the optimizer remembers (L-BFGS's pairs, Adam's moments),
in float32; half of it in bfloat16."""

USABLE = 0.9
"""Part of the free memory that a run plans with."""

WHOLE = 1024
"""Long side up to which pictures are read as a whole where the memory is free, pixels."""

MODEST = (1.9e9, 210)
"""Bytes that a larger run on the CPU keeps to where it can, however much is free, since other
programs need memory, too: a constant, and bytes for the square of the result's long side. They hold
the default recipe: with 2.8 GB 2,048 x 1,536 pixels, with 5.4 GB 4,096 x 3,072."""

USUAL_TILE = 512
"""Side of the smallest tiles that a run takes for the sake of `MODEST`: smaller ones are slow."""

LEAST_ROOM = 0.6e9
"""Bytes beyond `BASE_BYTES` that a run may always plan with, however little memory seems free. They
hold 512 pixels of the default recipe without tiles and with all pairs of L-BFGS."""

MARGIN = 80
"""Pixels around a tile that all layers of the default recipe see."""


@dataclass(frozen=True)
class Plan:
    """How a scale is painted.

    Attributes
    ----------
    tile : int
        Side of the tiles, pixels; 0: each picture is read as a whole. See `tiles`.
    pairs : int
        What L-BFGS remembers at most.
    narrow : bool
        It remembers them in bfloat16.
    """

    tile: int = 0
    pairs: int = LBFGS_HISTORY
    narrow: bool = False

    def bytes(
        self, recipe: Recipe, pixels: int, form: str, margin: int = MARGIN, steps: int | None = None
    ) -> float:
        """Return about how much a process takes at its peak.

        Parameters
        ----------
        recipe : Recipe
        pixels : int
            Of the painting.
        form : str
            The number format, ``float32`` or ``bfloat16``.
        margin : int
            Pixels that tiles overlap by on a side.
        steps : int, optional
            Of the scale; those of the last scale when left out.
        """
        steps = recipe.steps[-1] if steps is None else steps
        read = min(pixels, (self.tile + 2 * margin) ** 2) if self.tile else pixels
        larger = (1 + max(1.0, *recipe.style_scale) ** 2) / 2
        pair = PAIR_BYTES / (2 if self.narrow else 1)
        pairs = min(self.pairs, steps, OPTIMIZERS[recipe.optimizer].memory) * pair
        whole = larger * PICTURE_BYTES * pixels + pairs * pixels
        return BASE_BYTES + whole + NETWORK_BYTES[form] * read * (1 if self.tile else larger)


PLANS = (
    Plan(),
    Plan(1024),
    Plan(512),
    Plan(1024, 10, True),
    Plan(512, 10, True),
    Plan(512, 5, True),
    Plan(384, 5, True),
    Plan(256, 5, True),
)
"""What ``tile="auto"`` chooses from: the first that fits and keeps to `MODEST`, else the smallest
that fits, else the last."""


def make_plan(
    recipe: Recipe,
    pixels: int,
    free: float,
    form: str,
    margin: int = MARGIN,
    steps: int | None = None,
) -> Plan:
    """Return how a scale of so many pixels is painted in some free memory; see `Plan.bytes`."""
    if recipe.tile == "auto":
        fitting = [plan for plan in PLANS if not plan.tile or plan.tile >= margin]
    else:
        tile = 0 if recipe.tile == "none" else int(recipe.tile)
        fitting = [Plan(tile), Plan(tile, 10, True), Plan(tile, 5, True)][: 3 if tile else 1]
    room = max(USABLE * free, BASE_BYTES + LEAST_ROOM)
    needed = {plan: plan.bytes(recipe, pixels, form, margin, steps) for plan in fitting}
    fitting = [plan for plan in fitting if needed[plan] <= room] or fitting[-1:]
    usual = [plan for plan in fitting if not 0 < plan.tile < USUAL_TILE]
    if not usual or recipe.size <= WHOLE or pick_device(recipe.device).type != "cpu":
        return fitting[0]
    modest = MODEST[0] + MODEST[1] * recipe.size**2
    small = (plan for plan in usual if needed[plan] <= modest)
    return next(small, min(usual, key=needed.get))


def check_memory(picture: tuple[int, int], recipe: Recipe) -> None:
    """Refuse a run on the CPU that surely does not fit into the memory.

    Parameters
    ----------
    picture : tuple of two int
        Width and height of the content image, pixels.
    recipe : Recipe

    Raises
    ------
    NSTError
        With the largest size that would fit.
    """
    device = pick_device(recipe.device)
    if device.type != "cpu":
        return
    free, form = max(room(device), BASE_BYTES + LEAST_ROOM), number_format(recipe)
    # Recipes with few layers take about half: where tile is set by hand, only what surely does
    # not fit is refused.
    sure = 1.0 if recipe.tile == "auto" else 0.5

    def needed(pixels: int) -> float:
        return make_plan(recipe, pixels, free, form).bytes(recipe, pixels, form)

    refuse_size(picture, recipe.size, needed, free, "of memory", "close other programs", sure)


def check_plan(plan: Plan, recipe: Recipe, pixels: int) -> None:
    """Refuse the plan of a saved state on the CPU where not even half of its memory is free.

    A plan cannot be changed: the picture would differ in its last digits.

    Raises
    ------
    NSTError
    """
    device = pick_device(recipe.device)
    needed = plan.bytes(recipe, pixels, number_format(recipe))
    free = max(room(device), BASE_BYTES + LEAST_ROOM)
    if device.type == "cpu" and needed / 2 > free:
        raise NSTError(
            f"the run was begun with {in_bytes(needed)} of memory, but {in_bytes(free)} are free; "
            "close other programs, or start it again"
        )


def refuse_size(
    picture: tuple[int, int],
    size: int,
    needed: Callable[[int], float],
    free: float,
    where: str,
    otherwise: str,
    sure: float = 1.0,
) -> None:
    """Raise an error where a painting needs more bytes than are free.

    Parameters
    ----------
    picture : tuple of two int
        Width and height of the content image, pixels.
    size : int
        Long side of the painting, pixels.
    needed : callable
        Returns the bytes that so many pixels need.
    free : float
        Bytes.
    where, otherwise : str
        For the message: where the bytes are needed, and what to do where no size fits.
    sure : float
        Part of them that a painting needs in any case: a size is refused where this part is not
        free, and advised where all of them are.
    """

    def of(long: int) -> float:
        width, height = shape_at(picture, long)
        return needed(width * height)

    if sure * of(size) <= free:
        return
    fits = [long for long in range(64, size, 32) if of(long) <= free]
    told = f"the largest that would fit is size={fits[-1]}" if fits else otherwise
    raise NSTError(
        f"{size} pixels need about {in_bytes(of(size))} {where}, but {in_bytes(free)} are free; "
        f"{told}"
    )


def shape_at(picture: tuple[int, int], long: int) -> tuple[int, int]:
    """Return width and height of a picture whose long side is brought to some pixels."""
    factor = max(long / max(picture), LEAST_SIDE / min(picture))
    return round(picture[0] * factor), round(picture[1] * factor)


def in_bytes(number: float) -> str:
    """Return a number of bytes as it is shown: ``1.6 GB``, ``350 MB``."""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{round(number / 1e6, 1):.3g} MB"


def free_bytes() -> float:
    """Return the memory that is free now, within the limits of a container or a batch job."""
    free = float(psutil.virtual_memory().available)
    names = (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    )
    for folder in control_groups():
        for limit, used, cached in names:
            with contextlib.suppress(OSError, ValueError):  # "max" is no number
                numbers = [int((folder / name).read_text()) for name in (limit, used)]
                free = min(free, numbers[0] - numbers[1] + _cached(folder / "memory.stat", cached))
    return free


def _cached(stat: Path, name: str) -> int:
    """Return the bytes of the file cache that the system gives back when memory is needed."""
    with contextlib.suppress(OSError, ValueError):
        return int(dict(map(str.split, stat.read_text().splitlines())).get(name, 0))
    return 0


def room(device: torch.device) -> float:
    """Return the bytes that this process can have on a device, with those it has already."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    return free_bytes() + psutil.Process().memory_info().rss


def number_format(recipe: Recipe) -> str:
    """Return the name of the number format that a recipe computes in on the CPU."""
    return str(pick_precision(recipe.precision, pick_device("cpu"))).removeprefix("torch.")
