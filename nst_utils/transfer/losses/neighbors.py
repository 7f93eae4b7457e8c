"""Nearest neighbors by cosine: for every position of a picture, the style vector most like it.

A bank is the style image's activations as rows, one a position. Matching costs the product of
queries and bank. It is taken in blocks, so that no matrix of similarities is ever larger than
`LARGEST_BLOCK`, and in bfloat16 where the processor multiplies that.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from ...networks.device import pick_precision
from ..config import Recipe
from .term import Features, LayerMask, StyleTerm, draw_rows, rows_of

LARGEST_BLOCK = 2**28
"""Bytes of the largest matrix of similarities, at 4 bytes each."""

EPSILON = 1e-8
"""Least length that a vector is divided by."""

STALE_AFTER = 5
"""Evaluations after which neighbors are looked for again.

In between every position keeps its match, so that L-BFGS minimizes a loss that does not change.
"""

MOST_POSITIONS = 16_384
"""Positions of a block that are matched at a time; shallow blocks keep every second or fourth."""

HYPERCOLUMN_STRIDE = 4
"""Pixels between two hypercolumns."""


def unit_rows(parts: Sequence[Tensor], *, centered: bool = False) -> Tensor:
    """Return rows of length 1, ready to be matched, from groups of columns (positions, d).

    With `centered` the mean row is taken away first. The number format is bfloat16 where that is
    multiplied fast, else float32. The rows are filled column by column, since a bank of
    hypercolumns takes hundreds of megabytes.
    """
    dtype = pick_precision("auto", parts[0].device)
    rows = torch.empty(
        len(parts[0]), sum(part.shape[1] for part in parts), dtype=dtype, device=parts[0].device
    )
    squares: Tensor | float = 0.0
    for part, place in zip(parts, rows.split([p.shape[1] for p in parts], dim=1), strict=True):
        part = part.float()
        if centered:
            part = part - part.mean(dim=0)
        squares = squares + part.square().sum(dim=1, keepdim=True)
        place.copy_(part)
    return rows.div_(squares.sqrt().clamp(min=EPSILON))


def nearest(queries: Tensor, bank: Tensor) -> Tensor:
    """Return for every query the number of the row of a bank with the largest cosine.

    Both have rows of length 1; see `unit_rows`.

    Examples
    --------
    >>> queries = torch.tensor([[0.1, 2.0, 0.0], [0.0, 0.3, 0.5]])
    >>> nearest(unit_rows([queries]), unit_rows([torch.eye(3)])).tolist()
    [1, 2]
    """
    block = max(1, LARGEST_BLOCK // (4 * len(bank)))
    return torch.cat([(part @ bank.T).argmax(dim=1) for part in queries.split(block)])


def cosine_distance(
    dot: Tensor, square: Tensor, target_square: Tensor, weights: Tensor | None = None
) -> Tensor:
    """Return the mean of 1 minus the cosine, weighted or not, from products and squared lengths."""
    lengths = (square * target_square).clamp(min=EPSILON).sqrt()
    distance = 1 - dot / lengths
    if weights is None:
        return distance.mean()
    return (distance * weights).sum() / weights.sum().clamp(min=EPSILON)


def neighbor_loss(features: Tensor, bank: Tensor, *, centered: bool = False) -> Tensor:
    """Compare every position with the style vector nearest to it.

    Parameters
    ----------
    features : Tensor, shape (1, d, h, w)
        Activations of the picture.
    bank : Tensor, shape (entries, d)
        Activations of the style image as rows, in any order; see `rows_of`.
    centered : bool
        Match (but do not compare) after each side's mean vector was taken away.

    Returns
    -------
    Tensor, scalar
        Mean over positions of the cosine distance to the match, 0 where each position is some
        style vector times a positive number. The match itself has no gradient.

    References
    ----------
    Zhang et al., "ARF: Artistic Radiance Fields", ECCV 2022 (NNFM). Centered: Kolkin et al.,
    "Neural Neighbor Style Transfer", arXiv 2203.13215.
    """
    rows, bank = rows_of(features).float(), bank.float()
    with torch.no_grad():
        matrices = (unit_rows([x], centered=centered) for x in (rows, bank))
        targets = bank[nearest(*matrices)]
    dot, square = (rows * targets).sum(dim=1), rows.square().sum(dim=1)
    return cosine_distance(dot, square, targets.square().sum(dim=1))


class Neighbors(StyleTerm):
    """Cosine distance to the nearest style vectors of a block (NNFM; ARF, ECCV 2022).

    The layers of one resolution are put side by side and matched together, each times its weight.
    The match is made again every `STALE_AFTER` evaluations.
    """

    blends = False
    centered = True
    most = MOST_POSITIONS

    def __init__(self, recipe: Recipe, layers: tuple[str, ...], name: str) -> None:
        super().__init__(recipe, layers, name)
        self._bank: dict[str, list[Tensor]] = {layer: [] for layer in layers}

    @classmethod
    def build(cls, recipe: Recipe, layers: list[str]) -> list[Self]:
        """Return a term for each block: ``relu3_1`` and ``relu3_2`` have one resolution."""
        if cls.joint:
            return super().build(recipe, layers)
        blocks: dict[str, list[str]] = {}
        for name in layers:
            blocks.setdefault(name.split("_")[0].split(".")[0], []).append(name)
        return [cls(recipe, tuple(names), "+".join(names)) for names in blocks.values()]

    def begin(self) -> None:
        """Forget the matches; the grid of positions is drawn anew from the seed."""
        self._random = torch.Generator().manual_seed(self.recipe.seed)
        self._evaluations = 0
        self._index: Tensor | None = None
        self._offsets = (0, 0)
        self._maps: dict[str, Tensor] = {}

    def _scaled(self, name: str, features: Tensor, image: Tensor) -> Tensor:
        """Return a layer times its weight, over the root of its channel count."""
        return features * (self.recipe.style_layers[name] / features.shape[1] ** 0.5)

    def learn(
        self, features: Features, image: Tensor, weight: float = 1.0, mask: LayerMask | None = None
    ) -> None:
        """Add the rows of a style picture, or of one of its rotations, to the bank."""
        for name in self.layers:
            rows = rows_of(self._scaled(name, features[name], image), mask)
            # The same ones in every layer of a block.
            self._bank[name].append(draw_rows(rows, self.most, self.recipe.seed))

    def match(self, features: Features, image: Tensor) -> None:
        """Find the style vector for every position of a picture."""
        seen = {name: self._scaled(name, features[name], image) for name in self.layers}
        self._match(seen)

    def _match(self, seen: Mapping[str, Tensor]) -> None:
        height, width = seen[self.layers[0]].shape[2:]
        step = math.ceil(math.sqrt(height * width / self.most))
        self._offsets = tuple(torch.randint(step, (2,), generator=self._random).tolist())
        rows = [rows_of(self._kept(seen[name])) for name in self.layers]
        queries = unit_rows(rows, centered=self.centered)
        banks = [torch.cat(self._bank[name]) for name in self.layers]
        self._index = nearest(queries, unit_rows(banks, centered=self.centered))
        self._look_up(seen)

    def _look_up(self, seen: Mapping[str, Tensor]) -> None:
        """Lay out the matches as maps."""
        for name in self.layers:
            rows = torch.cat(self._bank[name])[self._index]
            shape = self._kept(seen[name]).shape
            self._maps[name] = rows.T.reshape(1, -1, *shape[2:]).contiguous()
        if self.queries:  # matched once for all: hundreds of megabytes can go
            self._bank = {}

    def _kept(self, features: Tensor) -> Tensor:
        """Return every so many positions of a layer."""
        sides = features.shape[-2:]
        step = math.ceil(math.sqrt(sides[0] * sides[1] / self.most))
        places = zip(self._offsets, sides, strict=True)
        return features[..., *(slice(min(o, side - 1), None, step) for o, side in places)]

    def __call__(self, features: Features, image: Tensor) -> Tensor:
        """Return the loss."""
        seen = {name: self._scaled(name, features[name], image) for name in self.layers}
        with torch.no_grad():
            if not self.queries and self._evaluations % STALE_AFTER == 0:
                self._match(seen)
            elif not self._maps:
                self._look_up(seen)
        self._evaluations += 1
        dot = square = goal = 0.0
        for name in self.layers:
            own, wanted = self._kept(seen[name]).float(), self._maps[name].float()
            dot = dot + (own * wanted).sum(dim=1)
            square = square + own.square().sum(dim=1)
            goal = goal + wanted.square().sum(dim=1)
        weights = None
        if self.mask is not None:
            weights = self._kept(self.mask.at(seen[self.layers[0]]))[:, 0]
        return cosine_distance(dot, square, goal, weights)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the matches, and what the next grid is drawn from."""
        if self._index is None:
            return {}
        counts = [self._evaluations, *self._offsets]
        return {
            "index": self._index.cpu(),
            "counts": torch.tensor(counts),
            "random": self._random.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state_dict` returned."""
        entries = sum(len(rows) for rows in self._bank[self.layers[0]])
        index = state["index"]
        if index.min() < 0 or index.max() >= entries:
            raise ValueError(f"a match names row {int(index.max())} of {entries}")
        self._index, self._maps = index.to(self._bank[self.layers[0]][0].device), {}
        self._evaluations, *offsets = state["counts"].tolist()
        self._offsets = tuple(offsets)
        self._random.set_state(state["random"])


class Hypercolumns(Neighbors):
    """All layers side by side at a quarter of the size, each position matched once (NNST).

    What is matched is a mixture: a quarter the picture as its scale begins, the rest the content.
    The style image is read upright and turned by 90, 180 and 270 degrees (Kolkin et al., arXiv
    2203.13215).
    """

    rotations = (0, 1, 2, 3)
    queries = True
    most = 2**20  # all
    joint = "hypercolumns"

    def _scaled(self, name: str, features: Tensor, image: Tensor) -> Tensor:
        """Return a layer at the hypercolumns' places, times its weight over its channel count."""
        size = [max(1, side // HYPERCOLUMN_STRIDE) for side in image.shape[-2:]]
        if features.shape[-1] > size[1]:
            features = functional.adaptive_avg_pool2d(features, size)
        elif list(features.shape[-2:]) != size:
            features = functional.interpolate(
                features, size=size, mode="bilinear", align_corners=False
            )
        return features * (self.recipe.style_layers[name] / features.shape[1])
