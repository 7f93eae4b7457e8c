"""The index of WikiArt: folders walked, csv files joined, sizes read, all of it cached.

Files are the truth: the csv files add to what is on disk, and whatever they name that is not there
appears in the report only.
"""

import hashlib
import json
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..atomic import replacing, write_text
from ..errors import NSTError, NSTWarning, one_line
from .files import read_files, read_size
from .names import comparable, parse_tags, repair, safe_path, split_name, title_of, year_of

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
CACHE = ".nst_utils"
_SCHEMA = 2

GENRES = (
    "abstract painting", "cityscape", "genre painting", "illustration", "landscape",
    "nude painting", "portrait", "religious painting", "sketch and study", "still life", "",
)  # fmt: skip
"""Genres by the code of ``wclasses.csv`` less 129; the last is unknown."""

KAGGLE_COLUMNS = (
    "filename", "artist", "genre", "description", "phash", "width", "height", "subset"
)  # fmt: skip

COLUMNS = (
    "path", "style", "artist", "title", "year", "width", "height", "subset", "tags", "genre",
    "phash", "problem",
)  # fmt: skip


class WikiArtError(NSTError, RuntimeError):
    """A dataset that cannot be used; the message says what was expected and what was found."""


def find_root(folder: Path) -> Path:
    """Return the folder that holds the style folders, up to two levels down.

    Raises
    ------
    WikiArtError
        If there is none; says what was found instead.
    """
    expected = "expected a folder of style folders with pictures (Cubism/…jpg)"
    if not folder.exists():
        raise WikiArtError(
            f"{folder}: no such folder; {expected}, or run python -m nst_utils wikiart download"
        )
    if not folder.is_dir():
        raise WikiArtError(f"{folder}: this is a file; {expected}")
    level = [folder]
    for _ in range(3):
        for place in level:
            if any(_has_pictures(child) for child in _folders(place)):
                return place
        level = [child for place in level for child in _folders(place)]
    if _has_pictures(folder):
        raise WikiArtError(f"{folder}: pictures, but no style folders; {expected}")
    raise WikiArtError(f"{folder}: no pictures in any folder; {expected}")


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                Path(entry.path)
                for entry in entries
                if entry.is_dir() and not entry.name.startswith(".")
            )
    except OSError:
        return []


def _has_pictures(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(entry.name.lower().endswith(SUFFIXES) for entry in entries)
    except OSError:
        return False


def _walk(root: Path) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Return the pictures below the style folders, and links that lead out of the root."""
    names, odd = [], []
    inside = os.path.realpath(root) + os.sep
    for folder in _folders(root):
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                name = f"{folder.name}/{entry.name}"
                if not entry.name.lower().endswith(SUFFIXES) or entry.name.startswith("."):
                    continue
                linked = entry.is_symlink() or folder.is_symlink()
                if linked and not os.path.realpath(entry.path).startswith(inside):
                    odd.append(("name outside the root", name, "a link"))
                elif entry.is_file():
                    names.append(name)
    return names, odd


def build_index(root: Path, progress: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Index the files, join the csv files, and read what headers are still needed."""
    names, findings = _walk(root)
    catalog = pd.DataFrame({"path": names})
    catalog["style"] = pd.Categorical([name.partition("/")[0] for name in names])
    artists, described = [], []
    for name in names:
        artist, title = split_name(name.partition("/")[2])
        artists.append(sys.intern(artist))  # few artists, many files
        described.append(title)
    catalog["artist"] = artists
    for column, value in (("width", 0), ("height", 0)):
        catalog[column] = np.int32(value)
    for column in ("subset", "tags", "genre", "phash", "problem"):
        catalog[column] = ""
    rows = _kaggle_rows(root, findings)
    rows = _artgan_rows(root, findings) if rows is None else rows
    if rows is not None:
        described = _join(catalog, rows, described, findings)
    del rows, artists
    genres = _genres(root, catalog["path"])
    if genres is not None:
        catalog["genre"] = genres
    catalog["title"] = [title_of(text) for text in described]
    catalog["year"] = pd.array([year_of(text) for text in described], dtype="Int16")
    changed = [name for name in names if repair(name) != name]
    findings += [("repaired name", name, repair(name)) for name in changed]
    missing = catalog.index[catalog["width"] == 0]
    if len(missing):
        wanted = catalog.loc[missing, "path"].tolist()
        sizes = list(read_files(read_size, root, wanted, title="reading sizes", progress=progress))
        catalog.loc[missing, ["width", "height"]] = np.array([s[:2] for s in sizes], np.int32)
        catalog.loc[missing, "problem"] = [s[2] for s in sizes]
    for column in ("artist", "subset", "tags", "genre"):
        catalog[column] = pd.Categorical(catalog[column])
    report = pd.DataFrame(findings, columns=["kind", "path", "detail"], dtype=str)
    return catalog[list(COLUMNS)], report


def _read_csv(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read a csv file as text: these columns of one with a header, or all of one without."""
    options: dict[str, Any] = dict(dtype=str, keep_default_na=False, encoding_errors="replace")
    few = dict.fromkeys(("artist", "genre", "subset"), "category")  # few values, many cells
    try:
        if columns is None:
            return pd.read_csv(path, header=None, **options)
        there = pd.read_csv(path, nrows=0, encoding_errors="replace").columns
        lacking = [name for name in columns if name not in there]
        if lacking:
            raise WikiArtError(
                f"{path}: columns {', '.join(lacking)} are missing; found {', '.join(there)[:200]}"
            )
        types = {name: few.get(name, str) for name in columns}
        return pd.read_csv(path, usecols=list(columns), **options | {"dtype": types})
    except (ValueError, OSError) as error:
        reason = one_line(error, 120)
        raise WikiArtError(f"{path}: not a readable csv file ({reason})") from None


def _whole(text: pd.Series) -> np.ndarray:
    """Return whole numbers, 0 where a cell is none or cannot be a picture's side."""
    numbers = pd.to_numeric(text, errors="coerce")
    return numbers.where((numbers > 0) & (numbers < 100_000), 0).fillna(0).astype(np.int32)


def _kaggle_rows(root: Path, findings: list) -> pd.DataFrame | None:
    """Read ``classes.csv`` beside the style folders, or one folder up."""
    path = _first((root, root.parent), "classes.csv")
    if path is None:
        return None
    table = _read_csv(path, KAGGLE_COLUMNS)
    # One column after the other, each dropped when it is done: the table is large.
    names, cells = table.pop("filename"), table.pop("genre")
    rows = pd.DataFrame({"path": _inside(names, findings)})
    tags = {text: parse_tags(text) for text in cells.unique()}
    rows["tags"] = cells.map({t: "|".join(v or ()) for t, v in tags.items()})
    for name, text in zip(names, cells, strict=True):
        if tags[text] is None:
            findings.append(("unreadable tags", name, text[:80]))
        elif len(tags[text]) > 1:
            findings.append(("several tags", name, "|".join(tags[text])))
    del names, cells
    artists = table.pop("artist")
    rows["artist"] = artists.map({name: repair(name).strip() for name in artists.unique()})
    rows["description"] = table.pop("description").map(repair)
    for side in ("width", "height"):
        rows[side] = _whole(table.pop(side))
    rows["subset"], rows["phash"] = table.pop("subset"), table.pop("phash")
    return rows


def _inside(names: pd.Series, findings: list) -> pd.Series:
    """Return the names as relative paths, missing where one leaves the root; note those."""
    paths = names.map(safe_path)
    left = names[paths.isna()]
    findings += [("name outside the root", str(name)[:200], "csv") for name in left]
    return paths


def _artgan_rows(root: Path, findings: list) -> pd.DataFrame | None:
    """Read ArtGAN's ``style_train.csv`` and ``style_val.csv``, in the root or a folder near it."""
    parts = []
    for subset in ("train", "val"):
        found = _near(root, f"style_{subset}.csv")
        if found is not None:
            table = _read_csv(found)
            paths = _inside(table[0], findings)
            parts.append(pd.DataFrame({"path": paths, "subset": subset}))
    if not parts:
        return None
    rows = pd.concat(parts, ignore_index=True)
    rows["artist"] = rows["tags"] = rows["description"] = rows["phash"] = ""
    rows["width"] = rows["height"] = np.int32(0)
    return rows


def _near(root: Path, name: str) -> Path | None:
    places = [root, root.parent]
    places += [child for place in places for child in _folders(place) if child != root]
    return _first(places, name)


def _first(places: Iterable[Path], name: str) -> Path | None:
    return next((place / name for place in places if (place / name).is_file()), None)


def _join(
    catalog: pd.DataFrame, rows: pd.DataFrame, described: list[str], findings: list
) -> list[str]:
    """Add the csv's columns to the files; note what has no partner. Return the titles as given."""
    rows = rows.dropna(subset="path").drop_duplicates("path").set_index("path")
    places = rows.index.get_indexer(catalog["path"])
    if (places < 0).any():
        # Names that were written in another form, for instance repaired, still meet.
        free = {comparable(path): i for i, path in enumerate(rows.index)}
        for i in np.flatnonzero(places < 0):
            places[i] = free.get(comparable(catalog["path"].iat[i]), -1)
    has = places >= 0
    taken = rows.iloc[places[has]]
    for column in ("width", "height", "subset", "tags", "phash"):
        catalog.loc[has, column] = taken[column].to_numpy()
    named = taken["artist"].to_numpy()
    catalog.loc[has, "artist"] = np.where(named == "", catalog.loc[has, "artist"], named)
    catalog[["width", "height"]] = catalog[["width", "height"]].astype(np.int32)
    texts = np.array(described, dtype=object)
    given = taken["description"].to_numpy()
    texts[has] = np.where(given == "", texts[has], given)
    without = np.setdiff1d(np.arange(len(rows)), places[has])
    findings += [("row without file", rows.index[i], "") for i in without]
    findings += [("file without row", path, "") for path in catalog["path"][~has]]
    return texts.tolist()


def _genres(root: Path, paths: pd.Series) -> pd.Series | None:
    """Return each file's genre from ``wclasses.csv``; None where there is no such csv."""
    path = _first((root, root.parent), "wclasses.csv")
    if path is None:
        return None
    table = _read_csv(path, ("file", "genre"))
    named = {str(code): genre for code, genre in enumerate(GENRES, start=129)}
    known = table.drop_duplicates("file").set_index("file")["genre"].map(named)
    found = paths.map(known.astype(object).fillna(""))
    if found.isna().any():
        loosely = {comparable(name): genre for name, genre in known.dropna().items()}
        found = found.fillna(
            paths[found.isna()].map(lambda name: loosely.get(comparable(name), ""))
        )
    return found


def key_of(root: Path) -> str:
    """Return what an index was built from: csv files and folders, with sizes and times."""
    facts: list[Any] = [_SCHEMA]
    for place in (root, root.parent):
        for path in sorted([*place.glob("*classes.csv"), *place.glob("style_*.csv")]):
            facts.append((path.name, path.stat().st_size, path.stat().st_mtime_ns))
    for folder in _folders(root):
        facts.append((folder.name, folder.stat().st_mtime_ns))
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:20]


def load_index(root: Path, key: str) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Return the cached catalog and findings, or None where they are missing or no longer fit."""
    folder = root / CACHE
    try:
        if (folder / "key").read_text(encoding="utf-8") != key:
            return None
        catalog = pd.read_parquet(folder / "catalog.parquet")
        report = pd.read_parquet(folder / "report.parquet")
        if list(catalog) != list(COLUMNS):
            return None
    except (OSError, ValueError):
        return None
    known = folder / "problems.parquet"
    if known.is_file():
        problems = pd.read_parquet(known).set_index("path")["problem"]
        noted = catalog["path"].map(problems)
        catalog["problem"] = noted.where(noted.notna(), catalog["problem"])
    return catalog, report


def store_index(root: Path, key: str, catalog: pd.DataFrame, report: pd.DataFrame) -> None:
    """Cache an index beside the data; where that cannot be, say so and go on."""
    folder = root / CACHE
    try:
        folder.mkdir(exist_ok=True)
        (folder / "key").unlink(missing_ok=True)  # until all is written, nothing is valid
        for name, table in (("catalog", catalog), ("report", report)):
            with replacing(folder / f"{name}.parquet") as draft:
                table.to_parquet(draft, index=False)
        (folder / "problems.parquet").unlink(missing_ok=True)
        write_text(folder / "key", key)
    except OSError as error:
        warnings.warn(
            f"{folder}: the index cannot be kept there ({error.strerror}); it will be built again",
            NSTWarning,
            stacklevel=3,
        )


def store_problems(root: Path, catalog: pd.DataFrame) -> None:
    """Keep what `WikiArt.verify` found beside the data."""
    bad = catalog.loc[catalog["problem"] != "", ["path", "problem"]]
    try:
        with replacing(root / CACHE / "problems.parquet") as draft:
            bad.to_parquet(draft, index=False)
    except OSError as error:
        warnings.warn(
            f"{root / CACHE}: the findings cannot be kept there ({error.strerror})",
            NSTWarning,
            stacklevel=3,
        )
