"""The index of WikiArt: folders are walked, csv files joined, sizes read.

The files on disk decide. A csv file adds to them; a file that only a csv names is a finding.
"""

import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import NSTError, NSTWarning, one_line
from ..paths import is_folder, is_regular
from ..untrusted import check_table
from .files import read_files, read_size
from .names import (
    STYLES,
    comparable,
    parse_tags,
    repair,
    safe_path,
    split_name,
    text_of,
    title_of,
    year_of,
)

SUFFIXES = (
    ".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic",
    ".heif", ".jp2",
)  # fmt: skip
PARTS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
"""Names of folders that hold one part of a dataset, and the name of that subset."""

_DEEPEST = 6  # levels of folders that are searched below a style folder

GENRES = (
    "abstract painting", "cityscape", "genre painting", "illustration", "landscape",
    "nude painting", "portrait", "religious painting", "sketch and study", "still life", "",
)  # fmt: skip
"""Genres in the order of their codes in ``wclasses.csv``, 129 and up; the last means unknown."""

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
    """Return the folder that contains the style folders: `folder`, or one up to two levels below.

    If the dataset is split (``train/Cubism``, ``test/Cubism``), return the folder that contains
    ``train`` and ``test``. Where other folders beside it hold pictures too, a warning names them.

    Raises
    ------
    WikiArtError
        If there is no such folder, or more than one.
    """
    expected = "expected a folder of style folders with pictures (Cubism/…jpg)"
    if not os.path.exists(folder):
        raise WikiArtError(
            f"{folder}: no such folder; {expected}, or run python -m nst_utils wikiart download"
        )
    if not is_folder(folder):
        raise WikiArtError(f"{folder}: this is a file; {expected}")
    level = [folder]
    for _ in range(3):
        places = [place for place in level if any(map(_has_pictures, list_folders(place)))]
        parts = [p for p in places if p.name.lower() in PARTS and p != folder]
        if parts and len({place.parent for place in parts}) == 1 and parts == places:
            return parts[0].parent
        within = {comparable(child.name) for place in places for child in list_folders(place)}
        if len(places) > 1 and not within & {comparable(style) for style in STYLES}:
            return places[0].parent  # the places are themselves style folders, with subfolders
        if len(places) > 1:
            names = ", ".join(place.name for place in places[:5])
            raise WikiArtError(f"{folder}: contains several datasets ({names}); name one of them")
        if places:
            _name_left_out(folder, places[0], level)
            return places[0]
        level = [child for place in level for child in list_folders(place)]
    if _has_pictures(folder):
        raise WikiArtError(f"{folder}: pictures, but no style folders; {expected}")
    raise WikiArtError(f"{folder}: no pictures in any folder; {expected}")


def _name_left_out(folder: Path, root: Path, level: Sequence[Path]) -> None:
    """Warn of folders with pictures beside the one that is read."""
    others = [place for place in level if place != root and _holds_pictures(place, _DEEPEST)]
    if others:
        names = ", ".join(str(place.relative_to(folder)) for place in others[:5])
        warnings.warn(
            f"{folder}: only {root.relative_to(folder)} is read; there are also pictures in "
            f"{names}: name that folder to read them, or put all style folders into one",
            NSTWarning,
            stacklevel=5,
        )


def _holds_pictures(folder: Path, depth: int) -> bool:
    below = depth > 0 and any(_holds_pictures(f, depth - 1) for f in list_folders(folder))
    return _has_pictures(folder) or below


def list_folders(folder: Path) -> list[Path]:
    """Return the subfolders of a folder, sorted; an unreadable folder has none."""
    return [Path(entry.path) for entry in _entries(folder) if _is(entry, "dir")]


def _entries(folder: Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                (entry for entry in entries if not entry.name.startswith(".")),
                key=lambda entry: entry.name,
            )
    except OSError:
        return []


def _is(entry: os.DirEntry, kind: str) -> bool:
    """Tell whether an entry is a folder or a file; a link that leads in a circle is neither."""
    try:
        return entry.is_dir() if kind == "dir" else entry.is_file()
    except OSError:
        return False


def _has_pictures(folder: Path) -> bool:
    return any(entry.name.lower().endswith(SUFFIXES) for entry in _entries(folder))


def _walk(root: Path) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Return the pictures in the style folders, at any depth, and findings on what is left out."""
    names: list[str] = []
    left_out: list[tuple[str, str, str]] = []
    real_root = os.path.realpath(root) + os.sep

    def visit(folder: Path, prefix: str, depth: int) -> None:
        for entry in _entries(folder):
            name = prefix + entry.name
            if reason := _why_left_out(entry, depth, real_root):
                left_out.append((reason[0], text_of(name), reason[1]))
            elif _is(entry, "dir"):
                visit(Path(entry.path), f"{name}/", depth + 1)
            elif entry.name.lower().endswith(SUFFIXES):
                names.append(text_of(name))

    visit(root, "", 0)
    return names, left_out


def _why_left_out(entry: os.DirEntry, depth: int, real_root: str) -> tuple[str, str] | None:
    """Return the kind of finding and its detail if a picture or folder cannot be used."""
    folder = _is(entry, "dir")
    if not folder and not entry.name.lower().endswith(SUFFIXES):
        return None
    if entry.is_symlink() and not (os.path.realpath(entry.path) + os.sep).startswith(real_root):
        return "name outside the root", "a link"
    if folder:
        deep = depth == _DEEPEST or (entry.is_symlink() and depth)
        return ("folder not looked into", "a link, or nested too deeply") if deep else None
    if not _is(entry, "file"):
        return "unreadable name", "a link that leads nowhere"
    return None if depth else ("picture outside the style folders", "")


def _style_of(name: str) -> tuple[str, str]:
    """Return the subset that a file's path names, or "", and its style folder."""
    first, _, rest = name.partition("/")
    if first.lower() in PARTS and "/" in rest:
        return PARTS[first.lower()], rest.partition("/")[0]
    return "", first


def build_index(root: Path, progress: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the catalog of a dataset and the findings, as `WikiArt` holds them."""
    names, findings = _walk(root)
    catalog = pd.DataFrame({"path": names})
    placed = [_style_of(name) for name in names]
    catalog["style"] = pd.Categorical([style for _, style in placed])
    artists, described = [], []
    for name in names:
        artist, title = split_name(name.rpartition("/")[2])
        artists.append(sys.intern(artist))  # few artists, many files
        described.append(title)
    catalog["artist"] = artists
    catalog["width"] = catalog["height"] = np.int32(0)
    catalog["subset"] = [part for part, _ in placed]
    for column in ("tags", "genre", "phash", "problem"):
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
    """Read cells as text: the named columns, or without names all columns of a headerless csv."""
    options: dict[str, Any] = dict(dtype=str, keep_default_na=False, encoding_errors="replace")
    few = ("artist", "genre", "subset")  # few values, many cells
    try:
        check_table(path)
        if columns is None:
            return pd.read_csv(path, header=None, **options)
        there = pd.read_csv(path, nrows=0, encoding_errors="replace").columns
        lacking = [name for name in columns if name not in there]
        if lacking:
            raise WikiArtError(
                f"{path}: columns {', '.join(lacking)} are missing; found {', '.join(there)[:200]}"
            )
        table = pd.read_csv(path, usecols=list(columns), **options)
        for name in set(few) & set(columns):
            table[name] = table[name].astype("category")
        return table
    except (ValueError, OSError, OverflowError, MemoryError, RecursionError) as error:
        reason = one_line(error, 120)
        raise WikiArtError(f"{path}: not a readable csv file ({reason})") from None


def _whole(text: pd.Series) -> np.ndarray:
    """Return cells as whole numbers, 0 where a cell cannot be the side of a picture."""
    numbers = pd.to_numeric(text, errors="coerce")
    return numbers.where((numbers > 0) & (numbers < 100_000), 0).fillna(0).astype(np.int32)


def _kaggle_rows(root: Path, findings: list) -> pd.DataFrame | None:
    """Read ``classes.csv`` from the root or its parent; None if there is none."""
    path = _first((root, root.parent), "classes.csv")
    if path is None:
        return None
    table = _read_csv(path, KAGGLE_COLUMNS)
    # The table is large: each column is dropped as soon as it is converted.
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
    """Return names as paths below the root; others become missing values, and a finding each."""
    paths = names.map(safe_path)
    left = names[paths.isna()]
    findings += [("name outside the root", str(name)[:200], "csv") for name in left]
    return paths


def _artgan_rows(root: Path, findings: list) -> pd.DataFrame | None:
    """Read ArtGAN's ``style_train.csv`` and ``style_val.csv``; None if there are none."""
    parts = []
    for subset in ("train", "val"):
        csv = _near(root, f"style_{subset}.csv")
        if csv is not None:
            table = _read_csv(csv)
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
    places += [child for place in places for child in list_folders(place) if child != root]
    return _first(places, name)


def _first(places: Iterable[Path], name: str) -> Path | None:
    return next((place / name for place in places if is_regular(place / name)), None)


def _join(
    catalog: pd.DataFrame, rows: pd.DataFrame, described: list[str], findings: list
) -> list[str]:
    """Add the csv's columns to the catalog, add findings, and return the titles of all files."""
    rows = rows.dropna(subset="path").drop_duplicates("path").set_index("path")
    places = rows.index.get_indexer(catalog["path"])
    for i in np.flatnonzero(places < 0):
        # The csv has no ``train/`` in its paths if the dataset was split later.
        part, _, rest = catalog["path"].iat[i].partition("/")
        if part.lower() in PARTS and rest in rows.index:
            places[i] = rows.index.get_loc(rest)
    if (places < 0).any():
        # Match names that are spelled in another way, for instance repaired.
        free = {comparable(path): i for i, path in enumerate(rows.index)}
        for i in np.flatnonzero(places < 0):
            places[i] = free.get(comparable(catalog["path"].iat[i]), -1)
    has = places >= 0
    taken = rows.iloc[places[has]]
    for column in ("width", "height", "tags", "phash"):
        catalog.loc[has, column] = taken[column].to_numpy()
    told = taken["subset"].astype(object).to_numpy()
    catalog.loc[has, "subset"] = np.where(told == "", catalog.loc[has, "subset"], told)
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
    """Return each file's genre from ``wclasses.csv``; None if there is no such csv."""
    path = _first((root, root.parent), "wclasses.csv")
    if path is None:
        return None
    table = _read_csv(path, ("file", "genre"))
    named = {str(code): genre for code, genre in enumerate(GENRES, start=129)}
    known = table.drop_duplicates("file").set_index("file")["genre"].map(named)
    labels = paths.map(known.astype(object).fillna(""))
    if labels.isna().any():
        loosely = {comparable(name): genre for name, genre in known.dropna().items()}
        labels = labels.fillna(
            paths[labels.isna()].map(lambda name: loosely.get(comparable(name), ""))
        )
    return labels
