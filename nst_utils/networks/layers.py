"""Convolution and pooling for frozen weights: faster than `torch.nn`, in less memory.

The weights never change, and only the gradient with respect to the input is needed. This allows
what autograd cannot do in general:

- Weights are converted once to the layout in which the processor's library (oneDNN) computes,
  instead of at every call.
- The gradient of a 3 x 3 convolution is a 3 x 3 convolution with flipped weights, which are
  converted once too.
- Most layers use Winograd's convolution, with weights transformed once; see `winograd`.
- A ReLU is applied while its input is still in the cache, and stores nothing. The next layer
  applies its gradient in place, if that layer is the only one that reads the ReLU's output.

Measurements, and what else was tried: ``benchmark/NOTES.md``.
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
"""Numbers of the output that pooling handles at a time."""


class Convolution(nn.Module):
    """A frozen 3 x 3 convolution with stride 1 and padding 1, optionally followed by a ReLU.

    `weight` returns float32 weights (d, c, 3, 3) on the CPU. It is called when they are first
    needed: layers after the last one that is read cost nothing, and a forward pass alone stores
    no flipped weights.
    """

    def __init__(
        self,
        weight: Callable[[], Tensor],
        bias: Tensor,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        # No parameters, because copies share these tensors and `nn.Module.to` would convert them.
        self._weight, self._bias = weight, bias
        self._device, self._dtype = torch.device(device), dtype
        self._ready: dict[str, Tensor] = {}
        self._sizes: dict[str, torch.Size] = {}

    def placed(self, device: torch.device | str, dtype: torch.dtype) -> "Convolution":
        """Return a copy for another device or number format."""
        return Convolution(self._weight, self._bias, device, dtype)

    def plain(self) -> nn.Conv2d:
        """Return the same convolution as a layer of torch."""
        weight, bias = self._plain("weight"), self._plain("bias")
        # Without memory, and so without the random weights that it would begin with.
        layer = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, device="meta")
        layer.load_state_dict({"weight": weight, "bias": bias}, assign=True)
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
        """Convolve (n, c, h, w), and apply a ReLU in the same pass if requested.

        Parameters
        ----------
        x, relu
            The input, on this layer's device and in its number format; whether to apply a ReLU.
        left : bool
            Leave the ReLU's gradient to the next module, the only one that reads its output.
        taken : bool
            Apply the gradient of the ReLU before this layer, which left it to this layer.
        fresh : bool
            The backward pass may overwrite the gradient it is given; nothing else reads it.
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
        """Return the convolution, by the faster of the two algorithms."""
        x, bias = x.contiguous(memory_format=torch.channels_last), self._plain("bias")
        if self._by_winograd(x.shape[1], x):
            return winograd.convolve(x, self._transformed(x.shape[1], x), bias, relu)
        return _convolve(x, self._packed("forward", x), bias, relu)

    def gradient(self, grad: Tensor, channels: int, rectified: Tensor | None) -> Tensor:
        """Return the gradient with respect to the input; `rectified` as in `winograd.gradient`."""
        grad = grad.contiguous(memory_format=torch.channels_last)
        if self._by_winograd(channels, grad):
            return winograd.gradient(grad, self._transformed(channels, grad), rectified)
        gradient = _convolve(grad, self._packed("backward", grad), None, False)
        return gradient if rectified is None else _masked_(gradient, rectified)

    def _by_winograd(self, channels: int, x: Tensor) -> bool:
        return winograd.is_faster(channels, len(self._bias), x[0, 0].numel(), self._dtype)

    def _transformed(self, channels: int, x: Tensor) -> Tensor:
        if winograd.is_transformed_at_use(channels, len(self._bias), x[0, 0].numel(), self._dtype):
            return winograd.expanded(self._alone("rows", winograd.rows))
        return self._alone("winograd", lambda weight: winograd.transform(weight, self._dtype))

    def _alone(self, name: str, make: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the weights in one form and discard all others.

        A run goes from small to large scales, and does not need earlier forms again.
        """
        if name not in self._ready:
            for other in set(self._ready) - {"bias"}:
                del self._ready[other]
            self._sizes.clear()
            self._ready[name] = make(self._weight())
        return self._ready[name]

    def _packed(self, way: str, x: Tensor) -> Tensor:
        # The best layout depends on the size of the input. With weights in another layout the
        # library converts them at each call, which takes up to half of a step.
        if self._sizes.get(way) != x.shape:
            weight = self._weight()
            if way == "backward":
                weight = weight.flip(2, 3).transpose(0, 1)
            self._ready[way] = _pack(weight.to(self._dtype), x.shape)
            self._sizes[way] = x.shape
        return self._ready[way]


class _Packed(torch.autograd.Function):
    """A convolution and its gradient, both with weights converted before."""

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
            # The gradient of a sum is one number, expanded: it cannot be overwritten.
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
    """Try whether this build of torch can convolve with weights in oneDNN's layout."""
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
    """Max pooling by 2 that stores two bytes per output for its gradient.

    torch stores the input, which is the largest tensor of all at the first block, and eight bytes
    per output. Two bytes can tell which position was the largest and whether it passed the ReLU.
    """

    def forward(self, x: Tensor, *, taken: bool = False) -> Tensor:
        """Return the maximum of each 2 x 2 window; `taken` is as for `Convolution`."""
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
            gradient[:, :, -1] = 0  # the last row is in no window
        for strip, above, place in _strips(gradient, grad, places):
            if ctx.taken:
                above, place = above * (place >= 0), place.clamp(min=0)
            where = place + _corners(place, ctx.shape[3])
            # The second argument stands for the input, of which torch only reads the shape.
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
    """Cut an input of pooling, and tensors of its output's size, into strips of rows.

    Strips keep torch's own indices small: with 64 bits each they would take as much as the input.
    """
    height = small[0].shape[2]
    step = max(1, STRIP // small[0][0, :, 0].numel())
    for i in range(large.shape[0]):
        # torch copies a strip unless its strides are those of a tensor of the strip's size, the
        # first dimension included; it is therefore cut as (h, w, c), and gets that one last.
        tensors = [tensor[i].permute(1, 2, 0) for tensor in (large, *small)]
        for top in range(0, height, step):
            bottom = min(top + step, height)
            parts = tensors[0][2 * top : 2 * bottom], *(t[top:bottom] for t in tensors[1:])
            yield tuple(part.unsqueeze(0).permute(0, 3, 1, 2) for part in parts)


def _corners(where: Tensor, width: int) -> Tensor:
    """Return the index of each window's first position in an input of that width."""
    rows, columns = (torch.arange(size, device=where.device) for size in where.shape[2:])
    return 2 * (rows[:, None] * width + columns)
