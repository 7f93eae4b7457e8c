import asyncio
import time

import ipywidgets
import pytest

from nst_utils.plotting.translations import LANGUAGES
from nst_utils.studio.controls import STOP
from nst_utils.studio.panel import Studio
from nst_utils.transfer.config import Recipe

TINY = Recipe(size=48, scales=(32, 48), steps=(4, 10), weights="random")


@pytest.fixture
def panel(tiny, pictures, tmp_path):
    made = []

    def open_one(**options):
        studio = Studio(*map(str, pictures), TINY, folder=tmp_path / "kept", **options)
        made.append(studio)
        return studio

    yield open_one
    for studio in made:
        controllers = list(studio.controllers)
        studio.close()
        assert all(controller.join(20) for controller in controllers)


def press(studio, name):
    studio._buttons[name].click()


def paint(studio, steps):
    studio._controls.budget.value = steps
    press(studio, "start")
    for controller in studio.controllers:
        controller.wait(20)
    studio.refresh()


def texts(widget):
    for child in getattr(widget, "children", ()):
        yield from texts(child)
    for trait in ("description", "tooltip", "placeholder"):
        if getattr(widget, trait, None):
            yield getattr(widget, trait)


def test_no_name_of_ours_hides_one_of_ipywidgets(panel):
    class Plain(ipywidgets.VBox):
        pass

    ours = (set(vars(Studio)) - set(vars(Plain))) | (set(vars(panel())) - set(vars(Plain())))
    names = {name for name in ours if not name.startswith("__")} - {"close"}
    assert "_look" in names and not names & set(dir(Plain()))


def test_painting_is_shown_with_its_numbers(panel):
    studio = panel()
    photo = bytes(studio._canvas.images[0].value)
    assert photo.startswith(b"\xff\xd8")  # before the first step: the photo
    paint(studio, 9)
    assert studio._canvas.images[0].value != photo
    assert "step 9" in studio._status.line.value and "48 px" in studio._status.line.value
    assert studio._status.progress.value == studio._status.progress.max == 9
    assert bytes(studio._canvas.chart.value).startswith(b"\x89PNG")
    assert "finished" in repr(studio)


def test_a_slider_steers_and_leaves_a_mark(panel):
    studio = panel()
    paint(studio, 6)
    chart = studio._canvas.chart.value
    studio._controls.sliders["beta"].value = 79.4328
    studio._controls.layers["relu5_1"].value = 0.5
    studio._canvas.drawn_at = 0
    paint(studio, 3)
    fields = {name: value for _, name, value in studio.controller.passages()[0].schedule}
    assert fields["beta"] == 79.4  # three digits are enough, and readable in the copied code
    assert fields["style_layers"]["relu5_1"] == 0.5
    assert studio._canvas.chart.value != chart and len(studio.controller.history.marks) == 1


def test_the_browsers_own_rounding_is_no_move(panel):
    studio = panel()
    studio._controls.sliders["beta"].value = TINY.beta * 10 ** (STOP / 2)
    assert studio.controller.wanted == TINY
    studio._controls.sliders["tv"].value = 1e-4
    assert studio.controller.wanted.tv == 0.0


def test_every_menu_reaches_the_recipe(panel):
    studio = panel()
    for name, value in {
        "content_layer": "relu4_2", "gram": "centered", "pooling": "average",
        "optimizer": "adam", "start": "noise", "size": 128,
    }.items():  # fmt: skip
        studio._controls.menus[name].value = value
        assert getattr(studio.controller.wanted, name) == value
    assert studio.controller.wanted.learning_rate == 0.02  # Adam's step, not L-BFGS's
    assert studio._controls.sliders["learning_rate"].value == pytest.approx(0.02)
    studio._controls.menus["backbone"].value = "resnet50"
    assert list(studio._controls.layers) == ["relu", "layer1", "layer2", "layer3"]
    assert studio._controls.menus["content_layer"].value == "layer2"


def test_errors_are_one_sentence_in_the_panel(panel):
    studio = panel()
    press(studio, "undo")
    assert "nothing to undo" in studio._status.line.value
    press(studio, "code")
    assert "press start first" in studio._status.line.value
    studio._pickers["style"].path.value = "missing.png"
    assert "missing.png: no such file" in studio._status.line.value
    for slider in studio._controls.layers.values():
        slider.value = 0
    assert "all came as 0" in studio._status.line.value
    paint(studio, 2)
    assert "nst-bad" not in studio._status.line.value


def test_undo_and_snapshots_bring_the_sliders_back(panel):
    studio = panel()
    paint(studio, 25)
    studio._controls.sliders["alpha"].value = 50
    paint(studio, 2)
    assert [button.description for button in studio._canvas.strip.children] == ["25 •"]
    press(studio, "undo")
    assert studio._controls.sliders["alpha"].value == pytest.approx(1)
    assert "step 25" in studio._status.line.value
    paint(studio, 30)
    studio._canvas.strip.children[0].click()
    assert studio.controller.status().step < 55


def test_code_and_command_can_be_copied(panel):
    studio = panel()
    paint(studio, 6)
    press(studio, "code")
    assert "painting = stylize(content, style, recipe(" in studio._status.text.value
    press(studio, "command")
    assert "papermill notebooks/08_studio.ipynb" in studio._status.text.value


def test_saving_names_the_files(panel, tmp_path):
    studio = panel()
    paint(studio, 5)
    press(studio, "save")
    assert "painting_0005.png" in studio._status.line.value
    assert (tmp_path / "kept" / "painting_0005.png").is_file()


def test_swap_and_wipe(panel, pictures):
    studio = panel()
    studio._swap.click()
    assert studio.controller.content == str(pictures[1])
    assert studio._pickers["content"].source == str(pictures[1])
    paint(studio, 5)
    plain = studio._canvas.images[0].value
    studio._canvas.wipe.value = 50
    assert studio._canvas.images[0].value != plain
    studio._canvas.wipe.value = 0
    assert studio._canvas.images[0].value == plain
    studio._canvas.zoom.value = 4
    assert studio._canvas.images[0].layout.width == "400%"


def test_compare_has_two_recipes_on_one_pair(panel, pictures):
    studio = panel()
    studio._compare_button.value = True
    one, two = studio.controllers
    studio._side.value = 1
    studio._controls.sliders["beta"].value = 200
    assert (one.wanted.beta, two.wanted.beta) == (20, 200)
    paint(studio, 6)
    assert one.status().step == two.status().step == 6
    assert studio._canvas.images[0].value != studio._canvas.images[1].value
    studio._swap_pictures()
    assert one.content == two.content == str(pictures[1])
    studio._compare_button.value = False
    assert two.join(20) and studio.controller is one


def test_two_panels_do_not_disturb_each_other(panel):
    one, two = panel(), panel()
    one._controls.sliders["beta"].value = 300
    paint(one, 5)
    assert two.controller.wanted.beta == TINY.beta and two.controller.status().step == 0
    one.close()
    paint(two, 3)
    assert two.controller.status().step == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_languages(panel, language):
    studio = panel(language=language)
    said = " ".join(texts(studio))
    assert ("Bắt đầu" in said) == (language == "vi") and ("Start" in said) == (language == "en")


def test_in_a_notebook_the_panel_follows_by_itself(panel):
    async def notebook():
        studio = panel()
        studio._controls.budget.value = 6
        press(studio, "start")
        end = time.monotonic() + 20
        while "step 6" not in studio._status.line.value and time.monotonic() < end:
            await asyncio.sleep(0.02)
        assert "step 6" in studio._status.line.value
        studio.close()
        await asyncio.sleep(0)

    asyncio.run(notebook())
