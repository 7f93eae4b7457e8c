"""Where a style counts: weights of a layer's positions, and statistics under such weights.

Guided statistics (Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer", CVPR
2017): every position counts as much as a mask says there, at each layer's own resolution.
"""

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import unknown
from . import losses
from .fields import GRAMS
from .neighbors import rows_of

LEAST = 1e-6
"""Least sum of weights that is divided by."""


class Guide:
    """A mask, read at the resolution of any layer.

    Parameters
    ----------
    mask : Tensor, shape (1, 1, h, w)
        In [0, 1]; on the device of the activations.
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

    def turned(self, turns: int) -> "Guide":
        """Return it rotated by so many quarters of a circle, counterclockwise."""
        return Guide(self.mask.rot90(turns, (2, 3)))

    def positions(self, features: Tensor) -> Tensor:
        """Return the flat numbers of the positions of a layer that are more in than out."""
        weights = self.at(features).flatten()
        inside = torch.nonzero(weights >= 0.5).flatten()
        return inside if len(inside) else weights.argmax()[None]


def guided_gram(features: Tensor, weights: Tensor | None, variant: str) -> Tensor:
    """Return a Gram matrix in which each position counts by its weight; see `losses.gram`.

    Parameters
    ----------
    features : Tensor, shape (n, d, h, w)
    weights : Tensor, shape (1, 1, h, w), or None
        In [0, 1]; None stands for ones.
    variant : str
        One of `fields.GRAMS`. ``mean`` divides by the sum of weights instead of by the positions.

    Returns
    -------
    Tensor, shape (n, d, d), or (n, d, 2) for ``moments``
    """
    if weights is None:
        return losses.gram(features, variant)
    if variant not in GRAMS:
        raise unknown("gram", variant, GRAMS)
    total = weights.sum().clamp(min=LEAST)
    if variant in ("moments", "centered"):
        features = features.float()
        mean = (features * weights).sum(dim=(2, 3), keepdim=True) / total
        if variant == "moments":
            square = ((features - mean).square() * weights).sum(dim=(2, 3)) / total
            return torch.stack([mean.flatten(1), square.clamp(min=1e-12).sqrt()], dim=2)
        features = features - mean
    product = losses.gram(features * weights.sqrt().to(features.dtype), "sum")
    if variant == "sum":
        return product
    return product / (total * features.shape[1] if variant == "chw" else total)


def rows_inside(features: Tensor, guide: Guide | None) -> Tensor:
    """Return a layer's positions as rows; those inside a mask, where there is one."""
    rows = rows_of(features)
    return rows if guide is None else rows[guide.positions(features)]


def guided_moments(rows: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (d,) and covariance (d, d) of rows (n, d), each row by its weight (n,)."""
    share = weights / weights.sum().clamp(min=LEAST)
    mean = share @ rows
    centered = rows - mean
    return mean, (centered * share[:, None]).T @ centered
