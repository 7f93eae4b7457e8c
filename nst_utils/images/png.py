"""PNG files that contain the record of how they were made."""

import contextlib
import json
import os
import stat
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, PngImagePlugin

from ..errors import NSTError, ignoring
from ..paths import is_address, is_folder, is_same, replacing, user_path
from ..untrusted import DataError, parse_json
from .clips import NUMBERED, frame_files, kind_of, read_comment
from .decode import decode, open_undecoded
from .formats import ImageError
from .io import open_source

PROVENANCE_KEY = "nst_utils"

MOST_TEXT = 2**20
"""Characters of a description that is looked into for a record."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a draft that becomes the file; what the disk refuses is an `ImageError`."""
    try:
        with replacing(path) as draft:
            yield draft
    except OSError as error:
        raise ImageError(f"{path}: cannot be written ({error.strerror or error})") from None


def save_png(
    image: Image.Image, path: str | os.PathLike, provenance: Mapping[str, Any], **options: Any
) -> Path:
    """Save a picture as PNG with its provenance record; a failed save leaves no partial file.

    Parameters
    ----------
    image : PIL.Image.Image
        The picture.
    path : path
        File to write, ending in ``.png``. Its folder must exist.
    provenance : dict
        JSON values; stored in one text entry with the key ``nst_utils``.
    **options
        For Pillow's PNG writer, for example ``dpi``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ImageError
        If the name does not end in ``.png``, the folder is missing, or writing fails.
    """
    path = check_output(path)
    info = PngImagePlugin.PngInfo()
    info.add_text(PROVENANCE_KEY, json.dumps(provenance))
    with writing(path) as draft:
        image.save(draft, "PNG", pnginfo=info, **options)
    return path


def check_output(path: str | os.PathLike, suffixes: Sequence[str] = (".png",)) -> Path:
    """Check before a long run that a picture can be saved at `path`; return it as a `Path`.

    Raises
    ------
    ImageError
        If the name has another suffix or is not valid, if `path` is a folder, a pipe or a device,
        or if its folder is missing or read-only.
    """
    path = user_path(path)
    if path.suffix.lower() not in suffixes:
        raise ImageError(
            f"{path}: the output must end in {' or '.join(suffixes)}, because the record of how it "
            "was made is stored inside"
        )
    try:
        path.lstat()  # an error if the name is too long or contains a null byte
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
    if not is_folder(path.parent):
        raise ImageError(f"{path}: the folder {path.parent} does not exist; make it first")
    if not os.access(path.parent, os.W_OK):
        raise ImageError(f"{path}: the folder {path.parent} cannot be written to; choose another")
    return path


def read_provenance(path: str | os.PathLike) -> dict[str, Any] | None:
    """Return the record that a picture or a film painted here carries, or None if it has none.

    Of a folder of frames it is that of the first one. A PNG is not decoded, and the contents of
    the record are not checked. JPEG, WebP and TIFF hold it in their description (see
    `outputs.save_painting`), a film in its comment.

    Raises
    ------
    ImageError
        If the file is missing or not a picture.
    """
    if not is_address(path) and is_folder(user_path(path)):
        frames = frame_files(user_path(path))
        return read_provenance(frames[0]) if frames else None
    with open_source(path) as (file, _, title):
        head = file.read(32)
        if head[:8] != b"\x89PNG\r\n\x1a\n":
            record = _parsed(_description(file)).get(PROVENANCE_KEY)
            if isinstance(record, dict):
                return record
            if kind := kind_of(head):
                return _parsed(read_comment(file, kind, title)) or None
            decode(file, title, 64)
            return None
        file.seek(8)
        text = _record_text(file)
    return _parsed(text) or None


def check_lost(path: Path, *inputs: Any) -> None:
    """Refuse to write over an input, or over what was not painted here.

    Of a folder the numbered frames are looked at; of one without any, all of its pictures.

    Raises
    ------
    ImageError
        With the file that would be lost.
    """
    for source in inputs:
        if not isinstance(source, str | os.PathLike) or is_address(source):
            continue
        given = user_path(source)
        if given.absolute() == path.absolute() or is_same(given, path):
            raise ImageError(
                f"{path}: the output would overwrite an input or the other output; choose another "
                "name"
            )
    files = [path]
    if is_folder(path):
        files = list(path.glob(NUMBERED)) or frame_files(path)
    for file in files:
        try:
            mine = file.stat().st_size == 0 or read_provenance(file) is not None
        except FileNotFoundError:
            mine = True
        except ImageError:
            mine = False
        if not mine:
            raise ImageError(
                f"{file}: this was not painted here and would be lost; choose another name"
            )


def holds_finished(path: Path) -> bool:
    """Tell whether a file or folder of frames holds what a finished run or a network made."""
    with contextlib.suppress(NSTError, OSError):
        record = read_provenance(path)
        return record is not None and record.get("stopped", "finished") == "finished"
    return False


def _parsed(text: str | None) -> dict[str, Any]:
    """Return a JSON object, or an empty one where the text is something else."""
    try:
        found = parse_json(text, "a record") if text else None
    except DataError:
        return {}
    return found if isinstance(found, dict) else {}


def _description(file: BinaryIO) -> str | None:
    """Return the description in the EXIF data of a picture, or in a TIFF, or None."""
    with contextlib.suppress(Exception), ignoring():
        found = open_undecoded(file).getexif().get(0x010E)
        return found if isinstance(found, str) and len(found) <= MOST_TEXT else None
    return None


def _record_text(file: BinaryIO) -> str | None:
    """Return the first undamaged text entry of a PNG under our key, or None.

    Pillow reads the entry, whether it is a tEXt, zTXt or iTXt chunk, and bounds what it unpacks.
    All other chunks are skipped, pixels included, so that damage in them does not matter.
    """
    key = PROVENANCE_KEY.encode() + b"\0"
    stream = PngImagePlugin.PngStream(file)
    while True:
        try:
            kind, start, length = stream.read()
        except (struct.error, SyntaxError):  # the end of the file, or no chunk
            return None
        ours = kind in (b"tEXt", b"zTXt", b"iTXt") and file.read(len(key)) == key
        if ours and length <= PngImagePlugin.MAX_TEXT_MEMORY:
            file.seek(start)
            stream.im_text.clear()  # of an entry that turned out damaged
            with contextlib.suppress(SyntaxError, ValueError, OSError, IndexError):
                stream.crc(kind, stream.call(kind, start, length))
                if text := stream.im_text.get(PROVENANCE_KEY):
                    return text
        file.seek(start + length + 4)
