"""Losses as pure functions of tensors: Gram matrices, content, style, total variation, smoothing.

Nothing here knows a network or a recipe's other fields. Three normalizations stand side by side:

``relative``
    Every loss is divided by the target's own energy, so that a weight means the same for every
    backbone, layer and picture size.
``report``
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

from ..errors import unknown
from .fields import GRAMS

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


class _Distance(torch.autograd.Function):
    """``mean((F - T)^2)``, added up in float32 without widening what is stored."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, target: Tensor) -> Tensor:
        ctx.save_for_backward(features, target)
        wide = torch.promote_types(features.dtype, torch.float32)
        difference = features - target
        return torch.linalg.vector_norm(difference, dtype=wide).square() / difference.numel()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        features, target = ctx.saved_tensors
        return (features - target).mul_(2 * grad / features.numel()), None


def gram(features: Tensor, variant: str = "mean") -> Tensor:
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
    if variant not in GRAMS:
        raise unknown("gram", variant, GRAMS)
    if variant == "moments":
        wide = _wide(features).flatten(2)
        # The root of 0 has no gradient: a constant channel gets the least deviation above it.
        deviation = wide.var(dim=2, correction=0).clamp(min=1e-12).sqrt()
        return torch.stack([wide.mean(dim=2), deviation], dim=2)
    d, positions = features.shape[1], features[0, 0].numel()
    # One row a position: a view where activations lie channels last, and so do the gradients.
    rows = features.permute(0, 2, 3, 1).flatten(1, 2)
    if variant == "centered":
        rows = rows - rows.mean(dim=1, keepdim=True)
    if rows.dtype == torch.float16:
        rows = rows.float()  # would overflow
    product = _Product.apply(rows)
    divisor = {"sum": 1, "chw": d * positions}.get(variant, positions)
    return product / divisor


SMOOTHING_SCALE = 1e-3
"""What SWAG's published script multiplies ResNet-50's layer3 and layer4 by."""


def smooth(features: Tensor, kind: str = "none") -> Tensor:
    """Flatten the peaks of a layer's activations, as proposed for residual networks.

    Parameters
    ----------
    features : Tensor, shape (n, d, h, w)
        Activations, any floating type.
    kind : {"none", "scaled", "softmax"}
        ``none`` returns them as they are. ``scaled`` multiplies them by `SMOOTHING_SCALE`, which
        is what the published script of the paper does; its lines with a softmax are commented
        out. Under losses that are divided by the target's own energy it changes nothing.
        ``softmax`` is the paper's idea: at every position the softmax over channels, times
        ``d``, so that the mean activation is 1; temperature 1.

    Returns
    -------
    Tensor, shape (n, d, h, w)
        For ``softmax`` float32 (float64 for float64 features).

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
    raise unknown("smoothing", kind, ["none", "scaled", "softmax"])


def content_loss(
    features: Tensor,
    target: Tensor,
    normalization: str = "relative",
    energy: Tensor | None = None,
) -> Tensor:
    """Compare one layer's activations with those of the content image.

    Parameters
    ----------
    features, target : Tensor, shape (n, d, h, w)
        Activations of the picture and of the content image.
    normalization : {"relative", "report", "paper"}
        ``relative``: ``mean((T - C)^2) / mean(C^2)``; ``report``: ``mean((T - C)^2)``;
        ``paper``: ``sum((T - C)^2) / (4 h w d)``.
    energy : Tensor, optional
        `mean_square` of the target, if it is known already.

    Returns
    -------
    Tensor, scalar, float32 (float64 for float64 features)
    """
    error = _Distance.apply(features, target)
    if normalization == "relative":
        return error / (mean_square(target) if energy is None else energy)
    if normalization == "report":
        return error
    if normalization == "paper":
        return error / 4
    raise unknown("loss", normalization, ["relative", "report", "paper"])


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
        Gram matrices of the picture and of the style image, of one variant.
    positions : int
        ``h * w`` of the picture's activations. The two images may differ in size, so compare
        them in the variant ``sum`` only when they do not.
    normalization : {"relative", "report", "paper"}
        ``relative``: squared distance over the target's squared Frobenius norm; ``report``:
        ``mean((G_T - G_S)^2) / (d h w)``; ``paper``: ``sum((G_T - G_S)^2) / (4 (h w d)^2)``.

    Returns
    -------
    Tensor, scalar
    """
    d = matrix.shape[1]
    error = functional.mse_loss(matrix, target)
    if normalization == "relative":
        return error / (mean_square(target) if energy is None else energy)
    if normalization == "report":
        return error / (d * positions)
    if normalization == "paper":
        # The sum over d * d entries, over 4 (d * positions)^2.
        return error / (4 * positions**2)
    raise unknown("loss", normalization, ["relative", "report", "paper"])


def total_variation(image: Tensor, power: int = 2) -> Tensor:
    """Return how much neighboring pixels differ, per pixel.

    Parameters
    ----------
    image : Tensor, shape (n, c, h, w)
        The picture itself, attached to its graph: a detached copy would have no gradient.
    power : {1, 2}
        1 sums absolute differences, 2 squared ones.

    Returns
    -------
    Tensor, scalar
        Sum over both directions and all channels, divided by ``n * h * w``.

    Examples
    --------
    A checkerboard of side 4 has 24 neighboring pairs that differ by 1, on 16 pixels:

    >>> import torch
    >>> board = (torch.arange(4)[:, None] + torch.arange(4)[None]) % 2
    >>> total_variation(board[None, None].float()).item()
    1.5
    """
    if power not in (1, 2):
        raise unknown("power", power, ["1", "2"])
    across = image[..., :, 1:] - image[..., :, :-1]
    down = image[..., 1:, :] - image[..., :-1, :]
    size = (lambda t: t.abs()) if power == 1 else torch.square
    pixels = image.shape[0] * image.shape[-2] * image.shape[-1]
    return (size(across).sum() + size(down).sum()) / pixels


def _wide(x: Tensor) -> Tensor:
    """Bring half precisions to float32 before squares are summed."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def mean_square(target: Tensor) -> Tensor:
    """Return a target's energy; zeros count as 1, so that a relative loss stays finite."""
    energy = _wide(target).square().mean()
    return torch.where(energy > 0, energy, torch.ones_like(energy))
