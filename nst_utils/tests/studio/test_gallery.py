import json

import pytest
from PIL import Image

from nst_utils.errors import NSTError
from nst_utils.images.png import read_provenance
from nst_utils.studio import gallery
from nst_utils.studio.gallery import (
    Gallery,
    SaveError,
    list_saved,
    load_saved,
    read_saved,
    save_painting,
)
from nst_utils.studio.history import StudioError
from nst_utils.studio.replay import from_json


@pytest.fixture
def painted(studio):
    studio.budget = 6
    studio.start()
    studio.wait(20)
    return studio


def test_painting_figure_and_recipe(painted, pictures):
    painting, figure, recipe = save_painting(painted)
    assert [path.name for path in (painting, figure, recipe)] == [
        "painting_0006.png", "painting_0006_figure.png", "painting_0006_recipe.json",
    ]  # fmt: skip
    assert figure.with_suffix(".pdf").is_file()
    record = read_provenance(painting)
    assert record["recipe"] == painted.passages()[0].to_dict() and record["stopped"] == "finished"
    kept = json.loads(recipe.read_text(encoding="utf-8"))
    assert (kept["content"], kept["style"]) == tuple(map(str, pictures))
    assert from_json(json.dumps(kept["passages"])) == list(painted.passages())


def test_saving_again_overwrites_nothing(painted):
    first = save_painting(painted, "vi")
    second = save_painting(painted, "vi")
    assert not {*first} & {*second} and all(path.is_file() for path in (*first, *second))


def test_what_cannot_be_saved_is_said(painted, tmp_path):
    (tmp_path / "file").write_text("in the way")
    painted._folder = tmp_path / "file" / "folder"
    with pytest.raises(SaveError, match="cannot be written to"):
        save_painting(painted)
    painted.reset()
    with pytest.raises(StudioError, match="press start first"):
        save_painting(painted)


def test_what_was_saved_is_loaded_again(studio, pictures):
    studio.set(beta=77.0, blend=())
    studio.start()
    studio.wait(20)
    studio.set(beta=33.0)
    studio.step()
    studio.wait(20)
    save_painting(studio)
    [saved] = list_saved(studio.folder)
    assert saved.path.is_file() and saved.recipe.beta == 33 and not saved.recipe.schedule
    studio.choose(style=str(pictures[0]))
    studio.set(beta=1.0)
    load_saved(studio, saved)
    assert studio.pictures == tuple(map(str, pictures)) and studio.wanted.beta == 33
    assert not studio.history.step and studio.wanted.start == "content"


def test_several_styles_come_back(studio, pictures):
    studio.choose(others=[str(pictures[0])])
    studio.set(blend=(1, 3))
    studio.start()
    studio.wait(20)
    save_painting(studio)
    [saved] = list_saved(studio.folder)
    assert len(saved.styles) == 2 and saved.recipe.blend == (1, 3)
    studio.choose(others=())
    assert studio.wanted.blend == ()
    load_saved(studio, saved)
    assert studio.wanted.blend == (1, 3) and studio.history.others == saved.styles[1:]


@pytest.mark.parametrize(
    "record",
    [
        [], {}, {"content": 3}, {"content": "a", "style": []}, {"content": "a", "style": [1]},
        {"content": "a", "style": "b"}, {"content": "a", "style": "b", "passages": [{"beta": -1}]},
        {"content": "a", "style": "b", "passages": [{"no such": 1}]},
    ],
)  # fmt: skip
def test_anybodys_file_is_passed_over(record, tmp_path):
    path = tmp_path / "painting_0001_recipe.json"
    path.write_text(json.dumps(record))
    with pytest.raises(NSTError):
        read_saved(path)
    assert list_saved(tmp_path) == []


def test_the_newest_are_shown_and_pressed(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "MOST", 2)
    record = {"content": "chelsea", "style": "nocturne", "passages": [{"beta": 5}]}
    for i in range(3):
        (tmp_path / f"painting_{i}_recipe.json").write_text(json.dumps(record))
        Image.new("RGB", (40, 30)).save(tmp_path / f"painting_{i}.png")
    pressed, seen = [], []
    shown = Gallery(str, tmp_path, seen.append, pressed.append, print, lambda act: act())
    buttons = shown._strip.row.children
    assert len(buttons) == 2 and "chelsea × nocturne · beta 5" in buttons[0].tooltip
    assert shown.load.disabled and shown.delete.disabled
    buttons[1].click()
    assert not pressed and not shown.load.disabled and seen[0][0].name == "painting_1.png"
    shown.load.click()
    assert pressed[0].recipe.beta == 5
    empty = Gallery(str, tmp_path / "none", print, print, print, print)
    assert empty.note.value == "gallery empty"
