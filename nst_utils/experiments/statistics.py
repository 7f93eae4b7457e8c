"""Compare settings of an experiment over pairs of pictures and seeds; free of torch.

Content kept and style gained trade off along ``beta``, so two settings are compared at equal
structural similarity, pair by pair. The pair is the unit: seeds of one pair are not independent, so
they are averaged first. `by` is the column that tells the settings apart.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from ..errors import check_choice

LEVEL = 0.05
"""Largest p-value that is called significant."""


def at_equal_structure(
    runs: pd.DataFrame, measures: Sequence[str], *, anchor: str = "ssim", by: str = "setting"
) -> pd.DataFrame:
    """Return measures at a point where all settings keep the same amount of the content.

    For each pair it is the middle of the range of `anchor` that all curves cover, those of
    every setting and seed. Every curve is interpolated linearly there.

    Parameters
    ----------
    runs : DataFrame
        A row for each run, with columns `by`, ``content``, ``style``, ``seed``, `anchor` and
        `measures`. Rows that differ only in something else, for example ``beta``, make a curve.
    measures : sequence of str
        Columns to read.
    anchor : str
        Column held equal.

    Returns
    -------
    DataFrame
        A row for each setting, pair and seed. A pair whose curves do not overlap is left out.
    """
    rows = []
    known = runs.dropna(subset=[anchor])  # without runs that failed
    for (content, style), pair in known.groupby(["content", "style"], sort=False):
        curves = [
            (name, seed, curve.sort_values(anchor))
            for (name, seed), curve in pair.groupby([by, "seed"], sort=False)
        ]
        low = max(curve[anchor].iloc[0] for _, _, curve in curves)
        high = min(curve[anchor].iloc[-1] for _, _, curve in curves)
        if low > high:
            continue
        level = (low + high) / 2
        for name, seed, curve in curves:
            row = {by: name, "content": content, "style": style, "seed": seed, anchor: level}
            read = {m: _read_at(level, curve[[anchor, m]].dropna()) for m in measures}
            rows.append(row | read)
    return pd.DataFrame(rows, columns=[by, "content", "style", "seed", anchor, *measures])


def _read_at(level: float, curve: pd.DataFrame) -> float:
    """Return a curve's value at a level, NaN outside it; its columns are anchor and measure."""
    at, values = (curve[name].to_numpy() for name in curve)
    return float(np.interp(level, at, values, left=np.nan, right=np.nan)) if len(at) else np.nan


def paired_differences(
    runs: pd.DataFrame, measures: Sequence[str], settings: tuple[str, str], *, by: str = "setting"
) -> pd.DataFrame:
    """Compare two settings pair by pair.

    Parameters
    ----------
    runs : DataFrame
        As `at_equal_structure` returns it.
    measures : sequence of str
        Columns in which less is better.
    settings : tuple of two str
        The settings; differences are the first minus the second.

    Returns
    -------
    DataFrame
        Indexed by measure: each setting's mean over pairs; ``difference``, with ``low`` and
        ``high``, the ends of its 95 % confidence interval (Student's t over pairs); ``p``
        (Wilcoxon's signed-rank test, two sided); ``pairs``; and ``better``, the
        setting that is better by the mean and by the median, or "not significant". With fewer than
        six pairs, p cannot fall to 0.05.

    Raises
    ------
    UnknownNameError
        If there are runs, but none of such a setting. Without any run there are 0 pairs.
    """
    means = runs.groupby(["content", "style", by], sort=False)[list(measures)].mean()
    rows = []
    for measure in measures:
        table = means[measure].unstack(by)
        if runs.empty:  # no pair's curves overlap: nothing to compare, and no wrong name
            table = table.reindex(columns=list(settings))
        for name in settings:
            check_choice("setting", name, table)
        first, second = (both for _, both in table[list(settings)].dropna().items())
        gap = first - second
        low = high = p = np.nan
        if len(gap) > 1 and gap.any():
            low = high = gap.mean()
            if gap.std() > 0:
                low, high = stats.ttest_rel(first, second).confidence_interval(1 - LEVEL)
            p = stats.wilcoxon(gap).pvalue
        better = "not significant"
        if p <= LEVEL and gap.median() * gap.mean() > 0:
            better = settings[0] if gap.median() < 0 else settings[1]
        row = {"measure": measure, settings[0]: first.mean(), settings[1]: second.mean()}
        row |= {"difference": gap.mean(), "low": low, "high": high, "p": p}
        rows.append(row | {"pairs": len(gap), "better": better})
    return pd.DataFrame(rows).set_index("measure")


def spread(runs: pd.DataFrame, measures: Sequence[str], *, by: str = "setting") -> pd.DataFrame:
    """Return how much measures vary over the seeds of a pair, and over pairs.

    Returns
    -------
    DataFrame
        Indexed by setting and measure: ``mean``; ``over pairs``, the standard deviation of the
        pairs' means; ``over seeds``, the root mean square over pairs of the standard
        deviation of seeds.
    """
    rows = []
    for name, part in runs.groupby(by, sort=False):
        pairs = part.groupby(["content", "style"])[list(measures)]
        means, deviations = pairs.mean(), pairs.std()
        for measure in measures:
            row = {by: name, "measure": measure, "mean": means[measure].mean()}
            row["over pairs"] = means[measure].std()
            rows.append(row | {"over seeds": np.sqrt((deviations[measure] ** 2).mean())})
    return pd.DataFrame(rows).set_index([by, "measure"])
