"""Convolutions and pooling for frozen weights: what `torch.nn` does, sooner and in less memory.

A picture is painted against weights that never change, and only the gradient to the input is
wanted. Three things follow, and autograd cannot know them:

- Weights can be brought once into the layout that the processor's library (oneDNN) computes in,
  instead of at every call. For 3 x 3 convolutions of VGG19 that was 18 % of their time at 128 px
  and 7 % at 256 px (two cores, bfloat16).
- The gradient to the input of a 3 x 3 convolution is itself a 3 x 3 convolution, with flipped
  weights, which can be brought into that layout as well.
- A ReLU can be applied while its input is still in the cache, and needs no storage of its own.

Tried and dropped: Winograd by way of NNPACK (0.5 to 1.2 times the speed in float32), contiguous
instead of channels-last activations (slower from 256 px on), `torch.compile`.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

ONE = [1, 1]


class Convolution(nn.Module):
    """A frozen 3 x 3 convolution with stride 1 and padding 1, with or without a ReLU behind it.

    Parameters
    ----------
    source : Conv2d
        Its weights in float32 on the CPU; shared, not copied.
    device, dtype
        Where and in which number format to compute.

    Notes
    -----
    Weights are converted when they are first needed, so that layers behind the last one that is
    read cost nothing, and layers that are only read forward keep no flipped weights.
    """

    def __init__(self, source: nn.Conv2d, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__()
        # In a tuple, so that `nn.Module.to` does not convert what others share.
        self._source = (source,)
        self._device, self._dtype = device, dtype
        self._ready: dict[str, Tensor] = {}

    @staticmethod
    def fits(module: nn.Module) -> bool:
        """Tell whether a module is such a convolution."""
        return (
            isinstance(module, nn.Conv2d)
            and module.kernel_size == (3, 3)
            and module.padding == module.stride == module.dilation == (1, 1)
            and module.groups == 1
            and module.padding_mode == "zeros"
            and module.bias is not None
        )

    def forward(self, x: Tensor, relu: bool = False) -> Tensor:
        """Convolve; a ReLU in the same pass if asked for.

        Parameters
        ----------
        x : Tensor, shape (n, c, h, w)
            On the device and in the number format given at the start.
        relu : bool
            Set negative results to 0.

        Returns
        -------
        Tensor, shape (n, d, h, w)
        """
        if self._device.type != "cpu" or not packs(self._dtype):
            y = functional.conv2d(x, self._plain("weight"), self._plain("bias"), padding=1)
            return functional.relu_(y) if relu else y
        return _Packed.apply(x, self, relu)

    def _plain(self, name: str) -> Tensor:
        if name not in self._ready:
            tensor = getattr(self._source[0], name).detach()
            self._ready[name] = tensor.to(self._device, self._dtype)
            if name == "weight":
                self._ready[name] = self._ready[name].to(memory_format=torch.channels_last)
        return self._ready[name]

    def packed(self, x: Tensor, way: str, relu: bool = False) -> Tensor:
        """Convolve with packed weights: ``forward``, or ``backward`` for the input's gradient."""
        if way not in self._ready:
            weight = self._source[0].weight.detach()
            if way == "backward":
                weight = weight.flip(2, 3).transpose(0, 1)
            self._ready[way] = _pack(weight.to(self._dtype), x.shape)
        bias = self._plain("bias") if way == "forward" else None
        return _convolve(x, self._ready[way], bias, relu)


class _Packed(torch.autograd.Function):
    """Forward and the input's gradient, both with packed weights."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: Convolution, relu: bool) -> Tensor:
        y = layer.packed(x, "forward", relu)
        ctx.layer = layer
        ctx.save_for_backward(*[y] * relu)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        for y in ctx.saved_tensors:
            grad = torch.ops.aten.threshold_backward(grad, y, 0)
        return ctx.layer.packed(grad, "backward"), None, None


@lru_cache
def packs(dtype: torch.dtype) -> bool:
    """Tell whether this build of torch can convolve with packed weights, by trying it."""
    try:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(1, 16, 8, 8, generator=generator).to(dtype)
        weight = torch.randn(32, 16, 3, 3, generator=generator).to(dtype)
        bias = torch.randn(32, generator=generator).to(dtype)
        with torch.no_grad():
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
    x = x.contiguous(memory_format=torch.channels_last)
    after = "relu" if relu else "none"
    return torch.ops.mkldnn._convolution_pointwise(x, packed, bias, ONE, ONE, ONE, 1, after, [], "")


class MaxPool(nn.Module):
    """Max pooling by 2 that stores no indices: they are found again for the gradient.

    torch keeps an eight-byte index for each output, as much memory as the bfloat16 activations
    themselves; finding them again takes one percent of a step.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the largest of each 2 x 2 positions, shape (n, c, h // 2, w // 2)."""
        return _MaxPool.apply(x)


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return functional.max_pool2d(x, 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        _, where = functional.max_pool2d(x, 2, return_indices=True)
        options = [2, 2], [2, 2], [0, 0], ONE, False
        return torch.ops.aten.max_pool2d_with_indices_backward(grad, x, *options, where)
