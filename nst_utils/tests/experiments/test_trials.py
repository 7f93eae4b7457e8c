import numpy as np
import pytest

from nst_utils.experiments import metrics, peak_memory, trials
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.run import stylize

QUICK = Recipe(size=48, scales=(32, 48), steps=(4, 3), weights="random")


def test_a_trial_is_a_row_of_plain_values(tiny, pictures):
    row, result = trials.run_trial(*pictures, QUICK, {"judge": (tiny, ["relu1_1"])})
    assert row["beta"] == QUICK.beta
    assert row["style_layers"].startswith("relu1_1:2+relu2_1:2")
    assert (row["scales"], row["steps"]) == ("32,48", "4,3")
    assert row["loss_total"] == result.best.total
    assert row["loss_relu1_1"] == result.best.terms["style/relu1_1"]
    assert {"ssim", "edges", "color", "texture", "judge", "seconds"} <= set(row)
    assert row["label"] == "tiny" and row["error"] == ""
    assert row["done"] == len(result.history) == 7
    assert row["peak_mb"] > 100  # Python and torch alone are more
    assert all(isinstance(value, int | float | str) for value in row.values())


def test_an_error_is_told_in_its_row_and_stops_nothing(tiny, pictures, tmp_path):
    row, result = trials.run_trial(tmp_path / "missing.png", pictures[1], QUICK)
    assert "no such file" in row["error"] and result is None


def test_a_seed_matters_only_with_noise_in_the_start(tiny, pictures):
    noisy = [QUICK.replace(seed=seed, start_noise=0.1) for seed in (0, 1, 0)]
    plain = [QUICK.replace(seed=seed) for seed in (0, 1)]
    runs = [trials.run_trial(*pictures, recipe)[1] for recipe in noisy + plain]
    one, two, again, *still = (np.asarray(run.image) for run in runs)
    assert not np.array_equal(one, two)
    assert np.array_equal(one, again)
    assert np.array_equal(*still)


def test_peak_memory_sees_a_block_that_is_freed_again():
    with peak_memory.PeakMemory() as before:
        pass
    with peak_memory.PeakMemory() as during:
        block = np.ones(40_000_000)  # 320 MB
        block += 1
        del block
    assert during.mb - before.mb > 150


def test_judges_are_networks_with_their_layers():
    network, layers = metrics.judge("vgg19", "random")
    assert not network.trained
    assert set(layers) <= set(network.layers)


def test_the_style_loss_at_the_start_is_before_beta(tiny, pictures):
    first = stylize(*pictures, QUICK).history[0]
    found = trials.style_at_start(*pictures, QUICK)
    assert QUICK.beta * found == pytest.approx(first.weighted()["style"], rel=1e-4)
