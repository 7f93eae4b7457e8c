"""The report's two functions that load pictures, with their defects, for comparison."""

from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from ..errors import ignoring
from .decode import open_undecoded, plan
from .formats import ImageError, damaged
from .io import open_source, read_image
from .tensors import IMAGENET_MEAN, IMAGENET_STD, to_tensor


def report_load_image(
    source: Any,
    version: str = "a",
    max_size: int | None = None,
    shape: tuple[int, int] | None = None,
) -> Tensor:
    """Load a picture as the report's two ``load_image`` functions do, with their defects.

    Parameters
    ----------
    source : path, address, PIL image or array
        As for `read_image`, but transparency is dropped instead of becoming white.
    version : {"a", "b"}
        ``a``: the **shorter** side is resized to `max_size` (or to the long side, if that is
        smaller), bilinear; the result is normalized by ImageNet's mean and standard deviation.
        ``b``: the long side is reduced to `max_size`, Lanczos; the result is **not normalized**,
        although `report_im_convert` un-normalizes it (erratum 2).
    max_size : int, optional
        By default 128 for ``a`` and 400 for ``b``.
    shape : (int, int), optional
        ``(H, W)`` to resize to instead, as the report does with the style image. ``b`` passes it
        to Pillow, which expects ``(W, H)``: the sides are swapped (erratum 3).

    Returns
    -------
    Tensor, shape (1, 3, H, W), float32

    Raises
    ------
    ImageError
        If the picture cannot be read, or `version` is another one.
    """
    image = _as_it_is(source)
    if version == "a":
        from torchvision.transforms import functional

        side = min(max_size or 128, max(image.size))
        image = functional.resize(image, list(shape) if shape is not None else side)
        return functional.normalize(to_tensor(image), IMAGENET_MEAN, IMAGENET_STD)
    if version == "b":
        image.thumbnail(((max_size or 400),) * 2, Image.Resampling.LANCZOS)
        return to_tensor(image if shape is None else image.resize(shape, Image.Resampling.LANCZOS))
    raise ImageError(f"expected version 'a' or 'b' of the report's load_image, not {version!r}")


def _as_it_is(source: Any) -> Image.Image:
    """Return a picture as Pillow converts it to RGB, without orientation, profile or white."""
    if isinstance(source, np.ndarray):
        return read_image(source)
    if isinstance(source, Image.Image):
        return source.convert("RGB")
    with open_source(source) as (file, _, title), ignoring():
        try:
            image = open_undecoded(file)
            plan(image, file, title, None)
            return image.convert("RGB")
        except ImageError:
            raise
        except Exception as error:  # decoders raise many types, all of which mean damage
            raise damaged(title, error) from None


def report_im_convert(tensor: Tensor) -> np.ndarray:
    """Convert a tensor to an array (H, W, 3) as the report does: un-normalize, clip to [0, 1].

    Tensors of ``load_image`` (b) were never normalized, so their colors are shifted (erratum 2).
    """
    array = tensor.detach().cpu().float().numpy().squeeze(0).transpose(1, 2, 0)
    return (array * np.array(IMAGENET_STD) + np.array(IMAGENET_MEAN)).clip(0, 1)
