"""A cache of WikiArt's index in the dataset's folder.

The folder may come from anybody, so the cache is checked when it is read, and rebuilt if it is
incomplete, damaged or does not fit.
"""

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from ..errors import NSTWarning, one_line
from ..paths import is_regular, replacing, write_text
from .index import COLUMNS, list_folders
from .names import safe_path

CACHE = ".nst_utils"
_SCHEMA = 4
_TABLES = ("catalog", "report", "problems")
_MOST_BYTES = 256 * 2**20
_MOST_ROWS = 5_000_000


def key_of(root: Path) -> str:
    """Return a hash of the csv files and folders, their sizes and times; it changes with them."""
    facts: list[Any] = [_SCHEMA]
    for place in (root, root.parent):
        for path in sorted([*place.glob("*classes.csv"), *place.glob("style_*.csv")]):
            if is_regular(path):
                facts.append((path.name, path.stat().st_size, path.stat().st_mtime_ns))
    todo = [root]
    for _ in range(3):  # subsets, styles, and folders within them
        todo = [folder for place in todo for folder in list_folders(place)]
        facts += [(str(f.relative_to(root)), f.stat().st_mtime_ns) for f in todo]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:20]


def load_index(root: Path, key: str) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Return the cached catalog and findings, or None if they are missing or no longer fit."""
    folder = root / CACHE
    # The libraries raise many types; after any error the cache is rebuilt.
    try:
        if any(path.is_symlink() for path in (folder, *folder.glob("*"))):
            return None
        if not is_regular(folder / "key") or (folder / "key").stat().st_size > 1000:
            return None
        if (folder / "key").read_text(encoding="utf-8") != _sealed(folder, key):
            return None
        catalog, report = _read(folder / "catalog.parquet"), _read(folder / "report.parquet")
        if not _fits(catalog) or list(report) != ["kind", "path", "detail"]:
            return None
        known = folder / "problems.parquet"
        if known.exists():
            problems = _read(known).drop_duplicates("path").set_index("path")["problem"]
            noted = catalog["path"].map(problems.astype(str))
            catalog["problem"] = noted.where(noted.notna(), catalog["problem"])
    except Exception:
        return None
    return catalog, report


def _sealed(folder: Path, key: str) -> str:
    """Return the text that says that a cache is whole: its key, and a checksum of each table."""
    lines = [key]
    for path in (folder / f"{name}.parquet" for name in _TABLES):
        if os.path.lexists(path):
            with _open(path) as file:
                lines.append(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}")
    return "\n".join(lines)


def _open(path: Path) -> BinaryIO:
    """Open a table, or raise an error if it is too large for a cache of this module."""
    if not is_regular(path) or path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} is not a cached table")
    return path.open("rb")


def _read(path: Path) -> pd.DataFrame:
    """Read a table, or raise an error if it is too large for a cache of this module."""
    import pyarrow.parquet

    with _open(path) as file:
        facts = pyarrow.parquet.ParquetFile(file).metadata
        size = sum(facts.row_group(i).total_byte_size for i in range(facts.num_row_groups))
        if facts.num_rows > _MOST_ROWS or size > 4 * _MOST_BYTES:
            raise ValueError(f"{path} is too large")
        file.seek(0)
        return pd.read_parquet(file)


def _fits(catalog: pd.DataFrame) -> bool:
    """Tell whether a table has the form of a catalog, and names no file outside its folder."""
    if list(catalog) != list(COLUMNS) or catalog["path"].duplicated().any():
        return False
    numbers = catalog[["width", "height"]].to_numpy()
    if numbers.dtype.kind not in "iu" or (len(numbers) and not 0 <= numbers.min()):
        return False
    texts = catalog.drop(columns=["path", "year", "width", "height"])
    if not all(isinstance(v, str) for name in texts for v in texts[name].unique()):
        return False
    years = np.asarray(catalog["year"].dropna())
    if len(years) and years.dtype.kind not in "iu":
        return False
    return all(safe_path(name) == name for name in catalog["path"])


def _folder(root: Path) -> Path:
    """Return the cache's folder, without links in it: those of a stranger lead anywhere."""
    folder = root / CACHE
    if folder.is_symlink():
        raise OSError(f"{folder} is a link")
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_symlink():
            path.unlink()
    return folder


def _write(table: pd.DataFrame, path: Path) -> None:
    with replacing(path) as draft:
        table.to_parquet(draft, index=False)


def store_index(root: Path, key: str, catalog: pd.DataFrame, report: pd.DataFrame) -> None:
    """Cache an index in the dataset's folder; warn if that is not possible."""
    folder = root / CACHE
    try:
        _folder(root).mkdir(exist_ok=True)
        (folder / "key").unlink(missing_ok=True)  # invalid until every table is written
        for name, table in (("catalog", catalog), ("report", report)):
            _write(table, folder / f"{name}.parquet")
        (folder / "problems.parquet").unlink(missing_ok=True)
        write_text(folder / "key", _sealed(folder, key))
    except (OSError, ValueError) as error:
        _warn(folder, "the index cannot be cached there, and will be built again", error)


def store_problems(root: Path, catalog: pd.DataFrame) -> None:
    """Cache the problems that `WikiArt.verify` found; warn if that is not possible.

    What is known of files that are not in `catalog` stays: it may be a part of the dataset.
    """
    bad = catalog.loc[catalog["problem"] != "", ["path", "problem"]]
    try:
        place = _folder(root) / "problems.parquet"
        if place.exists():
            known = _read(place)
            bad = pd.concat([known[~known["path"].isin(catalog["path"])], bad])
        _write(bad, place)
        seal = root / CACHE / "key"
        key = seal.read_text(encoding="utf-8").partition("\n")[0]
        write_text(seal, _sealed(root / CACHE, key))
    except (OSError, ValueError, KeyError) as error:
        _warn(root / CACHE, "the findings cannot be cached there", error)


def _warn(folder: Path, what: str, error: Exception) -> None:
    warnings.warn(f"{folder}: {what} ({one_line(error, 120)})", NSTWarning, stacklevel=4)
