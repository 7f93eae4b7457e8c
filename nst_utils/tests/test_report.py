import json

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from nst_utils import report
from nst_utils.config import Recipe
from nst_utils.images import read_image, read_provenance
from nst_utils.transfer import stylize

RECIPE = Recipe(size=48, scales=(32, 48), steps=(4, 3), weights="random")


@pytest.fixture
def result(tiny, pictures):
    def steer(record):
        return RECIPE.replace(beta=90) if record.step == 4 else None

    return stylize(*pictures, RECIPE, on_step=steer)


def test_figures_are_saved_with_their_record_inside_and_beside(tmp_path):
    figure = Figure((3, 2))
    path = report.save_figure(figure, tmp_path / "new" / "x.png", {"seed": 3})
    assert read_provenance(path) == {"seed": 3}
    assert json.loads(path.with_suffix(".json").read_text()) == {"seed": 3}
    with Image.open(path) as image:
        assert image.size == (600, 400)
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)


def test_large_figures_are_brought_to_256_colors(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "MAX_BYTES", 10_000)
    noise = Image.effect_noise((200, 150), 90).convert("RGB")
    path = report.save_figure(report.contact_sheet([(noise, "a")]), tmp_path / "x.png", {})
    with Image.open(path) as image:
        assert image.mode == "P"


def test_a_figure_that_cannot_be_written_is_one_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(report.ReportError, match="cannot be written"):
        report.save_figure(Figure(), tmp_path / "file" / "x.png", {})


def test_quickstart_figure_is_labeled_and_nothing_is_cut_off(result, pictures):
    content, style = (read_image(path) for path in pictures)
    figure = report.quickstart_figure(content, style, result)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:2] == ["content: content.png", "style: style.png"]
    assert "untrained" in titles[2] or "tiny" in titles[2]
    figure.set_dpi(report.DPI)
    report.FigureCanvasAgg(figure).draw()
    width, height = figure.get_size_inches() * figure.dpi
    for axes in figure.axes:
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
    assert figure.axes[3].get_xlabel() == "step"


def test_loss_curves_follow_the_schedule(result):
    axes = Figure().add_subplot()
    report.plot_losses(axes, result)
    curves = {line.get_label(): line.get_ydata() for line in axes.lines}
    style = curves[r"$\beta\,$style"]
    expected = [RECIPE.beta] * 5 + [90] * 2
    raw = [record.style for record in result.history]
    assert np.allclose(style, np.multiply(raw, expected))
    assert [text.get_text() for text in axes.texts] == ["32 px", "48 px"]


def test_contact_sheet_has_a_place_for_each_picture():
    pictures = [(Image.new("RGB", (40, 20 + i)), f"p{i}") for i in range(7)]
    figure = report.contact_sheet(pictures, columns=3)
    assert [axes.get_title() for axes in figure.axes] == [f"p{i}" for i in range(7)]
