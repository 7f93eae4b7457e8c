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

import torch
from torch import Tensor

from .device import cpu_has_features
from .winograd_maps import SIDE, TILE, transform_matrices

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


def is_faster(channels: int, outputs: int, positions: int, dtype: torch.dtype) -> bool:
    """Tell whether Winograd's convolution is faster than a direct one, according to measurements.

    Parameters
    ----------
    channels, outputs : int
        Channels of the input and of the output.
    positions : int
        Height times width.
    dtype
        Number format.
    """
    if dtype not in (torch.float32, torch.bfloat16) or (
        dtype == torch.bfloat16 and _multiplies_tiles()
    ):
        return False
    return min(channels, outputs) >= 64 and max(channels, outputs) >= 128 and positions >= 256


def _multiplies_tiles() -> bool:
    """Tell whether the processor has AMX, which multiplies tiles of bfloat16.

    Fewer multiplications would gain little there, compared with the time to move data. This is an
    estimate, not a measurement.
    """
    return cpu_has_features(["amx_bf16", "amx_tile"], ["_is_amx_tile_supported"])


def transform(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Evaluate 3 x 3 weights at the points.

    Parameters
    ----------
    weight : Tensor, shape (d, c, 3, 3)
        In float32.
    dtype
        Number format of the result.

    Returns
    -------
    Tensor, shape (36, c, d)
    """
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
    large pictures, transforming them at each use costs 4 percent of a step. This is not done in
    bfloat16, which takes half the memory and would be rounded twice.

    Parameters
    ----------
    channels, outputs, positions, dtype
        As for `is_faster`.
    """
    large = SIDE * SIDE * channels * outputs * dtype.itemsize >= LARGE
    return dtype == torch.float32 and large and positions >= 2048


def rows(weight: Tensor) -> Tensor:
    """Rearrange 3 x 3 weights for `expanded`, from shape (d, c, 3, 3) to (9, c, d)."""
    return weight.permute(2, 3, 1, 0).reshape(9, *weight.shape[1::-1]).contiguous()


def expanded(rows: Tensor) -> Tensor:
    """Evaluate 3 x 3 weights at the points, in a buffer that the next call overwrites.

    Parameters
    ----------
    rows : Tensor, shape (9, c, d)
        As `rows` returns them, in float32.

    Returns
    -------
    Tensor, shape (36, c, d)
    """
    _, kernels, _ = transform_matrices(rows.dtype)
    flat = rows.flatten(1)
    out = _scratch("weights", SIDE * SIDE * flat.shape[1] * rows.itemsize).view(rows.dtype)
    return torch.mm(kernels, flat, out=out.view(SIDE * SIDE, -1)).view(-1, *rows.shape[1:])


def convolve(x: Tensor, weight: Tensor, bias: Tensor, relu: bool) -> Tensor:
    """Convolve with transformed weights and padding 1.

    Parameters
    ----------
    x : Tensor, shape (n, c, h, w)
        Channels last.
    weight : Tensor, shape (36, c, d)
        As `transform` or `expanded` returns them, in the number format of `x`.
    bias : Tensor, shape (d,)
    relu : bool
        Apply a ReLU.

    Returns
    -------
    Tensor, shape (n, d, h, w)
        Channels last.
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
    """Return the gradient of `convolve` with respect to its input.

    The three linear steps are transposed and applied in reverse order.

    Parameters
    ----------
    grad : Tensor, shape (n, d, h, w)
        Gradient with respect to the output before its ReLU. Channels last.
    weight : Tensor, shape (36, c, d)
        As for `convolve`.
    rectified : Tensor, shape (n, c, h, w), optional
        The input, if it came from a ReLU: the gradient is then the one before that ReLU.

    Returns
    -------
    Tensor, shape (n, c, h, w)
        Channels last.
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
    """Return an empty tensor, channels last, and its view with the channels as last dimension.

    The view is for writing only. The tensor is the result, because autograd accumulates a second
    gradient in place only into a tensor that is not a view.
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

    Two are for its values at all points, of which a row has `numbers` at each; one is for the strip
    itself with an edge around it. They are reused, because the system would zero new memory.
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
    """Map inputs to their values at the points, or gradients at the points to those of inputs.

    Parameters
    ----------
    matrix : Tensor, shape (36, 36) or (6, 6)
        For both directions at once, or for one after the other.
    x : Tensor, shape (36, m)
        At the beginning of `own`.
    own, other : Tensor
        The buffer of `x`, and a free one of the same size.

    Returns
    -------
    values : Tensor, shape (36, m)
    own, other : Tensor
        The buffer of `values`, and the free one.
    """
    if len(matrix) == SIDE * SIDE:
        return torch.mm(matrix, x, out=_as(other, x.shape)), other, own
    down = torch.mm(matrix, x.view(SIDE, -1), out=_as(other, (SIDE, SIDE * x.shape[1])))
    down = down.view(SIDE, SIDE, -1)
    across = torch.bmm(matrix.expand(SIDE, -1, -1), down, out=_as(own, down.shape))
    return across.view(x.shape), own, other
