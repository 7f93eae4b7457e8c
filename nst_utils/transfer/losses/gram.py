"""Gram matrices and moments of a layer: pure functions, then the terms that compare them.

Three normalizations of a loss stand side by side:

``relative``
    The loss is divided by the target's own energy, so that a weight means the same for every
    backbone, layer and picture size.
``published``
    The report's code: means of squared differences, style divided by ``d * h * w``.
``paper``
    The report's formulas: ``1 / (4 n)`` for content and ``1 / (4 n ** 2)`` for style, where
    ``n = h * w * d``. Gatys et al. (2016) write the style term so and the content term as
    ``1 / 2`` of the sum of squared differences.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ...errors import check_choice, unknown
from ..fields import GRAMS, SMOOTHINGS
from .term import LEAST, Additive, Sums

GRAM_CHUNK = 1024
"""Positions that one bfloat16 product sums; the products are added in float32."""


class _Product(torch.autograd.Function):
    """``R^T R`` of rows (n, positions, d), added up in float32 (float64 for float64).

    In bfloat16 each product of `GRAM_CHUNK` positions is summed in float32 by the hardware and
    rounded once; the chunks are added in float32. Backward uses the symmetry of the Gram matrix,
    so it costs one product where autograd would make two.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        if rows.dtype != torch.bfloat16:
            return rows.mT @ rows
        n, positions, d = rows.shape
        whole = positions // GRAM_CHUNK * GRAM_CHUNK
        chunks, rest = rows[:, :whole].reshape(-1, GRAM_CHUNK, d), rows[:, whole:]
        product = torch.bmm(chunks.mT, chunks).view(n, -1, d, d).sum(1, dtype=torch.float32)
        return product + rest.mT @ rest if rest.numel() else product

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (rows,) = ctx.saved_tensors
        return rows @ (grad + grad.mT).to(rows.dtype)


def gram_sums(
    features: Tensor,
    variant: str = "mean",
    weights: Tensor | None = None,
    mean: Tensor | None = None,
) -> Sums:
    """Return the sums over positions that a Gram matrix is made of; see `gram_matrix`.

    `mean`, (n, d), is what ``centered`` and ``moments`` subtract first, because a difference of two
    large sums would lose the small one; by default it is the mean of `features`. The result has
    ``positions``, ``count`` (the sum of weights), and ``product`` (n, d, d); for ``centered``
    ``spread`` (n, d, d) in its place, for ``moments`` ``first`` and ``square`` (n, d). Where
    ``centered`` takes its own mean, ``first`` is there too: `term.added` needs it.
    """
    positions = features[0, 0].numel()
    count = positions if weights is None else weights.sum().clamp(min=LEAST)
    sums: Sums = {"positions": positions, "count": count}
    if variant == "moments":
        wide = _wide(features)
        first = (wide if weights is None else wide * weights).sum(dim=(2, 3))
        middle = first / count if mean is None else mean
        square = (wide - middle[..., None, None]).square()
        square = (square if weights is None else square * weights).sum(dim=(2, 3))
        return sums | {"first": first, "square": square}
    # One row a position: a view where activations lie channels last, and so do the gradients.
    rows = features.permute(0, 2, 3, 1).flatten(1, 2)
    share = None if weights is None else weights.flatten(2).mT
    if variant == "centered":
        if mean is not None:
            middle = mean[:, None].to(rows.dtype)
        else:
            if share is None:
                middle = rows.mean(dim=1, keepdim=True)
            else:
                middle = (rows * share.to(rows.dtype)).sum(dim=1, keepdim=True) / count
            sums["first"] = _wide(middle[:, 0].detach()) * count
        rows = rows - middle.to(rows.dtype)
    if share is not None:
        rows = rows * share.sqrt().to(rows.dtype)
    if rows.dtype == torch.float16:
        rows = rows.float()  # would overflow
    name = "spread" if variant == "centered" else "product"
    return sums | {name: _Product.apply(rows)}


def gram_of(sums: Sums, variant: str = "mean") -> Tensor:
    """Return the Gram matrix that `gram_sums` add up to."""
    count = sums["count"]
    if variant == "moments":
        # The root of 0 has no gradient: a constant channel gets the least deviation above it.
        deviation = (sums["square"] / count).clamp(min=1e-12).sqrt()
        return torch.stack([sums["first"] / count, deviation], dim=2)
    product = sums["spread" if variant == "centered" else "product"]
    return product / {"sum": 1, "chw": product.shape[1] * count}.get(variant, count)


def gram_matrix(features: Tensor, variant: str = "mean", weights: Tensor | None = None) -> Tensor:
    """Return the Gram matrix of a layer's activations.

    Parameters
    ----------
    features : Tensor, shape (n, d, h, w)
        Activations, any floating type.
    variant : {"sum", "mean", "chw", "centered", "moments"}
        ``sum`` is the plain ``F F^T`` of the report and of Gatys et al.; ``mean`` divides it by
        the positions ``h * w``; ``chw`` by ``d * h * w``; ``centered`` is the covariance: the
        channel means are removed first, then as ``mean``; ``moments`` is no Gram matrix at all
        but what AdaIN matches: each channel's mean and standard deviation (Huang and Belongie,
        ICCV 2017).
    weights : Tensor, shape (1, 1, h, w), optional
        In [0, 1]; each position counts by its weight, and the sum of weights takes the place of
        ``h * w``.

    Returns
    -------
    Tensor, shape (n, d, d), or (n, d, 2) for ``moments``; float32 (float64 for float64 features)
        Products of bfloat16 features run in bfloat16 and are added up in float32, since a sum
        over all positions would drown small terms; float16, which would overflow, is widened.

    Raises
    ------
    UnknownNameError
        If the variant does not exist.
    """
    check_choice("gram", variant, GRAMS)
    return gram_of(gram_sums(features, variant, weights), variant)


SMOOTHING_SCALE = 1e-3
"""What SWAG's published script multiplies ResNet-50's layer3 and layer4 by."""


def smooth(features: Tensor, kind: str = "none") -> Tensor:
    """Flatten the peaks of a layer's activations, as proposed for residual networks.

    Parameters
    ----------
    features : Tensor, shape (n, d, h, w)
        Activations, any floating type.
    kind : {"none", "scaled", "softmax", "softmax_layer"}
        ``none`` returns them as they are. ``scaled`` multiplies them by `SMOOTHING_SCALE`, which
        is what the published script of the paper does; its lines with a softmax are commented
        out. Under losses that are divided by the target's own energy it changes nothing.
        ``softmax_layer`` is the paper's formula: one softmax over all channels and positions.
        ``softmax`` takes one over the channels at each position. Both have temperature 1 and are
        multiplied by the number of values that they run over, so that the mean activation is 1.

    Returns
    -------
    Tensor, shape (n, d, h, w)
        For a softmax float32 (float64 for float64 features).

    Raises
    ------
    UnknownNameError
        If the kind does not exist.

    References
    ----------
    Wang, Li and Vasconcelos, "Rethinking and Improving the Robustness of Image Style Transfer",
    CVPR 2021 (SWAG).
    """
    if kind == "none":
        return features
    if kind == "scaled":
        return features * SMOOTHING_SCALE
    if kind == "softmax":
        return _wide(features).softmax(dim=1) * features.shape[1]
    if kind == "softmax_layer":
        flat = _wide(features).flatten(1)
        return (flat.softmax(dim=1) * flat.shape[1]).view(features.shape)
    raise unknown("smoothing", kind, SMOOTHINGS)


def style_loss(
    matrix: Tensor,
    target: Tensor,
    positions: int,
    normalization: str = "relative",
    energy: Tensor | None = None,
) -> Tensor:
    """Compare one layer's Gram matrix with that of the style image.

    Parameters
    ----------
    matrix, target : Tensor, shape (n, d, d) or (n, d, 2)
        Gram matrices G of the picture and S of the style image, of one variant; one target serves a
        batch of pictures.
    positions : int
        ``h * w`` of the picture's activations. If the two images differ in size, do not compare
        them in the variant ``sum``.
    normalization : {"relative", "published", "paper"}
        ``relative``: ``sum((G - S)^2) / sum(S^2)``; ``published``: ``mean((G - S)^2) / (d h w)``;
        ``paper``: ``sum((G - S)^2) / (4 (h w d)^2)``.
    energy : Tensor, optional
        `mean_square` of the target, if it is known already; used by ``relative`` only.

    Returns
    -------
    Tensor, scalar

    Raises
    ------
    UnknownNameError
        If the normalization does not exist.
    """
    d = matrix.shape[1]
    error = functional.mse_loss(matrix, target.expand_as(matrix))
    if normalization == "relative":
        return error / (mean_square(target) if energy is None else energy)
    if normalization == "published":
        return error / (d * positions)
    if normalization == "paper":
        # The sum over d * d entries, over 4 (d * positions)^2.
        return error / (4 * positions**2)
    raise unknown("loss", normalization, ["relative", "published", "paper"])


def _wide(x: Tensor) -> Tensor:
    """Bring half precisions to float32 before squares are summed."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def mean_square(target: Tensor) -> Tensor:
    """Return a target's energy; zeros count as 1, so that a relative loss stays finite."""
    energy = _wide(target).square().mean()
    return torch.where(energy > 0, energy, torch.ones_like(energy))


class Gram(Additive):
    """A layer's Gram matrix, or what `Recipe.gram` names in its place (Gatys et al., CVPR 2016).

    The plain sum (``gram="sum"``) grows with the number of positions. Where a style image has more
    or fewer than the picture, its target is scaled by that ratio; the report instead stretches the
    style image to the content's shape.
    """

    further: tuple[str, ...] = ()  # variants that are compared beside the recipe's

    def sums(
        self, features: Tensor, weights: Tensor | None = None, mean: Tensor | None = None
    ) -> Sums:
        """Return the sums of every variant."""
        every: Sums = {}
        for variant in (self.recipe.gram, *self.further):
            every |= gram_sums(features, variant, weights, mean)
        return every

    def statistics(self, sums: Sums) -> tuple[Tensor, ...]:
        """Return the matrices."""
        return tuple(gram_of(sums, variant) for variant in (self.recipe.gram, *self.further))

    def ready(self) -> None:
        """Make the targets, and what relative losses are divided by."""
        super().ready()
        self._energies = tuple(map(mean_square, self.target))

    def distance(self, found: tuple[Tensor, ...], sums: Sums) -> Tensor:
        """Return the mean of `style_loss` over the variants."""
        targets, energies = self.target, self._energies
        if self.recipe.gram == "sum":
            scaled = sum(w * (s["product"] * (sums["count"] / s["count"])) for w, s in self.learned)
            targets = (scaled, *targets[1:])
            energies = (mean_square(scaled), *energies[1:])
        losses = [
            style_loss(matrix, target, sums["positions"], self.recipe.loss, energy)
            for matrix, target, energy in zip(found, targets, energies, strict=True)
        ]
        return sum(losses) / len(losses) if len(losses) > 1 else losses[0]


class GramAndMoments(Gram):
    """Gram matrices beside each channel's mean and deviation (Galerne et al., SPST, 2022).

    The loss of a layer is the mean of both, so that ``beta`` keeps its meaning; the paper weighs
    them by constants of its network's scale.
    """

    further = ("moments",)
