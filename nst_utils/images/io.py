"""Pictures in and out: any source becomes RGB, any RGB a float32 tensor, and every file its record.

The tensors are ``(1, 3, H, W)``, float32, in ``[0, 1]``. `read_image` is the one reader; the two
readers of the report stand below it, defects included, to show what they did.
"""

import contextlib
import hashlib
import io
import os
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, JpegImagePlugin, UnidentifiedImageError

from ..download import FetchError, is_address, read_url
from ..errors import NSTError

MAX_PIXELS = 89_478_485
"""Pixels above which a picture is refused, or a JPEG decoded at reduced size: there Pillow warns
of a decompression bomb, and above twice as much it refuses by itself."""


FORMATS = tuple("AVIF BMP GIF ICO JPEG JPEG2000 PCX PNG PPM TGA TIFF WEBP".split())
"""Formats that are read, by Pillow's names."""


class ImageError(NSTError, ValueError):
    """A picture that cannot be read or saved: which one, what is wrong, what to do."""


def read_image(source: Any, size: int | None = None, *, enlarge: bool = False) -> Image.Image:
    """Read a picture from anywhere as 8-bit RGB, upright.

    Parameters
    ----------
    source : path, str, bytes, PIL.Image.Image or ndarray
        A file, an http(s) address, a file's content (what an upload widget gives), a picture, or
        an array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): unsigned integers in their
        type's range, booleans, or floats in [0, 1].
    size : int, optional
        Bound on the long side, in pixels; smaller pictures keep their size. Lanczos.
    enlarge : bool
        Bring smaller pictures up to `size` as well.

    Returns
    -------
    PIL.Image.Image
        Mode RGB. EXIF orientation is applied; transparency is laid over white; 16-bit values
        keep their upper 8 bits. ``info`` holds, for the provenance record, ``source`` (file name,
        address, or ``"picture"``) and ``sha256`` (of the file's bytes, or of the pixels before
        any resizing where there is no file). A picture that came from here and was cut or painted
        over since counts as a new one.

    Raises
    ------
    ImageError
        If the picture is missing, empty, truncated, not a picture, or has more than
        89,478,485 pixels and is not a JPEG. JPEGs of any size are decoded at reduced size.
    """
    image, name, digest = _open(source, size)
    try:
        # Orientation lies in EXIF, which may itself be broken: then the picture stays as it is.
        with contextlib.suppress(SyntaxError, ValueError, KeyError, TypeError, AttributeError):
            image = ImageOps.exif_transpose(image)
        known, image = image.info.get("pixels"), _to_rgb(image)
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from None
    except Exception as error:  # decoders of many formats raise many types, all meaning the same
        raise ImageError(
            f"{name}: the picture is damaged or cut short ({error}); get a fresh copy"
        ) from None
    pixels = _pixels_sha256(image)
    if known not in (None, pixels):
        # Cut or painted over since it was read: no longer the picture that its record names.
        name, digest = "picture", ""
    if size is not None:
        image = fit(image, size, enlarge=enlarge)
    image.info = {"source": name, "sha256": digest or pixels, "pixels": _pixels_sha256(image)}
    return image


def _open(source: Any, size: int | None) -> tuple[Image.Image, str, str]:
    """Return the picture (undecoded where possible), its name, and its file's SHA-256 or ''."""
    if isinstance(source, Image.Image):
        # A picture that came through here, or from the samples, still knows its origin.
        return source, source.info.get("source", "picture"), source.info.get("sha256", "")
    if isinstance(source, np.ndarray):
        return _from_array(source), "array", ""
    if not isinstance(source, str | bytes | os.PathLike):
        raise ImageError(
            "expected a path, an http(s) address, a file's bytes, a PIL image or an array, "
            f"not {type(source).__name__}"
        )
    if isinstance(source, bytes):
        name, data = "upload", source
    elif is_address(source):
        name = str(source)
        try:
            data = read_url(name)
        except FetchError as error:
            raise ImageError(str(error)) from None
    else:
        name = Path(source).name
        data = _read_file(Path(source))
    title = name if isinstance(source, bytes) else str(source)
    return _identify(data, title, size), name, hashlib.sha256(data).hexdigest()


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file; check the path") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: this is a folder; name a picture in it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: cannot be read ({reason})") from None


def _identify(data: bytes, name: str, size: int | None) -> Image.Image:
    """Open a picture from its bytes without decoding it, guarding against bombs."""
    if not data:
        raise ImageError(f"{name}: the file is empty; get a fresh copy")
    too_large = (
        f"{name}: the picture declares more than the {MAX_PIXELS:,} pixels that are read safely; "
        "make a smaller copy, or a JPEG"
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = open_undecoded(io.BytesIO(data))
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            _reduce(image, size)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise ImageError(too_large) from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{name}: not a picture in a known format; expected JPEG, PNG, TIFF, WebP or the like"
        ) from None
    except Exception as error:  # the readers of many formats raise many types
        raise ImageError(f"{name}: the picture is damaged ({error}); get a fresh copy") from None
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(too_large)
    return image


def open_undecoded(file: BinaryIO) -> Image.Image:
    """Open a picture file without decoding it: the one door to Pillow.

    A JPEG is opened by its class. So it passes Pillow's guard at any size, and can be decoded at
    1/2, 1/4 or 1/8; `Image.open` would refuse it before ``draft`` could be called. Of the other
    formats only `FORMATS` are tried: Pillow would also run PostScript by an outside program.
    """
    start = file.read(3)
    file.seek(0)
    if start == b"\xff\xd8\xff":
        return JpegImagePlugin.JpegImageFile(file)
    return Image.open(file, formats=FORMATS)


def _reduce(image: JpegImagePlugin.JpegImageFile, size: int | None) -> None:
    """Have a JPEG decoded no larger than needed: twice `size`, and never above `MAX_PIXELS`."""
    width, height = image.size
    shrink = 1
    while shrink < 8 and (
        width * height > MAX_PIXELS * shrink**2
        or (size is not None and max(width, height) >= 4 * size * shrink)
    ):
        shrink *= 2
    image.draft(None, (max(1, width // shrink), max(1, height // shrink)))


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


def _to_rgb(image: Image.Image) -> Image.Image:
    """Return any mode as RGB, decoded: transparency over white, 16 bit by its upper byte."""
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    # A copy even where the mode is right, so that the caller's own picture is never touched.
    return image.convert("RGB") if image.mode != "RGB" else image.copy()


def _eight_bits(image: Image.Image) -> Image.Image:
    """Bring 16-bit, 32-bit and float gray to 8 bits: by the upper byte, or as the values tell."""
    values = np.asarray(image)
    if not np.isfinite(values).all():
        raise ImageError("holds values that are not finite; get a fresh copy")
    highest = values.max(initial=0)
    if image.mode == "F" and highest <= 1:
        values = np.rint(values * 255)
    elif highest > 255 or image.mode.startswith("I;16"):
        values = np.clip(values, 0, 65535).astype(np.int64) >> 8
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


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
    return hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()
