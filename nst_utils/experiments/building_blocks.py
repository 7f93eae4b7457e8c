"""Convolution computed by hand, kernels to try it with, and the filters that VGG19 learned."""

import numpy as np

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


def first_filters(backbone: Backbone, count: int) -> np.ndarray:
    """Return the learned filters of VGG19's first convolution, the strongest first.

    The shape is (count, 3, 3, 3): height, width and RGB last. Each filter is divided by its largest
    absolute weight, so that its weights lie in [-1, 1].
    """
    weight = backbone.convolution("conv1_1").weight
    order = weight.flatten(1).norm(dim=1).argsort(descending=True)[:count]
    chosen = weight[order] / weight[order].abs().amax(dim=(1, 2, 3), keepdim=True)
    return chosen.permute(0, 2, 3, 1).numpy()
