import numpy as np
import pandas as pd
import pytest
import torch

from nst_utils.experiments import statistics, tables
from nst_utils.experiments.trials import run_trial
from nst_utils.plotting import charts
from nst_utils.plotting.translations import LANGUAGES, translator
from nst_utils.transfer.config import Recipe

from ..conftest import tiny_backbone
from ..plotting.test_pictures import nothing_is_cut_off

QUICK = Recipe(size=48, scales=(32, 48), steps=(3, 3), weights="random")


@pytest.fixture
def runs():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "setting": arm,
            "content": f"p{i}",
            "style": "s",
            "seed": seed,
            "beta": beta,
            "ssim": 0.8 - 0.1 * beta + 0.01 * rng.normal(),
            "color": 0.3 + shift + 0.1 * beta + 0.01 * rng.normal(),
            "by VGG19": 0.5 + 0.01 * rng.normal(),
        }
        for arm, shift in (("one", 0), ("two", 0.2))
        for i in range(7)
        for seed in range(2)
        for beta in (1, 2, 3)
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_charts_are_labeled_and_whole(runs, tiny, pictures, language):
    say = translator(language)
    x = torch.rand(1, 3, 32, 32)
    activations = tables.activations({"net": (tiny_backbone(), ["relu1_1", "relu4_1"])}, x)
    level = statistics.at_equal_structure(runs, ["color", "by VGG19"])
    table = statistics.paired_differences(level, ["color", "by VGG19"], ("one", "two"))
    row, _ = run_trial(*pictures, QUICK)
    raced = pd.DataFrame([row | {"setting": "run"}])
    shares = pd.Series({"Northern_Renaissance": 0.6, "": 0.4})
    sides = pd.DataFrame({"color": [1, 2, 3], "ssim": [2, 1, 3]}, index=["a", "b", "c"])
    sizes = pd.DataFrame({"width": [0, 1400, 9000], "height": [0, 1500, 2000]})
    for figure, text in (
        (charts.activation_figure(activations, language=language), say("entropy")),
        (charts.tradeoff_figure(runs, ["color", "by VGG19"], language=language), say("color")),
        (
            charts.difference_figure(table, ("one", "two"), language=language),
            say("filled dots: p ≤ 0.05"),
        ),
        (charts.race_figure(raced, language=language), say("step")),
        (charts.share_figure({"styles": shares, "artists": shares}, language=language), "%"),
        (charts.size_figure(sizes, language=language), say("width")),
        (charts.plane_figure(sides, "color", "ssim", language=language), say("color")),
        (charts.ablation_figure(runs, ["color"], language=language), say("color")),
    ):
        nothing_is_cut_off(figure)
        said = [t.get_text() for a in figure.axes for t in (a.title, a.xaxis.label)]
        assert any(text.replace("%", say("percent of files")) in title for title in said)


def test_a_sure_difference_is_filled_and_an_unsure_one_hollow(runs):
    level = statistics.at_equal_structure(runs, ["color", "by VGG19"])
    table = statistics.paired_differences(level, ["color", "by VGG19"], ("one", "two"))
    assert table.better.tolist()[0] == "one"
    [axes] = charts.difference_figure(table, ("one", "two")).axes
    faces = [line.get_markerfacecolor() for line in axes.lines if line.get_marker() == "o"]
    assert faces == [
        "white" if row == "not significant" else charts.CYCLE[0] for row in table.better[::-1]
    ]


def test_the_mean_curve_is_the_mean_over_pairs(runs):
    axes = charts.tradeoff_figure(runs, ["color"]).axes[0]
    thick = [container.lines[0] for container in axes.containers]
    expected = runs[runs.setting == "one"].groupby("beta").color.mean()
    assert thick[0].get_ydata() == pytest.approx(expected.to_numpy())


def test_quality_over_time_has_a_panel_for_style_and_one_for_structure():
    rows = [
        {"run": name, "seconds": seconds, "style gap": 1 / seconds, "ssim": 0.5}
        for name in ("ours", "theirs")
        for seconds in (2.5, 10.0, 40.0)
    ]
    figure = charts.quality_figure(pd.DataFrame(rows))
    for axes in figure.axes:
        assert [list(curve.get_xdata()) for curve in axes.lines] == [[2.5, 10, 40]] * 2
        assert axes.get_xscale() == "log" and axes.get_ylim()[0] == 0
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ours", "theirs"]


def test_the_pareto_front_is_filled():
    sides = pd.DataFrame({"x": [1, 2, 3], "y": [2, 3, 1]}, index=["a", "b", "c"])
    [axes] = charts.plane_figure(sides, "x", "y").axes
    front, behind = axes.lines
    assert front.get_xdata().tolist() == [1, 3] and behind.get_xdata().tolist() == [2]
