"""Pictures in and out: any source becomes RGB, any RGB a float32 tensor, and every file its record.

The tensors are ``(1, 3, H, W)``, float32, in ``[0, 1]``. `read_image` is the one reader; the two
readers of the report stand below it, defects included, to show what they did.
"""

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from ..download import FetchError, read_url
from ..errors import one_line
from ..paths import is_address, is_regular, public_address, user_path
from .decode import decode, quiet_libraries, to_rgb
from .formats import ImageError

_STRIP = 2**21
"""Pixels that are hashed at a time."""


def read_image(source: Any, size: int | None = None, *, enlarge: bool = False) -> Image.Image:
    """Read a picture from anywhere as 8-bit sRGB, upright.

    Parameters
    ----------
    source : path, str, bytes, PIL.Image.Image or ndarray
        A file (``~`` and ``file:///`` are understood), an http(s) address, a file's content (what
        an upload widget gives), a picture, or an array of shape (H, W), (H, W, 1), (H, W, 3) or
        (H, W, 4): unsigned integers in their type's range, booleans, or floats in [0, 1].
    size : int, optional
        Bound on the long side, in pixels; smaller pictures keep their size. Lanczos.
    enlarge : bool
        Bring smaller pictures up to `size` as well.

    Returns
    -------
    PIL.Image.Image
        Mode RGB. EXIF orientation and color profile are applied; transparency is laid over white;
        16-bit values keep their upper 8 bits. ``info`` holds, for the provenance record, ``source``
        (file name, address without secrets, or ``"picture"``) and ``sha256`` (of the file's bytes,
        or of the pixels before any resizing where there is no file). A picture that came from here
        and was cut or painted over since counts as a new one.

    Raises
    ------
    ImageError
        If the picture is missing, empty, truncated, not a picture, has more than 89,478,485 pixels
        and is not a JPEG, or would take more memory than `formats.MEMORY` to be decoded. JPEGs of
        any size are decoded at reduced size.
    """
    image, name, digest = _open(source, size)
    known, image = image.info.get("pixels"), image if image.mode == "RGB" else to_rgb(image)
    pixels = _pixels_sha256(image)
    if known not in (None, pixels):
        # Cut or painted over since it was read: no longer the picture that its record names.
        name, digest = "picture", ""
    if size is not None:
        image = fit(image, size, enlarge=enlarge)
    image.info = {"source": name, "sha256": digest or pixels, "pixels": _pixels_sha256(image)}
    return image


def _open(source: Any, size: int | None) -> tuple[Image.Image, str, str]:
    """Return the picture, RGB and upright where it is a file, its name, and its SHA-256 or ''."""
    if isinstance(source, Image.Image):
        # A picture that came through here, or from the samples, still knows its origin.
        info = source.info
        return _own(source), info.get("source", "picture"), info.get("sha256", "")
    if isinstance(source, np.ndarray):
        return _from_array(source), "array", ""
    with open_source(source) as (file, name, title):
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not file.seek(0, os.SEEK_END):
            raise ImageError(f"{title}: the file is empty; get a fresh copy")
        return decode(file, title, size), name, digest


def _own(image: Image.Image) -> Image.Image:
    """Return a copy of a caller's picture as RGB, so that his own is never touched."""
    if 0 in image.size:
        raise ImageError(
            f"expected a picture with pixels, not one of {image.width} x {image.height}"
        )
    try:
        with quiet_libraries():
            image.load()
        rgb = to_rgb(image)
    except ImageError:
        raise
    except Exception as error:  # it may be a file that is not decoded yet
        raise ImageError(
            f"{image.info.get('source', 'picture')}: the picture is damaged or cut short "
            f"({one_line(error, 120)}); get a fresh copy"
        ) from None
    rgb.info = {k: v for k, v in image.info.items() if k in ("source", "sha256", "pixels")}
    return rgb


@contextlib.contextmanager
def open_source(source: Any) -> Iterator[tuple[BinaryIO, str, str]]:
    """Give the file behind a path, an address or bytes, its name in records, and in messages.

    Raises
    ------
    ImageError
        If there is none, or it is a folder, a pipe or a device.
    """
    if isinstance(source, io.BytesIO):
        source = source.getvalue()
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(bytes(source)), "upload", "upload"
        return
    if not isinstance(source, str | os.PathLike):
        raise ImageError(
            "expected a path, an http(s) address, a file's bytes, a PIL image or an array, "
            f"not {type(source).__name__}"
        )
    if is_address(source):
        name = public_address(str(source))
        try:
            yield io.BytesIO(read_url(str(source))), name, name
        except FetchError as error:
            raise ImageError(str(error)) from None
        return
    path = user_path(source)
    try:
        if path.is_dir():
            raise ImageError(f"{path}: this is a folder; name a picture in it")
        if path.exists() and not is_regular(path):
            raise ImageError(f"{path}: this is a pipe or a device; name a picture file")
        file = path.open("rb")
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file; check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: cannot be read ({reason})") from None
    with file:
        yield file, path.name, str(path)


def _from_array(array: np.ndarray) -> Image.Image:
    """Turn an array into a picture, or say which shape and type were expected."""
    shape_ok = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if not shape_ok or 0 in array.shape:
        raise ImageError(
            f"expected an array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), "
            f"not {array.shape}"
        )
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise ImageError(
                "expected floats in [0, 1], "
                f"not values from {np.min(array):g} to {np.max(array):g}; divide by the maximum"
            )
        array = np.rint(array * 255).astype(np.uint8)
    elif array.dtype.kind == "b":
        array = array.astype(np.uint8) * 255
    elif array.dtype.kind == "u":
        array = (array >> (8 * (array.dtype.itemsize - 1))).astype(np.uint8)
    else:
        raise ImageError(f"expected unsigned integers, booleans or floats, not {array.dtype}")
    return Image.fromarray(array[..., 0] if array.shape[2:] == (1,) else array)


def fit(image: Image.Image, size: int, *, enlarge: bool = False, least: int = 1) -> Image.Image:
    """Resize so that the long side is at most `size` pixels, with Lanczos, proportions kept.

    Parameters
    ----------
    image : PIL.Image.Image
        Any picture in RGB.
    size : int
        Bound on the long side.
    enlarge : bool
        Bring smaller pictures up to `size`; else they stay as they are.
    least : int
        Bound from below on the short side, which wins over `size` for very long pictures.
    """
    scale = size / max(image.size)
    if scale > 1 and not enlarge:
        scale = 1.0
    scale = max(scale, least / min(image.size)) if least > 1 else scale
    shape = tuple(max(1, round(side * scale)) for side in image.size)
    return image if shape == image.size else image.resize(shape, Image.Resampling.LANCZOS)


def _pixels_sha256(image: Image.Image) -> str:
    digest = hashlib.sha256(f"{image.size}".encode())
    rows = max(1, _STRIP // image.width)
    for y in range(0, image.height, rows):
        digest.update(image.crop((0, y, image.width, min(y + rows, image.height))).tobytes())
    return digest.hexdigest()
