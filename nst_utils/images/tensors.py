"""Pictures as tensors and back: ``(1, 3, H, W)``, float32, in ``[0, 1]``."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .io import ImageError, read_image


def to_tensor(image: Image.Image) -> Tensor:
    """Convert an RGB picture to a float32 tensor of shape (1, 3, H, W) in [0, 1]."""
    array = np.array(image.convert("RGB"), dtype=np.uint8)
    return torch.from_numpy(array).permute(2, 0, 1)[None].float().div_(255)


def to_pil(tensor: Tensor) -> Image.Image:
    """Convert a tensor of shape (1, 3, H, W) or (3, H, W) to a picture; values are clipped.

    This is the inverse of `to_tensor`, exact for every 8-bit picture.

    Raises
    ------
    ImageError
        If the tensor has another shape, or a value is not finite.
    """
    pixels = tensor.detach().float().cpu()
    pixels = pixels[0] if pixels.ndim == 4 and len(pixels) == 1 else pixels
    if pixels.ndim != 3 or len(pixels) != 3:
        raise ImageError(
            f"expected a tensor of shape (1, 3, H, W) or (3, H, W), not {tuple(tensor.shape)}"
        )
    if not torch.isfinite(pixels).all():
        raise ImageError("expected finite values; the tensor has some that are not finite")
    array = pixels.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
    return Image.fromarray(array)


def load(source: Any, size: int | None = None, *, enlarge: bool = False) -> Tensor:
    """Read a picture as a float32 tensor of shape (1, 3, H, W) in [0, 1]; see `read_image`."""
    return to_tensor(read_image(source, size, enlarge=enlarge))


IMAGENET_MEAN = (0.485, 0.456, 0.406)

IMAGENET_STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's RGB in [0, 1], for the input of every backbone."""


def normalize(image: Tensor) -> Tensor:
    """Normalize RGB in [0, 1], shape (n, 3, h, w), to the input that every backbone expects."""
    return (image - _channels(IMAGENET_MEAN, image)) / _channels(IMAGENET_STD, image)


def denormalize(tensor: Tensor) -> Tensor:
    """Convert ImageNet-normalized RGB back to [0, 1], unclipped; the inverse of `normalize`."""
    return tensor * _channels(IMAGENET_STD, tensor) + _channels(IMAGENET_MEAN, tensor)


def _channels(values: Iterable[float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, 3, 1, 1)
