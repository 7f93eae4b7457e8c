import numpy as np
import pandas as pd
import pytest

from nst_utils.errors import UnknownNameError
from nst_utils.experiments import statistics


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


def test_a_pair_without_overlap_is_left_out():
    runs = pd.DataFrame(
        curve("a", "p", 0, lambda x: x, (0.1, 0.2)) + curve("b", "p", 0, lambda x: x, (0.3, 0.4))
    )
    assert statistics.at_equal_structure(runs, ["gap"]).empty


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
