"""A painting as PNG, TIFF, JPEG or WebP, with 8 or 16 bits, and its record inside."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, PngImagePlugin
from torch import Tensor

from .formats import ImageError
from .png import PROVENANCE_KEY, check_output, save_png, writing
from .tensors import to_pil

FORMATS = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".webp")
"""Endings that a painting can be saved under."""

DEEP = (".png", ".tif", ".tiff")
"""Those that hold 16 bits a channel."""

QUALITY = 95
"""Pillow's quality for JPEG and WebP."""

LARGEST_RECORD = 60_000
"""Most bytes of a record in JPEG and WebP, whose metadata hold 65,535."""


def save_painting(
    tensor: Tensor,
    path: str | os.PathLike,
    provenance: Mapping[str, Any],
    *,
    depth: int = 8,
    alpha: Image.Image | None = None,
) -> Path:
    """Save a picture with its record, in the format that its name ends in.

    PNG holds the record in a text entry (see `png.save_png`); the others in the description of
    their EXIF or TIFF data. `png.read_provenance` reads it from all of them.

    Parameters
    ----------
    tensor : Tensor, shape (1, 3, H, W)
        In [0, 1].
    path : path
        File to write, ending in one of `FORMATS`. Its folder must exist.
    provenance : dict
        JSON values.
    depth : {8, 16}
        Bits a channel; 16 in PNG and TIFF.
    alpha : PIL.Image.Image, optional
        How opaque each pixel is, in mode ``L``; it is resized to the picture. Not in JPEG.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ImageError
        If the format cannot hold that, or writing fails.
    """
    path = check_output(path, FORMATS)
    check_format(path, depth, alpha is not None)
    size = tensor.shape[3], tensor.shape[2]
    if alpha is not None and alpha.size != size:
        alpha = alpha.resize(size, Image.Resampling.LANCZOS)
    kind = path.suffix.lower()
    if kind in DEEP and (kind != ".png" or depth == 16):
        with writing(path) as draft:
            _write_deep(draft, kind, as_samples(tensor, depth, alpha), provenance)
        return path
    image = to_pil(tensor)
    if alpha is not None:
        image.putalpha(alpha)
    if kind == ".png":
        return save_png(image, path, provenance)
    form, options = ("WEBP", {"method": 4}) if kind == ".webp" else ("JPEG", {"subsampling": 0})
    with writing(path) as draft:
        exif = record_exif(provenance, kind)
        image.save(draft, form, exif=exif, quality=QUALITY, **options)
    return path


def check_format(path: Path, depth: int, alpha: bool) -> None:
    """Refuse a depth or an alpha channel that a file's format cannot hold, before a long run."""
    kind = path.suffix.lower()
    if depth not in (8, 16):
        raise ImageError(f"depth must be 8 or 16 bits a channel, not {depth!r:.20}")
    if depth == 16 and kind not in DEEP:
        raise ImageError(f"{path}: {kind} holds 8 bits a channel; for 16 end it in .png or .tif")
    if alpha and kind in (".jpg", ".jpeg"):
        raise ImageError(f"{path}: a JPEG holds no alpha channel; end it in .png, .tif or .webp")


def as_samples(tensor: Tensor, depth: int, alpha: Image.Image | None = None) -> np.ndarray:
    """Return a painting as it is saved: (H, W, 3 or 4), unsigned integers of 8 or 16 bits."""
    highest = 2**depth - 1
    kind = np.uint16 if depth == 16 else np.uint8
    channels = tensor.detach().float().cpu()[0].clamp(0, 1)
    array = (channels * highest).round().to(torch.int32).numpy().astype(kind).transpose(1, 2, 0)
    if alpha is None:
        return np.ascontiguousarray(array)
    opaque = np.asarray(alpha, kind)[..., None] * kind(highest // 255)
    return np.concatenate([array, opaque], axis=2)


def _write_deep(draft: Path, kind: str, array: np.ndarray, provenance: Mapping[str, Any]) -> None:
    if kind == ".png":
        import cv2

        array = array[..., [2, 1, 0, 3][: array.shape[2]]]  # OpenCV wants blue first
        data = cv2.imencode(".png", array, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1].tobytes()
        head = 33  # bytes of the signature and the first chunk, the header
        with draft.open("wb") as file:
            file.write(data[:head])
            text = f"{PROVENANCE_KEY}\0{json.dumps(provenance)}".encode("latin-1")
            PngImagePlugin.putchunk(file, b"tEXt", text)
            file.write(data[head:])
        return
    import tifffile

    extra = {"extrasamples": ["unassalpha"]} if array.shape[2] == 4 else {}
    text = json.dumps({PROVENANCE_KEY: provenance})
    tifffile.imwrite(
        draft, array, photometric="rgb", description=text, metadata=None, software="nst_utils",
        **extra,
    )  # fmt: skip


def record_exif(provenance: Mapping[str, Any], kind: str) -> Image.Exif:
    """Return metadata for a JPEG or WebP that hold a record; masks are left out where it is long.

    Raises
    ------
    ImageError
        If the record is too long for them.
    """
    text = json.dumps({PROVENANCE_KEY: provenance})
    if len(text) > LARGEST_RECORD:  # without the masks, which go along in a record
        small = {
            k: {n: t for n, t in v.items() if n != "png"} if isinstance(v, dict) else v
            for k, v in provenance.items()
        }
        text = json.dumps({PROVENANCE_KEY: small})
    if len(text) > LARGEST_RECORD:
        raise ImageError(f"the record is too long for the metadata of {kind}; save as .png")
    exif = Image.Exif()
    exif[0x010E] = text  # ImageDescription
    return exif
