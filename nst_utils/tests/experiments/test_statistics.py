import itertools

import numpy as np
import pandas as pd
import pytest

from nst_utils.errors import UnknownNameError
from nst_utils.experiments import statistics
from nst_utils.experiments.statistics import ordered_share, two_way_interval, variance_shares


def curve(arm, pair, seed, line, anchors=(0.2, 0.4, 0.8)):
    """Runs on a straight line: the measure is a known function of the anchor."""
    return [
        {
            "setting": arm,
            "content": pair,
            "style": "s",
            "seed": seed,
            "beta": i,
            "ssim": x,
            "gap": line(x),
        }
        for i, x in enumerate(anchors)
    ]


def test_curves_are_read_at_the_middle_of_what_all_reach():
    runs = pd.DataFrame(
        curve("a", "p", 0, lambda x: x)
        + curve("b", "p", 0, lambda x: 2 * x + 1, anchors=(0.7, 0.5, 0.3))
    )
    found = statistics.at_equal_structure(runs, ["gap"]).set_index("setting")
    assert found.ssim.tolist() == pytest.approx([0.5, 0.5])  # all reach 0.3 to 0.7
    assert found.gap["a"] == pytest.approx(0.5)
    assert found.gap["b"] == pytest.approx(2.0)
    for at, level in ((0, 0.3), (1, 0.7)):  # the ends of what all reach
        found = statistics.at_equal_structure(runs, ["gap"], at=at)
        assert found.ssim.tolist() == pytest.approx([level, level])


def test_a_pair_without_overlap_is_left_out():
    runs = pd.DataFrame(
        curve("a", "p", 0, lambda x: x, (0.1, 0.2)) + curve("b", "p", 0, lambda x: x, (0.3, 0.4))
    )
    assert statistics.at_equal_structure(runs, ["gap"]).empty


def test_a_run_is_compared_with_a_curve_where_its_own_structure_is():
    line = pd.DataFrame(curve("a", "p", 0, lambda x: 1 - x) + curve("a", "q", 0, lambda x: 5.0))
    points = [("p", 0.3, 0.9), ("q", 0.3, 0.9), ("p", 0.9, 0.9), ("r", 0.3, 0.9)]
    runs = pd.DataFrame(points, columns=["content", "ssim", "gap"]).assign(style="s")
    found = statistics.minus_curve(runs, line, ["gap"])
    assert found.gap[:2].tolist() == pytest.approx([0.2, -4.1])
    assert found.gap[2:].isna().all()  # no curve reaches 0.9, and r has none
    assert found.ssim.tolist() == runs.ssim.tolist()
    twice = statistics.minus_curve(pd.concat([runs, runs]), line, ["gap"])  # an index that repeats
    assert twice.gap[:2].tolist() == pytest.approx([0.2, -4.1])


def test_pairs_are_counted_where_the_difference_is_larger_than_a_bound():
    columns = pd.MultiIndex.from_product([["gap", "color"], ["p", "q", "r"]])
    rows = [[-0.3, 0.3, 0.1, -0.1, float("nan"), 0.0], [0.2, 0.3, 0.4, 0.5, 0.6, 0.0]]
    apart = pd.DataFrame(rows, index=["a", "b"], columns=columns)
    counts = statistics.count_pairs(apart, pd.Series({"color": 0.05, "gap": 0.2}))
    assert counts["gap"].to_numpy().tolist() == [[1, 1], [0, 2]]
    assert counts["color"].to_numpy().tolist() == [[1, 0], [0, 2]]


def table(gaps, seeds=(0,), noise=0.0):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "setting": arm,
            "content": f"p{i}",
            "style": "s",
            "seed": seed,
            "gap": (1 + gap if arm == "a" else 1) + noise * rng.normal(),
        }
        for i, gap in enumerate(gaps)
        for arm in "ab"
        for seed in seeds
    )


def test_paired_differences_against_scipys_own_numbers():
    gaps = [-0.1, -0.2, -0.3, -0.15, -0.25, -0.05, -0.12]
    row = statistics.paired_differences(table(gaps), ["gap"], ("a", "b")).loc["gap"]
    assert row["difference"] == pytest.approx(np.mean(gaps))
    assert row["p"] == pytest.approx(2 / 2**7)  # all seven signs agree
    half = 2.446912 * np.std(gaps, ddof=1) / np.sqrt(7)  # t of 6 degrees of freedom
    assert row["low"] == pytest.approx(np.mean(gaps) - half, rel=1e-5)
    assert (row["pairs"], row["better"]) == (7, "a")
    assert statistics.paired_differences(table(gaps), ["gap"], ("b", "a")).better["gap"] == "a"


def test_five_pairs_are_never_significant_and_seeds_are_no_pairs():
    found = statistics.paired_differences(
        table([-0.5] * 5, seeds=range(20), noise=0.01), ["gap"], ("a", "b")
    )
    assert found.better["gap"] == "not significant"
    assert found.pairs["gap"] == 5


def test_a_gap_that_is_the_same_in_all_pairs_is_significant():
    row = statistics.paired_differences(table([-0.5] * 8), ["gap"], ("a", "b")).loc["gap"]
    assert row["p"] == pytest.approx(2 / 2**8) and row["better"] == "a"
    assert row["low"] == row["high"] == pytest.approx(-0.5)


def test_where_mean_and_median_disagree_none_is_better():
    found = statistics.paired_differences(table([-1.0] * 19 + [100.0]), ["gap"], ("a", "b"))
    assert found.loc["gap", "p"] < 0.05 and found.better["gap"] == "not significant"


def test_failed_runs_change_no_curve():
    rows = [
        {"setting": name, "content": "c", "style": "s", "seed": 0, "ssim": at, "gap": gap}
        for name, gap in (("a", 1.0), ("b", 2.0))
        for at in (0.2, 0.5, 0.8)
    ]
    failed = {"setting": "b", "content": "c", "style": "s", "seed": 0}
    whole = statistics.at_equal_structure(pd.DataFrame(rows), ["gap"])
    for order in ([*rows, failed], [failed, *rows]):
        found = statistics.at_equal_structure(pd.DataFrame(order), ["gap"])
        assert found[["setting", "gap"]].equals(whole[["setting", "gap"]])


def test_one_pair_has_no_interval():
    row = statistics.paired_differences(table([-0.5]), ["gap"], ("a", "b")).loc["gap"]
    assert np.isnan(row["low"]) and np.isnan(row["p"])
    assert row["better"] == "not significant"
    with pytest.raises(UnknownNameError, match="unknown setting 'c': valid: a, b"):
        statistics.paired_differences(table([-0.5]), ["gap"], ("a", "c"))


def test_without_any_pair_there_is_nothing_to_compare_and_no_error():
    row = statistics.paired_differences(table([]).reindex(columns=table([0]).columns), ["gap"],
                                        ("a", "b")).loc["gap"]  # fmt: skip
    assert row["pairs"] == 0 and np.isnan(row["difference"])
    assert row["better"] == "not significant"


def test_spread_tells_pairs_from_seeds():
    runs = pd.DataFrame(
        {"setting": "a", "content": f"p{i}", "style": "s", "seed": s, "gap": 10 * i + (-1) ** s}
        for i in range(3)
        for s in range(2)
    )
    row = statistics.spread(runs, ["gap"]).loc["a", "gap"]
    assert row["mean"] == pytest.approx(10)
    assert row["over pairs"] == pytest.approx(10)
    assert row["over seeds"] == pytest.approx(np.sqrt(2))


def crossed(effects, noise=0.0, seed=0):
    random = np.random.default_rng(seed)
    rows = [
        {"method": m, "style": s, "content": c, "x": effects(m, s, c) + noise * random.normal()}
        for m, s, c in itertools.product(range(3), range(4), range(5))
    ]
    return pd.DataFrame(rows)


def test_shares_are_what_was_put_in():
    assert variance_shares(crossed(lambda m, s, c: m), "x")["method"] == pytest.approx(1)
    both = variance_shares(crossed(lambda m, s, c: m * 1.5**0.5 + s), "x")
    # Variances of 0, 1, 2 (2 / 3) and of 0 to 3 (5 / 4).
    assert both["method"] == pytest.approx(1 / (1 + 5 / 4))
    assert both["style"] == pytest.approx(1 - both["method"])
    together = variance_shares(crossed(lambda m, s, c: (m - 1) * (s - 1.5)), "x")
    assert together["method x style"] == pytest.approx(1)
    noisy = variance_shares(crossed(lambda m, s, c: 0, noise=1), "x")
    assert noisy.sum() == pytest.approx(1) and noisy["rest"] > 0.2
    assert np.isnan(variance_shares(crossed(lambda m, s, c: 1.0), "x")["method"])


def test_what_seeds_differ_in_is_told_without_bias():
    repeated = crossed(lambda m, s, c: m)
    seeds = pd.concat([repeated.assign(x=repeated["x"] + by) for by in (-0.5, 0.5)])
    found = variance_shares(seeds, "x")
    # Of methods 0, 1, 2 the variance is 2 / 3; two numbers one apart tell of a variance of 1 / 2.
    assert found["method"] == pytest.approx((2 / 3) / (2 / 3 + 1 / 4))
    assert found["seed"] == pytest.approx((1 / 2) / (2 / 3 + 1 / 4))
    assert "seed" not in variance_shares(repeated, "x")
    # A picture with one seed tells nothing of seeds.
    part = variance_shares(seeds[~seeds.duplicated(["method", "style", "content"])], "x")
    assert "seed" not in part


def test_an_interval_resamples_photos_and_styles():
    one_style = crossed(lambda m, s, c: 10.0 * (s == 0))
    mean, low, high = two_way_interval(one_style, "x")
    assert mean == pytest.approx(2.5)
    # A result that rests on one of four styles is uncertain, however many photos there are.
    assert low == 0 and high >= 5
    assert two_way_interval(crossed(lambda m, s, c: 7.0), "x") == (7, 7, 7)
    assert two_way_interval(one_style, "x") == two_way_interval(one_style, "x")
    assert all(np.isnan(two_way_interval(one_style.assign(x=np.nan), "x")))


def test_a_lost_picture_is_not_a_zero():
    whole = crossed(lambda m, s, c: 3.0)
    whole.loc[whole["content"] == 2, "x"] = np.nan
    assert two_way_interval(whole, "x") == (3, 3, 3)


def test_orders_are_counted_pair_by_pair():
    steps = pd.DataFrame({"photo": [1.0, 1.0], "half": [0.5, 1.2], "style": [0.0, np.nan]})
    found = ordered_share(steps)
    assert found["photo > half"] == 0.5 and found["half > style"] == 1
    assert ordered_share(steps, falling=False)["photo < half"] == 0.5
