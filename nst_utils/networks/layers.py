"""Convolutions and pooling for frozen weights: what `torch.nn` does, sooner and in less memory.

A picture is painted against weights that never change, and only the gradient to the input is
wanted. Three things follow, and autograd cannot know them:

- Weights can be brought once into the layout that the processor's library (oneDNN) computes in,
  instead of at every call. For 3 x 3 convolutions of VGG19 that was 18 % of their time at 128 px
  and 7 % at 256 px (two cores, bfloat16).
- The gradient to the input of a 3 x 3 convolution is itself a 3 x 3 convolution, with flipped
  weights, which can be brought into that layout as well.
- Most layers are convolved with fewer multiplications still, with weights transformed once; see
  `winograd`.
- A ReLU can be applied while its input is still in the cache, and needs no storage of its own. Its
  gradient is applied by the layer behind it, in place, where that is its only reader.

What else was tried stands in ``benchmark/NOTES.md``.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import winograd

ONE = [1, 1]

STRIP = 2**18
"""Numbers that pooling gives a gradient to at once."""


class Convolution(nn.Module):
    """A frozen 3 x 3 convolution with stride 1 and padding 1, with or without a ReLU behind it.

    Parameters
    ----------
    weight : callable
        Returns the weights, shape (d, c, 3, 3), in float32 on the CPU.
    bias : Tensor, shape (d,)
        In float32 on the CPU.
    device, dtype
        Where and in which number format to compute.

    Notes
    -----
    Weights are asked for and converted when they are first needed, so that layers behind the last
    one that is read cost nothing, and layers that are only read forward keep no flipped weights.
    """

    def __init__(
        self,
        weight: Callable[[], Tensor],
        bias: Tensor,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        # Not parameters: `nn.Module.to` must not convert what others share.
        self._weight, self._bias = weight, bias
        self._device, self._dtype = torch.device(device), dtype
        self._ready: dict[str, Tensor] = {}
        self._sizes: dict[str, torch.Size] = {}

    def placed(self, device: torch.device | str, dtype: torch.dtype) -> "Convolution":
        """Return it on another device or in another number format."""
        return Convolution(self._weight, self._bias, device, dtype)

    def plain(self) -> nn.Conv2d:
        """Return it as a layer of torch's own."""
        weight, bias = self._plain("weight"), self._plain("bias")
        layer = nn.utils.skip_init(nn.Conv2d, weight.shape[1], weight.shape[0], 3, padding=1)
        layer.weight.data, layer.bias.data = weight, bias
        return layer.requires_grad_(False)

    def forward(
        self,
        x: Tensor,
        relu: bool = False,
        *,
        left: bool = False,
        taken: bool = False,
        fresh: bool = False,
    ) -> Tensor:
        """Convolve; a ReLU in the same pass if asked for.

        Parameters
        ----------
        x : Tensor, shape (n, c, h, w)
            On the device and in the number format given at the start.
        relu : bool
            Set negative results to 0.
        left : bool
            The ReLU's gradient is left to the only module that reads its output.
        taken : bool
            The input is a ReLU's output, whose gradient was left to this convolution.
        fresh : bool
            Nobody else reads the gradients that will be given: they may be written into.

        Returns
        -------
        Tensor, shape (n, d, h, w)
        """
        if self._device.type != "cpu" or not can_pack(self._dtype):
            y = functional.conv2d(x, self._plain("weight"), self._plain("bias"), padding=1)
            return functional.relu_(y) if relu else y
        return _Packed.apply(x, self, relu, left, taken, fresh)

    def _plain(self, name: str) -> Tensor:
        if name not in self._ready:
            tensor = self._bias if name == "bias" else self._weight()
            self._ready[name] = tensor.to(self._device, self._dtype)
            if name == "weight":
                self._ready[name] = self._ready[name].to(memory_format=torch.channels_last)
        return self._ready[name]

    def convolved(self, x: Tensor, relu: bool) -> Tensor:
        """Convolve, the sooner way."""
        x, bias = x.contiguous(memory_format=torch.channels_last), self._plain("bias")
        if self._by_winograd(x.shape[1], x):
            return winograd.convolve(x, self._transformed(x.shape[1], x), bias, relu)
        return _convolve(x, self._packed("forward", x), bias, relu)

    def gradient(self, grad: Tensor, channels: int, rectified: Tensor | None) -> Tensor:
        """Return the gradient to the input, which has so many channels, the sooner way.

        Or to what a ReLU made the input of, given as `rectified`.
        """
        grad = grad.contiguous(memory_format=torch.channels_last)
        if self._by_winograd(channels, grad):
            return winograd.gradient(grad, self._transformed(channels, grad), rectified)
        gradient = _convolve(grad, self._packed("backward", grad), None, False)
        return gradient if rectified is None else _masked_(gradient, rectified)

    def _by_winograd(self, channels: int, x: Tensor) -> bool:
        return winograd.is_faster(channels, len(self._bias), _positions(x), self._dtype)

    def _transformed(self, channels: int, x: Tensor) -> Tensor:
        if winograd.is_transformed_at_use(channels, len(self._bias), _positions(x), self._dtype):
            return winograd.expanded(self._alone("rows", winograd.rows))
        return self._alone("winograd", lambda weight: winograd.transform(weight, self._dtype))

    def _alone(self, name: str, make: Callable[[Tensor], Tensor]) -> Tensor:
        """Return weights in some form, and forget them in others.

        A run goes from small to large: what it used before is not needed again.
        """
        if name not in self._ready:
            for other in set(self._ready) - {"bias"}:
                del self._ready[other]
            self._sizes.clear()
            self._ready[name] = make(self._weight())
        return self._ready[name]

    def _packed(self, way: str, x: Tensor) -> Tensor:
        # The library lays weights out for one size. In the layout for another one it convolves as
        # well, but first brings them to its own, at each call and without haste: at 96 px, after
        # 48 px, half of a step.
        if self._sizes.get(way) != x.shape:
            weight = self._weight()
            if way == "backward":
                weight = weight.flip(2, 3).transpose(0, 1)
            self._ready[way] = _pack(weight.to(self._dtype), x.shape)
            self._sizes[way] = x.shape
        return self._ready[way]


def _positions(x: Tensor) -> int:
    return x.shape[-2] * x.shape[-1]


class _Packed(torch.autograd.Function):
    """Forward and the input's gradient, both with weights made ready before."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        layer: Convolution,
        relu: bool,
        left: bool,
        taken: bool,
        fresh: bool,
    ) -> Tensor:
        y = layer.convolved(x, relu)
        ctx.layer, ctx.channels, ctx.fresh = layer, x.shape[1], fresh
        ctx.save_for_backward(y if relu and not left else None, x if taken else None)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        y, x = ctx.saved_tensors
        if y is not None:
            # What a sum hands back is no tensor of its own, but one number seen many times.
            dense = grad.is_contiguous(memory_format=torch.channels_last)
            if ctx.fresh and dense:
                _masked_(grad, y)
            else:
                grad = torch.ops.aten.threshold_backward(grad, y, 0)
        return ctx.layer.gradient(grad, ctx.channels, x), None, None, None, None, None


def _masked_(grad: Tensor, rectified: Tensor) -> Tensor:
    """Pass a gradient through a ReLU, in place."""
    return torch.ops.aten.threshold_backward.grad_input(grad, rectified, 0, grad_input=grad)


@lru_cache
def can_pack(dtype: torch.dtype) -> bool:
    """Tell whether this build of torch can convolve with packed weights, by trying it."""
    try:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(1, 16, 8, 8, generator=generator).to(dtype)
        weight = torch.randn(32, 16, 3, 3, generator=generator).to(dtype)
        bias = torch.randn(32, generator=generator).to(dtype)
        with torch.no_grad():
            x = x.contiguous(memory_format=torch.channels_last)
            own = _convolve(x, _pack(weight, x.shape), bias, False)
            plain = functional.conv2d(x, weight, bias, padding=1)
        return torch.allclose(own.float(), plain.float(), rtol=0.02, atol=0.1)
    except (AttributeError, RuntimeError, TypeError):
        return False


def _pack(weight: Tensor, shape: torch.Size) -> Tensor:
    return torch._C._nn.mkldnn_reorder_conv2d_weight(
        weight.contiguous().to_mkldnn(), ONE, ONE, ONE, 1, list(shape)
    )


def _convolve(x: Tensor, packed: Tensor, bias: Tensor | None, relu: bool) -> Tensor:
    after = "relu" if relu else "none"
    return torch.ops.mkldnn._convolution_pointwise(x, packed, bias, ONE, ONE, ONE, 1, after, [], "")


class MaxPool(nn.Module):
    """Max pooling by 2 that keeps neither its input nor indices for the gradient.

    torch keeps both: at the first block the largest tensor of all, and eight bytes for each output.
    Which of four positions was the largest, and whether it passed the ReLU, fits into two bytes.
    """

    def forward(self, x: Tensor, *, taken: bool = False) -> Tensor:
        """Return the largest of each 2 x 2 positions, shape (n, c, h // 2, w // 2).

        `taken` as for `Convolution`.
        """
        return _MaxPool.apply(x, taken)


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, taken: bool) -> Tensor:
        if not ctx.needs_input_grad[0]:
            return functional.max_pool2d(x, 2)
        n, c, h, w = x.shape
        y = _channels_last(x, (n, c, h // 2, w // 2))
        places = torch.empty_like(y, dtype=torch.int16 if w < 2**15 - 1 else torch.int32)
        for strip, pooled, place in _strips(x, y, places):
            part, where = functional.max_pool2d(strip, 2, return_indices=True)
            pooled.copy_(part)
            place.copy_(where - _corners(where, w))
            if taken:
                place.masked_fill_(part <= 0, -1)
        ctx.shape, ctx.taken = x.shape, taken
        ctx.save_for_backward(places)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        gradient = _channels_last(grad, ctx.shape)
        if ctx.shape[2] % 2:
            gradient[:, :, -1] = 0  # no window has the last row
        for strip, above, place in _strips(gradient, grad, places):
            if ctx.taken:
                above, place = above * (place >= 0), place.clamp(min=0)
            where = place + _corners(place, ctx.shape[3])
            # Of the input, here the strip itself, only the shape is read.
            torch.ops.aten.max_pool2d_with_indices_backward.grad_input(
                above, strip, *WINDOW, where, grad_input=strip
            )
        return gradient, None


WINDOW = [2, 2], [2, 2], [0, 0], ONE, False


def _channels_last(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    return torch.empty(
        shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last
    )


def _strips(large: Tensor, *small: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cut an input of pooling, and tensors as large as its output, into strips of rows.

    In strips since places are 64 bits wide in torch, as large together as the tensor itself.
    """
    height = small[0].shape[2]
    step = max(1, STRIP // small[0][0, :, 0].numel())
    for i in range(large.shape[0]):
        # Rows first, then a first dimension whose stride is as in a tensor of that size: of
        # others torch makes copies.
        tensors = [tensor[i].permute(1, 2, 0) for tensor in (large, *small)]
        for top in range(0, height, step):
            bottom = min(top + step, height)
            parts = tensors[0][2 * top : 2 * bottom], *(t[top:bottom] for t in tensors[1:])
            yield tuple(part.unsqueeze(0).permute(0, 3, 1, 2) for part in parts)


def _corners(where: Tensor, width: int) -> Tensor:
    """Return the place of each window's first position among those of an input so wide."""
    rows, columns = (torch.arange(size, device=where.device) for size in where.shape[2:])
    return 2 * (rows[:, None] * width + columns)
