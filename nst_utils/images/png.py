"""PNG files with the record of how they were made inside, written whole or not at all."""

import json
import os
import stat
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, PngImagePlugin

from ..paths import replacing, user_path
from ..untrusted import MOST_BYTES, DataError, parse_json
from .decode import decode
from .formats import ImageError
from .io import open_source

PROVENANCE_KEY = "nst_utils"


def save_png(
    image: Image.Image, path: str | os.PathLike, provenance: Mapping[str, Any], **options: Any
) -> Path:
    """Save a picture as PNG with its provenance inside, whole or not at all.

    Parameters
    ----------
    image : PIL.Image.Image
        The picture.
    path : path
        File to write, ending in ``.png``. Its folder must exist.
    provenance : dict
        JSON values; stored as the one text entry with key ``nst_utils``.
    **options
        For Pillow's PNG writer, for example ``dpi``.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ImageError
        If the name does not end in ``.png``, the folder is missing, or writing fails.
    """
    path = check_output(path)
    info = PngImagePlugin.PngInfo()
    info.add_text(PROVENANCE_KEY, json.dumps(provenance))
    try:
        with replacing(path) as draft:
            image.save(draft, "PNG", pnginfo=info, **options)
    except OSError as error:
        raise ImageError(f"{path}: cannot be written ({error.strerror or error})") from None
    return path


def check_output(path: str | os.PathLike, suffix: str = ".png") -> Path:
    """Check before a long run that a picture can be saved there; return the path.

    Raises
    ------
    ImageError
        If the name has another ending, is none that the file system takes, or is a folder, a pipe
        or a device; if its folder does not exist or cannot be written to.
    """
    path = user_path(path)
    if path.suffix.lower() != suffix:
        raise ImageError(
            f"{path}: the output must end in {suffix}, because the record of how it was made is "
            "stored inside"
        )
    try:
        path.lstat()  # says what no file system takes: too long a name, a null byte
        real = path.stat().st_mode
    except FileNotFoundError:
        real = stat.S_IFREG
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: no file can have this name ({reason}); choose another") from None
    if stat.S_ISDIR(real):
        raise ImageError(f"{path}: this is a folder; name a file")
    if not stat.S_ISREG(real):
        raise ImageError(f"{path}: this is a pipe or a device; name a file")
    if not path.parent.is_dir():
        raise ImageError(f"{path}: the folder {path.parent} does not exist; make it first")
    if not os.access(path.parent, os.W_OK):
        raise ImageError(f"{path}: the folder {path.parent} cannot be written to; choose another")
    return path


def read_provenance(path: str | os.PathLike) -> dict[str, Any] | None:
    """Return the record that `save_png` stored in a picture, or None if it has none.

    The picture is not decoded, and the record is not checked: see `reproduce`.

    Raises
    ------
    ImageError
        If the file is not a readable picture.
    """
    with open_source(path) as (file, _, title):
        if file.read(8) != b"\x89PNG\r\n\x1a\n":
            file.seek(0)
            decode(file, title, 64)
            return None
        for text in _entries(file):
            try:
                record = parse_json(text, "a record")
            except DataError:
                return None
            return record if isinstance(record, dict) else None
    return None


def _entries(file: BinaryIO) -> Iterator[bytes]:
    """Yield the contents of a PNG's text entries with our key, of those that are whole."""
    key = PROVENANCE_KEY.encode() + b"\0"
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind != b"tEXt" or length > MOST_BYTES:
            file.seek(length + 4, os.SEEK_CUR)
            continue
        content, checksum = file.read(length), file.read(4)
        if content.startswith(key) and checksum == struct.pack(">I", zlib.crc32(kind + content)):
            yield content.removeprefix(key)
