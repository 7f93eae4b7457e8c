import pandas as pd
import pytest
from matplotlib.figure import Figure

from nst_utils.plotting.loss_curves import plot_terms, training_figure

STEPS = list(range(30))

TERMS = {
    "total": [100 / (i + 1) + 1 for i in STEPS],
    "content": [i / 30 for i in STEPS],
    "style": [100 / (i + 1) for i in STEPS],
    "tv": [0.0] * 30,
}

SCALES = [64] * 10 + [128] * 20


def test_terms_that_are_0_throughout_are_left_out():
    axes = Figure().add_subplot()
    plot_terms(axes, STEPS, TERMS, SCALES)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["total", r"$\alpha\,$content", r"$\beta\,$style"]
    assert [text.get_text() for text in axes.texts] == ["64 px", "128 px"]


def test_further_terms_have_lines_of_their_own():
    axes = Figure().add_subplot()
    further = {name: TERMS["total"] for name in ("laplacian", "histogram", "mine")}
    plot_terms(axes, STEPS, TERMS | further, SCALES)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[-3:] == [*further]
    looks = {str(line._unscaled_dash_pattern) + line.get_color() for line in axes.get_lines()[:6]}
    assert len(looks) == 6


def test_a_trainings_curve_is_a_mean_over_steps():
    curve = pd.DataFrame({"total": [4.0, 2.0, 0.3], "content": [1.0, 1.0, 0.1]}, index=[1, 2, 3])
    [axes] = training_figure(curve).axes
    total, content = axes.get_lines()
    assert list(total.get_ydata()) == [4.0, 3.0, pytest.approx(2.1)]
    assert list(content.get_xdata()) == [1, 2, 3]
    assert not axes.texts
