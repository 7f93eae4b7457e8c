"""Files of a catalog drawn at random, counted beside the report's numbers, and compared."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd


def draw(
    catalog: pd.DataFrame,
    count: int,
    seed: int,
    balance: str | None,
    usable: Callable[[Any], bool] | None,
) -> list[Any]:
    """Draw rows without a problem, without replacement; the same seed draws the same.

    Parameters
    ----------
    catalog : DataFrame
        With ``problem``, and the column to balance.
    count : int
        How many, at most.
    seed : int
        Of the draw.
    balance : str or None
        A column of which each value is drawn as often, as far as there are any.
    usable : callable or None
        Asked of each row's index before it is taken.

    Returns
    -------
    list
        Indices, in the order drawn; fewer where there are no more.
    """
    # Shuffled as a whole, so that what is known of problems does not change the order.
    order = catalog.sample(frac=1, random_state=np.random.default_rng(seed))
    groups = [order]
    if balance is not None:
        groups = [group for _, group in order.groupby(balance, observed=True, sort=False)]
    waiting = [_usable_rows(catalog, group.index, usable) for group in groups]
    kept: list[Any] = []
    while waiting and len(kept) < count:
        left = []
        for rows in waiting:  # one of each group in turn
            index = next(rows, None) if len(kept) < count else None
            if index is not None:
                kept.append(index)
                left.append(rows)
        waiting = left
    return kept


def _usable_rows(
    catalog: pd.DataFrame, indices: Sequence[Any], usable: Callable[[Any], bool] | None
) -> Iterator[Any]:
    for index in indices:
        if not catalog.at[index, "problem"] and (usable is None or usable(index)):
            yield index


def with_duplicates(
    names: Sequence[str], checked: Sequence[tuple[str, str]], told: Sequence[str]
) -> list[str]:
    """Return each file's problem; a duplicate of a file before it has that for a problem.

    Parameters
    ----------
    names : sequence of str
        Paths.
    checked : sequence of (str, str)
        Problem and perceptual hash of each, as `files.check_file` returns them.
    told : sequence of str
        Perceptual hashes from a csv file, empty where there is none: they are computed otherwise
        than ours, and are only compared among themselves.
    """
    problems, first = [], {}
    for name, (problem, own), known in zip(names, checked, told, strict=True):
        digest = known or own and f"own {own}"
        if not problem and digest:
            if digest in first:
                problem = f"duplicate of {first[digest]}"
            first.setdefault(digest, name)
        problems.append(problem)
    return problems


def beside_the_report(catalog: pd.DataFrame) -> pd.DataFrame:
    """Return the report's numbers beside what is counted in a catalog.

    Returns
    -------
    DataFrame
        Indexed by quantity: ``report`` as printed there, ``here`` as counted. Shares are of all
        files; sizes are counted over files whose size is known.
    """
    styles, artists = (
        catalog[column].value_counts(normalize=True) for column in ("style", "artist")
    )
    rows = {
        "images": ("80,020", f"{len(catalog):,}"),
        "artists": ("1,119", f"{int((artists.index != '').sum()):,}"),
        "styles": ("27", f"{len(styles):,}"),
    }
    for name, share in (("vincent van gogh", "2 %"), ("nicholas roerich", "2 %")):
        rows[f"share of {name}"] = (share, f"{100 * artists.get(name, 0):.1f} %")
    for name, share in (("Impressionism", "16 %"), ("Realism", "13 %")):
        rows[f"share of {name}"] = (share, f"{100 * styles.get(name, 0):.1f} %")
    for side, top, count in (("width", 2099.65, "71,868"), ("height", 2200.35, "75,205")):
        within = catalog[side].between(1381, top).sum()
        rows[f"{side} 1381 to {top} px"] = (count, f"{within:,}")
    return pd.DataFrame(rows, index=["report", "here"]).T.rename_axis("quantity")
