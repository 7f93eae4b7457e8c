"""What a term of the objective offers, and what terms share: masks, and sums over positions."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol, Self

import torch
from torch import Tensor
from torch.nn import functional

from ..config import Recipe

LEAST = 1e-6
"""Smallest sum of weights that a sum over positions is divided by."""

Sums = dict[str, Tensor | float]
"""Sums over the positions of a layer, by name; the sums of two tiles are added entry by entry."""


class Term(Protocol):
    """One named term of the total loss.

    Any object of this form can be handed to `run.stylize` as one of ``terms``.

    Attributes
    ----------
    name : str
        Its name in records, curves and tables.
    layers : tuple of str
        The layers that it reads, smoothed as the recipe says; empty where it needs only the
        picture.
    weight : float
        Its weight in the total; 1 where it has none.
    learns : {"style", "content"}
        The pictures that `learn` is shown; ``"style"`` where it does not say.
    """

    name: str
    layers: tuple[str, ...]
    weight: float
    learns: str

    def learn(self, features: Mapping[str, Tensor], image: Tensor, weight: float) -> None:
        """Take in a picture, once for each picture and scale.

        Parameters
        ----------
        features : mapping of str to Tensor, shape (1, d, h, w)
            The picture's activations at `layers`.
        image : Tensor, shape (1, 3, H, W)
            The picture, ImageNet-normalized.
        weight : float
            Its share among several style pictures; the shares add up to 1.
        """

    def __call__(self, features: Mapping[str, Tensor], image: Tensor) -> Tensor:
        """Return the loss of the painting as a scalar, with its graph; inputs as for `learn`."""

    def state_dict(self) -> dict[str, Tensor]:
        """Return what it remembers from one step to the next; only where it remembers anything."""

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state_dict` returned."""


class LayerMask:
    """A mask, read at the resolution of any layer.

    Parameters
    ----------
    mask : Tensor, shape (1, 1, h, w)
        In [0, 1]; on the device of the activations.

    References
    ----------
    Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer", CVPR 2017.
    """

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask
        self._kept: dict[tuple[int, int], Tensor] = {}

    def at(self, features: Tensor) -> Tensor:
        """Return the weights at the positions of a layer, (1, 1, h, w), float32.

        A position of a deep layer sees far beyond its own place. So that no style reaches over a
        border, it counts only as far as more than half of its place is covered.
        """
        size = tuple(features.shape[-2:])
        if size not in self._kept:
            share = functional.adaptive_avg_pool2d(self.mask, size)
            if size != tuple(self.mask.shape[-2:]):
                inner = (2 * share - 1).clamp(min=0)
                # A region thinner than the layer's positions keeps what it covers.
                share = inner if inner.sum() > 0.25 * share.sum() else share
            self._kept[size] = share.to(features.device)
        return self._kept[size]

    def turned(self, turns: int) -> "LayerMask":
        """Return it rotated by so many quarters of a circle, counterclockwise."""
        return LayerMask(self.mask.rot90(turns, (2, 3)))

    def positions(self, features: Tensor) -> Tensor:
        """Return the flat indices of the positions of a layer that are more in than out."""
        weights = self.at(features).flatten()
        inside = torch.nonzero(weights >= 0.5).flatten()
        return inside if len(inside) else weights.argmax()[None]


def rows_of(features: Tensor, mask: LayerMask | None = None) -> Tensor:
    """Return activations (1, d, h, w) as rows, one a position: (h * w, d).

    Under a mask only the positions inside it are returned.
    """
    rows = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
    return rows if mask is None else rows[mask.positions(features)]


def draw_rows(rows: Tensor, most: int, seed: int) -> Tensor:
    """Return the rows, or `most` of them, drawn by a seed."""
    if len(rows) <= most:
        return rows
    return rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:most]]


class StyleTerm:
    """A term that learns the style pictures.

    What it has learned serves any number of contents: `under` returns a copy for one of them.

    Attributes
    ----------
    blends : bool
        Statistics of several styles are added up. Else each style has a term of its own, and the
        losses are added up.
    rotations : tuple of int
        Quarter turns in which it is shown each style picture.
    queries : bool
        `match` is called once with a picture before the first step.
    """

    blends, rotations, queries = True, (0,), False
    learns, weight = "style", 1.0

    def __init__(self, recipe: Recipe, layers: tuple[str, ...], name: str) -> None:
        self.recipe, self.layers, self.name = recipe, layers, f"style/{name}"
        self.mask: LayerMask | None = None

    @classmethod
    def build(cls, recipe: Recipe, layers: list[str]) -> list[Self]:
        """Return the terms of a recipe; unless a class says otherwise, one for each layer."""
        return [cls(recipe, (layer,), layer) for layer in layers]

    def under(self, mask: LayerMask | None) -> Self:
        """Return it for one content, of which a mask covers the part that counts; None: all."""
        placed = copy.copy(self)
        placed.mask = mask
        placed.begin()
        return placed

    def begin(self) -> None:
        """Forget the picture that was seen last; what was learned stays."""

    def ready(self) -> None:
        """Prepare for the picture, after the last style."""

    def state_dict(self) -> dict[str, Tensor]:
        """Return what it remembers of the picture."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state_dict` returned."""


class Additive(StyleTerm, ABC):
    """A term whose statistic is made of sums over the positions of one layer.

    Masks are weights in the sums, several styles are a sum of targets, tiles of a large picture add
    up, and a batch has one row of sums for each picture. A subclass defines `sums`, `statistics`
    and `distance`.
    """

    def __init__(self, recipe: Recipe, layers: tuple[str, ...], name: str) -> None:
        super().__init__(recipe, layers, name)
        self.learned: list[tuple[float, Sums]] = []
        self.target: tuple[Tensor, ...] = ()

    @abstractmethod
    def sums(
        self, features: Tensor, weights: Tensor | None = None, mean: Tensor | None = None
    ) -> Sums:
        """Return the sums over a layer's positions, each position counted by its weight.

        Parameters
        ----------
        features : Tensor, shape (n, d, h, w)
        weights : Tensor, shape (1, 1, h, w), optional
        mean : Tensor, shape (n, d), optional
            Mean of all positions that a centered statistic is centered by; that of `features` when
            left out. Tiles of one picture need the picture's.
        """

    @abstractmethod
    def statistics(self, sums: Sums) -> tuple[Tensor, ...]:
        """Return what is compared, made of the sums."""

    @abstractmethod
    def distance(self, found: tuple[Tensor, ...], sums: Sums) -> Tensor:
        """Return the loss between statistics that were found and `target`."""

    def learn(
        self,
        features: Mapping[str, Tensor],
        image: Tensor,
        weight: float = 1.0,
        mask: LayerMask | None = None,
    ) -> None:
        """Take in a style picture, as `Term.learn`; of its part under a mask."""
        own = features[self.layers[0]]
        self.learned.append((weight, self.sums(own, mask.at(own) if mask else None)))

    def ready(self) -> None:
        """Make the target: the statistics of the styles, added up by their weights."""
        styles = [[weight * t for t in self.statistics(sums)] for weight, sums in self.learned]
        self.target = tuple(sum(parts[1:], parts[0]) for parts in zip(*styles, strict=True))

    def of_sums(self, sums: Sums) -> Tensor:
        """Return the loss of a picture from its sums."""
        return self.distance(self.statistics(sums), sums)

    def __call__(self, features: Mapping[str, Tensor], image: Tensor) -> Tensor:
        """Return the loss; see `Term`."""
        own = features[self.layers[0]]
        return self.of_sums(self.sums(own, self.mask.at(own) if self.mask else None))
