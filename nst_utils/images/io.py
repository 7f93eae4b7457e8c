"""A picture from a file, an address, bytes, an array or another picture, as 8-bit sRGB."""

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from ..download import FetchError, read_url
from ..errors import ignoring
from ..paths import is_address, is_folder, is_regular, public_address, user_path
from .decode import decode, decode_alpha, to_rgb
from .formats import ImageError, damaged

_STRIP = 2**21
"""Pixels that are hashed at a time."""


def read_image(source: Any, size: int | None = None, *, enlarge: bool = False) -> Image.Image:
    """Read a picture from any source as upright 8-bit sRGB.

    Parameters
    ----------
    source : path, str, bytes, PIL.Image.Image or ndarray
        A file (also with ``~`` or ``file:///``), an http(s) address, the content of a file (as
        upload widgets return it), a picture, or an array of shape (H, W), (H, W, 1), (H, W, 3) or
        (H, W, 4): unsigned integers in their type's range, booleans, or floats in [0, 1].
    size : int, optional
        Maximum length of the long side in pixels; larger pictures are resized with Lanczos.
    enlarge : bool
        Also enlarge smaller pictures to `size`.

    Returns
    -------
    PIL.Image.Image
        In mode RGB. EXIF orientation and color profile are applied, transparency becomes white,
        and 16-bit values keep their upper 8 bits. For the provenance record, ``info`` holds
        ``source`` and ``sha256``. The source is a file name, an address without secrets,
        ``"upload"`` for bytes, ``"array"`` or ``"picture"``. The checksum is that of the file, or
        of the pixels before resizing if there is no file. A result of this function that was
        edited since counts as a new picture.

    Raises
    ------
    ImageError
        If `source` has another type, shape or range, or if a download fails. If the file is
        missing, empty, truncated or not a picture, has more than `formats.MAX_PIXELS` and is not a
        JPEG, or would take more memory than `formats.MEMORY`. Large JPEGs are decoded at a reduced
        size.
    """
    image, name, digest = _open(source, size)
    known, image = image.info.get("pixels"), image if image.mode == "RGB" else to_rgb(image)
    pixels = _pixels_sha256(image)
    if known not in (None, pixels):
        # Edited since it was read: no longer the picture that ``source`` names.
        name, digest = "picture", ""
    if size is not None:
        image = fit(image, size, enlarge=enlarge)
    image.info = {"source": name, "sha256": digest or pixels, "pixels": _pixels_sha256(image)}
    return image


def read_alpha(source: Any) -> Image.Image | None:
    """Return how opaque each pixel of a picture is, upright, in mode ``L``; None: all are.

    `source` is as for `read_image`; a name without a file, as of a sample, has no such channel.
    """
    if isinstance(source, Image.Image):
        return source.getchannel("A") if "A" in source.getbands() else None
    with contextlib.suppress(ImageError), open_source(source) as (file, _, title):
        return decode_alpha(file, title)
    return None


def _open(source: Any, size: int | None) -> tuple[Image.Image, str, str]:
    """Return a picture, its name, and the SHA-256 of its file or ""; a file is converted to RGB."""
    if isinstance(source, Image.Image):
        # A result of `read_image` still knows its origin.
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
    """Return a copy of a caller's picture as RGB."""
    if 0 in image.size:
        raise ImageError(
            f"expected a picture with pixels, not one of {image.width} x {image.height}"
        )
    try:
        with ignoring():
            image.load()
        rgb = to_rgb(image)
    except ImageError:
        raise
    except Exception as error:  # Pillow may only now decode the file behind the picture
        raise damaged(image.info.get("source", "picture"), error) from None
    rgb.info = {k: v for k, v in image.info.items() if k in ("source", "sha256", "pixels")}
    return rgb


@contextlib.contextmanager
def open_source(source: Any) -> Iterator[tuple[BinaryIO, str, str]]:
    """Open a path, an address or bytes; yield the file, and its names for records and messages.

    Raises
    ------
    ImageError
        If there is no such file, or it is a folder, a pipe or a device.
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
        if is_folder(path):
            raise ImageError(f"{path}: this is a folder; name a picture in it")
        if os.path.exists(path) and not is_regular(path):
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
    shape_ok = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if not shape_ok or 0 in array.shape:
        raise ImageError(
            f"expected an array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), "
            f"not {array.shape}"
        )
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise ImageError(
                "expected finite floats in [0, 1], not values from "
                f"{np.min(array):g} to {np.max(array):g}; shift and scale them into that range"
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
    """Resize a picture with Lanczos to a long side of at most `size`, with the same proportions.

    Parameters
    ----------
    image : PIL.Image.Image
        Any picture in RGB.
    size : int
        Maximum length of the long side in pixels.
    enlarge : bool
        Also enlarge smaller pictures to `size`.
    least : int
        Minimum length of the short side in pixels; it takes precedence over `size`.
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
