"""Pictures to begin with: photos inside installed packages, styles, downloadable paintings.

Photos and styles need no download; the styles are files of ``data/samples``. A picture is named as
``python -m nst_utils samples`` lists it, and `open_picture` takes such a name wherever it takes a
path.
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
from ..errors import unknown
from .io import ImageError, read_image

SOURCE = "sample "
"""What the recorded source of a sample begins with; its name follows."""


@dataclass(frozen=True)
class Sample:
    """A picture that is at hand, or can be downloaded.

    Attributes
    ----------
    name : str
        By which it is opened.
    kind : str
        ``content`` (photo), ``style`` (a file of ``data/samples``) or ``painting`` (a download).
    title : str
        What it shows, in one line; for paintings with artist and year.
    credit : str
        Author and license.
    address : str
        Where a painting is downloaded from; else empty.
    sha256 : str
        Expected checksum of the file, where known.
    """

    name: str
    kind: str
    title: str
    credit: str
    address: str = ""
    sha256: str = ""

    @property
    def path(self) -> Path:
        """Where the file is, or will be once it is downloaded."""
        if self.kind == "painting":
            return paths.PAINTINGS / f"{self.name}.jpg"
        if self.kind == "style":
            return paths.SAMPLES / f"{self.name}.jpg"
        entry = _photos()[self.name]
        name = entry.get("package", "skimage")
        package = importlib.util.find_spec(name)
        place = Path(package.submodule_search_locations[0] if package else name)
        return place / ("data" if name == "skimage" else "") / entry["file"]

    @property
    def available(self) -> bool:
        """Whether it can be opened without a download."""
        return self.path.is_file()


@lru_cache(maxsize=1)
def _manifest() -> dict[str, list[dict[str, Any]]]:
    return json.loads((paths.SAMPLES / "manifest.json").read_text(encoding="utf-8"))


def _photos() -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in _manifest()["content"]}


@lru_cache(maxsize=1)
def list_samples() -> dict[str, Sample]:
    """Return every sample by name: photos, painted styles, then downloadable paintings."""
    listed = [
        Sample(entry["name"], "content", entry["title"], entry["credit"])
        for entry in _photos().values()
    ]
    listed += [
        Sample(entry["name"], "style", entry["title"], "made for nst_utils", sha256=entry["sha256"])
        for entry in _manifest()["styles"]
    ]
    listed += [
        Sample(
            entry["name"],
            "painting",
            f"{entry['artist']}, {entry['title']}, {entry['year']}",
            "public domain",
            entry["address"],
            entry["sha256"] or "",
        )
        for entry in _manifest()["paintings"]
    ]
    return {sample.name: sample for sample in listed}


def open_sample(name: str, size: int | None = None, *, enlarge: bool = False) -> Image.Image:
    """Open a sample as an RGB picture.

    Its ``info`` holds ``source`` (the sample's name) and ``sha256``, as `io.read_image` does.

    Parameters
    ----------
    name : str
        As ``python -m nst_utils samples`` lists it.
    size, enlarge
        As for `io.read_image`.

    Raises
    ------
    UnknownNameError
        If there is no such sample.
    ImageError
        If it is a painting that was not downloaded yet.
    """
    if name not in list_samples():
        raise unknown("sample", name, list_samples())
    sample = list_samples()[name]
    if not sample.available:
        raise ImageError(
            f"sample {name} is not on this machine; run python -m nst_utils samples --download"
        )
    image = read_image(sample.path, size, enlarge=enlarge)
    image.info["source"] = SOURCE + name
    return image


def open_picture(source: Any, size: int | None = None, *, enlarge: bool = False) -> Image.Image:
    """Open a sample by name, or anything that `io.read_image` reads.

    A file with a sample's name is opened as ``./name``.

    Parameters
    ----------
    source : str, path, PIL.Image.Image or ndarray
        What to open.
    size, enlarge
        As for `io.read_image`.

    Raises
    ------
    ImageError
        If it cannot be read; a name that is neither a file nor a sample gets the nearest sample
        suggested.
    """
    if isinstance(source, str) and source in list_samples():
        return open_sample(source, size, enlarge=enlarge)
    plain = isinstance(source, str) and not Path(source).suffix and not set("/\\~") & set(source)
    if plain and source and not os.path.lexists(source[:4000]):
        raise ImageError(str(unknown("picture", source, [*list_samples(), "a path", "an address"])))
    return read_image(source, size, enlarge=enlarge)


def download_paintings() -> Iterator[tuple[Sample, str]]:
    """Download the paintings of the manifest to ``data/paintings``, yielding how each went.

    Yields
    ------
    (Sample, str)
        The sample, and ``"ready, sha256 …"`` or what went wrong; one failure stops nothing.
    """
    for sample in list_samples().values():
        if sample.kind != "painting":
            continue
        try:
            if not sample.available:
                download_file(sample.address, sample.path, sample.sha256)
            read_image(sample.path, 64)  # a page that says "not found" is no picture
            yield sample, f"ready, sha256 {sha256(sample.path)[:16]}"
        except ImageError as error:
            sample.path.unlink(missing_ok=True)
            yield sample, str(error)
        except (FetchError, OSError) as error:
            yield sample, str(error)
