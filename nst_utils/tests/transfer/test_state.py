"""A run that goes on from its state ends with the same picture; what is no state is refused."""

import contextlib
import random
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from nst_utils import paths
from nst_utils.errors import NSTWarning
from nst_utils.transfer import memory, state
from nst_utils.transfer import run as transfer_run
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import RecipeError
from nst_utils.transfer.run import resume, stylize
from nst_utils.transfer.state import CheckpointError, Keeper, load_checkpoint

QUICK = Recipe(
    size=48, scales=(32, 48), steps=(6, 5), weights="random",
    style_layers={"relu1_1": 1, "relu2_1": 1},
)  # fmt: skip
CHANGES = {
    "lbfgs": {},
    "adam and a mean": {"optimizer": "adam", "learning_rate": 0.05, "average": 0.8},
    "neighbors": {"style_statistic": "neighbors"},
    "hypercolumns": {"style_statistic": "hypercolumns", "finish": 0.5},
    "earth mover": {"style_statistic": "earth_mover", "content_statistic": "self_similarity"},
    "noise": {"start": "noise", "start_noise": 0.1, "space": "unit"},
    "schedule": {"schedule": [[3, "beta", 90], [8, "pooling", "average"]]},
    "tiles": {"tile": 32},
    "texture": {"style_layers": {"relu1_1": 1, "relu4_1": 1}, "texture_steps": 3},
    "region": {"regions": [["mine", 1], ["rest", 1]], "terms": {"laplacian": 0.5}},
}


class Killed(BaseException):
    """What SIGKILL is to a test: nothing is done afterwards."""


def run_killed_at(step, path, pictures, recipe, **options):
    """Run up to a step whose state was saved, and no further."""

    def kill(live):
        if live.record.step == step + 1:
            raise Killed

    with pytest.raises(Killed):
        stylize(*pictures, recipe, on_step=kill, checkpoint=path, checkpoint_every=0, **options)


@pytest.mark.parametrize("kind", CHANGES)
def test_a_run_that_was_killed_anywhere_ends_with_the_same_picture(kind, tiny, pictures, tmp_path):
    recipe = QUICK.replace(**CHANGES[kind])
    masks = {"mine": np.tri(36, 48)} if kind == "region" else {}
    whole = stylize(*pictures, recipe, masks=masks)
    # Once after the first step and within a scale; always at its end and within the next one.
    for step in (0, 4, 5, 8) if kind == next(iter(CHANGES)) else (5, 8):
        path = tmp_path / f"{step}.safetensors"
        run_killed_at(step, path, pictures, recipe, masks=masks)
        assert len(load_checkpoint(path).state.history) == step + 1
        result = resume(path)
        assert torch.equal(result.tensor, whole.tensor), step
        assert [r.total for r in result.history] == [r.total for r in whole.history]
        assert result.recipe == whole.recipe and result.stopped == "finished"
        again = resume(path)  # finished: nothing is left to do
        assert torch.equal(again.tensor, whole.tensor) and again.history == result.history


def test_a_steered_run_goes_on_with_what_was_steered(tiny, pictures, tmp_path):
    def steer(live):
        return live.in_effect.replace(beta=3) if live.record.step == 2 else None

    whole = stylize(*pictures, QUICK, on_step=steer)

    def steer_and_die(live):
        if live.record.step == 4:
            raise Killed
        return steer(live)

    path = tmp_path / "run.safetensors"
    with pytest.raises(Killed):
        stylize(*pictures, QUICK, on_step=steer_and_die, checkpoint=path, checkpoint_every=0)
    result = resume(path)
    assert result.recipe.schedule == whole.recipe.schedule == ((3, "beta", 3.0),)
    assert torch.equal(result.tensor, whole.tensor)


def test_what_an_interrupted_run_saved_is_gone_on_from(tiny, pictures, tmp_path):
    def interrupt(live):
        if live.record.step == 7:
            raise KeyboardInterrupt

    path = tmp_path / "run.safetensors"
    stopped = stylize(*pictures, QUICK, on_step=interrupt, checkpoint=path)
    assert stopped.checkpoint == path and "interrupted after 8 of 11" in stopped.stopped
    assert torch.equal(resume(path).tensor, stylize(*pictures, QUICK).tensor)


@pytest.fixture
def kept(tiny, pictures, tmp_path):
    path = tmp_path / "run.safetensors"
    run_killed_at(7, path, pictures, QUICK)
    return path


def test_damage_anywhere_is_refused(kept, tmp_path):
    """A flipped bit, a cut and an exchanged piece never crash and never resume."""
    data, chance = kept.read_bytes(), random.Random(1)
    places = [chance.randrange(8 * len(data)) for _ in range(60)]
    places += [chance.randrange(8 * 3000) for _ in range(40)]  # the header
    for place in places:
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        other = tmp_path / "flipped.safetensors"
        other.write_bytes(flipped)
        with pytest.raises(CheckpointError):
            load_checkpoint(other)
    for cut in (0, 7, 8, 100, len(data) // 2, len(data) - 1):
        other.write_bytes(data[:cut])
        with pytest.raises(CheckpointError):
            load_checkpoint(other)


def rewritten(kept, path, change=None, **texts):
    """Write a checkpoint with other contents and a checksum that is right for them."""
    with safe_open(kept, "pt") as file:
        text, tensors = file.metadata()["state"], {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    for old, new in texts.values():
        assert old in text
        text = text.replace(old, new)
    if change:
        change(tensors)
    save_file(tensors, path, {"state": text, "sha256": state._digest(tensors, text)})
    return path


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"taken": 2', '"taken": 4', "another number of steps"),
        ('"place": 1', '"place": 7', "does not have"),
        ('"beta": 8.0', '"beta": -8.0', "beta must be"),
        ('"rate": 1.0', '"rate": 0.0', "rate"),
        ('"taken": 2', '"stolen": 2', "taken"),
        ('"good_place": 1', '"good_place": 5', "does not have"),
        ('"content_mask": "faces"', '"content_mask": "http://host/a.png"', "that is not in it"),
        ('"content_mask": "faces"', '"content_mask": "/private/a.png"', "that is not in it"),
        ('"regions": []', '"regions": [["/etc/hostname", 1, ""]]', "that is not in it"),
        ('"start": "content"', '"start": "/private/a.png"', "that is not in it"),
        ('"weights": "random"', '"weights": "http://host/w.pth"', "an address"),
        ('"step": 7, "scale": 48', '"step": 7, "scale": Infinity', "infinity"),
    ],
)
def test_a_state_that_was_made_up_is_refused(kept, tmp_path, old, new, told):
    with pytest.raises(CheckpointError, match=told):
        load_checkpoint(rewritten(kept, tmp_path / "other.safetensors", text=(old, new)))


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.update({"moving/x": torch.zeros(1, 3, 7, 7)}),
        lambda t: t.update({"moving/optimizer/grad": torch.zeros(2, 2)}),
        lambda t: t.update({"good": torch.zeros(4)}),
        lambda t: t.update({"picture/content": torch.full((1, 3, 40, 40), 7.0)}),
        lambda t: t.pop("moving/optimizer/numbers"),
        lambda t: t.pop("moving/x"),
        lambda t: t.pop("picture/style"),
        lambda t: t.update({"random": torch.zeros(3, dtype=torch.uint8)}),
        lambda t: t.update({"random": t["random"].float()}),
        lambda t: t["good"].fill_(torch.nan),
        lambda t: t.update({"moving/optimizer/numbers": torch.zeros(2, 2)}),
        lambda t: t.update({"moving/optimizer/direction": torch.zeros(())}),
        lambda t: t["moving/optimizer/numbers"].fill_(torch.inf),
        lambda t: t.update({"picture/content": torch.zeros(1, 3, 0, 5)}),
    ],
)
def test_tensors_that_were_made_up_are_refused(kept, tmp_path, change):
    other = rewritten(kept, tmp_path / "other.safetensors", change)
    with pytest.raises(CheckpointError):
        resume(other)


@pytest.mark.parametrize(
    ("old", "new"),
    [('"optimizer": "lbfgs"', '"optimizer": "adam"'), ('"narrow": false', '"narrow": true')],
)
def test_a_state_of_another_recipe_is_refused_or_goes_on(kept, tmp_path, old, new):
    other = rewritten(kept, tmp_path / "other.safetensors", text=(old, new))
    with contextlib.suppress(CheckpointError):
        assert resume(other).stopped == "finished"


def test_memory_that_is_not_there_is_not_planned_with(kept, monkeypatch):
    monkeypatch.setattr(memory, "room", lambda device: 1000.0)
    with pytest.raises(CheckpointError, match="holds .* MB, but .* are free"):
        resume(kept)


def test_an_error_of_a_callers_own_is_not_taken_for_the_files(kept):
    def wrong(live):
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        resume(kept, on_step=wrong)


def test_other_pictures_weights_versions_and_terms_are_refused_by_name(
    kept, pictures, tmp_path, monkeypatch
):
    assert resume(shutil.copy(kept, tmp_path / "copy.safetensors"), content=pictures[0]).history
    with pytest.raises(CheckpointError, match="the content picture of the run is 'content.png'"):
        resume(kept, content=pictures[1])
    with pytest.raises(CheckpointError, match="the run has 1 style picture, not 2"):
        resume(kept, style=[pictures[1]] * 2)
    term = type("Term", (), {"name": "glow", "layers": (), "learns": "", "__call__": print})()
    with pytest.raises(CheckpointError, match="has these terms of its own: none"):
        resume(kept, terms=[term])
    for name, other in (("weights", "tiny, abc"), ("nst_utils", "9.9"), ("precision", "float64")):
        made = transfer_run._Run.made

        with monkeypatch.context() as patch:
            patch.setattr(transfer_run._Run, "made", lambda self: made(self) | {name: other})  # noqa: B023
            with pytest.raises(CheckpointError, match=f"made with {name} .* here it is '{other}'"):
                resume(kept)
    with monkeypatch.context() as patch:
        patch.setattr(transfer_run._Run, "made", lambda self: made(self) | {"threads": 99})
        with pytest.warns(NSTWarning, match="goes on with 99"):
            assert resume(kept).stopped == "finished"


def test_what_is_no_file_is_one_sentence(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        load_checkpoint(tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match="no such file"):
        load_checkpoint(tmp_path)


def test_the_code_version_is_of_what_decides_a_picture():
    assert len(state.code_version()) == 16
    assert state.DECIDING == ("images", "networks", "transfer")


def test_every_module_that_a_run_imports_decides_its_key(monkeypatch):
    code = (
        "import sys, nst_utils.transfer.run;"
        "print(*(n for n, m in sys.modules.items() if 'nst_utils' in n and m.__spec__))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ground = {"nst_utils", "nst_utils.errors", "nst_utils.paths"}
    # They fetch, check and write files, and hear of signals; they move no pixel.
    ground |= {"nst_utils.download", "nst_utils.signals", "nst_utils.untrusted"}
    ground |= {"nst_utils.parallel"}
    folders = {name.split(".")[1] for name in set(found.stdout.split()) - ground}
    assert folders == set(state.DECIDING)


def test_a_change_of_any_deciding_file_is_another_key(tmp_path, monkeypatch):
    for folder in state.DECIDING:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one.py").write_text("x = 1")
    monkeypatch.setattr(paths, "PACKAGE", tmp_path)
    keys = set()
    for path in [tmp_path / "images/one.py", tmp_path / "networks/one.py", tmp_path / "new.py"]:
        path.write_text("x = 2")
        state.code_version.cache_clear()
        keys.add(state.code_version())
    state.code_version.cache_clear()
    assert len(keys) == 2  # what stands outside decides nothing


@pytest.mark.parametrize("name", ["photo.png", "notes.txt", "x" * 300])
def test_a_checkpoint_takes_no_other_files_place(name, tmp_path):
    path = tmp_path / name
    if len(name) < 200:
        path.write_bytes(b"mine")
    with pytest.raises(RecipeError, match="would be lost|no file can have this name"):
        Keeper(path, 0.0)
    with pytest.raises(RecipeError, match="pipe or a device"):
        Keeper("/dev/null", 0.0)
    assert [file.read_bytes() for file in tmp_path.iterdir()] in ([b"mine"], [])
