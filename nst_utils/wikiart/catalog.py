"""WikiArt: found, indexed, joined with its csv files, filtered, sampled; free of torch.

The folder is read only; a cache of the index is written beside the data.
"""

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pandas as pd

from .. import paths
from ..errors import UnknownNameError, unknown
from .counting import beside_the_report, draw, with_duplicates
from .files import check_file, read_files
from .index import WikiArtError, build_index, find_root
from .index_cache import key_of, load_index, store_index, store_problems
from .names import comparable, file_of

LICENSE = "WikiArt is for non-commercial research only; the terms of WikiArt.org apply."


class WikiArt:
    """A folder of paintings, a folder for each style, with what its csv files tell.

    Parameters
    ----------
    root : path
        The Kaggle or the ArtGAN layout, or any folder of style folders with pictures, also in
        parts (``train/``, ``test/``) and nested; up to two levels of folders around it are seen
        through.
    refresh : bool
        Build the index anew even if its cache still fits.
    progress : bool
        Show a bar while headers are read.

    Attributes
    ----------
    root : Path
        The folder of the style folders.
    catalog : DataFrame
        One row a file: ``path`` (relative, as on disk), ``style`` (the folder's name), ``artist``
        (repaired, lower case as in the data), ``title``, ``year`` (missing where no number in the
        title can be one), ``width`` and ``height`` in pixels, ``subset``, ``tags`` (every style
        tag of the csv, joined by ``|``), ``genre``, ``phash`` (perceptual hash, where the csv has
        one), and ``problem``: empty, or why the picture cannot be used. Before `verify`, only
        files whose headers had to be read have problems.

    Raises
    ------
    WikiArtError
        If the folder does not exist, holds no pictures in style folders, or its csv files lack
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
        """Stream pictures of the Hugging Face dataset into a folder of style folders.

        Parameters
        ----------
        count, **options
            As for `download.stream_huggingface`, whose errors it raises.
        folder : path, optional
            Where to; ``data/wikiart_hf`` when left out. Pictures already there stay.
        """
        from .download import stream_huggingface

        place = Path(folder) if folder else paths.DATA / "wikiart_hf"
        stream_huggingface(place, count, **options)
        return cls(place, progress=options.get("progress", True))

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.catalog)

    def __repr__(self) -> str:
        """Say in one line what is there."""
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
        """Return what does not fit together: ``kind``, ``path``, ``detail``, a row a finding.

        Kinds: row without file, file without row, name outside the root, unreadable tags, repaired
        name, several tags, unreadable name, picture outside the style folders, folder not looked
        into; and ``problem`` for each file with one.
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
        """Return the same dataset with fewer files; the folder is not touched.

        Parameters
        ----------
        style, artist, genre, subset : str or iterable of str
            Names to keep, in any case, with spaces, hyphens or underscores.
        years : tuple of two int
            First and last year; files without a year are left out.
        min_size : int
            Least length of the shorter side, pixels.

        Raises
        ------
        UnknownNameError
            For a name that the catalog does not have, with the nearest.
        WikiArtError
            If nothing is left.
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
            given = {k: v for k, v in asked.items() if v is not None}
            given |= {"years": years} if years else {}
            given |= {"min_size": min_size} if min_size else {}
            raise WikiArtError(f"no file fits {given}; loosen the filter")
        return self._with(self.catalog[keep].copy())

    def _with(self, catalog: pd.DataFrame) -> "WikiArt":
        other = object.__new__(WikiArt)
        other.root, other._findings = self.root, self._findings
        other.catalog = catalog
        return other

    def _names(self, column: str, names: str | Iterable[str]) -> list[str]:
        """Return the catalog's spelling of names, or raise with the nearest."""
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
        count : int
            How many.
        seed : int
            Of the draw.
        balance : {"style", "artist"}, optional
            Draw as many of each, as far as there are any; else every file is as likely.
        check_files : bool
            Decode each drawn file and replace those that cannot be used; their ``problem`` is
            noted in the catalog. Files with a problem are never drawn.

        Returns
        -------
        DataFrame
            Rows of the catalog, in the order drawn.

        Raises
        ------
        WikiArtError
            If there are fewer usable files.
        """
        if balance not in (None, "style", "artist"):
            raise unknown("balance", balance, ("style", "artist"))
        if count < 1:
            raise WikiArtError(f"count must be at least 1, not {count}")
        kept = draw(self.catalog, count, seed, balance, self._usable if check_files else None)
        if len(kept) < count:
            raise WikiArtError(f"{count} files were asked for, but only {len(kept)} can be used")
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
        """Draw a content and a style picture, two files, as the report does.

        Parameters
        ----------
        seed : int
            Of the draw.
        content, style : mapping, optional
            Filters for each, as keywords of `filter`.

        Returns
        -------
        (Path, Path)
            Content and style.
        """
        sides = [self.filter(**(kind or {})) for kind in (content, style)]
        first = sides[0].sample(1, seed=seed)["path"].iloc[0]
        rest = sides[1].catalog
        rest = sides[1]._with(rest[rest["path"] != first].copy())
        second = rest.sample(1, seed=seed + 1)["path"].iloc[0]
        return self.path(first), self.path(second)

    def verify(self, *, progress: bool = True) -> pd.DataFrame:
        """Decode every file and note what cannot be used; nothing is deleted or changed.

        Returns
        -------
        DataFrame
            ``path`` and ``problem`` of the files with one: empty, damaged, not RGB, too large for
            Pillow's guard, or a duplicate, by perceptual hash, of a file before it. The findings
            are kept beside the data and known to the next `WikiArt` of this folder.
        """
        names = self.catalog["path"].tolist()
        read = list(read_files(check_file, self.root, names, title="verifying", progress=progress))
        problems = with_duplicates(names, read, self.catalog["phash"].tolist())
        self.catalog = self.catalog.assign(problem=problems)
        store_problems(self.root, self.catalog)
        return self.catalog.loc[self.catalog["problem"] != "", ["path", "problem"]]

    def statistics(self) -> pd.DataFrame:
        """Return the report's numbers beside what is here; see `counting.beside_the_report`."""
        return beside_the_report(self.catalog)

    def shares(self, column: str = "style") -> pd.Series:
        """Return the share of each style, artist, genre or subset, the largest first."""
        return self.catalog[column].value_counts(normalize=True)
