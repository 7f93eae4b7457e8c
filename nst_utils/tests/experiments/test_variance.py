import itertools

import numpy as np
import pandas as pd
import pytest

from nst_utils.experiments.variance import ordered_share, two_way_interval, variance_shares


def table(effects, noise=0.0, seed=0):
    random = np.random.default_rng(seed)
    rows = [
        {"method": m, "style": s, "content": c, "x": effects(m, s, c) + noise * random.normal()}
        for m, s, c in itertools.product(range(3), range(4), range(5))
    ]
    return pd.DataFrame(rows)


def test_shares_are_what_was_put_in():
    assert variance_shares(table(lambda m, s, c: m), "x")["method"] == pytest.approx(1)
    both = variance_shares(table(lambda m, s, c: m * 1.5**0.5 + s), "x")
    # Variances of 0, 1, 2 (2 / 3) and of 0 to 3 (5 / 4).
    assert both["method"] == pytest.approx(1 / (1 + 5 / 4))
    assert both["style"] == pytest.approx(1 - both["method"])
    together = variance_shares(table(lambda m, s, c: (m - 1) * (s - 1.5)), "x")
    assert together["method x style"] == pytest.approx(1)
    noisy = variance_shares(table(lambda m, s, c: 0, noise=1), "x")
    assert noisy.sum() == pytest.approx(1) and noisy["rest"] > 0.2
    assert np.isnan(variance_shares(table(lambda m, s, c: 1.0), "x")["method"])


def test_what_seeds_differ_in_is_told_without_bias():
    repeated = table(lambda m, s, c: m)
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
    one_style = table(lambda m, s, c: 10.0 * (s == 0))
    mean, low, high = two_way_interval(one_style, "x")
    assert mean == pytest.approx(2.5)
    # A result that rests on one of four styles is uncertain, however many photos there are.
    assert low == 0 and high >= 5
    assert two_way_interval(table(lambda m, s, c: 7.0), "x") == (7, 7, 7)
    assert two_way_interval(one_style, "x") == two_way_interval(one_style, "x")
    assert all(np.isnan(two_way_interval(one_style.assign(x=np.nan), "x")))


def test_a_lost_picture_is_not_a_zero():
    whole = table(lambda m, s, c: 3.0)
    whole.loc[whole["content"] == 2, "x"] = np.nan
    assert two_way_interval(whole, "x") == (3, 3, 3)


def test_orders_are_counted_pair_by_pair():
    steps = pd.DataFrame({"photo": [1.0, 1.0], "half": [0.5, 1.2], "style": [0.0, np.nan]})
    found = ordered_share(steps)
    assert found["photo > half"] == 0.5 and found["half > style"] == 1
    assert ordered_share(steps, falling=False)["photo < half"] == 0.5
