"""Winograd's convolution: 3 x 3, for frozen weights, with a quarter of the multiplications.

A direct convolution takes 144 multiplications for an output tile of 4 x 4 and a pair of channels.
As a product of polynomials it takes 36: input and weights are evaluated at six points in each
direction, the values are multiplied, and the results are interpolated. Summed over channels, the
products at each point are a matrix product. The convolution is therefore a linear map, 36 matrix
products, and another linear map.

Where it is faster, and the rounding error in bfloat16: ``benchmark/NOTES.md``.

References
----------
Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.
Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural
Networks", ACM Transactions on Mathematical Software, 2020.
"""

import math
import threading
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from .device import cpu_has_features

TILE = 4
SIDE = TILE + 2

POINTS = np.array([0, 1, -1, 0.5, -2])
"""Points at which polynomials are evaluated; infinity is the sixth."""

SCRATCH = 16 * 2**20
"""Bytes for two buffers that each hold a strip's values at all points.

A single row of tiles may need more. Each thread keeps its buffers, because new ones for every layer
would fragment the heap.
"""

LEAST_STRIP = 2 * 2**20
"""Minimum bytes of a strip's values at all points; larger weights make larger strips.

Smaller strips would stay in the processor's cache, but read the weights more often.
"""

LARGE = 2**24
"""Bytes of transformed weights from which it can pay to transform them anew at each use."""


@lru_cache
def transform_matrices(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Return the matrices from inputs (36, 36) and weights (36, 9) to points, and back (16, 36).

    They follow the algorithm of Toom and Cook. The rows of the inputs' matrix are, for each point,
    the polynomial that vanishes at all other points. The rows of the weights' matrix are divided by
    that polynomial's value at its own point. Only the weights' matrix is inexact in bfloat16.

    In float32 the inputs' matrix is (6, 6) and applied to one direction after the other, which
    takes 6 to 9 percent off a step. In bfloat16 that would round the values in between; for the
    way back it gains nothing.
    """
    others = [np.delete(POINTS, i) for i in range(len(POINTS))]
    into = np.zeros((SIDE, SIDE))
    into[:-1, :-1] = [np.poly(roots)[::-1] for roots in others]
    into[-1] = np.poly(POINTS)[::-1]
    kernels = np.zeros((SIDE, 3))
    kernels[-1, -1] = 1
    for i, (point, roots) in enumerate(zip(POINTS, others, strict=True)):
        kernels[i] = point ** np.arange(3) / np.prod(point - roots)
    back = np.zeros((TILE, SIDE))
    back[:, :-1] = np.vander(POINTS, TILE, increasing=True).T
    back[-1, -1] = 1
    # Adding 0 turns a negative zero into a positive one.
    one_way = [torch.from_numpy(matrix + 0.0).float() for matrix in (into, kernels, back)]
    both_ways = [torch.kron(matrix, matrix).to(dtype) for matrix in one_way]
    return one_way[0] if dtype == torch.float32 else both_ways[0], *both_ways[1:]


def is_faster(channels: int, outputs: int, positions: int, dtype: torch.dtype) -> bool:
    """Tell whether Winograd's convolution is faster than a direct one, according to measurements.

    `positions` is height times width.
    """
    if dtype not in (torch.float32, torch.bfloat16) or (
        dtype == torch.bfloat16 and _multiplies_tiles()
    ):
        return False
    return min(channels, outputs) >= 64 and max(channels, outputs) >= 128 and positions >= 256


def _multiplies_tiles() -> bool:
    """Tell whether the processor has AMX, which multiplies tiles of bfloat16.

    There, moving the data takes longer than multiplying. This is an estimate, not a measurement.
    """
    return cpu_has_features(["amx_bf16", "amx_tile"], ["_is_amx_tile_supported"])


def transform(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Evaluate float32 weights (d, c, 3, 3) at the points: (36, c, d) in a number format."""
    d, c = weight.shape[:2]
    _, kernels, _ = transform_matrices(torch.float32)
    matrices = torch.empty(SIDE * SIDE, c, d, dtype=dtype)
    for start in range(0, d, 64):  # in parts, because all values in float32 would be large
        block = weight[start : start + 64]
        values = kernels @ block.permute(2, 3, 1, 0).reshape(9, -1)
        matrices[..., start : start + 64] = values.view(SIDE * SIDE, c, -1)
    return matrices


def is_transformed_at_use(channels: int, outputs: int, positions: int, dtype: torch.dtype) -> bool:
    """Tell whether weights should be transformed at each use instead of stored transformed.

    Transformed weights are four times as large: 130 MB in float32 for VGG19's fourth block. For
    large pictures, transforming them at each use costs 4 percent of a step. Not in bfloat16, which
    takes half the memory and would be rounded twice.
    """
    large = SIDE * SIDE * channels * outputs * dtype.itemsize >= LARGE
    return dtype == torch.float32 and large and positions >= 2048


def rows(weight: Tensor) -> Tensor:
    """Rearrange 3 x 3 weights for `expanded`, from shape (d, c, 3, 3) to (9, c, d)."""
    return weight.permute(2, 3, 1, 0).reshape(9, *weight.shape[1::-1]).contiguous()


def expanded(rows: Tensor) -> Tensor:
    """Evaluate weights from `rows` at the points: (36, c, d), overwritten by the next call."""
    _, kernels, _ = transform_matrices(rows.dtype)
    flat = rows.flatten(1)
    out = _scratch("weights", SIDE * SIDE * flat.shape[1] * rows.itemsize).view(rows.dtype)
    return torch.mm(kernels, flat, out=out.view(SIDE * SIDE, -1)).view(-1, *rows.shape[1:])


def convolve(x: Tensor, weight: Tensor, bias: Tensor, relu: bool) -> Tensor:
    """Convolve with padding 1: (n, c, h, w) to (n, d, h, w), both with channels last.

    `weight` is what `transform` or `expanded` returns, in the number format of `x`.
    """
    into, _, back = transform_matrices(x.dtype)
    n, c, h, w = x.shape
    d = weight.shape[2]
    rows, columns = -(-h // TILE), -(-w // TILE)
    x = x.permute(0, 2, 3, 1)
    made, y = _made(x, n, d, h, w)
    strips, first, second, third = _room(rows, n * columns * max(c, d), weight)
    for strip in strips:
        top, bottom = TILE * strip.start, TILE * strip.stop
        around = x[:, max(0, top - 1) : bottom + 1]
        shape = n, bottom - top + 2, TILE * columns + 2, c
        padded = _padded(around, int(top == 0), 1, _as(third, shape))
        taken = _copied(_windows(padded), first)
        values, own, other = _evaluated(into, taken, first, second)
        values = values.view(SIDE * SIDE, -1, c)
        products = torch.bmm(values, weight, out=_as(other, (*values.shape[:2], d)))
        # A constant at the point (1, 1) adds the same constant to the whole tile.
        products[SIDE + 1].add_(bias)
        products = products.flatten(1)
        tiles = torch.mm(back, products, out=_as(own, (TILE * TILE, products.shape[1])))
        tiles = tiles.view(TILE, TILE, n, -1, columns, d)
        out = y[:, top:bottom]
        whole = out.shape[1] == bottom - top and w == TILE * columns
        room = out if whole else _as(third, (n, bottom - top, TILE * columns, d))
        if relu:
            torch.clamp_min(tiles, 0, out=_tiles(room))
        else:
            _tiles(room).copy_(tiles)
        if not whole:
            out.copy_(room[:, : out.shape[1], :w])
    return made


def gradient(grad: Tensor, weight: Tensor, rectified: Tensor | None = None) -> Tensor:
    """Return the gradient of `convolve` with respect to its input: the linear steps, transposed.

    `grad` is the gradient with respect to the output before its ReLU. With `rectified`, the input
    that came from a ReLU, the result is the gradient before that ReLU.
    """
    into, _, back = transform_matrices(grad.dtype)
    n, d, h, w = grad.shape
    c = weight.shape[1]
    rows, columns = -(-h // TILE), -(-w // TILE)
    grad = grad.permute(0, 2, 3, 1)
    made, x = _made(grad, n, c, h, w)
    rectified = None if rectified is None else rectified.permute(0, 2, 3, 1)
    strips, first, second, third = _room(rows, n * columns * max(c, d), weight)
    before = None
    for strip in strips:
        top, bottom = TILE * strip.start, TILE * strip.stop
        whole = grad[:, top:bottom]
        if whole.shape[1] < bottom - top or w < TILE * columns:
            whole = _padded(whole, 0, 0, _as(third, (n, bottom - top, TILE * columns, d)))
        taken = _copied(_tiles(whole), first)
        values = torch.mm(back.mT, taken, out=_as(second, (SIDE * SIDE, taken.shape[1])))
        values = values.view(SIDE * SIDE, -1, d)
        products = torch.bmm(values, weight.mT, out=_as(first, (*values.shape[:2], c))).flatten(1)
        gradient, _, _ = _evaluated(into.mT, products, first, second)
        # Neighboring windows share two rows or columns, and neighboring strips two rows.
        padded = _as(third, (n, bottom - top + 2, TILE * columns + 2, c))
        out = _windows(padded)
        gradient = gradient.view(out.shape)
        padded[:, -2:], padded[:, :, -2:] = 0, 0
        out[:TILE, :TILE] = gradient[:TILE, :TILE]
        out[TILE:, :TILE] += gradient[TILE:, :TILE]
        out[:TILE, TILE:] += gradient[:TILE, TILE:]
        out[TILE:, TILE:] += gradient[TILE:, TILE:]
        if before is not None:
            padded[:, :2] += before
        before = padded[:, -2:].clone()
        done = slice(max(0, top - 1), h if strip is strips[-1] else bottom - 1)
        inside = padded[:, done.start - top + 1 : done.stop - top + 1, 1 : w + 1]
        if rectified is None:
            x[:, done] = inside
        else:
            torch.ops.aten.threshold_backward.grad_input(
                inside, rectified[:, done], 0, grad_input=x[:, done]
            )
    return made


def _made(like: Tensor, *shape: int) -> tuple[Tensor, Tensor]:
    """Return an empty tensor, channels last, and its view (n, h, w, c), for writing only.

    The result must be the tensor: autograd adds a second gradient in place only to a tensor that is
    not a view.
    """
    made = torch.empty(shape, dtype=like.dtype, memory_format=torch.channels_last)
    return made, made.permute(0, 2, 3, 1)


def _windows(padded: Tensor) -> Tensor:
    """View (n, H, W, c) as overlapping windows, shape (6, 6, n, rows, columns, c)."""
    return padded.unfold(1, SIDE, TILE).unfold(2, SIDE, TILE).permute(4, 5, 0, 1, 2, 3)


def _tiles(whole: Tensor) -> Tensor:
    """View (n, H, W, c) as tiles, shape (4, 4, n, rows, columns, c)."""
    return whole.unfold(1, TILE, TILE).unfold(2, TILE, TILE).permute(4, 5, 0, 1, 2, 3)


def _padded(x: Tensor, above: int, left: int, room: Tensor) -> Tensor:
    """Copy (n, h, w, c) into a larger buffer at an offset, and surround it with zeros."""
    below, right = above + x.shape[1], left + x.shape[2]
    room[:, :above] = room[:, below:] = 0
    room[:, :, :left] = room[:, :, right:] = 0
    room[:, above:below, left:right] = x
    return room


def _room(rows: int, numbers: int, weight: Tensor) -> tuple[list[slice], Tensor, Tensor, Tensor]:
    """Cut rows of tiles into strips of about equal size, and return three buffers for a strip.

    Two hold a strip's values at all points, `numbers` for each row and point. One holds the strip
    with an edge around it. They are reused, because the system would zero new memory.
    """
    room, row = SCRATCH // 2 // weight.itemsize, SIDE * SIDE * numbers
    size = min(max(weight.numel(), LEAST_STRIP // weight.itemsize), room)
    strips = -(-rows * row // size)
    height = max(1, -(-rows // strips))
    size = max(room, height * row)
    parts = _scratch("strips", 3 * size * weight.itemsize).view(weight.dtype).view(3, -1)
    slices = [slice(top, min(top + height, rows)) for top in range(0, rows, height)]
    return slices, *parts


_own = threading.local()


def _scratch(name: str, size: int) -> Tensor:
    """Return a buffer of bytes that belongs to this thread."""
    if size > getattr(_own, name, torch.empty(0)).numel():
        setattr(_own, name, torch.empty(size, dtype=torch.uint8))
    return getattr(_own, name)[:size]


def _as(room: Tensor, shape: tuple[int, ...]) -> Tensor:
    return room[: math.prod(shape)].view(shape)


def _copied(windows: Tensor, room: Tensor) -> Tensor:
    """Copy (i, j, ...) into a buffer, as a matrix with a row for each place in the window."""
    return _as(room, windows.shape).copy_(windows).flatten(2).flatten(0, 1)


def _evaluated(
    matrix: Tensor, x: Tensor, own: Tensor, other: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Map inputs (36, m) to their values at the points, or gradients at the points back.

    A matrix (36, 36) maps both directions at once, (6, 6) one after the other. `x` begins the
    buffer `own`. Returns the values, the buffer that they are in, and the free one.
    """
    if len(matrix) == SIDE * SIDE:
        return torch.mm(matrix, x, out=_as(other, x.shape)), other, own
    down = torch.mm(matrix, x.view(SIDE, -1), out=_as(other, (SIDE, SIDE * x.shape[1])))
    down = down.view(SIDE, SIDE, -1)
    across = torch.bmm(matrix.expand(SIDE, -1, -1), down, out=_as(own, down.shape))
    return across.view(x.shape), own, other
