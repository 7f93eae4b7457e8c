"""Optimal transport between sets of vectors: what it costs to turn a picture's into the style's.

Pure functions of rows (positions, d): the relaxed earth mover of STROTSS with its moments and its
self-similarity, the Gaussian Wasserstein distance, and the sliced Wasserstein distance.
"""

from typing import Any

import torch
from torch import Tensor

from .neighbors import EPSILON, cosine_distance, unit_rows

ROOT_STEPS = 12
"""Iterations of Newton and Schulz for a matrix root."""

BINS = 4096
"""In which a projection's values are counted, between the least and the largest."""

RIDGE = 1e-4
"""Added to a covariance's diagonal, as a part of its mean variance, before its root is taken."""


def cosine_costs(a: Tensor, b: Tensor) -> Tensor:
    """Return 1 minus the cosine between all rows of two sets, (len(a), len(b))."""
    a, b = (x / x.norm(dim=1, keepdim=True).clamp(min=EPSILON) for x in (a, b))
    return 1 - a @ b.T


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
        The choice of partners has no gradient; it is a minimum, so none is missing.

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


def self_similarity_loss(rows: Tensor, content: Tensor) -> Tensor:
    """Compare how alike positions are among themselves, in the picture and in the content image.

    Parameters
    ----------
    rows, content : Tensor, shape (positions, d)
        Activations at the same positions.

    Returns
    -------
    Tensor, scalar
        Mean absolute difference of the two matrices of cosine distances, each column divided by
        its sum, times the number of positions; unchanged by what happens to all positions alike.
    """
    alike = [cosine_costs(x, x) for x in (rows, content)]
    alike = [x / x.sum(dim=0, keepdim=True).clamp(min=EPSILON) for x in alike]
    return (alike[0] - alike[1]).abs().mean() * len(rows)


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


def gaussian_moments(
    rows: Tensor, known: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """Return mean (d,) and covariance (d, d) of rows, or known ones, with `RIDGE` added to it."""
    mean, spread = known or moments(rows)
    ridge = RIDGE * spread.diagonal().mean().detach() + EPSILON
    return mean, spread + ridge * torch.eye(len(spread), dtype=rows.dtype, device=rows.device)


def gaussian_wasserstein(mean: Tensor, spread: Tensor, goal: Tensor, root: Tensor) -> Tensor:
    """Return the squared 2-Wasserstein distance of two Gaussians.

    Parameters
    ----------
    mean, spread : Tensor, shape (d,) and (d, d)
        Of the picture; see `gaussian_moments`.
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
