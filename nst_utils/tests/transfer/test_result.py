import dataclasses
import json

import pytest
import torch

from nst_utils.images.io import read_image
from nst_utils.images.png import read_provenance
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.result import StepRecord, read_step
from nst_utils.transfer.run import stylize

RECIPE = Recipe(size=48, scales=(32, 48), steps=(3, 2), weights="random")


@pytest.fixture
def result(tiny, pictures):
    return stylize(*pictures, RECIPE)


def test_saved_pictures_tell_how_they_were_made(result, pictures, tmp_path):
    record = read_provenance(result.save(tmp_path / "out.png"))
    assert Recipe.from_json(json.dumps(record["recipe"])) == RECIPE
    for role, path in zip(("content", "style"), pictures, strict=True):
        assert record[role] == {
            "source": path.name,
            "sha256": read_image(path).info["sha256"],
        }
    assert record["weights"]["trained"] is False
    assert record["losses"]["first"] == result.history[0].total
    # The first is of the coarser scale: the best of the finer one cannot be held against it.
    finer = [step.total for step in result.history if step.scale == 48]
    assert record["losses"]["best"] == min(finer)
    assert record["steps"] == 5
    assert record["stopped"] == "finished"
    assert record["versions"]["torch"] == torch.__version__
    assert record["seed"] == 0
    # Nothing of this machine's folders.
    assert str(tmp_path) not in json.dumps(record)


def test_image_and_tensor_agree(result):
    assert result.image.size == (48, 36)
    assert result.tensor.shape == (1, 3, 36, 48)
    assert 0 <= result.tensor.min() <= result.tensor.max() <= 1


def test_a_records_picture_is_gone_afterwards(tiny, pictures):
    kept = []
    stylize(*pictures, RECIPE, on_step=kept.append)
    with pytest.raises(RuntimeError, match="only there while on_step runs"):
        kept[0].picture()
    with pytest.raises(RuntimeError, match="only there while on_step runs"):
        kept[0].moved()


def test_where_a_step_led_is_what_the_next_one_evaluates(tiny, pictures):
    seen = []
    stylize(
        *pictures, RECIPE, on_step=lambda r: seen.append((r.record.scale, r.picture(), r.moved()))
    )
    (_, _, led), (_, evaluated, _) = seen[-2:]
    assert torch.equal(led, evaluated)


def test_a_result_shows_itself_in_a_notebook_and_in_one_line(result):
    assert result._repr_png_().startswith(b"\x89PNG")
    assert repr(result).startswith("<Result 48 x 36, tiny, 5 steps")
    assert len(repr(result)) < 120


def test_the_best_record_is_the_pictures_own(result):
    assert result.best.total == min(record.total for record in result.history[3:])
    assert result.provenance["losses"]["terms"] == result.best.terms


def test_the_history_keeps_numbers_only(tiny, pictures):
    kept = []
    result = stylize(*pictures, RECIPE, on_step=kept.append)
    assert [live.record for live in kept] == result.history
    assert dataclasses.asdict(result.history[0])["step"] == 0
    for look in (kept[0].picture, kept[0].moved, kept[0].result):
        with pytest.raises(RuntimeError, match="only there while on_step runs"):
            look()


def test_a_live_step_tells_the_recipe_in_effect(tiny, pictures):
    seen = []

    def steer(live):
        seen.append((live.recipe.schedule, live.in_effect.beta, live.in_effect.schedule))
        return live.in_effect.replace(beta=9) if live.record.step == 1 else None

    stylize(*pictures, RECIPE, on_step=steer)
    assert seen[1] == ((), RECIPE.beta, ()) and seen[2] == (((2, "beta", 9.0),), 9.0, ())


def test_a_step_comes_back_from_json():
    terms = {"content": 1.0, "style/relu1_1": 0.5}
    step = StepRecord(3, 64, 7.0, terms, {"content": 1.0, "style/relu1_1": 8.0}, 1.5, "")
    assert read_step(json.loads(json.dumps(dataclasses.asdict(step)))) == step
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        read_step({"layers": 3})
