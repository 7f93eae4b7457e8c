import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_utils.errors import UnknownNameError
from nst_utils.studio import replay
from nst_utils.studio.replay import (
    as_code,
    as_command,
    cut_recipe,
    from_json,
    recipe_changes,
    replay_passages,
    to_json,
)
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import RecipeError
from nst_utils.transfer.presets import recipe
from nst_utils.transfer.run import StopRun, stylize

STEERED = Recipe(
    size=48, scales=(32, 48), steps=(6, 8), weights="random", schedule=[[8, "beta", 90.0]]
)


@given(st.integers(1, 14))
def test_a_cut_recipe_has_the_steps_asked_for(steps):
    short = cut_recipe(STEERED, steps)
    assert sum(short.steps) == steps
    assert short.scales == STEERED.scales[: len(short.steps)] and short.size == short.scales[-1]
    assert [short.at(i).beta for i in range(steps)] == [STEERED.at(i).beta for i in range(steps)]


def test_a_recipe_needs_a_step():
    with pytest.raises(RecipeError, match="a step or more, not 0"):
        cut_recipe(STEERED, 0)


@pytest.mark.parametrize(
    ("name", "backbone"),
    [*itertools.product(["quick", "report"], ["vgg19", "resnet50"]), ("gatys2016", "vgg19")],
)
@pytest.mark.parametrize("size", [96, 256, 700])
def test_changes_give_the_recipe_again(name, backbone, size):
    settings = recipe(name, backbone=backbone, size=size, beta=7)
    assert recipe(**recipe_changes(settings)) == settings
    assert from_json(to_json([settings])) == [settings]
    other = settings.replace(optimizer="lbfgs", learning_rate=1.0)
    assert recipe(**recipe_changes(other)) == other
    other = settings.replace(optimizer="adam", learning_rate=1.0)
    assert recipe(**recipe_changes(other)) == other


def test_stopping_and_running_the_cut_recipe_give_the_same_picture(tiny, pictures):
    def stop(live):
        if live.record.step == 10:
            raise StopRun
        return STEERED.at(0).replace(beta=90.0) if live.record.step == 7 else None

    plain = STEERED.replace(schedule=())
    stopped = stylize(*pictures, plain, on_step=stop)
    again = stylize(*pictures, cut_recipe(stopped.recipe, 11))
    assert np.array_equal(np.asarray(stopped.image), np.asarray(again.image))


def test_replay_goes_on_from_the_last_picture(tiny, pictures, tmp_path):
    first = Recipe(size=32, scales=(32,), steps=10, weights="random")
    second = Recipe(size=48, scales=(48,), steps=4, weights="random", beta=3)
    middle = stylize(*pictures, first).tensor
    by_hand = stylize(*pictures, second, start=middle)
    replayed = replay_passages(*pictures, [first, second])
    assert np.array_equal(np.asarray(by_hand.image), np.asarray(replayed.image))
    with pytest.raises(RecipeError, match="a passage or more"):
        replay_passages(*pictures, [])


def test_the_code_runs_and_paints_the_same(tiny, pictures, monkeypatch, tmp_path):
    chain = [STEERED, Recipe(size=64, scales=(64,), steps=6, weights="random", start="noise")]
    expected = replay_passages(*map(str, pictures), chain)
    monkeypatch.chdir(tmp_path)
    scope = {}
    exec(as_code(*map(str, pictures), chain), scope)  # what a user pastes into a cell
    assert np.array_equal(np.asarray(scope["painting"].image), np.asarray(expected.image))
    assert {path.name for path in tmp_path.glob("pa*.png")} == {"painting.png"}


def test_the_command_survives_a_shell(tmp_path):
    import shlex

    content = str(tmp_path / "it's a photo.jpg")
    split = shlex.split(as_command(content, "nocturne", [STEERED]))
    assert content in split and split[1:4] == ["-m", "papermill", replay.NOTEBOOK]
    assert from_json(split[-1]) == [STEERED]


@pytest.mark.parametrize("text", ["", "{}", "[]", "[1]", "not json", None])
def test_other_json_is_refused(text):
    with pytest.raises(RecipeError, match="expected"):
        from_json(text)
    with pytest.raises(UnknownNameError, match="beta"):
        from_json(json.dumps([{"bet": 1}]))
