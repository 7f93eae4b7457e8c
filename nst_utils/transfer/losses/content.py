"""The content losses: activations at a layer, or how alike its positions are to each other."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ...errors import unknown
from ..config import Recipe
from .gram import mean_square
from .neighbors import EPSILON
from .term import Features, Place, Sums

SIMILAR = 32
"""Most positions on a side between which self-similarity is compared."""


class _Distance(torch.autograd.Function):
    """``mean(W (F - T)^2)``, added up in float32 without widening what is stored."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor, weights: Tensor | None) -> Tensor:
        ctx.save_for_backward(features, target, weights)
        wide = torch.promote_types(features.dtype, torch.float32)
        difference = features - target
        if weights is not None:
            difference *= weights.sqrt()
        return torch.linalg.vector_norm(difference, dtype=wide).square() / difference.numel()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        features, target, weights = ctx.saved_tensors
        difference = (features - target).mul_(2 * grad / features.numel())
        return difference if weights is None else difference * weights, None, None


def content_loss(
    features: Tensor,
    target: Tensor,
    normalization: str = "relative",
    energy: Tensor | None = None,
    weights: Tensor | None = None,
) -> Tensor:
    """Compare one layer's activations with those of the content image.

    Parameters
    ----------
    features, target : Tensor, shape (n, d, h, w)
        Activations F of the picture and C of the content image.
    normalization : {"relative", "published", "paper"}
        ``relative``: ``mean((F - C)^2) / mean(C^2)``; ``published``: ``mean((F - C)^2)``;
        ``paper``: ``sum((F - C)^2) / (4 h w d)``.
    energy : Tensor, optional
        `mean_square` of the target, if it is known already.
    weights : Tensor, shape (1, 1, h, w), optional
        What each position's squared difference is multiplied by; the energy stays as it is.

    Returns
    -------
    Tensor, scalar, float32 (float64 for float64 features)

    Raises
    ------
    UnknownNameError
        If the normalization does not exist.
    """
    error = _Distance.apply(
        features, target, None if weights is None else weights.to(features.dtype)
    )
    if normalization == "relative" and energy is None:
        energy = mean_square(target)
    return _normalized(error, normalization, energy)


def _normalized(error: Tensor, normalization: str, energy: Tensor | None) -> Tensor:
    """Return the loss that a mean squared difference makes."""
    if normalization == "relative":
        return error / energy
    if normalization == "published":
        return error
    if normalization == "paper":
        return error / 4
    raise unknown("loss", normalization, ["relative", "published", "paper"])


def self_similarity_loss(rows: Tensor, content: Tensor, weights: Tensor | None = None) -> Tensor:
    """Compare how alike positions are among themselves, in the picture and in the content image.

    Both have one row a position; `weights` says how much each position counts. The loss is the mean
    absolute difference of the two matrices of cosine distances, each column divided by its sum,
    times the number of positions. It is the same for rows that are rotated or scaled together.
    """
    unit = [functional.normalize(x, dim=1, eps=EPSILON) for x in (rows, content)]
    alike = [1 - x @ x.T for x in unit]
    alike = [x / x.sum(dim=0, keepdim=True).clamp(min=EPSILON) for x in alike]
    gap = (alike[0] - alike[1]).abs()
    return (gap if weights is None else gap * weights).mean() * len(rows)


class Activations:
    """The activations of the content layer, compared position by position.

    `weights`, (1, 1, H, W), says how much each pixel of the content counts, 1 being usual.
    """

    name, learns = "content", "content"

    def __init__(self, recipe: Recipe, weights: Tensor | None = None) -> None:
        self.recipe, self.layers, self._pixels = recipe, (recipe.content_layer,), weights
        self.weights: Tensor | None = None

    def learn(self, features: Features, image: Tensor, weight: float = 1.0) -> None:
        """Take in the content image."""
        self.target = features[self.layers[0]]
        self.energy = mean_square(self.target)
        if self._pixels is not None:
            size = self.target.shape[-2:]
            self.weights = functional.adaptive_avg_pool2d(self._pixels, size)

    def __call__(self, features: Features, image: Tensor) -> Tensor:
        """Return the loss."""
        own = features[self.layers[0]]
        return content_loss(own, self.target, self.recipe.loss, self.energy, self.weights)

    def tile_sums(
        self, own: Tensor, place: Place, size: tuple[int, int], mean: Tensor | None = None
    ) -> Sums:
        """Return the sum of squared differences over a part of the layer, at its place."""
        weights = None if self.weights is None else self.weights[..., *place].to(own.dtype)
        error = _Distance.apply(own, self.target[..., *place], weights)
        return {"count": own.numel(), "error": error * own.numel()}

    def of_sums(self, sums: Sums) -> Tensor:
        """Return the loss of a picture from its sums."""
        return _normalized(sums["error"] / sums["count"], self.recipe.loss, self.energy)


class SelfSimilarity(Activations):
    """How alike the positions of the content layer are to each other (STROTSS)."""

    tile_sums = None  # no sum over positions

    def __call__(self, features: Features, image: Tensor) -> Tensor:
        """Return the loss."""
        own, target = _spaced(features[self.layers[0]]), _spaced(self.target)
        weights = None if self.weights is None else _spaced(self.weights)[:, 0]
        return self_similarity_loss(own, target, weights)


def _spaced(features: Tensor) -> Tensor:
    """Return a layer as rows at no more than `SIMILAR` x `SIMILAR` positions, evenly spaced."""
    steps = [-(-side // SIMILAR) for side in features.shape[-2:]]
    kept = features[..., steps[0] // 2 :: steps[0], steps[1] // 2 :: steps[1]]
    return kept.float().flatten(2)[0].T
