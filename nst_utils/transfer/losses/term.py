"""What a term of the objective offers, and what terms share: masks, and sums over positions."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Protocol, Self

import torch
from torch import Tensor
from torch.nn import functional

from ...errors import brief
from ..config import Recipe
from ..fields import RecipeError
from . import LOSSES

MOST_TERMS = 32
"""Terms of the user's own in one run."""

LEAST = 1e-6
"""Smallest sum of weights that a sum over positions is divided by."""

Features = Mapping[str, Tensor]
"""Activations (1, d, h, w) of a picture, by layer."""

Sums = dict[str, Tensor | float]
"""Sums over the positions of a layer, by name; `added` adds those of two tiles."""

Place = tuple[slice, slice]
"""Rows and columns of a layer."""


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

    def learn(self, features: Features, image: Tensor, weight: float) -> None:
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

    def __call__(self, features: Features, image: Tensor) -> Tensor:
        """Return the loss of the painting as a scalar, with its graph; inputs as for `learn`.

        The optimizer changes `image` in place after it: keep a ``clone()``, not the tensor.
        """

    def state_dict(self) -> dict[str, Tensor]:
        """Return what it remembers from one step to the next; only where it remembers anything."""

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state_dict` returned."""


def checked_terms(terms: Sequence[Term]) -> list[Term]:
    """Return a user's own terms; one that lacks something, or a name, raises `RecipeError`."""
    own = list(terms) if isinstance(terms, list | tuple) else [terms]
    if len(own) > MOST_TERMS:
        raise RecipeError(f"terms must be at most {MOST_TERMS}, not {len(own)}")
    names: set[str] = {"content", "style", "tv", "total"}
    for term in own:
        name, layers = getattr(term, "name", None), getattr(term, "layers", None)
        whole = callable(term) and (
            callable(getattr(term, "learn", None)) or getattr(term, "learns", None) == ""
        )
        if not isinstance(name, str) or not isinstance(layers, list | tuple) or not whole:
            raise RecipeError(
                "a term needs a name, layers (a tuple of names, or empty), "
                f"learn(features, image, weight) and a call; see losses.term.Term. {brief(term)} "
                "lacks one"
            )
        if not name or set("/:") & set(name) or name in names or name in LOSSES:
            raise RecipeError(
                f"a term cannot be called {brief(name)}: the name is taken, or has / or : in it"
            )
        weight = getattr(term, "weight", 1.0)
        if not isinstance(weight, Real) or not math.isfinite(weight):
            raise RecipeError(f"the weight of {name} must be a finite number, not {brief(weight)}")
        if getattr(term, "learns", "style") not in ("style", "content", ""):
            raise RecipeError(
                f'{name}.learns must be "style" or "content", or "" where it learns nothing, not '
                f"{brief(term.learns)}"
            )
        names.add(name)
    return own


def weights_of(terms: Sequence[Term]) -> dict[str, float]:
    """Return the weights of a user's own terms, by name."""
    return {term.name: float(getattr(term, "weight", 1.0)) for term in terms}


class LayerMask:
    """A mask (1, 1, h, w) in [0, 1], read at any layer's size (Gatys et al., CVPR 2017)."""

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask
        self._kept: dict[tuple[int, int], Tensor] = {}

    def at(self, features: Tensor) -> Tensor:
        """Return the weights at the positions of a layer, (1, 1, h, w), float32.

        A position of a deep layer sees far beyond its own cell. So that no style reaches over a
        border, a position whose cell is covered by half or less has weight 0; above that the weight
        rises linearly to 1.
        """
        return self.sized(tuple(features.shape[-2:])).to(features.device)

    def sized(self, size: tuple[int, int]) -> Tensor:
        """Return the weights at the positions of a layer of a height and a width."""
        if size not in self._kept:
            share = functional.adaptive_avg_pool2d(self.mask, size)
            if size != tuple(self.mask.shape[-2:]):
                inner = (2 * share - 1).clamp(min=0)
                # A region thinner than the layer's positions keeps what it covers.
                share = inner if inner.sum() > 0.25 * share.sum() else share
            self._kept[size] = share
        return self._kept[size]

    def turned(self, turns: int) -> "LayerMask":
        """Return it rotated by so many quarters of a circle, counterclockwise."""
        return LayerMask(self.mask.rot90(turns, (2, 3)))

    def positions(self, features: Tensor) -> Tensor:
        """Return the flat indices of the positions of a layer that are more in than out."""
        weights = self.at(features).flatten()
        inside = torch.nonzero(weights >= 0.5).flatten()
        return inside if len(inside) else weights.argmax()[None]


def joined(parts: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the states of several parts as one, each name after its part's start; see `under`."""
    return {
        start + name: tensor.clone()  # it may be the optimizer's own
        for start, part in parts.items()
        for name, tensor in getattr(part, "state_dict", dict)().items()
    }


def under(start: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a text, without it."""
    return {k.removeprefix(start): t for k, t in tensors.items() if k.startswith(start)}


def added(a: Sums, b: Sums) -> Sums:
    """Return the sums of a picture from those of two parts of it.

    What is centered by each part's own mean gains what the means differ by (Chan, Golub and
    LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979).
    """
    sums = {name: a[name] + b[name] for name in a}
    if "first" in sums:
        gap = a["first"] / a["count"] - b["first"] / b["count"]
        share = a["count"] * b["count"] / sums["count"]
        if "spread" in sums:
            sums["spread"] += share * gap[:, :, None] * gap[:, None]
        if "square" in sums:
            sums["square"] += share * gap.square()
    return sums


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
    joint : str
        The name of one term that compares all layers together; empty: each layer has its own.
    """

    blends, rotations, queries, joint = True, (0,), False, ""
    learns, weight = "style", 1.0

    def __init__(self, recipe: Recipe, layers: tuple[str, ...], name: str) -> None:
        self.recipe, self.layers, self.name = recipe, layers, f"style/{name}"
        self.mask: LayerMask | None = None

    @classmethod
    def build(cls, recipe: Recipe, layers: list[str]) -> list[Self]:
        """Return a recipe's terms: one for each layer, or one `joint` term of all layers."""
        if cls.joint:
            return [cls(recipe, tuple(layers), cls.joint)]
        return [cls(recipe, (layer,), layer) for layer in layers]

    def under(self, mask: LayerMask | None) -> Self:
        """Return a copy for one content, under a mask of its part; None: all of it."""
        placed = copy.copy(self)
        placed.mask = mask
        placed.begin()
        return placed

    def begin(self) -> None:
        """Forget the picture that was seen last; what was learned stays."""

    def ready(self) -> None:
        """Prepare for the picture, after the last style."""

    def state_dict(self) -> dict[str, Tensor]:
        """Return what the term remembers of the picture."""
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
        """Return the sums over a layer's positions, each counted by its weight (1, 1, h, w).

        A centered statistic is centered by `mean`, (n, d), or by the mean of `features`. Tiles of
        one picture need the mean of the whole picture.
        """

    @abstractmethod
    def statistics(self, sums: Sums) -> tuple[Tensor, ...]:
        """Return what is compared, made of the sums."""

    @abstractmethod
    def distance(self, found: tuple[Tensor, ...], sums: Sums) -> Tensor:
        """Return the loss between statistics that were found and `target`."""

    def learn(
        self, features: Features, image: Tensor, weight: float = 1.0, mask: LayerMask | None = None
    ) -> None:
        """Take in a style picture, or its part under a mask."""
        own = features[self.layers[0]]
        self.learned.append((weight, self.sums(own, mask.at(own) if mask else None)))

    def ready(self) -> None:
        """Make the target: the statistics of the styles, added up by their weights."""
        styles = [[weight * t for t in self.statistics(sums)] for weight, sums in self.learned]
        self.target = tuple(sum(parts[1:], parts[0]) for parts in zip(*styles, strict=True))

    def of_sums(self, sums: Sums) -> Tensor:
        """Return the loss of a picture from its sums."""
        return self.distance(self.statistics(sums), sums)

    def tile_sums(
        self, own: Tensor, place: Place, size: tuple[int, int], mean: Tensor | None = None
    ) -> Sums:
        """Return the sums over a part of a layer, at its place in the whole of some size."""
        weights = self.mask.sized(size)[..., *place].to(own.device) if self.mask else None
        return self.sums(own, weights, mean)

    def __call__(self, features: Features, image: Tensor) -> Tensor:
        """Return the loss."""
        own = features[self.layers[0]]
        return self.of_sums(self.sums(own, self.mask.at(own) if self.mask else None))
