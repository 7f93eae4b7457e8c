import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from nst_utils import plots, report
from nst_utils.config import Recipe
from nst_utils.images import read_image
from nst_utils.transfer import stylize
from nst_utils.words import LANGUAGES

RECIPE = Recipe(size=48, scales=(32, 48), steps=(4, 3), weights="random")


@pytest.fixture
def result(tiny, pictures):
    def steer(record):
        return RECIPE.replace(beta=90) if record.step == 4 else None

    return stylize(*pictures, RECIPE, on_step=steer)


def nothing_is_cut_off(figure):
    image = report.rendered(figure)
    for axes in figure.axes:
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.y0 >= 0, text
            assert box.x1 <= image.width and box.y1 <= image.height, text


@pytest.mark.parametrize("language", LANGUAGES)
def test_quickstart_figure_is_labeled_and_nothing_is_cut_off(result, pictures, language):
    content, style = (read_image(path) for path in pictures)
    figure = plots.quickstart_figure(content, style, result, language=language)
    titles = [axes.get_title() for axes in figure.axes]
    say = plots.words(language)
    assert titles[:2] == [f"{say('content')}: content.png", f"{say('style')}: style.png"]
    assert "tiny" in titles[2]  # the weights' own label
    nothing_is_cut_off(figure)
    assert figure.axes[3].get_xlabel() == say("step")


def test_loss_curves_follow_the_schedule(result):
    axes = Figure().add_subplot()
    plots.plot_losses(axes, result)
    curves = {line.get_label(): line.get_ydata() for line in axes.lines}
    style = curves[r"$\beta\,$style"]
    expected = [RECIPE.beta] * 5 + [90] * 2
    raw = [record.style for record in result.history]
    assert np.allclose(style, np.multiply(raw, expected))
    assert [text.get_text() for text in axes.texts] == ["32 px", "48 px"]


def test_contact_sheet_has_a_place_for_each_picture():
    pictures = [(Image.new("RGB", (40, 20 + i)), f"p{i}") for i in range(7)]
    figure = plots.contact_sheet(pictures, columns=3)
    assert [axes.get_title() for axes in figure.axes] == [f"p{i}" for i in range(7)]
