"""Nearest neighbors by cosine: for every position of a picture, the style vector most like it.

Pure functions of tensors. A bank is the style image's activations as rows, one a position. What
matching costs is the product of queries and bank; it is taken in blocks, so that no matrix of
similarities is ever larger than `LARGEST_BLOCK`, and in bfloat16 where the processor has it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..networks.device import pick_precision

LARGEST_BLOCK = 2**28
"""Bytes of the largest matrix of similarities, at 4 bytes each."""

EPSILON = 1e-8
"""Least length that a vector is divided by."""


def rows_of(features: Tensor) -> Tensor:
    """Return activations (1, d, h, w) as rows, one a position: (h * w, d)."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def unit_rows(parts: Sequence[Tensor], *, centered: bool = False) -> Tensor:
    """Return rows at length 1, ready to be matched: put together from groups of columns.

    Parameters
    ----------
    parts : sequence of Tensor, each of shape (positions, d)
        Columns of the same rows, for instance of several layers.
    centered : bool
        Take the mean row away first.

    Returns
    -------
    Tensor, shape (positions, sum of d)
        In bfloat16 where that is multiplied fast, else float32; made column by column, since a
        bank of hypercolumns takes hundreds of megabytes.
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
    """Return for every query the row of a bank with the largest cosine.

    Parameters
    ----------
    queries, bank : Tensor, shape (positions, d) and (entries, d)
        Rows of length 1; see `unit_rows`.

    Returns
    -------
    Tensor, shape (positions,), int64

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
    """Return the mean of 1 minus the cosine, from products and squared lengths by position.

    Positions count alike, or by weights of the same shape.
    """
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
