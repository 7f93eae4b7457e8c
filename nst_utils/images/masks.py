"""Masks of parts of a picture, made from a file, a box, the lightness, or the faces.

A mask is a tensor of shape (1, 1, h, w) in [0, 1]; values in between blend two regions.
"""

from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage import color, data, feature, filters
from torch import Tensor

from ..errors import brief
from .inputs import InputPicture
from .mask_forms import MASK_FORMS, MaskError, parse_box, parse_lightness

CERTAIN = 8
"""Number of neighboring places at which a face must be found; with 4, a helmet counted as one."""

SOFTNESS = 0.01
"""Standard deviation of the blur of a mask's edges, as a fraction of the long side."""


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
        return _soft(_box(value, picture.shape[-2:]))
    if kind in ("light", "dark"):
        lightness = color.rgb2lab(picture[0].permute(1, 2, 0).numpy())[..., 0] / 100
        limit = parse_lightness(value, form)
        return _soft(lightness > limit if kind == "light" else lightness < limit)
    if kind == "faces":
        return _faces(picture)
    raise MaskError(f"mask {brief(form)} is not understood; expected {MASK_FORMS}")


def _box(text: str, shape: tuple[int, int]) -> np.ndarray:
    left, top, right, bottom = parse_box(text)
    height, width = shape
    rows, columns = (np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width
    return ((rows >= top) & (rows < bottom))[:, None] & ((columns >= left) & (columns < right))


def _soft(mask: np.ndarray) -> Tensor:
    blurred = filters.gaussian(mask.astype(np.float32), SOFTNESS * max(mask.shape), mode="nearest")
    return torch.from_numpy(np.clip(blurred, 0, 1).astype(np.float32))[None, None]


def _from_file(file: InputPicture, shape: torch.Size) -> Tensor:
    image = file.image.convert("L").resize(shape[::-1], Image.Resampling.BILINEAR)
    return torch.from_numpy(np.asarray(image, np.float32).copy())[None, None] / 255


def _faces(picture: Tensor) -> Tensor:
    """Return blurred ellipses over the faces that scikit-image's cascade classifier finds."""
    gray = (picture[0].mean(dim=0).numpy() * 255).astype(np.uint8)
    least = max(24, min(gray.shape) // 12)
    cascade = feature.Cascade(data.lbp_frontal_face_cascade_filename())
    faces = cascade.detect_multi_scale(
        gray, 1.15, 1, (least, least), (min(gray.shape),) * 2, min_neighbor_number=CERTAIN
    )
    if not faces:
        raise MaskError(
            "no face was found in the picture; mark it by a box (box:left,top,right,bottom) or by "
            "a mask file"
        )
    rows, columns = np.indices(gray.shape)
    covered = np.zeros(gray.shape, bool)
    for face in faces:
        y, x = face["r"] + 0.5 * face["height"], face["c"] + 0.5 * face["width"]
        # The cascade finds a square in the face; a head is higher than that.
        radii = 0.75 * face["height"], 0.6 * face["width"]
        covered |= ((rows - y) / radii[0]) ** 2 + ((columns - x) / radii[1]) ** 2 < 1
    return _soft(covered)


def as_mask_picture(mask: Any) -> InputPicture:
    """Open a mask given as a picture from any source, or as an array or tensor (h, w).

    Raises
    ------
    MaskError
        If an array or tensor has another number of dimensions.
    ImageError
        If the mask cannot be read.
    """
    if isinstance(mask, np.ndarray | Tensor) and mask.ndim not in (2, 3):
        shape = tuple(mask.shape)
        raise MaskError(f"expected a mask with two dimensions, height and width, not shape {shape}")
    if isinstance(mask, np.ndarray | Tensor) and mask.ndim == 2:
        plain = torch.as_tensor(mask)
        # White is the largest value of an integer type, and 1 in other types.
        whole = not (plain.is_floating_point() or plain.dtype == torch.bool)
        plain = plain.float() / (torch.iinfo(plain.dtype).max if whole else 1)
        mask = plain.expand(3, *plain.shape)
    return InputPicture.open(mask)
