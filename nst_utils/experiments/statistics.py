"""Statistics of an experiment over pairs of pictures and seeds; free of torch.

Content kept and style gained trade off along ``beta``, so two settings are compared at equal
structural similarity, pair by pair. The pair is the unit: seeds of one pair are not independent, so
they are averaged first. `by` is the column that tells the settings apart.

Over many pairs, contents and styles are both samples, so an interval resamples both: paintings of
one photo, or in one style, are not independent.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from ..errors import check_choice

LEVEL = 0.05
"""Largest p-value that is called significant."""

DRAWS = 2000
"""Resamples of a bootstrap."""


def at_equal_structure(
    runs: pd.DataFrame,
    measures: Sequence[str],
    *,
    anchor: str = "ssim",
    by: str = "setting",
    at: float = 0.5,
) -> pd.DataFrame:
    """Return measures at a point where all settings keep the same amount of the content.

    For each pair it is a point of the range of `anchor` that all curves cover, those of every
    setting and seed; by default the middle. Every curve is interpolated linearly there.

    Parameters
    ----------
    runs : DataFrame
        A row for each run, with columns `by`, ``content``, ``style``, ``seed``, `anchor` and
        `measures`. Rows that differ only in something else, for example ``beta``, make a curve.
    measures : sequence of str
        Columns to read.
    anchor : str
        Column held equal.
    at : float
        Where in that range: 0 is its lowest value, 1 its highest.

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
        level = low + at * (high - low)
        for name, seed, curve in curves:
            row = {by: name, "content": content, "style": style, "seed": seed, anchor: level}
            read = {m: _read_at(level, curve[[anchor, m]].dropna()) for m in measures}
            rows.append(row | read)
    return pd.DataFrame(rows, columns=[by, "content", "style", "seed", anchor, *measures])


def minus_curve(
    runs: pd.DataFrame, curves: pd.DataFrame, measures: Sequence[str], *, anchor: str = "ssim"
) -> pd.DataFrame:
    """Return each run's measures minus a reference's at the same structure.

    The reference has a curve for each pair, for example over ``beta``. It is read where `anchor` is
    the run's own, on straight lines between its points.

    Parameters
    ----------
    runs, curves : DataFrame
        A row for each run, with columns ``content``, ``style``, `anchor` and `measures`.
    measures : sequence of str
        Columns to compare.
    anchor : str
        Column held equal.

    Returns
    -------
    DataFrame
        `runs` with the differences in `measures`; NaN where the pair's curve does not reach.
    """
    compared = {name: [] for name in measures}
    for _, run in runs.iterrows():
        same_pair = (curves["content"] == run["content"]) & (curves["style"] == run["style"])
        curve = curves[same_pair].sort_values(anchor)
        for name, differences in compared.items():
            level = _read_at(run[anchor], curve[[anchor, name]].dropna())
            differences.append(run[name] - level)
    return runs.assign(**compared)


def count_pairs(differences: pd.DataFrame, least: pd.Series) -> pd.DataFrame:
    """Count the pairs on which a setting is nearer to the style, or farther, by more than a bound.

    Parameters
    ----------
    differences : DataFrame
        A row for each setting; columns of two levels, measure and pair. Below 0 is nearer.
    least : Series
        The bound for each measure, for example what another noise changes.

    Returns
    -------
    DataFrame
        A row for each setting; columns of two levels: each measure of `least`, with ``nearer`` and
        ``farther``. A pair without a number (NaN) counts as neither.
    """
    counts = {}
    for measure, bound in least.items():
        counts[measure, "nearer"] = (differences[measure] < -bound).sum(axis=1)
        counts[measure, "farther"] = (differences[measure] > bound).sum(axis=1)
    return pd.DataFrame(counts)


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


def two_way_interval(table: pd.DataFrame, measure: str) -> tuple[float, float, float]:
    """Return a mean over pairs with the ends of its 95 % interval; NaN if there is no number.

    Contents and styles are resampled independently, with replacement; low and high are percentiles
    of the resampled means.

    Parameters
    ----------
    table : DataFrame
        A row for each pair, with columns ``content``, ``style`` and `measure`.
    measure : str
        Column to average.

    References
    ----------
    Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007.
    """
    grid = table.pivot_table(index="content", columns="style", values=measure).to_numpy(float)
    known = ~np.isnan(grid)
    if not known.any():
        return (float("nan"),) * 3
    values = np.where(known, grid, 0.0)
    random = np.random.default_rng(0)
    rows, columns = grid.shape
    a = random.multinomial(rows, np.full(rows, 1 / rows), DRAWS)
    b = random.multinomial(columns, np.full(columns, 1 / columns), DRAWS)
    sums = np.einsum("di,ij,dj->d", a, values, b)
    counts = np.einsum("di,ij,dj->d", a, known.astype(float), b)
    means = sums[counts > 0] / counts[counts > 0]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values.sum() / known.sum()), float(low), float(high)


def variance_shares(table: pd.DataFrame, measure: str) -> pd.Series:
    """Return the shares of a measure's variance that factors and pairs of factors explain.

    The factors are the columns ``method``, ``style`` and ``content``.

    Parameters
    ----------
    table : DataFrame
        One row for each combination of the factors, or for each seed of one. Missing combinations
        are not filled in.
    measure : str
        Column to explain.

    Returns
    -------
    Series
        Shares of the variance. They add up to about 1 if no combination is missing; otherwise the
        factors overlap and the sum may be much larger. A factor's share is the variance of its
        means. The share of two factors is the variance of their joint means that neither factor
        explains. ``seed`` is the variance among the rows of a combination, if there are several,
        extrapolated to many seeds. ``rest`` is 1 minus all others, and at least 0.
    """
    factors, known = ["method", "style", "content"], table.dropna(subset=[measure])
    values = known[measure] - known[measure].mean()
    total = float((values**2).sum())
    if not total > 0:
        return pd.Series({name: float("nan") for name in (*factors, "rest")})
    shares, effects = {}, {}
    for name in factors:
        effects[name] = values.groupby(known[name]).transform("mean")
        shares[name] = float((effects[name] ** 2).sum()) / total
    left = values - sum(effects.values())
    for i, one in enumerate(factors):
        for two in factors[i + 1 :]:
            together = left.groupby([known[one], known[two]]).transform("mean")
            shares[f"{one} x {two}"] = float((together**2).sum()) / total
    cells = values.groupby([known[name] for name in factors])
    count = cells.transform("size")
    if (count > 1).any():
        among = (values - cells.transform("mean")) ** 2 * count / (count - 1).clip(lower=1)
        shares["seed"] = min(1.0, float(among.sum()) / total)
    shares["rest"] = max(0.0, 1 - sum(shares.values()))
    return pd.Series(shares)


def ordered_share(steps: pd.DataFrame, *, falling: bool = True) -> pd.Series:
    """Return the share of rows in which each column is followed by a smaller (or larger) one.

    `steps` has a row for each pair; its columns are in the expected order. The result is indexed by
    ``first > second``, or ``first < second`` if values should not be `falling`.
    """
    shares, sign = {}, ">" if falling else "<"
    for one, two in zip(steps.columns, steps.columns[1:], strict=False):
        both = steps[[one, two]].dropna()
        right = both[one] > both[two] if falling else both[one] < both[two]
        shares[f"{one} {sign} {two}"] = right.mean()  # NaN without a row
    return pd.Series(shares, dtype=float)
