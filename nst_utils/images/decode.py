"""Picture files decoded to RGB within limits of memory, by Pillow and tifffile.

Only known formats are opened, and large pictures are reduced while they are read. Color profile and
orientation are applied. Damaged metadata does not make a picture unreadable.
"""

import contextlib
import io
import warnings
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin, UnidentifiedImageError

from ..errors import NSTWarning, ignoring, one_line
from .formats import (
    MAX_PIXELS,
    MEMORY,
    ImageError,
    damaged,
    describe,
    is_heif,
    orientation_of,
    without_metadata,
)
from .tiff import HIGHLIGHT, is_tiff, read_tiff

FORMATS = tuple("AVIF BMP GIF HEIF ICO JPEG JPEG2000 PCX PNG PPM TGA TIFF WEBP".split())
"""Pillow's names of the formats that are read."""

_TOO_LARGE = (
    f"the picture declares more than the {MAX_PIXELS:,} pixels that can be read safely; make "
    "a smaller copy, or a JPEG"
)

_COST = {"WEBP": 16, "JPEG2000": 20, "AVIF": 14, "HEIF": 8}
"""Bytes per pixel that the decoders of these formats take; see ``benchmark/NOTES.md``."""

_LARGE = 2**24
"""Pixels above which a picture is reduced by a whole factor before it is resized."""

_STRIP = 2**21
"""Pixels that are converted at a time."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Pillow's transposition for each orientation of EXIF."""


def decode(
    file: BinaryIO, name: str, size: int | None = None, background: str = "white"
) -> Image.Image:
    """Read a picture file as upright 8-bit RGB.

    Parameters
    ----------
    file : binary file
        A seekable file, which is read from its beginning.
    name : str
        Name of the picture for error messages.
    size : int, optional
        Long side in pixels to which the caller will resize. A larger picture may be returned
        reduced, but not below twice this size. A JPEG of more than `MAX_PIXELS` may be reduced
        further.
    background : str
        Color on which transparent pixels are laid, by a name that Pillow knows.

    Raises
    ------
    ImageError
        If the file is not a picture, damaged, or too large.
    """
    try:
        return _decode(file, name, size, background)
    except ImageError as error:
        if str(error).startswith(name):
            raise
        raise ImageError(f"{name}: {error}") from None
    except Image.DecompressionBombError:
        raise ImageError(f"{name}: {_TOO_LARGE}") from None
    except Exception as error:  # the decoders of many formats raise many types
        second = _decode_otherwise(file, name, size, background)
        if second is not None:
            return second
        if isinstance(error, UnidentifiedImageError):
            file.seek(0)
            raise ImageError(f"{name}: {describe(file.read(2000), name)}") from None
        raise damaged(name, error) from None


def _decode(file: BinaryIO, name: str, size: int | None, background: str = "white") -> Image.Image:
    with ignoring():
        image = open_undecoded(file)
        reduction = plan(image, file, name, size)
        if _misread(image):
            raise ValueError("16 bits in planes, or counted from white")
        image.load()
    return to_rgb(image, reduction, background)


def _misread(image: Image.Image) -> bool:
    """Tell whether Pillow would read the planes of a TIFF as pixels, or its white as black."""
    if image.format != "TIFF" or _bits(image)[0] <= 8:
        return False
    return image.tag_v2.get(284) == 2 or image.tag_v2.get(262) == 0


def _decode_otherwise(
    file: BinaryIO, name: str, size: int | None, background: str
) -> Image.Image | None:
    """Decode a TIFF by tifffile, another picture without its metadata.

    Return None if the second fails; a TIFF that cannot be read raises `ImageError`.
    """
    if _begins_tiff(file):
        image = read_tiff(file, name)
        return _upright(to_rgb(image, background=background), image.info["orientation"])
    file.seek(0)
    data = file.read(MEMORY // 4)
    bare = without_metadata(data)
    if bare is None or bare == data:
        return None
    with contextlib.suppress(Exception):  # the caller reports the first error
        return _decode(io.BytesIO(bare), name, size, background)
    return None


def _begins_tiff(file: BinaryIO) -> bool:
    """Tell by its head whether a file is a TIFF, and go to its beginning."""
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    return is_tiff(head)


def open_undecoded(file: BinaryIO) -> Image.Image:
    """Open a picture file without decoding it.

    A JPEG is opened by its class, because `Image.open` refuses large ones before ``draft`` can
    reduce them. For other files only `FORMATS` are tried, because Pillow would run an external
    program for PostScript.
    """
    file.seek(0)
    head = file.read(32)
    file.seek(0)
    if head.startswith(b"\xff\xd8\xff"):
        return JpegImagePlugin.JpegImageFile(file)
    if is_heif(head) and "HEIF" not in Image.OPEN:
        import pillow_heif

        pillow_heif.register_heif_opener()
    Image.init()
    # An older Pillow knows fewer: 11.3 was the first with AVIF.
    known = [name for name in FORMATS if name in Image.OPEN and (name != "HEIF" or is_heif(head))]
    return Image.open(file, formats=known)


WIDE = ("I", "I;16", "I;16B", "I;16L", "F")
"""Pillow's modes of one channel with more than 8 bits."""


def read_wide(file: BinaryIO) -> np.ndarray | None:
    """Return the numbers of a gray picture with more than 8 bits, upright; None for any other."""
    file.seek(0)
    with contextlib.suppress(Exception), ignoring():
        image = open_undecoded(file)
        small = image.width * image.height <= MAX_PIXELS
        if image.mode in WIDE and small and not _misread(image):
            return np.asarray(ImageOps.exif_transpose(image))
    file.seek(0)
    return None


def plan(image: Image.Image, file: BinaryIO, name: str, size: int | None) -> int:
    """Check that a picture can be decoded within `MEMORY`; return a factor by which to reduce it.

    JPEG and JPEG 2000 pictures are instead set to be decoded at a smaller size, with factor 1.

    Raises
    ------
    ImageError
        If it has too many pixels, or decoding it would take more than `MEMORY`.
    """
    width, height = image.size
    if image.format == "JPEG" and isinstance(image, JpegImagePlugin.JpegImageFile):
        kept = _coefficients(image, file) * width * height
        if kept > MEMORY:
            raise ImageError(
                f"{name}: a progressive JPEG of {width:,} x {height:,} pixels takes "
                f"{int(kept) >> 20:,} MB to be decoded, over the limit of {MEMORY >> 20:,} MB; "
                "save it as a plain JPEG, or smaller"
            )
        _reduce_jpeg(image, size)
        return 1
    if width * height > MAX_PIXELS:
        raise ImageError(f"{name}: {_TOO_LARGE}")
    reduction = 1
    if size is not None and width * height > _LARGE:
        reduction = max(1, max(width, height) // (2 * size))
    if image.format == "JPEG2000" and reduction > 1:
        image.reduce = min(5, reduction.bit_length() - 1)  # a power of 2
        width, height, reduction = *image.size, 1
    pixel = {"1": 1, "L": 1, "P": 1, "I;16": 2}.get(image.mode, 4)
    if image.format == "TIFF":  # one strip, decoded at once, may be the whole picture
        pixel += sum(_bits(image)) // 8
    needed = int(width * height * (_COST.get(image.format, pixel) + 4 / reduction**2))
    if needed > MEMORY:
        raise ImageError(
            f"{name}: {width:,} x {height:,} pixels of this {image.format} take "
            f"{needed >> 20:,} MB to be decoded, over the limit of {MEMORY >> 20:,} MB; make a "
            "smaller copy, or a JPEG"
        )
    return reduction


def _bits(image: Image.Image) -> tuple[int, ...]:
    """Return the bits of each sample of a TIFF."""
    bits = image.tag_v2.get(258, (8,))
    return bits if isinstance(bits, tuple) else (bits,)


def _coefficients(image: JpegImagePlugin.JpegImageFile, file: BinaryIO) -> float:
    """Return the bytes per pixel that a JPEG of several scans takes until the last one is read."""
    parts = file.read(3)  # Pillow has stopped after the marker of the first scan
    several = len(parts) == 3 and parts[2] < len(image.layer)
    if not several and not image.info.get("progressive"):
        return 0.0
    samples = [across * down for _, across, down, *_ in image.layer]
    return 2 * sum(samples) / max(1, max(samples))


def _reduce_jpeg(image: JpegImagePlugin.JpegImageFile, size: int | None) -> None:
    """Set a JPEG to be decoded below `MAX_PIXELS`; else at no less than twice `size`."""
    width, height = image.size
    shrink = 1
    while shrink < 8 and (
        width * height > MAX_PIXELS * shrink**2
        or (size is not None and max(width, height) >= 4 * size * shrink)
    ):
        shrink *= 2
    image.draft(None, (max(1, width // shrink), max(1, height // shrink)))


def to_rgb(image: Image.Image, reduction: int = 1, background: str = "white") -> Image.Image:
    """Return a decoded picture of any mode as a new picture in upright RGB.

    The color profile is applied, transparency becomes the background, and 16 bits become 8. To save
    memory, the picture is converted strip by strip.

    Parameters
    ----------
    image : PIL.Image.Image
        The picture; it is not changed.
    reduction : int
        Whole factor by which the result is smaller.
    background : str
        What transparency becomes.

    Raises
    ------
    ImageError
        If the picture has values that are not finite.
    """
    turn = orientation(image)
    transform = profile(image)
    clear = _has_alpha(image)
    if image.mode == "RGB" and not clear and transform is None and reduction == 1:
        whole = image.copy()
    else:
        width, height = image.size
        whole = Image.new("RGB", (-(-width // reduction), -(-height // reduction)))
        rows = max(1, _STRIP // (width * reduction)) * reduction
        highest = _highest(image, rows) if image.mode.startswith(("I", "F")) else 0.0
        for y in range(0, height, rows):
            part = image.crop((0, y, width, min(y + rows, height)))
            part = _strip_to_rgb(part, clear, transform, highest, background)
            whole.paste(part.reduce(reduction) if reduction > 1 else part, (0, y // reduction))
    return _upright(whole, turn)


def decode_alpha(file: BinaryIO, name: str) -> Image.Image | None:
    """Return how opaque each pixel of a picture file is, upright, in mode ``L``; None: all are.

    Raises
    ------
    ImageError
        As `decode` does.
    """
    try:
        with ignoring():
            image = open_undecoded(file)
            if not _has_alpha(image):
                return None
            if _misread(image):
                raise ValueError("16 bits in planes")
            plan(image, file, name, None)
            image.load()
            alpha = image.convert("RGBA").getchannel("A")
    except ImageError:
        raise
    except Exception as error:  # the decoders of many formats raise many types
        if not _begins_tiff(file):
            raise damaged(name, error) from None
        image = read_tiff(file, name)
        if "A" not in image.getbands():
            return None
        return _upright(image.getchannel("A"), image.info["orientation"])
    return _upright(alpha, orientation(image))


def _has_alpha(image: Image.Image) -> bool:
    return "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La")


def _upright(image: Image.Image, turn: int) -> Image.Image:
    return image.transpose(TURNS[turn]) if turn in TURNS else image


def _strip_to_rgb(
    part: Image.Image, clear: bool, transform: Any, highest: float, background: str
) -> Image.Image:
    if part.mode.startswith(("I", "F")):
        values = np.asarray(part)
        if part.mode == "F" and highest <= HIGHLIGHT:
            values = np.rint(values * 255)
        elif highest > 255 or part.mode.startswith("I;16"):
            values = np.clip(values, 0, 65535).astype(np.uint16) >> 8
        part = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    if clear:
        part = part.convert("RGBA")
        part = Image.alpha_composite(Image.new("RGBA", part.size, background), part).convert("RGB")
    if transform is not None:
        return ImageCms.applyTransform(part.convert(transform.input_mode), transform)
    return part.convert("RGB")


def _highest(image: Image.Image, rows: int) -> float:
    """Return the largest value of a picture of integers or floats, which tells its range."""
    highest = 0.0
    for y in range(0, image.height, rows):
        values = np.asarray(image.crop((0, y, image.width, min(y + rows, image.height))))
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ImageError("the picture has values that are not finite; get a fresh copy")
        highest = max(highest, float(values.max(initial=0)))
    return highest


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation of an opened picture file, 1 to 8."""
    block = image.info.get("exif")
    if isinstance(block, bytes) and (turn := orientation_of(block)) != 1:
        return turn
    # Pillow also knows the orientation of TIFF and of XMP; either may be broken.
    with contextlib.suppress(Exception), ignoring():
        value = image.getexif().get(0x0112)
        return value if isinstance(value, int) and value in TURNS else 1
    return 1


def profile(image: Image.Image) -> Any:
    """Return the transform from a picture's color profile to sRGB, or None if none is needed.

    A profile that is damaged or for other modes than the picture's is ignored with a warning.
    """
    data = image.info.get("icc_profile")
    if not data or not isinstance(data, bytes):
        return None
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(data))
        space = own.profile.xcolor_space.strip()
        mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}.get(space)
        if mode is None or (mode in ("CMYK", "LAB")) != (image.mode in ("CMYK", "LAB")):
            raise ValueError(f"it is for {space or 'other'} colors")
        transform = ImageCms.buildTransform(own, ImageCms.createProfile("sRGB"), mode, "RGB")
        return None if _changes_nothing(transform) else transform
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError) as error:
        warnings.warn(
            f"the picture's color profile is ignored ({one_line(error, 80)}): its colors are "
            "taken for sRGB",
            NSTWarning,
            stacklevel=2,
        )
        return None


def _changes_nothing(transform: Any) -> bool:
    """Tell whether a transform only rounds, because the profile is sRGB, as most are."""
    if transform.input_mode == "CMYK":
        return False
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(27, 27, 3)
    probe = Image.fromarray(grid).convert(transform.input_mode)
    there = np.asarray(ImageCms.applyTransform(probe, transform), int)
    return bool(np.abs(there - np.asarray(probe.convert("RGB"), int)).max() <= 2)
