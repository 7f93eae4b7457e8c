"""Optimal transport between sets of vectors: what it costs to turn a picture's into the style's.

Pure functions of rows (positions, d), then the terms: the relaxed earth mover of STROTSS with its
moments, the Gaussian Wasserstein distance, and the sliced Wasserstein distance.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..config import Recipe
from .gram import gram_sums
from .neighbors import EPSILON, STALE_AFTER, cosine_distance, unit_rows
from .term import Additive, Features, LayerMask, StyleTerm, Sums, rows_of

ROOT_STEPS = 12
"""Iterations of Newton and Schulz for a matrix root."""

SAMPLES = 1024
"""Positions of the picture that the earth mover compares; twice as many of the style."""

DECORRELATED = ((0.5774, 0.5774, 0.5774), (-0.5774, 0.7887, -0.2113), (-0.5774, -0.2113, 0.7887))
"""Rotation of RGB whose first axis is lightness; each row is an axis."""

DIRECTIONS = 64
"""Most directions of a projection; half as many as channels where those are few."""

QUANTILES = 1024
"""Levels at which sorted projections are compared."""

BINS = 4096
"""Number of bins that count a projection's values, from the least to the largest value."""

RIDGE = 1e-4
"""Added to a covariance's diagonal, as a part of its mean variance, before its root is taken."""


def relaxed_earth_mover(rows: Tensor, bank: Tensor, metric: str = "cosine") -> Tensor:
    """Return the relaxed earth mover's distance of two sets of vectors.

    Each constraint of optimal transport is dropped in turn: first every row goes to its cheapest
    partner, then every partner to its cheapest row; the larger mean is the tighter lower bound.

    Parameters
    ----------
    rows, bank : Tensor, shape (n, d) and (m, d)
    metric : {"cosine", "euclidean"}
        ``cosine`` costs 1 minus the cosine.

    Returns
    -------
    Tensor, scalar
        The choice of partners is held fixed; where it is unique, this is the exact gradient.

    References
    ----------
    Kolkin, Salavon and Shakhnarovich, "Style Transfer by Relaxed Optimal Transport and
    Self-Similarity", CVPR 2019 (STROTSS).

    Examples
    --------
    Both rows are nearest to the first partner, which leaves the second one 3 away from all:

    >>> rows, bank = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [4.0]])
    >>> relaxed_earth_mover(rows, bank, "euclidean").item()
    1.5
    """
    with torch.no_grad():
        if metric == "cosine":
            near = unit_rows([rows]) @ unit_rows([bank]).T
        else:
            near = -torch.cdist(rows, bank)
        partners, owners = near.argmax(dim=1), near.argmax(dim=0)

    def cost(a: Tensor, b: Tensor) -> Tensor:
        if metric == "cosine":
            squares = (x.square().sum(dim=1) for x in (a, b))
            return cosine_distance((a * b).sum(dim=1), *squares)
        return (a - b).square().sum(dim=1).clamp(min=EPSILON**2).sqrt().mean()

    # `index_select`: indexing with brackets has a slow gradient.
    return torch.maximum(cost(rows, bank[partners]), cost(rows.index_select(0, owners), bank))


def moments(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (d,) and covariance (d, d) of rows."""
    mean = rows.mean(dim=0)
    centered = rows - mean
    return mean, centered.T @ centered / len(rows)


def moment_distance(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> Tensor:
    """Return how far two sets of `moments` differ: mean absolute differences, added up."""
    return sum((one - two).abs().mean() for one, two in zip(a, b, strict=True))


def matrix_root(matrix: Tensor) -> Tensor:
    """Return the square root of a symmetric positive matrix, (d, d), by Newton and Schulz.

    Products only, so that a gradient goes through it and a graphics card is kept busy.
    """
    norm = matrix.norm().clamp(min=EPSILON)
    eye = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    root, inverse = matrix / norm, eye
    for _ in range(ROOT_STEPS):
        step = (3 * eye - inverse @ root) / 2
        root, inverse = root @ step, step @ inverse
    return root * norm.sqrt()


def gaussian_wasserstein(mean: Tensor, spread: Tensor, goal: Tensor, root: Tensor) -> Tensor:
    """Return the squared 2-Wasserstein distance of two Gaussians.

    Parameters
    ----------
    mean, spread : Tensor, shape (d,) and (d, d)
        Mean and covariance of the picture.
    goal, root : Tensor, shape (d,) and (d, d)
        Mean of the style, and the root of its covariance (see `matrix_root`).

    Returns
    -------
    Tensor, scalar
        ``|m - m*|^2 + tr(C* + C - 2 (C*^(1/2) C C*^(1/2))^(1/2))``.

    References
    ----------
    Olkin and Pukelsheim, "The distance between two random vectors with given dispersion matrices",
    Linear Algebra and its Applications 48, 1982.
    """
    between = matrix_root(root @ spread @ root)
    traces = spread.trace() + (root * root.T).sum() - 2 * between.trace()
    return (mean - goal).square().sum() + traces


def directions(count: int, d: int, seed: int) -> Tensor:
    """Return random unit vectors (d, count), the same for the same seed."""
    made = torch.randn(d, count, generator=torch.Generator().manual_seed(seed))
    return made / made.norm(dim=0)


def quantiles(rows: Tensor, along: Tensor, count: int) -> Tensor:
    """Return the sorted projections of rows (positions, d) at `count` levels: (k, count)."""
    ordered = (rows @ along).T.sort(dim=1).values
    middles = (torch.arange(count, device=rows.device) + 0.5) / count
    return _between(ordered, middles.expand(len(ordered), -1))


def _between(ordered: Tensor, level: Tensor) -> Tensor:
    """Read sorted values (k, n) at levels between 0 and 1 (k, m): (k, m)."""
    place = (level * ordered.shape[1] - 0.5).clamp(0, ordered.shape[1] - 1)
    low = place.long()
    high = (low + 1).clamp(max=ordered.shape[1] - 1)
    return torch.lerp(ordered.gather(1, low), ordered.gather(1, high), place - low)


class _Sliced(torch.autograd.Function):
    """Mean squared distance of projections (k, positions) to where transport would move them.

    A value's rank is counted in `BINS` bins instead of sorted for, thirty times as fast; values of
    one bin, for instance all zeros of a ReLU, go to one place.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, goal: Tensor) -> Tensor:
        low, high = values.aminmax(dim=1, keepdim=True)
        bins = (values - low).mul_((BINS - 1) / (high - low).clamp(min=EPSILON)).long()
        counts = torch.stack([torch.bincount(line, minlength=BINS) for line in bins])
        level = (counts.cumsum(dim=1) - counts / 2) / values.shape[1]
        moved = values - _between(goal, level).gather(1, bins)
        ctx.save_for_backward(moved)
        return moved.square().mean()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (moved,) = ctx.saved_tensors
        return moved * (2 * grad / moved.numel()), None


def sliced_wasserstein(rows: Tensor, goal: Tensor, along: Tensor) -> Tensor:
    """Return the squared sliced Wasserstein distance: that of projections, averaged.

    Parameters
    ----------
    rows : Tensor, shape (positions, d)
    goal : Tensor, shape (k, levels)
        `quantiles` of the style.
    along : Tensor, shape (d, k)
        Directions.

    References
    ----------
    Heitz et al., "A Sliced Wasserstein Loss for Neural Texture Synthesis", CVPR 2021.
    """
    return _Sliced.apply((rows @ along).T.contiguous(), goal)


class EarthMover(StyleTerm):
    """The relaxed earth mover's distance of hypercolumns, their moments, and the palette (STROTSS).

    `SAMPLES` positions of the picture are compared with twice as many of the style. They are drawn
    anew every `STALE_AFTER` evaluations. The loss is the mean of three numbers: the earth mover's
    distance, the moments' mean distance over layers, and half of the palette's distance.
    """

    blends, joint = False, "earth mover"

    def __init__(self, recipe: Recipe, layers: tuple[str, ...], name: str) -> None:
        super().__init__(recipe, layers, name)
        self._random = torch.Generator().manual_seed(recipe.seed)
        self._bank: dict[str, Tensor] = {}
        self._moments: dict[str, tuple[Tensor, Tensor]] = {}

    def begin(self) -> None:
        """Forget the places; the next ones follow those of the style."""
        learned, self._random = self._random, torch.Generator()
        self._random.set_state(learned.get_state())
        self._evaluations, self._places = 0, None

    def _draw(self, count: int, mask: LayerMask | None) -> Tensor:
        """Return random places, (count, 2), from 0 to 1; inside a mask, where there is one."""
        places = torch.rand(count, 2, generator=self._random)
        if mask is None:
            return places
        shares = mask.mask[0, 0].cpu()
        drawn = torch.multinomial(shares.flatten(), count, replacement=True, generator=self._random)
        rows, columns = drawn // shares.shape[1], drawn % shares.shape[1]
        return (torch.stack([rows, columns], dim=1) + places) / torch.tensor(shares.shape)

    def _sample(self, name: str, features: Tensor, places: Tensor) -> Tensor:
        """Return a layer's positions nearest to some places, as rows, times its weight."""
        height, width = features.shape[-2:]
        index = (places[:, 0] * height).long() * width + (places[:, 1] * width).long()
        # `index_select`: indexing with brackets has a slow gradient.
        rows = features.flatten(2)[0].index_select(1, index.to(features.device)).T
        return rows.float() * self.recipe.style_layers.get(name, 1.0)

    def learn(
        self, features: Features, image: Tensor, weight: float = 1.0, mask: LayerMask | None = None
    ) -> None:
        """Draw the samples of a style picture."""
        places = self._draw(2 * SAMPLES, mask)
        for name in self.layers:
            self._bank[name] = self._sample(name, features[name], places)
            self._moments[name] = moments(self._bank[name])
        self._bank[""] = self._sample("", image, places)

    def __call__(self, features: Features, image: Tensor) -> Tensor:
        """Return the loss."""
        if self._evaluations % STALE_AFTER == 0:
            self._places = self._draw(SAMPLES, self.mask)
        self._evaluations += 1
        seen = {name: self._sample(name, features[name], self._places) for name in self.layers}
        rows = torch.cat([seen[name] for name in self.layers], dim=1)
        bank = torch.cat([self._bank[name] for name in self.layers], dim=1)
        turn = rows.new_tensor(DECORRELATED).T
        colors, palette = self._sample("", image, self._places) @ turn, self._bank[""] @ turn
        between = [moment_distance(moments(seen[n]), self._moments[n]) for n in self.layers]
        distances = [
            relaxed_earth_mover(rows, bank),
            torch.stack(between).mean(),
            relaxed_earth_mover(colors, palette, "euclidean") / 2,
        ]
        return torch.stack(distances).sum() / len(distances)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the places, and what the next ones are drawn from."""
        if self._places is None:
            return {}
        return {
            "places": self._places,
            "evaluations": torch.tensor(self._evaluations),
            "random": self._random.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state_dict` returned."""
        if state["places"].min() < 0 or state["places"].max() >= 1:
            raise ValueError("a place lies outside the picture")
        self._places = state["places"]
        self._evaluations = int(state["evaluations"])
        self._random.set_state(state["random"])


class GaussianWasserstein(Additive):
    """The squared Wasserstein distance of Gaussians, divided by the style's mean square."""

    def sums(
        self, features: Tensor, weights: Tensor | None = None, mean: Tensor | None = None
    ) -> Sums:
        """Return the sums of mean and covariance."""
        wide = features.float()
        first = (wide if weights is None else wide * weights).sum(dim=(2, 3))
        return gram_sums(wide, "centered", weights, mean) | {"first": first}

    def statistics(self, sums: Sums) -> tuple[Tensor, ...]:
        """Return mean (n, d) and covariance (n, d, d), with `RIDGE` added to its diagonal."""
        spread = sums["spread"] / sums["count"]
        ridge = RIDGE * spread.diagonal(dim1=1, dim2=2).mean().detach() + EPSILON
        eye = torch.eye(spread.shape[1], dtype=spread.dtype, device=spread.device)
        return sums["first"] / sums["count"], spread + ridge * eye

    def ready(self) -> None:
        """Take the root of the style's covariance."""
        super().ready()
        mean, spread = (t[0] for t in self.target)
        self.target = mean, matrix_root(spread)
        self._energy = mean.square().sum() + spread.trace()

    def distance(self, found: tuple[Tensor, ...], sums: Sums) -> Tensor:
        """Return the mean distance over the pictures of a batch."""
        pairs = zip(*found, strict=True)
        each = [gaussian_wasserstein(mean, spread, *self.target) for mean, spread in pairs]
        return sum(each[1:], each[0]) / (len(each) * self._energy)


class SlicedWasserstein(StyleTerm):
    """The sliced Wasserstein distance, over the style's mean square.

    There are at most `DIRECTIONS` directions, the same for the whole run; Heitz et al. draw new
    ones at every step, which L-BFGS could not follow. Of several styles the quantiles are added up:
    a barycenter.
    """

    def __init__(self, recipe: Recipe, layers: tuple[str, ...], name: str) -> None:
        super().__init__(recipe, layers, name)
        self._goal: Tensor | float = 0.0

    def _along(self, rows: Tensor) -> Tensor:
        count = min(rows.shape[1] // 2, DIRECTIONS)
        return directions(count, rows.shape[1], self.recipe.seed).to(rows.device)

    def learn(
        self, features: Features, image: Tensor, weight: float = 1.0, mask: LayerMask | None = None
    ) -> None:
        """Add the quantiles of a style picture."""
        rows = rows_of(features[self.layers[0]], mask).float()
        self._goal = self._goal + weight * quantiles(rows, self._along(rows), QUANTILES)

    def __call__(self, features: Features, image: Tensor) -> Tensor:
        """Return the loss."""
        rows = rows_of(features[self.layers[0]], self.mask).float()
        distance = sliced_wasserstein(rows, self._goal, self._along(rows))
        return distance / self._goal.square().mean()
