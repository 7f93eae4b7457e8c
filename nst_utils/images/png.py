"""PNG files with the record of how they were made inside, written whole or not at all."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from ..atomic import replacing
from .io import ImageError, _identify, _read_file

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
    path = check_output(path).resolve()
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
        If the name has another ending or is a folder, or its folder does not exist or cannot be
        written to.
    """
    path = Path(path)
    if path.suffix.lower() != suffix:
        raise ImageError(
            f"{path}: the output must end in {suffix}, because the record of how it was made is "
            "stored inside"
        )
    if not path.parent.is_dir():
        raise ImageError(f"{path}: the folder {path.parent} does not exist; make it first")
    if path.is_dir():
        raise ImageError(f"{path}: this is a folder; name a file")
    if not os.access(path.parent, os.W_OK):
        raise ImageError(f"{path}: the folder {path.parent} cannot be written to; choose another")
    return path


def read_provenance(path: str | os.PathLike) -> dict[str, Any] | None:
    """Return the record that `save_png` stored in a picture, or None if it has none.

    Raises
    ------
    ImageError
        If the file is not a readable picture.
    """
    image = _identify(_read_file(Path(path)), str(path), None)
    try:
        image.load()  # text entries may stand behind the pixels
        record = json.loads(image.info.get(PROVENANCE_KEY, "null"))
    except (OSError, SyntaxError, TypeError, ValueError):
        return None
    return record if isinstance(record, dict) else None
