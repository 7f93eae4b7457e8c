"""Decoder for the quantized ResNet-50 of Stock et al., "And the Bit Goes Down", ICLR 2020."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .weights_file import WeightsError

_MOST_WEIGHTS = 2048 * 512 * 9
"""Largest number of weights in a layer. A small file could otherwise decode to gigabytes."""


def is_quantized(value: Any) -> bool:
    """Tell whether a checkpoint has centroids and assignments instead of weights."""
    return isinstance(value, Mapping) and any(
        isinstance(layer, Mapping) and "centroids" in layer for layer in value.values()
    )


def decode_quantized(value: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """Decode a quantized checkpoint to a state dict with torchvision's names.

    A convolution is stored as centroids, which are short columns of weights, and the index of the
    centroid at each place. Running statistics are folded into the weight and bias of their batch
    normalization. A layer of another form raises `WeightsError`, which names the file.
    """
    state: dict[str, Tensor] = {}
    for name, layer in value.items():
        try:
            if isinstance(layer, Tensor) or "fc" in name:
                continue  # the classifier is not needed
            if "centroids" in layer:
                state[f"{name}.weight"] = _decode(layer)
            elif "bias" in layer:
                weight, bias = layer["weight"].float(), layer["bias"].float()
                state[f"{name}.weight"], state[f"{name}.bias"] = weight, bias
                state[f"{name}.running_mean"] = torch.zeros_like(bias)
                state[f"{name}.running_var"] = torch.ones_like(bias)
            else:
                state[f"{name}.weight"] = layer["weight"].float()
        except (LookupError, TypeError, AttributeError, RuntimeError, ValueError, ArithmeticError):
            raise WeightsError(
                f"{path}: {name[:60]} is not a layer of a quantized ResNet-50; get a fresh copy"
            ) from None
    return state


def _decode(layer: Mapping[str, Any]) -> Tensor:
    """Return a convolution's weight, shape (out, in, k, k)."""
    side, blocks = int(layer["k"]), int(layer["n_blocks"])
    if layer["assignments"].numel() * layer["centroids"].shape[1] > _MOST_WEIGHTS:
        raise ValueError("the layer is larger than any of the network")
    columns = layer["centroids"].float()[layer["assignments"].long()].T
    matrix = torch.cat(columns.chunk(blocks, dim=1), dim=0)  # (in * k * k, out)
    return matrix.T.reshape(matrix.shape[1], -1, side, side).contiguous()
