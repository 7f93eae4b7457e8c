import json

import pytest

from nst_utils.images.png import read_provenance
from nst_utils.studio.controller import Controller
from nst_utils.studio.export import SaveError, save_painting
from nst_utils.studio.history import StudioError
from nst_utils.studio.replay import from_json
from nst_utils.transfer.config import Recipe

TINY = Recipe(size=48, scales=(32, 48), steps=(4, 10), weights="random")


@pytest.fixture
def painted(tiny, pictures, tmp_path):
    controller = Controller(*map(str, pictures), TINY, budget=6, folder=tmp_path / "kept")
    controller.start()
    controller.wait(20)
    yield controller
    controller.close()
    assert controller.join(20)


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
