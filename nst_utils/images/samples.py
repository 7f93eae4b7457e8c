"""Sample pictures: photos in installed packages, styles in ``data/samples``, paintings to download.

`list_samples` names them, and `open_picture` takes such a name as well as a path.
"""

import importlib.util
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from .. import paths
from ..download import FetchError, download_file, sha256
from ..errors import check_choice, unknown
from .io import ImageError, read_image

SOURCE = "sample "
"""Prefix of a sample's name in provenance records."""


@dataclass(frozen=True)
class Sample:
    """A sample picture.

    Attributes
    ----------
    name : str
        Name by which it is opened.
    kind : str
        ``content`` (photo), ``style`` (a file of ``data/samples``) or ``painting`` (a download).
    title : str
        What it shows; for paintings also artist and year.
    credit : str
        Author and license.
    address : str
        Address from which a painting is downloaded; otherwise empty.
    sha256 : str
        Expected checksum of the file, if known.
    package, file : str
        Of a photo: the installed package that holds it, and its path there.
    """

    name: str
    kind: str
    title: str
    credit: str
    address: str = ""
    sha256: str = ""
    package: str = ""
    file: str = ""

    @property
    def path(self) -> Path:
        """Path of the file, which may not be downloaded yet."""
        if self.kind != "content":
            folder = paths.PAINTINGS if self.kind == "painting" else paths.SAMPLES
            return folder / f"{self.name}.jpg"
        found = importlib.util.find_spec(self.package)
        return Path(found.submodule_search_locations[0] if found else self.package) / self.file

    @property
    def available(self) -> bool:
        """Whether it can be opened without a download."""
        return self.path.is_file()


@lru_cache(maxsize=1)
def list_samples() -> dict[str, Sample]:
    """Return every sample by name: photos, then styles, then paintings to download."""
    manifest = json.loads((paths.SAMPLES / "manifest.json").read_text(encoding="utf-8"))
    return {entry["name"]: Sample(**entry) for entry in manifest}


def open_sample(name: str, size: int | None = None, *, enlarge: bool = False) -> Image.Image:
    """Open a sample as an RGB picture.

    Its ``info`` is as from `io.read_image`, with the sample's name as ``source``.

    Parameters
    ----------
    name : str
        A name from `list_samples`.
    size, enlarge
        As for `io.read_image`.

    Raises
    ------
    UnknownNameError
        If there is no such sample.
    ImageError
        If the sample is a painting that is not downloaded yet.
    """
    check_choice("sample", name, list_samples())
    sample = list_samples()[name]
    if not sample.available:
        raise ImageError(
            f"sample {name} is not downloaded yet; run list(images.download_paintings()), or see "
            "python -m nst_utils samples"
        )
    image = _read(sample.path, sample.path.stat().st_mtime_ns, size, enlarge).copy()
    image.info["source"] = SOURCE + name
    return image


@lru_cache(maxsize=8)
def _read(path: Path, changed: int, size: int | None, enlarge: bool) -> Image.Image:
    # Notebooks and sweeps open the same few samples again and again.
    return read_image(path, size, enlarge=enlarge)


def open_picture(source: Any, size: int | None = None, *, enlarge: bool = False) -> Image.Image:
    """Open a sample by name, or anything that `io.read_image` reads.

    Write ``./name`` for a file with the name of a sample.

    Parameters
    ----------
    source : str, path, PIL.Image.Image or ndarray
        The name of a sample, or a picture as for `io.read_image`.
    size, enlarge
        As for `io.read_image`.

    Raises
    ------
    ImageError
        If the picture cannot be read. For a name that is neither a file nor a sample, the closest
        sample is suggested.
    """
    if isinstance(source, str) and source in list_samples():
        return open_sample(source, size, enlarge=enlarge)
    plain = isinstance(source, str) and not Path(source).suffix and not set("/\\~") & set(source)
    if plain and source and not os.path.lexists(source[:4000]):
        raise ImageError(str(unknown("picture", source, [*list_samples(), "a path", "an address"])))
    return read_image(source, size, enlarge=enlarge)


def download_paintings() -> Iterator[tuple[Sample, str]]:
    """Download the sample paintings to ``data/paintings``; a failure does not stop the others.

    Yields
    ------
    (Sample, str)
        The sample, and ``"ready, sha256 …"`` or the reason for a failure.
    """
    for sample in list_samples().values():
        if sample.kind != "painting":
            continue
        try:
            if not sample.available:
                download_file(sample.address, sample.path, sample.sha256)
            read_image(sample.path, 64)  # it may be a web page that says "not found"
            yield sample, f"ready, sha256 {sha256(sample.path)[:16]}"
        except ImageError as error:
            sample.path.unlink(missing_ok=True)
            yield sample, str(error)
        except (FetchError, OSError) as error:
            yield sample, str(error)
