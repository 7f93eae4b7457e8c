import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nst_utils.experiments import building_blocks as blocks
from nst_utils.plotting import background
from nst_utils.plotting.album import render_figure

PHOTO = Image.linear_gradient("L").resize((24, 16)).convert("RGB")
RIGHT = pd.DataFrame({"style": list("aab"), "predicted": list("abb")})


@pytest.mark.parametrize("language", ["en", "vi"])
def test_every_figure_is_drawn_in_both_languages(language):
    kernel = blocks.KERNELS["spots"]
    layers = pd.DataFrame(
        [
            {"statistic": s, "layer": n, "accuracy": 0.5, "low": 0.4, "high": 0.6}
            for s in ("mean", "moments", "gram")
            for n in ("relu1_1", "relu2_1")
        ]
    )
    depths = pd.DataFrame(
        {"function": f, "layer": i, "mean square": 1.0 / i, "flat": 0.5}
        for f in ("ReLU", "tanh")
        for i in (1, 2, 3)
    )
    norms = pd.DataFrame(
        {"stack": s, "seed": seed, "layer": i, "norm": 10.0**-i}
        for s in ("plain", "residual")
        for seed in (0, 1)
        for i in (1, 2, 3)
    )
    figures = [
        background.kernel_figure(PHOTO, kernel, [(0, 0), (13, 21)], language=language),
        background.filter_figure(PHOTO, blocks.KERNELS, np.zeros((7, 3, 3, 3)), language=language),
        background.activation_functions_figure(depths, language=language),
        background.gradient_figure(norms, language=language),
        background.receptive_figure(PHOTO, {"relu1_1": 3, "relu5_1": 156}),
        background.accuracy_figure(layers, 0.1, language=language),
        background.confusion_figure(RIGHT, language=language),
    ]
    for figure in figures:
        assert np.asarray(render_figure(figure, 40)).std() > 0


def test_a_row_of_the_confusion_adds_up():
    figure = background.confusion_figure(RIGHT)
    np.testing.assert_allclose(figure.axes[0].images[0].get_array().sum(1), 1)
    assert [text.get_text() for text in figure.axes[0].texts] == ["50", "50", "100"]


def test_the_output_fills_up_to_the_window():
    figure = background.kernel_figure(PHOTO, blocks.KERNELS["blur"], [(2, 3)])
    seen = figure.axes[3].images[0].get_array()
    assert np.ma.count(np.ma.masked_invalid(seen)) == 2 * 22 + 4
