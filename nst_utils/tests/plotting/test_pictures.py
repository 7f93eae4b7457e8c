import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from nst_utils.images.io import read_image
from nst_utils.plotting import album as album_module
from nst_utils.plotting import loss_curves
from nst_utils.plotting import pictures as figures
from nst_utils.plotting.translations import LANGUAGES, translator
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.run import stylize

RECIPE = Recipe(size=48, scales=(32, 48), steps=(4, 3), weights="random")


@pytest.fixture
def result(tiny, pictures):
    def steer(live):
        return RECIPE.replace(beta=90) if live.record.step == 4 else None

    return stylize(*pictures, RECIPE, on_step=steer)


def nothing_is_cut_off(figure):
    image = album_module.render_figure(figure)
    for axes in figure.axes:
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
            if not text.get_text():
                continue
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.y0 >= 0, text
            assert box.x1 <= image.width and box.y1 <= image.height, text


@pytest.mark.parametrize("language", LANGUAGES)
def test_quickstart_figure_is_labeled_and_nothing_is_cut_off(result, pictures, language):
    content, style = (read_image(path) for path in pictures)
    figure = figures.quickstart_figure(content, style, result, language=language)
    titles = [axes.get_title() for axes in figure.axes]
    say = translator(language)
    assert titles[:2] == [f"{say('content')}: content.png", f"{say('style')}: style.png"]
    assert "tiny" in titles[2]  # the weights' own label
    nothing_is_cut_off(figure)
    assert figure.axes[3].get_xlabel() == say("step")


def test_loss_curves_follow_the_schedule(result):
    axes = Figure().add_subplot()
    loss_curves.plot_losses(axes, result)
    curves = {line.get_label(): line.get_ydata() for line in axes.lines}
    style = curves[r"$\beta\,$style"]
    assert np.allclose(style, [record.weighted()["style"] for record in result.history])
    shares = [sum(record.weights[f"style/{n}"] for n in record.parts("style"))
              for record in result.history]  # fmt: skip
    assert np.allclose(shares, [RECIPE.beta] * 5 + [90] * 2)
    assert [text.get_text() for text in axes.texts] == ["32 px", "48 px", "beta 90"]


def test_contact_sheet_has_a_place_for_each_picture():
    pictures = [(Image.new("RGB", (40, 20 + i)), f"p{i}") for i in range(7)]
    figure = figures.contact_sheet(pictures, columns=3)
    assert [axes.get_title() for axes in figure.axes] == [f"p{i}" for i in range(7)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_plates_and_losses_are_labeled_and_whole(tiny, pictures, language):
    found = stylize(*pictures, RECIPE)
    x = torch.rand(1, 3, 36, 48)
    features = tiny.extract(x, ["conv1_1", "relu2_1"])
    grams = {"a": {"conv1_1": torch.eye(4)[None]}, "b": {"conv1_1": torch.zeros(1, 4, 4)}}
    say = translator(language)
    for figure, text in (
        (figures.feature_plate(features, columns=3, language=language), say("channel")),
        (figures.gram_plate(grams, language=language), "conv1_1"),
        (loss_curves.loss_figure({"one": found, "two": found}, language=language), "relu1_1"),
    ):
        nothing_is_cut_off(figure)
        legends = [t for a in figure.axes if a.get_legend() for t in a.get_legend().get_texts()]
        shown = [a.get_title() for a in figure.axes] + [t.get_text() for t in legends]
        assert any(text in title for title in shown)


def test_the_channel_that_answers_most_comes_first():
    maps = torch.zeros(1, 3, 4, 4)
    maps[0, 2], maps[0, 1], maps[0, 0] = 5, -9, 1
    figure = figures.feature_plate({"conv1_1": maps}, columns=2)
    assert [axes.get_title() for axes in figure.axes] == [
        "conv1_1, channel 2",
        "conv1_1, channel 0",
    ]


def test_long_titles_are_wrapped_rather_than_cut():
    pictures = [(Image.new("RGB", (40, 30)), "Mannerism Late Renaissance")] * 7
    nothing_is_cut_off(figures.contact_sheet(pictures, columns=7))


def test_a_flow_is_colored_by_direction_and_length():
    flow = np.zeros((2, 3, 2), np.float32)
    flow[0, 0], flow[0, 1], flow[1, 0] = (4, 0), (-4, 0), (2, 0)
    colors = np.asarray(figures.flow_picture(flow)).astype(int)
    assert colors[0, 0].tolist() == [255, 0, 0] and colors[0, 1].tolist() == [0, 255, 255]
    assert colors[1, 0].tolist() == [255, 127, 127]
    assert colors[1, 2].tolist() == [255, 255, 255]
    assert np.asarray(figures.flow_picture(0 * flow)).min() == 255
