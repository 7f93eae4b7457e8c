"""Building blocks of networks, computed by hand: convolution, activations, pooling, gradients.

The code is numpy, written to be read. The tests and the background notebook compare it with torch.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from ..errors import NSTError
from ..networks.backbone import Backbone

KERNELS = {
    "blur": np.ones((3, 3)) / 9,
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], float),
    "vertical edges": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], float),
    "horizontal edges": np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]], float),
    "spots": np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], float),
}
"""Hand-made kernels: mean, sharpening, Sobel's two, Laplace's."""


def output_side(side: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Return the side of a convolution's output: ``(side + 2 padding - kernel) // stride + 1``.

    Raises
    ------
    NSTError
        If the kernel does not fit.

    Examples
    --------
    >>> output_side(224, 3, 1, 1), output_side(224, 7, 2, 3)
    (224, 112)
    """
    if min(side, kernel, stride) < 1 or padding < 0 or kernel > side + 2 * padding:
        raise NSTError(
            f"a kernel of {kernel} with stride {stride} does not fit into a side of {side} with "
            f"padding {padding}: kernel and stride must be 1 or more, the kernel no larger than "
            "the padded side"
        )
    return (side + 2 * padding - kernel) // stride + 1


def convolve(
    picture: np.ndarray, kernel: np.ndarray, *, stride: int = 1, padding: int = 0
) -> np.ndarray:
    """Slide a kernel over a picture: ``Y[i, j] = sum over u, v of X[i + u, j + v] K[u, v]``.

    What networks call convolution is the cross-correlation: the kernel is not flipped. The picture
    has one channel, shape (h, w), and gets `padding` zeros on each side; `stride` is the distance
    of two positions. `output_side` gives the sides of the result.

    Examples
    --------
    >>> convolve(np.arange(9).reshape(3, 3), np.ones((2, 2)))
    array([[ 8., 12.],
           [20., 24.]])
    """
    shapes = zip(picture.shape, kernel.shape, strict=True)
    sides = [output_side(a, b, stride, padding) for a, b in shapes]
    x = np.pad(np.asarray(picture, np.float64), padding)
    rows, columns = (stride * np.arange(side) for side in sides)
    y = np.zeros(sides)
    for u, v in np.ndindex(kernel.shape):
        y += kernel[u, v] * x[np.ix_(rows + u, columns + v)]
    return y


def pool(picture: np.ndarray, kind: str = "max", side: int = 2) -> np.ndarray:
    """Return the maximum or the mean of each block of a picture, shape (h, w).

    `kind` is "max" or "average", `side` that of a block in pixels. Incomplete blocks are left out.
    """
    height, width = (n // side for n in picture.shape)
    blocks = picture[: height * side, : width * side].reshape(height, side, width, side)
    return blocks.max(axis=(1, 3)) if kind == "max" else blocks.mean(axis=(1, 3))


def linear_gradients(
    x: np.ndarray, weight: np.ndarray, upstream: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the gradients of a loss through ``y = x W^T + b``, given its gradient by ``y``.

    The shapes are (n, inputs), (outputs, inputs) and (n, outputs).

    Returns
    -------
    dict of str to ndarray
        ``weight``: dL/dW = upstream^T x; ``bias``: dL/db, the sum of upstream over the examples;
        ``x``: dL/dx = upstream W.
    """
    return {"weight": upstream.T @ x, "bias": upstream.sum(0), "x": upstream @ weight}


def dropout_masks(shape: tuple[int, ...], rate: float, count: int, seed: int = 0) -> np.ndarray:
    r"""Return masks of inverted dropout, shape (count, \*shape).

    A value is 0 with probability ``rate``, otherwise ``1 / (1 - rate)``. The scale keeps the
    expected value, so nothing is scaled at inference; Srivastava et al. (JMLR 2014) scale at
    inference instead.
    """
    if not 0 <= rate < 1:
        raise NSTError(f"the rate of dropout must be at least 0 and below 1, not {rate:g}")
    kept = np.random.default_rng(seed).random((count, *shape)) >= rate
    return kept / (1 - rate)


def dropout_ensemble(
    rate: float, counts: list[int], *, width: int = 64, seed: int = 0
) -> pd.Series:
    """Return the distance between the mean of masked layers and the layer without a mask.

    A linear layer with random weights and `width` inputs is masked at a rate of dropout. Return by
    count of masks the root mean square distance of the averaged outputs from the unmasked ones,
    over the root mean square of the unmasked ones.
    """
    rng = np.random.default_rng(seed)
    x, weight = rng.random(width), rng.normal(size=(width, width))
    whole = weight @ x
    masked = (dropout_masks(x.shape, rate, max(counts), seed + 1) * x) @ weight.T
    means = masked.cumsum(0) / np.arange(1, len(masked) + 1)[:, None]
    error = np.sqrt(((means - whole) ** 2).mean(1) / (whole**2).mean())
    return pd.Series({count: error[count - 1] for count in counts}, name="distance")


def dead_units(backbone: Backbone, pictures: list[Tensor], layers: list[str]) -> pd.DataFrame:
    """Measure how many activations and channels of ReLU layers are zero.

    `pictures` are normalized, shape (1, 3, h, w). Return by layer ``zeros``, the share of
    activations that are 0, and ``dead``, the share of channels that are 0 at every position of
    every picture.
    """
    zeros: dict[str, list[float]] = {layer: [] for layer in layers}
    highest: dict[str, Tensor] = {}
    for picture in pictures:
        for layer, x in backbone.extract(picture, layers).items():
            zeros[layer].append((x == 0).float().mean().item())
            peak = x.amax(dim=(0, 2, 3))
            highest[layer] = torch.maximum(highest.get(layer, peak), peak)
    rows = {
        layer: {"zeros": np.mean(zeros[layer]), "dead": (highest[layer] == 0).float().mean().item()}
        for layer in layers
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("layer")


def activation_depth(depth: int = 20, width: int = 128, seed: int = 0) -> pd.DataFrame:
    """Send noise through deep stacks of random layers, with ReLU and with tanh.

    Weights have the variance that suits each: 2 / width for ReLU (He et al. 2015), 1 / width for
    tanh (Glorot and Bengio 2010).

    Returns
    -------
    DataFrame
        Columns ``function``, ``layer``, ``mean square``, ``zeros`` (share of activations that are
        0) and ``flat`` (share whose derivative is below 0.1: 0 for ReLU, saturated for tanh).
    """
    rng = np.random.default_rng(seed)
    rows = []
    for name, gain, function, slope in (
        ("ReLU", 2, lambda z: np.maximum(z, 0), lambda y: (y > 0).astype(float)),
        ("tanh", 1, np.tanh, lambda y: 1 - y**2),
    ):
        x = rng.normal(size=(256, width))
        for layer in range(1, depth + 1):
            x = function(x @ rng.normal(scale=(gain / width) ** 0.5, size=(width, width)))
            row = {"function": name, "layer": layer, "mean square": (x**2).mean()}
            rows.append(row | {"zeros": (x == 0).mean(), "flat": (slope(x) < 0.1).mean()})
    return pd.DataFrame(rows)


def gradient_norms(
    depth: int = 40, width: int = 64, seeds: int = 5, *, gain: float = 3**-0.5
) -> pd.DataFrame:
    """Measure how the gradient shrinks towards the input, in five stacks of layers.

    All have ``depth`` layers ``F(x) = W tanh(x)`` with the same random directions, and the loss is
    the mean squared distance of the output from noise. ``plain`` has weights with the standard
    deviation `gain` / ``sqrt(width)``, by default that of torch's linear layer before training.
    ``gain 1`` has no such factor. ``normalized`` is the plain stack with batch
    normalization after each layer. ``residual`` is the plain one that adds its
    input, ``x + F(x) / sqrt(depth)``, and ``residual, no factor`` is ``x + F(x)``.

    Returns
    -------
    DataFrame
        Columns ``stack``, ``seed``, ``layer`` (1 is nearest to the input) and ``norm``: the norm of
        the loss's gradient by the layer's input, over that by the stack's output.
    """
    normalize = partial(functional.batch_norm, running_mean=None, running_var=None, training=True)
    stacks: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "plain": lambda x, y: gain * y,
        "gain 1": lambda x, y: y,
        "normalized": lambda x, y: normalize(gain * y),
        "residual": lambda x, y: x + gain * y / depth**0.5,
        "residual, no factor": lambda x, y: x + gain * y,
    }
    rows = []
    for seed in range(seeds):
        generator = torch.Generator().manual_seed(seed)
        layers = [torch.randn(width, width, generator=generator) / width**0.5 for _ in range(depth)]
        start = torch.randn(32, width, generator=generator)
        for stack, step in stacks.items():
            states = [start.clone().requires_grad_()]
            for weight in layers:
                states.append(step(states[-1], torch.tanh(states[-1]) @ weight.T))
            # A mean square of normalized values is constant: its gradient would be rounding.
            goal = torch.randn(states[-1].shape, generator=torch.Generator().manual_seed(seed))
            gradients = torch.autograd.grad((states[-1] - goal).square().mean(), states)
            last = gradients[-1].norm()
            rows += [
                {"stack": stack, "seed": seed, "layer": i + 1, "norm": (g.norm() / last).item()}
                for i, g in enumerate(gradients[:-1])
            ]
    return pd.DataFrame(rows)


def costs(painted: np.ndarray, target: np.ndarray) -> pd.DataFrame:
    """Return the losses of style transfer by the report's formulas and by its code.

    Parameters
    ----------
    painted, target : ndarray, shape (channels, height, width)
        Activations of the painting and of its target.

    Returns
    -------
    DataFrame
        Rows ``content``, ``style``, ``total variation`` (of ``painted``, per position); columns
        ``paper`` (sums divided by 4 n and 4 n^2, for n numbers) and ``report`` (means; the style is
        divided by n once more).
    """
    content = ((painted - target) ** 2).sum()
    grams = [np.einsum("chw,dhw->cd", a, a) for a in (painted, target)]
    style = ((grams[0] - grams[1]) ** 2).sum()
    channels, numbers = len(painted), painted.size
    steps = [(np.diff(painted, axis=axis) ** 2).sum() for axis in (1, 2)]
    variation = sum(steps) / (numbers / channels)
    rows = {
        "content": {"paper": content / (4 * numbers), "report": content / numbers},
        "style": {"paper": style / (4 * numbers**2), "report": style / channels**2 / numbers},
        "total variation": {"paper": variation, "report": variation},
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def first_filters(backbone: Backbone, count: int) -> np.ndarray:
    """Return the learned filters of VGG19's first convolution, the strongest first.

    The shape is (count, 3, 3, 3): height, width and RGB last. Each filter is divided by its largest
    absolute weight, so that its weights lie in [-1, 1].
    """
    weight = backbone.convolution("conv1_1").weight
    order = weight.flatten(1).norm(dim=1).argsort(descending=True)[:count]
    chosen = weight[order] / weight[order].abs().amax(dim=(1, 2, 3), keepdim=True)
    return chosen.permute(0, 2, 3, 1).numpy()
