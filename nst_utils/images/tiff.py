"""TIFF files that Pillow cannot read (floats in color, 16 bits in planes), by tifffile."""

import logging
from typing import BinaryIO

import numpy as np
from PIL import Image

from ..errors import ignoring, one_line
from .formats import MAX_PIXELS, MEMORY, ImageError, describe

HIGHLIGHT = 16.0
"""Largest value of a floating-point picture whose white is 1; above it, white is 255 or more."""


def is_tiff(head: bytes) -> bool:
    """Tell by the first bytes of a file whether it is a TIFF or a BigTIFF."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_tiff(file: BinaryIO, name: str) -> Image.Image:
    """Read the first page of a TIFF in mode L, LA, RGB or RGBA.

    Its ``info["orientation"]`` is still to be applied. The arguments and errors are those of
    `read_array`.
    """
    array, turn = read_array(file, name)
    image = Image.fromarray(_array_to_bytes(array, name))
    image.info["orientation"] = turn
    return image


def read_array(file: BinaryIO, name: str) -> tuple[np.ndarray, int]:
    """Read the first page of a TIFF, (H, W) or (H, W, channels), and its orientation.

    Inks (CMYK) become RGB, and gray that counts from white becomes gray that counts from black.

    Parameters
    ----------
    file : binary file
        A file at its beginning.
    name : str
        Name of the picture for error messages.

    Raises
    ------
    ImageError
        If the file cannot be read, is a raw photo, or is too large.
    """
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    try:
        with ignoring(), tifffile.TiffFile(file) as tiff:
            page = tiff.pages[0]
            kind = f"{page.samplesperpixel} x {page.bitspersample}-bit {page.dtype or 'unknown'}"
            if 50706 in page.tags:  # DNGVersion
                raise ImageError(f"{name}: {describe(b'', 'x.dng')}")
            needed = 3 * page.size * page.dtype.itemsize if page.dtype else 0
            if needed > MEMORY or page.imagewidth * page.imagelength > MAX_PIXELS:
                raise ImageError(
                    f"{name}: this TIFF ({kind}) takes more than {MEMORY >> 20} MB to be decoded; "
                    "save it with 8 bits, or smaller"
                )
            turn = page.tags[0x0112].value if 0x0112 in page.tags else 1
            array, planar = page.asarray(), page.planarconfig == 2 and page.samplesperpixel > 1
            array = _light(np.moveaxis(array, 0, -1) if planar else array, page.photometric)
    except ImageError:
        raise
    except Exception as error:  # tifffile raises many types
        raise ImageError(
            f"{name}: this kind of TIFF cannot be read, or the file is damaged "
            f"({one_line(error, 80)}); save it with 8 or 16 bits a channel, uncompressed"
        ) from None
    return np.asarray(array), turn if isinstance(turn, int) else 1


def _light(array: np.ndarray, photometric: int) -> np.ndarray:
    """Return integer samples as amounts of light, where they are amounts of ink or darkness."""
    if array.dtype.kind != "u":
        return array
    most = np.iinfo(array.dtype).max
    if photometric == 0:  # white is zero
        return most - array
    if photometric == 5 and array.ndim == 3 and array.shape[-1] >= 4:  # inks
        paper = 1 - array[..., 3:4] / most
        return np.rint((most - array[..., :3]) * paper).astype(array.dtype)
    return array


def _array_to_bytes(array: np.ndarray, name: str) -> np.ndarray:
    """Convert an array of any number type to 8 bits, shape (H, W) or (H, W, 2 to 4)."""
    if array.ndim == 3:
        array = array[..., 0] if array.shape[-1] == 1 else array[..., :4]
    if array.ndim not in (2, 3) or array.dtype.kind not in "uif":
        raise ImageError(f"{name}: this kind of TIFF is not a picture; save it with 8 or 16 bits")
    if not np.isfinite(array).all():
        raise ImageError(f"{name}: the picture has values that are not finite; get a fresh copy")
    highest = float(array.max(initial=0))
    unit = 1.0
    if array.dtype.kind == "f" and highest <= HIGHLIGHT:
        unit = 255.0
    elif array.dtype == np.int16:
        unit = 1 / 128
    elif highest > 255:  # white is the largest number of 16, 24 or 32 bits
        whites = (2.0**24, 2.0**32, highest + 1)
        white = next(white for white in whites if highest < white)
        unit = 1 / 256 if highest <= 65535 else 255 / (white - 1)
    return np.clip(np.rint(array * unit), 0, 255).astype(np.uint8)
