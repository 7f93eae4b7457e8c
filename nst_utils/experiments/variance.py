"""Statistics of methods over contents and styles: means, intervals, shares of variance, orders.

Contents and styles are both samples, so an interval resamples both: paintings of one photo, or in
one style, are not independent. Free of torch.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

DRAWS = 2000
"""Resamples of a bootstrap."""


def two_way_interval(
    table: pd.DataFrame, measure: str, *, seed: int = 0
) -> tuple[float, float, float]:
    """Return a mean over pairs with the ends of its 95 % interval; NaN if there is no number.

    Contents and styles are resampled independently, with replacement; low and high are percentiles
    of the resampled means.

    Parameters
    ----------
    table : DataFrame
        A row for each pair, with columns ``content``, ``style`` and `measure`.
    measure : str
        Column to average.
    seed : int
        Seed of the resampling.

    References
    ----------
    Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007.
    """
    grid = table.pivot_table(index="content", columns="style", values=measure).to_numpy(float)
    known = ~np.isnan(grid)
    if not known.any():
        return (float("nan"),) * 3
    values = np.where(known, grid, 0.0)
    random = np.random.default_rng(seed)
    rows, columns = grid.shape
    a = random.multinomial(rows, np.full(rows, 1 / rows), DRAWS)
    b = random.multinomial(columns, np.full(columns, 1 / columns), DRAWS)
    sums = np.einsum("di,ij,dj->d", a, values, b)
    counts = np.einsum("di,ij,dj->d", a, known.astype(float), b)
    means = sums[counts > 0] / counts[counts > 0]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values.sum() / known.sum()), float(low), float(high)


def variance_shares(
    table: pd.DataFrame, measure: str, factors: Sequence[str] = ("method", "style", "content")
) -> pd.Series:
    """Return the shares of a measure's variance that factors and pairs of factors explain.

    Parameters
    ----------
    table : DataFrame
        One row for each combination of the factors, or for each seed of one. Missing combinations
        are not filled in.
    measure : str
        Column to explain.
    factors : sequence of str
        Columns.

    Returns
    -------
    Series
        Shares of the variance. They add up to about 1 if no combination is missing; otherwise the
        factors overlap and the sum may be much larger. A factor's share is the variance of its
        means. The share of two factors is the variance of their joint means that neither factor
        explains. ``seed`` is the variance among the rows of a combination, if there are several,
        extrapolated to many seeds. ``rest`` is 1 minus all others, and at least 0.
    """
    known = table.dropna(subset=[measure])
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
