"""Masks of parts of a picture, made from a file, a box, the lightness, or the faces.

A mask is a tensor of shape (1, 1, h, w) in [0, 1]; values in between blend two regions.
"""

import hashlib
import math
import warnings
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage import color, data, feature, filters
from torch import Tensor

from ..errors import NSTWarning, brief
from .decode import WIDE, decode, read_wide, to_rgb
from .inputs import InputPicture
from .io import open_source
from .mask_forms import MASK_FORMS, MaskError, parse_box, parse_lightness

CERTAIN = 8
"""How many overlapping detections a face needs; with 4, a helmet was taken for a face."""

SOFTNESS = 0.01
"""Standard deviation of the blur of a mask's edges, as a fraction of the long side."""

BOX_SOFTNESS = 0.03
"""The same of a box, but at most a tenth of its shorter side: its edge follows nothing in the
picture, so a sharp one would be a seam."""


def read_mask(form: str, picture: Tensor, file: InputPicture | None = None) -> Tensor:
    """Return a mask of a picture.

    Parameters
    ----------
    form : str
        See `mask_forms.MASK_FORMS`; but not ``rest`` or ``proposed``, which depend on more than the
        picture.
    picture : Tensor, shape (1, 3, h, w)
        RGB in [0, 1].
    file : InputPicture, optional
        The mask's own picture, if it has one: white belongs to the region, black does not. It is
        stretched to the shape of `picture`.

    Returns
    -------
    Tensor, shape (1, 1, h, w)

    Raises
    ------
    MaskError
        If the mask is not valid, or no face is found.
    """
    if file is not None:
        return _from_file(file, picture.shape[-2:])
    kind, _, value = form.partition(":")
    if kind == "box":
        return _soft_box(value, picture.shape[-2:])
    if kind in ("light", "dark"):
        lightness = color.rgb2lab(picture[0].permute(1, 2, 0).numpy())[..., 0] / 100
        limit = parse_lightness(value, form)
        return _soft(lightness > limit if kind == "light" else lightness < limit)
    if kind == "faces":
        faces = find_faces(picture)
        if faces is None:
            raise MaskError(
                "no face was found in the picture; mark it by a box (box:left,top,right,bottom) or "
                "by a mask file"
            )
        return faces
    raise MaskError(f"mask {brief(form)} is not understood; expected {MASK_FORMS}")


def _soft_box(text: str, shape: tuple[int, int]) -> Tensor:
    left, top, right, bottom = parse_box(text)
    height, width = shape
    rows, columns = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    mask = ((rows >= top) & (rows < bottom))[:, None] & ((columns >= left) & (columns < right))
    shorter = min((bottom - top) * height, (right - left) * width) / max(shape)
    return _soft(mask, min(BOX_SOFTNESS, shorter / 10))


def _soft(mask: np.ndarray, softness: float = SOFTNESS) -> Tensor:
    blurred = filters.gaussian(mask.astype(np.float32), softness * max(mask.shape), mode="nearest")
    return torch.from_numpy(np.clip(blurred, 0, 1).astype(np.float32))[None, None]


def _from_file(file: InputPicture, shape: torch.Size) -> Tensor:
    (width, height), (rows, columns) = file.size, shape
    gray, rounding = file.image.convert("L"), max(width, height, rows, columns)
    other = abs(width * rows - height * columns) > 0.05 * width * rows + rounding
    if other and len(set(gray.getextrema())) > 1:
        warnings.warn(
            # Both may have been reduced, so their pixels would tell the user nothing.
            f"mask {file.source} is {width / height:.2f} times as wide as high, the picture "
            f"{columns / rows:.2f} times: it is stretched; was it saved without the "
            "picture's crop or orientation?",
            NSTWarning,
            stacklevel=2,
        )
    image = gray.resize(shape[::-1], Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(image, np.float32).copy())[None, None] / 255


def find_faces(picture: Tensor) -> Tensor | None:
    """Return blurred ellipses over the faces that scikit-image's cascade classifier finds.

    `picture` and the mask are as in `read_mask`; None stands for no face.
    """
    gray = (picture[0].mean(dim=0).numpy() * 255).astype(np.uint8)
    least = max(24, min(gray.shape) // 12)
    cascade = feature.Cascade(data.lbp_frontal_face_cascade_filename())
    faces = cascade.detect_multi_scale(
        gray, 1.15, 1, (least, least), (min(gray.shape),) * 2, min_neighbor_number=CERTAIN
    )
    if not faces:
        return None
    rows, columns = np.indices(gray.shape)
    covered = np.zeros(gray.shape, bool)
    for face in faces:
        y, x = face["r"] + 0.5 * face["height"], face["c"] + 0.5 * face["width"]
        # The cascade finds a square in the face; a head is higher than that.
        radii = 0.75 * face["height"], 0.6 * face["width"]
        covered |= ((rows - y) / radii[0]) ** 2 + ((columns - x) / radii[1]) ** 2 < 1
    return _soft(covered)


def as_mask_picture(mask: Any) -> InputPicture:
    """Open a mask: an array or a tensor (h, w), or a picture in any form.

    Parameters
    ----------
    mask : ndarray, Tensor, PIL.Image.Image, path, address or bytes
        Its numbers are booleans; whole numbers 0 and 1, 0 to 255, or 0 to 65,535; or floats in
        [0, 1]. The largest belongs to the region, 0 does not. Transparent pixels do not.

    Raises
    ------
    MaskError
        If an array has another shape, or its numbers can be read in more than one way.
    ImageError
        If the mask cannot be read.
    """
    if isinstance(mask, InputPicture):
        return mask
    if isinstance(mask, np.ma.MaskedArray):
        mask = mask.filled(0)
    if isinstance(mask, Image.Image) and mask.mode in WIDE:
        mask = np.asarray(mask)
    if isinstance(mask, np.ndarray | Tensor):
        values = _to_unit(_plain_array(mask))
        return InputPicture.open(torch.from_numpy(values).expand(3, *values.shape))
    if isinstance(mask, Image.Image):
        image, name = to_rgb(mask, background="black"), mask.info.get("source", "picture")
        digest = hashlib.sha256(image.tobytes()).hexdigest()
    else:
        with open_source(mask) as (file, name, title):
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if (wide := read_wide(file)) is not None:  # numbers that 8 bits would cut off
                gray = Image.fromarray((255 * _to_unit(wide) + 0.5).astype(np.uint8))
                return InputPicture(gray.convert("RGB"), name, digest)
            image = decode(file, title, background="black")
    values = _to_unit(np.asarray(image.convert("L")))
    gray = Image.fromarray((255 * values + 0.5).astype(np.uint8))
    return InputPicture(gray.convert("RGB"), name, digest)


def _plain_array(mask: np.ndarray | Tensor) -> np.ndarray:
    """Return an array of two dimensions; further ones must have one entry, or be colors."""
    if isinstance(mask, Tensor):
        mask = mask.detach().dequantize() if mask.is_quantized else mask.detach()
        dense = mask.to_dense() if mask.layout != torch.strided else mask
        mask = (dense.float() if dense.is_floating_point() else dense).cpu().numpy()
    shape = mask.shape
    mask = np.squeeze(mask) if mask.ndim > 2 else mask
    if mask.ndim == 3 and 3 in (mask.shape[0], mask.shape[2]):
        mask = mask.mean(axis=2 if mask.shape[2] == 3 else 0).astype(mask.dtype)
    if mask.ndim != 2 or 0 in mask.shape:
        raise MaskError(f"expected a mask with two dimensions, height and width, not shape {shape}")
    return mask


def _to_unit(mask: np.ndarray) -> np.ndarray:
    """Return a mask's numbers in [0, 1], as the rule of `as_mask_picture` reads them."""
    number, whole = mask.dtype.kind in "biuf", mask.dtype.kind in "iu"
    low, high = (float(mask.min()), float(mask.max())) if number else (math.nan, math.nan)
    if low >= 0 and high <= 1:
        scale = 1.0
    elif low >= 0 and whole and 128 <= high <= 255:
        scale = 255.0
    elif low >= 0 and whole and 2**15 <= high < 2**16:
        scale = 2.0**16 - 1
    else:
        raise MaskError(
            f"the mask's numbers, {mask.dtype} from {low:g} to {high:g}, can be read in more than "
            "one way; expected true and false, 0 and 1, 0 to 255, or floats in [0, 1]"
        )
    return np.ascontiguousarray(mask.astype(np.float32) / scale)
