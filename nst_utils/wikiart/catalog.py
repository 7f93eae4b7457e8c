"""The WikiArt dataset as a table to filter, sample and verify; free of torch.

Pictures are only read, never changed. A cache of the index is written into their folder.
"""

import copy
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .. import paths
from ..errors import UnknownNameError, unknown
from .files import check_file, read_files, with_duplicates
from .index import WikiArtError, build_index, find_root
from .index_cache import key_of, load_index, store_index, store_problems
from .names import comparable, file_of

LICENSE = "WikiArt is for non-commercial research only; the terms of WikiArt.org apply."


class WikiArt:
    """A folder of paintings, sorted by style, with the metadata of its csv files.

    Parameters
    ----------
    root : path
        A folder of style folders: the Kaggle or the ArtGAN layout, or your own. The style folders
        may be nested, may be split into ``train/`` and ``test/``, and may lie up to two levels
        below `root`.
    refresh : bool
        Rebuild the index even if the cached one is up to date.
    progress : bool
        Show a progress bar while picture headers are read.

    Attributes
    ----------
    root : Path
        The folder that contains the style folders.
    catalog : DataFrame
        One row per file: ``path`` (relative, as on disk), ``style`` (the folder's name), ``artist``
        (repaired, lower case as in the data), ``title``, ``year`` (missing if the title names
        none), ``width`` and ``height`` in pixels, ``subset``, ``tags`` (every style tag of the
        csv, joined by ``|``), ``genre``, ``phash`` (perceptual hash, if the csv has one), and
        ``problem``: empty, or why the picture cannot be used; mostly unknown before `verify`.

    Raises
    ------
    WikiArtError
        If the folder does not exist or has no style folders with pictures, or if a csv file lacks
        columns.
    """

    def __init__(
        self, root: str | os.PathLike, *, refresh: bool = False, progress: bool = True
    ) -> None:
        self.root = find_root(paths.user_path(root))
        key = key_of(self.root)
        loaded = None if refresh else load_index(self.root, key)
        if loaded is None:
            loaded = build_index(self.root, progress)
            store_index(self.root, key, *loaded)
        self.catalog, self._findings = loaded

    @classmethod
    def from_huggingface(
        cls, count: int = 500, *, folder: str | os.PathLike | None = None, **options: Any
    ) -> "WikiArt":
        """Download some pictures of the Hugging Face dataset into a folder of style folders.

        The folder is ``data/wikiart_hf`` by default; pictures already there are kept. The options
        and errors are those of `download.stream_huggingface`.
        """
        from .download import stream_huggingface

        place = Path(folder) if folder else paths.DATA / "wikiart_hf"
        stream_huggingface(place, count, **options)
        return cls(place, progress=options.get("progress", True))

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.catalog)

    def __repr__(self) -> str:
        """Summarize the dataset in one line."""
        styles, artists = self.catalog["style"].nunique(), self.catalog["artist"].nunique()
        bad = int((self.catalog["problem"] != "").sum())
        return (
            f"<WikiArt {self.root.name}: {len(self):,} files, {styles} styles, "
            f"{artists:,} artists, {bad:,} with problems>"
        )

    def path(self, row: Mapping[str, Any] | str) -> Path:
        """Return a file's full path, from a row of the catalog or its ``path``."""
        return file_of(self.root, row if isinstance(row, str) else row["path"])

    def findings(self) -> pd.DataFrame:
        """Return every inconsistency as a row with ``kind``, ``path`` and ``detail``.

        Kinds: row without file, file without row, name outside the root, unreadable tags, repaired
        name, several tags, unreadable name, picture outside the style folders, folder not looked
        into, and problem (a file that cannot be used).
        """
        bad = self.catalog.loc[self.catalog["problem"] != "", ["path", "problem"]]
        problems = pd.DataFrame(
            {"kind": "problem", "path": bad["path"], "detail": bad["problem"]}, dtype=str
        )
        return pd.concat([self._findings, problems], ignore_index=True)

    def filter(
        self,
        *,
        style: str | Iterable[str] | None = None,
        artist: str | Iterable[str] | None = None,
        genre: str | Iterable[str] | None = None,
        subset: str | Iterable[str] | None = None,
        years: tuple[int, int] | None = None,
        min_size: int | None = None,
    ) -> "WikiArt":
        """Return a dataset of the matching files only; nothing changes on disk.

        Parameters
        ----------
        style, artist, genre, subset : str or iterable of str
            Names to keep. Case does not matter; spaces, hyphens and underscores are equal.
        years : tuple of two int
            First and last year; files without a year are left out.
        min_size : int
            Minimum length of the shorter side, in pixels.

        Raises
        ------
        UnknownNameError
            If the catalog has no such name; the closest one is suggested.
        WikiArtError
            If no file matches.
        """
        keep = pd.Series(True, index=self.catalog.index)
        asked = {"style": style, "artist": artist, "genre": genre, "subset": subset}
        for column, names in asked.items():
            if names is not None:
                keep &= self.catalog[column].isin(self._names(column, names))
        if years is not None:
            keep &= self.catalog["year"].between(*years).fillna(False).astype(bool)
        if min_size is not None:
            keep &= self.catalog[["width", "height"]].min(axis=1) >= min_size
        if not keep.any():
            given = asked | {"years": years, "min_size": min_size}
            given = {name: value for name, value in given.items() if value is not None}
            raise WikiArtError(f"no file fits {given}; loosen the filter")
        return self._with(self.catalog[keep].copy())

    def _with(self, catalog: pd.DataFrame) -> "WikiArt":
        other = copy.copy(self)
        other.catalog = catalog
        return other

    def _names(self, column: str, names: str | Iterable[str]) -> list[str]:
        """Return names as the catalog spells them; an unknown name raises `UnknownNameError`."""
        known = {comparable(name): name for name in self.catalog[column].unique() if name}
        matched = []
        for name in [names] if isinstance(names, str) else names:
            if comparable(str(name)) not in known:
                near = get_close_matches(comparable(str(name)), known, n=1, cutoff=0.5)
                hint = f"did you mean {known[near[0]]!r}? " if near else ""
                frequent = self.catalog[column].value_counts().index[:8]
                raise UnknownNameError(
                    f"unknown {column} {name!r}: {hint}Most frequent: {', '.join(frequent)}"
                )
            matched.append(known[comparable(str(name))])
        return matched

    def sample(
        self, count: int, *, seed: int = 0, balance: str | None = None, check_files: bool = True
    ) -> pd.DataFrame:
        """Draw files at random, without replacement; the same seed draws the same.

        Parameters
        ----------
        count, seed : int
            Number of files, and seed of the random generator.
        balance : {"style", "artist"}, optional
            Draw equally many files of each, as long as there are any. By default every file is
            equally likely.
        check_files : bool
            Decode each drawn file, and replace it if it cannot be used; the catalog then notes its
            ``problem``. Files with a known problem are never drawn.

        Returns
        -------
        DataFrame
            Rows of the catalog, in the order drawn.

        Raises
        ------
        WikiArtError
            If there are too few usable files, or `count` is below 1.
        UnknownNameError
            If `balance` is another name.
        """
        if balance not in (None, "style", "artist"):
            raise unknown("balance", balance, ("style", "artist"))
        if count < 1:
            raise WikiArtError(f"count must be at least 1, not {count}")
        kept = draw(self.catalog, count, seed, balance, self._usable if check_files else None)
        if len(kept) < count:
            raise WikiArtError(f"expected {count} usable files, found {len(kept)}; ask for fewer")
        return self.catalog.loc[kept]

    def _usable(self, index: Any) -> bool:
        """Decode a file, note its problem in the catalog, and tell whether there is none."""
        problem = check_file(str(self.path(self.catalog.at[index, "path"])))[0]
        if problem:
            self.catalog.at[index, "problem"] = problem
        return not problem

    def pair(
        self, *, seed: int = 0, content: Mapping | None = None, style: Mapping | None = None
    ) -> tuple[Path, Path]:
        """Draw a content and a style picture, two different files, as the report does.

        `content` and `style` are keyword arguments of `filter` for each.
        """
        contents, styles = (self.filter(**(kind or {})) for kind in (content, style))
        first = contents.sample(1, seed=seed)["path"].iloc[0]
        others = styles._with(styles.catalog[styles.catalog["path"] != first].copy())
        second = others.sample(1, seed=seed + 1)["path"].iloc[0]
        return self.path(first), self.path(second)

    def verify(self, *, progress: bool = True) -> pd.DataFrame:
        """Decode every file and note what cannot be used; no picture is deleted or changed.

        The table has ``path`` and ``problem`` of every file that is empty, damaged, not RGB, too
        large to be read safely, or has the perceptual hash of an earlier file. It is cached in the
        folder for the next `WikiArt`.
        """
        names = self.catalog["path"].tolist()
        read = list(read_files(check_file, self.root, names, title="verifying", progress=progress))
        problems = with_duplicates(names, read, self.catalog["phash"].tolist())
        self.catalog = self.catalog.assign(problem=problems)
        store_problems(self.root, self.catalog)
        return self.catalog.loc[self.catalog["problem"] != "", ["path", "problem"]]

    def statistics(self) -> pd.DataFrame:
        """Compare this dataset with the report's numbers; see `compare_with_report`."""
        return compare_with_report(self.catalog)

    def shares(self, column: str = "style") -> pd.Series:
        """Return the share of each style, artist, genre or subset, the largest first."""
        return self.catalog[column].value_counts(normalize=True)


def draw(
    catalog: pd.DataFrame,
    count: int,
    seed: int,
    balance: str | None,
    usable: Callable[[Any], bool] | None,
) -> list[Any]:
    """Draw rows without a problem, without replacement; the same seed draws the same.

    With `balance`, each value of that column is drawn equally often, as long as there are rows.
    `usable` is given the index of a row and returns whether it may be drawn. Fewer than `count`
    indices are returned if rows run out.
    """
    # All rows are shuffled, so that known problems do not change the order of the others.
    order = catalog.sample(frac=1, random_state=np.random.default_rng(seed))
    groups = [order]
    if balance is not None:
        groups = [group for _, group in order.groupby(balance, observed=True, sort=False)]

    def usable_rows(group: pd.DataFrame) -> Iterator[Any]:
        for index in group.index:
            if not catalog.at[index, "problem"] and (usable is None or usable(index)):
                yield index

    waiting = [usable_rows(group) for group in groups]
    kept: list[Any] = []
    while waiting and len(kept) < count:
        left = []
        for rows in waiting:  # one row of each group in turn
            index = next(rows, None) if len(kept) < count else None
            if index is not None:
                kept.append(index)
                left.append(rows)
        waiting = left
    return kept


def compare_with_report(catalog: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers that the report gives of WikiArt beside those counted in a catalog.

    Shares are of all files; a side's length is counted only where it is known.
    """
    styles, artists = (
        catalog[column].value_counts(normalize=True) for column in ("style", "artist")
    )
    rows = {
        "images": ("80,020", f"{len(catalog):,}"),
        "artists": ("1,119", f"{int((artists.index != '').sum()):,}"),
        "styles": ("27", f"{len(styles):,}"),
    }
    for name, share in (("vincent van gogh", "2%"), ("nicholas roerich", "2%")):
        rows[f"share of {name}"] = (share, f"{100 * artists.get(name, 0):.1f} %")
    for name, share in (("Impressionism", "16%"), ("Realism", "13%")):
        rows[f"share of {name}"] = (share, f"{100 * styles.get(name, 0):.1f} %")
    for side, top, count in (("width", 2099.65, "71,868"), ("height", 2200.35, "75,205")):
        within = catalog[side].between(1381, top).sum()
        rows[f"{side} 1381 to {top} px"] = (count, f"{within:,}")
    return pd.DataFrame(rows, index=["report", "here"]).T.rename_axis("quantity")
