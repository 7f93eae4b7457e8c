import asyncio
import dataclasses
import io
import time

import ipywidgets
import numpy as np
import pytest
from PIL import Image

from nst_utils.images.clips import open_clip
from nst_utils.images.png import read_provenance
from nst_utils.networks.registry import BACKBONES
from nst_utils.plotting.translations import LANGUAGES
from nst_utils.studio import canvas, pickers, toolbar
from nst_utils.studio.controls import STRENGTHS
from nst_utils.studio.panel import Studio
from nst_utils.studio.replay import as_code
from nst_utils.transfer import memory
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import COLORS, GRAMS
from nst_utils.transfer.optimizers import OPTIMIZERS

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
    studio._toolbar.buttons[name].click()


def answer(studio, words):
    assert studio._status.question.layout.display != "none"
    [button] = [b for b in studio._status.question.children if b.description == words]
    button.click()
    assert studio._status.question.layout.display == "none"


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
    names = {name for name in ours if not name.startswith("__")}
    names -= {"close", "_repr_mimebundle_"}
    assert "_look" in names and not names & set(dir(Plain()))


def test_painting_is_shown_with_its_numbers(panel):
    studio = panel()
    photo = bytes(studio._canvas.view.painting)
    studio._canvas.drawn_at = 0  # not too soon for the next drawing of the curve
    assert photo.startswith(b"\xff\xd8")  # before the first step: the photo
    paint(studio, 9)
    assert studio._canvas.view.painting != photo
    assert "step 9" in studio._status.line.value and "48 px" in studio._status.line.value
    assert studio._status.progress.value == studio._status.progress.max == 9
    assert studio._canvas.chart.runs[0]["steps"] == list(range(9))
    assert "finished" in repr(studio)


def test_a_slider_steers_and_leaves_a_mark(panel):
    studio = panel()
    paint(studio, 6)
    studio._controls.sliders["beta"].value = 79.4
    studio._controls.layers["relu5_1"].value = 0.5
    studio._canvas.drawn_at = 0
    paint(studio, 3)
    fields = {name: value for _, name, value in studio.controller.passages()[0].schedule}
    assert fields["beta"] == 79.4
    assert fields["style_layers"]["relu5_1"] == 0.5
    assert [run["marks"] for run in studio._canvas.chart.runs] == [[(6, "beta, style layers")]]


OTHER_VALUES = {
    "backbone": "resnet50", "weights": "auto", "content_layer": "relu4_2", "alpha": 2.0,
    "style_layers": {"relu1_1": 1.0}, "beta": 9.0, "tv": 0.5, "loss": "paper", "gram": "sum",
    "style_statistic": "gram_moments", "content_statistic": "self_similarity",
    "content_mask": "none", "content_factor": 2.0, "terms": {"laplacian": 1.0},
    "coarse_content": 2.0, "finish": 0.5, "tile": "64", "texture_steps": 1,
    "smoothing": "scaled", "pooling": "average", "padding": "zero", "optimizer": "adam",
    "learning_rate": 0.5, "size": 64, "scales": (24, 48), "steps": (3, 4), "color": "free",
    "blend": (1.0,), "style_scale": (2.0,), "regions": (("light:0.5", 1, ""), ("rest", 0, "")),
    "average": 0.5, "start": "noise", "start_noise": 0.1, "detail": "none", "space": "unit",
    "precision": "float32", "device": "cpu", "seed": 1, "schedule": ((1, "beta", 2.0),),
}  # fmt: skip


def test_every_field_can_change_while_a_painting_has_steps(panel):
    """The recipe names its fields; one that is new must be added above."""
    assert {field.name for field in dataclasses.fields(Recipe)} == set(OTHER_VALUES)
    studio = panel(language="vi")
    paint(studio, 2)
    for name, value in OTHER_VALUES.items():
        studio.controller.set(**{name: value})
        assert studio.controller.history.moves, name
        studio.refresh()
        studio.controller.undo()
    studio.refresh()
    assert studio.controller.wanted == TINY


def test_a_part_that_cannot_be_shown_holds_no_other_up(panel, monkeypatch):
    studio = panel()
    monkeypatch.setattr(studio._canvas, "show_strip", lambda *_: 1 / 0)
    studio._canvas.drawn_at = 0
    studio.controller.choose(content=studio.controller.style)
    with pytest.raises(ZeroDivisionError):
        studio.refresh()
    assert studio._pickers["content"].source == studio.controller.style


def test_a_number_holds_as_it_was_typed(panel):
    studio = panel()
    sliders = studio._controls.sliders
    for name, value in (("beta", 7.94), ("beta", 8.0), ("beta", 123.4567), ("tv", 0.0)):
        sliders[name].value = value
        assert getattr(studio.controller.wanted, name) == sliders[name].value == value
    sliders["beta"].value = -1.0  # refused
    assert sliders["beta"].value == studio.controller.wanted.beta == 123.4567
    assert "beta must be" in studio._status.complaint
    layers = studio._controls.layers
    assert all(slider.high >= 2 * TINY.style_layers[name] for name, slider in layers.items())


def test_a_forecast_stands_beside_each_size(panel):
    studio = panel()
    studio.controller.wait(20)
    studio.controller.thread.pace.known = {32: 0.01}
    studio.controller.budget = 1000
    studio.refresh()
    said = {size: words for words, size in studio._controls.menus["size"].options}
    assert said[48] == "48 · 10 s" and said[512].endswith(" min")
    assert studio._controls.menus["size"].value == studio.controller.wanted.size == 48
    assert studio.controller.history.moves.maxlen and not studio.controller.history.moves


def test_a_size_beyond_the_memory_is_refused(panel, monkeypatch):
    monkeypatch.setattr(memory, "room", lambda device: 1.2e9)
    monkeypatch.setattr(memory, "LEAST_ROOM", 0.0)
    studio = panel()
    studio._controls.menus["size"].value = 1024
    assert "pixels need about" in studio._status.complaint
    assert studio._controls.menus["size"].value == studio.controller.wanted.size == 48


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
    registered = {"optimizer": OPTIMIZERS, "backbone": BACKBONES, "gram": GRAMS, "color": COLORS}
    for name, registry in registered.items():
        options = studio._controls.menus[name].options
        assert [o[1] if isinstance(o, tuple) else o for o in options] == list(registry)
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
    paint(studio, 2)
    assert "nst-bad" not in studio._status.line.value


def test_errors_are_said_in_the_panels_language_and_go_after_a_while(panel, monkeypatch):
    studio = panel(language="vi")
    press(studio, "undo")
    assert studio._status.complaint.startswith("không có gì để hoàn tác")
    studio._pickers["style"].path.value = "missing.png"
    assert studio._status.complaint.startswith("Không làm được: missing.png")
    monkeypatch.setattr(toolbar.time, "monotonic", lambda: 1e12)
    studio.refresh()
    assert "nst-bad" not in studio._status.line.value


def test_what_was_saved_is_linked_and_a_failure_ends_the_saying(panel, monkeypatch):
    studio = panel()
    press(studio, "save")  # nothing was painted yet
    assert studio._status.news == "" and "press start first" in studio._status.complaint
    paint(studio, 3)
    press(studio, "film")
    [film] = studio._files.files
    assert film["type"] == "video/mp4" and film["data"][4:8] == b"ftyp"


def test_undo_and_snapshots_bring_the_sliders_back(panel):
    studio = panel()
    paint(studio, 25)
    studio._controls.sliders["alpha"].value = 50
    paint(studio, 2)
    assert [button.description for button in studio._canvas.strip.children] == ["#1 · 25 •"]
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


def test_swap_and_download(panel, pictures):
    studio = panel()
    studio._toolbar.swap.click()
    assert studio.controller.content == str(pictures[1])
    assert studio._pickers["content"].source == str(pictures[1])
    paint(studio, 5)
    view = studio._canvas.view
    assert view.photo != view.painting and view.caption == "style.png × content.png"
    sent = []
    view.send = lambda content, buffers: sent.append((content, buffers))
    view._asked(view, {"kind": "download"}, [])
    [(content, [data])] = sent
    assert content == {"kind": "file", "name": "painting_0005.png"}
    assert data.startswith(b"\x89PNG") and b"nst_utils" in data  # its record inside


def test_compare_begins_together_goes_in_step_and_keeps_one(panel, pictures):
    studio = panel()
    paint(studio, 3)
    studio._toolbar.compare.value = True
    one, two = studio.controllers
    assert (one.status().step, two.status().step) == (0, 0)
    studio._toolbar.side.value = 1
    studio._controls.sliders["beta"].value = 200
    assert (one.wanted.beta, two.wanted.beta) == (TINY.beta, 200)
    studio.refresh()
    told = f"A: beta (style) {TINY.beta:g} · step 0 | B: beta (style) 200 · step 0"
    assert studio._canvas.view.caption == told
    ahead = []
    for mine, other in ((one, two), (two, one)):
        keep = mine.thread._keep
        mine.thread._keep = lambda live, keep=keep, mine=mine, other=other: (
            keep(live), ahead.append(mine.thread.done - other.thread.done)
        )  # fmt: skip
    paint(studio, 6)
    assert one.status().step == two.status().step == 6 and max(ahead) <= 1
    assert studio._canvas.view.pair
    shown = studio._canvas.view.photo, studio._canvas.view.painting
    assert shown == tuple(pickers.jpeg(made.history.result.image) for made in (one, two))
    studio._toolbar.compare.value = False  # asks
    assert studio.controllers == [one, two]
    answer(studio, "Go on comparing")
    assert studio.controllers == [one, two] and studio._toolbar.compare.value
    studio._toolbar.compare.value = False
    studio._toolbar.compare.value = True  # takes the question away
    assert studio._status.question.layout.display == "none"
    studio._toolbar.compare.value = False
    studio._toolbar.compare.value = True
    studio._toolbar.side.value = 1
    studio._toolbar.compare.value = False
    answer(studio, "Keep B")
    assert not studio._toolbar.compare.value
    assert studio._canvas.view.painting == pickers.jpeg(two.history.result.image)
    assert studio.controllers == [two] and one.join(20)
    # Nothing is lost: what A was is among the snapshots, newest first.
    kept = [(snapshot.wanted.beta, snapshot.step) for snapshot in two.history.snapshots]
    assert kept == [(TINY.beta, 3), (TINY.beta, 6)]
    studio._canvas.strip.children[0].click()
    assert studio.controller.wanted.beta == TINY.beta and studio.controller.status().step == 6


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


def test_a_panel_that_cannot_be_made_is_one_sentence_and_leaves_nothing(pictures, tmp_path, capfd):
    import gc
    import threading

    from nst_utils.errors import NSTError

    before = threading.active_count()
    for words, options in (
        (("no.jpg", str(pictures[1])), {}),
        ((str(pictures[0]), str(tmp_path)), {}),
        (tuple(map(str, pictures)), {"language": "fr"}),
    ):
        with pytest.raises(NSTError):
            Studio(*words, TINY, **options)
    gc.collect()
    assert threading.active_count() == before and capfd.readouterr().err == ""


def test_what_is_left_in_the_notebook_follows_the_painting_at_rest(panel, monkeypatch):
    left = []
    monkeypatch.setattr(Studio, "leave", lambda studio: left.append(studio.still()))
    studio = panel()
    [(photo, pair, line)] = left
    assert "Run this cell" in line and pair == "content.png × style.png"
    paint(studio, 2)
    studio.refresh()
    assert left[-1][0] == studio._canvas.still() != photo
    before = len(left)
    studio.refresh()
    assert len(left) == before


def test_a_painting_is_not_closed_unasked(panel):
    studio = panel()
    paint(studio, 2)
    press(studio, "close")
    answer(studio, "Go on painting")
    assert Studio.running() is studio
    press(studio, "close")
    [_, close, _] = studio._status.question.children
    close.click()
    assert studio.controller.status().state == "closed"
    unpainted = panel()
    press(unpainted, "close")
    assert unpainted.controller.status().state == "closed"


def test_a_panel_is_found_again_after_a_reload(panel):
    from nst_utils.studio.history import StudioError

    one, two = panel(), panel()
    assert Studio.running() is two
    two.close()
    assert Studio.running() is one
    one.close()
    with pytest.raises(StudioError, match="no studio is open"):
        Studio.running()


def test_each_move_is_one_step_back_and_forward(panel):
    studio = panel()
    now = lambda: studio.controller.wanted  # noqa: E731
    paint(studio, 4)
    for value in (35, 40, 50):  # a drag
        studio._controls.sliders["beta"].value = value
    studio._controls.sliders["alpha"].value = 2
    studio._controls.layers["relu1_1"].value = 0.5
    studio._controls.layers["relu2_1"].value = 0.25
    press(studio, "undo")
    assert now().style_layers["relu2_1"] == 2 and now().style_layers["relu1_1"] == 0.5
    press(studio, "undo")
    press(studio, "undo")
    assert (now().alpha, now().beta, now().style_layers["relu1_1"]) == (1, 50, 2)
    press(studio, "undo")
    assert now().beta == TINY.beta
    assert studio._controls.sliders["beta"].value == TINY.beta
    for _ in range(4):
        press(studio, "redo")
    assert now().style_layers["relu2_1"] == 0.25 and now().beta == 50
    press(studio, "redo")
    assert "nothing was undone" in studio._status.line.value


def test_moves_before_the_first_step_can_be_undone(panel):
    studio = panel()
    studio._controls.sliders["beta"].value = 100
    press(studio, "undo")
    assert studio.controller.wanted.beta == TINY.beta and studio.controller.status().step == 0


def test_a_refused_move_takes_the_control_back(panel):
    studio = panel()
    layers = studio._controls.layers
    for name in list(layers)[:-1]:
        layers[name].value = 0
    last = list(layers)[-1]
    layers[last].value = 0
    assert "at least one layer must weigh more than 0" in studio._status.line.value
    assert studio._controls.layers[last].value == 1


def test_a_snapshot_brings_back_the_curve_the_label_and_the_pair(panel, pictures):
    studio = panel()
    paint(studio, 25)
    first = list(studio.controller.history.points)
    press(studio, "reset")
    studio._controls.sliders["beta"].value = 500
    paint(studio, 30)
    assert studio.controller.history.points != first
    names = [button.description for button in studio._canvas.strip.children]
    assert len(set(names)) == len(names) == 2
    studio._canvas.strip.children[-1].click()
    history = studio.controller.history
    assert history.points == first and history.step == 25 and history.wanted.beta == TINY.beta
    assert studio.controller.status().label == history.result.weights_label


def test_the_dial_is_the_weight_of_the_style_beside_the_contents(panel):
    studio = panel()
    controls = studio._controls
    controls.strength.value = STRENGTHS["wild"]
    assert studio.controller.wanted.beta == controls.sliders["beta"].value == 30
    controls.sliders["alpha"].value = 2.0
    assert controls.strength.value == 15
    controls.strength.value = STRENGTHS["subtle"]
    assert studio.controller.wanted.beta == controls.sliders["beta"].value == 6


def test_colors_and_stroke_sizes_are_chosen_from_menus(tiny, pictures):
    studio = Studio(*map(str, pictures))
    try:
        menus = studio._controls.menus
        menus["color"].value, menus["style_scale"].value = "content", (2.0,)
        wanted = studio.controller.wanted
        assert (wanted.color, wanted.style_scale) == ("content", (2.0,))
        assert "style_scale" in as_code(*map(str, pictures), [wanted])
    finally:
        studio.close()


def test_a_film_of_the_way_is_saved(panel):
    studio = panel()
    press(studio, "film")
    assert "two steps" in studio._status.complaint
    paint(studio, 9)
    press(studio, "film")
    [film] = studio.controller.folder.glob("film_*.mp4")
    assert 1 < open_clip(film).count <= 10  # the last one twice
    assert studio._files.files[0]["type"] == "video/mp4"
    assert "recipe" in read_provenance(film)
    assert film.name in studio._status.line.value


def test_a_chosen_pair_is_shown_at_once_by_a_filter(panel, pictures, monkeypatch):
    studio = panel()
    plain = bytes(studio._canvas.view.painting)
    monkeypatch.setattr(canvas, "can_look_first", lambda: True)
    monkeypatch.setattr(
        canvas, "paint_first_look", lambda photo, style: Image.new("RGB", photo.size, "red")
    )
    studio._choose(style=str(pictures[0]))
    look = bytes(studio._canvas.view.painting)
    assert look != plain and "first look" in studio._canvas.view.caption
    press(studio, "reset")  # shows what the next start begins with
    assert bytes(studio._canvas.view.painting) == plain
    assert "first look" not in studio._canvas.view.caption
    studio._choose(style=str(pictures[1]))
    paint(studio, 3)
    assert "first look" not in studio._canvas.view.caption


def test_a_pinned_picture_stands_first_in_the_strip_under_its_name(panel):
    studio = panel()
    paint(studio, 3)
    [field, button] = studio._pin.children
    field.value = "calm sea"
    button.click()
    paint(studio, 2)
    studio.controller.history.snap()
    studio.refresh()
    labels = [thumb.description for thumb in studio._canvas.strip.children]
    assert labels[0] == "★ calm sea" and len(labels) == 2 and field.value == ""
    field.value = "storm"
    field._handle_custom_msg({"event": "submit"}, [])  # the Enter key
    studio.refresh()
    assert "★ storm" in {thumb.description for thumb in studio._canvas.strip.children}


def test_a_saved_painting_is_loaded_from_its_tab(panel):
    studio = panel()
    studio._controls.sliders["beta"].value = 79.4
    paint(studio, 3)
    press(studio, "save")
    studio._controls.sliders["beta"].value = 10
    painted = studio.controller.result().image
    [button] = studio._gallery._strip.row.children
    assert (
        "79.4" in button.tooltip and "content.png × style.png\nstrength 79.4" in button.description
    )
    button.click()
    assert studio.controller.wanted.beta == 10  # choosing one only shows its files
    assert studio._files.files[0]["name"] == studio._gallery.chosen.path.name
    studio._gallery.load.click()
    shown = Image.open(io.BytesIO(studio._canvas.view.painting))
    assert shown.size == painted.size and "as it was saved" in studio._canvas.view.caption
    assert np.abs(np.asarray(shown, float) - np.asarray(painted)).mean() < 12
    saved = studio._gallery.chosen
    assert studio._files.files[0]["name"] == saved.path.name  # seen, and to be had
    assert studio.controller.wanted.beta == 79.4 and not studio.controller.history.step
    assert round(studio._controls.sliders["beta"].value, 1) == 79.4
    assert studio._controls.tabs.titles[2:] == ("Regions", "Saved", "Camera")
    studio._gallery.delete.click()
    answer(studio, "Keep it")
    assert saved.path.is_file()
    studio._gallery.delete.click()
    answer(studio, "Delete it")
    assert not list(saved.path.parent.glob("painting_*"))
    assert not studio._gallery._strip.row.children and studio._gallery.chosen is None
