import pytest
import torch

from nst_utils import paths
from nst_utils.errors import NSTError, NSTWarning
from nst_utils.images.tensors import to_tensor
from nst_utils.transfer.feedforward import training
from nst_utils.transfer.feedforward.generator import new_generator
from nst_utils.transfer.feedforward.network_file import NetworkError, load_network
from nst_utils.transfer.feedforward.training import Settings, train, training_recipe
from nst_utils.transfer.fields import RecipeError

from ...images.clip_helpers import moving

SMALL = Settings(side=32, batch=2, style_size=48)
QUICK = Settings(side=32, batch=2, style_size=48, rate=0.01)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, image in enumerate(moving(3, (60, 48), 9)):
        image.save(folder / f"{i}.png")
    return folder


@pytest.fixture(autouse=True)
def tiny_network(tiny, monkeypatch):
    monkeypatch.setattr(training, "load_backbone", lambda *_, **__: tiny)
    monkeypatch.setattr(training, "PREVIEW", 32)
    monkeypatch.setattr(training, "new_generator", lambda seed: new_generator(seed, (4, 6, 8), 1))


def run(photos, output, **options):
    return train(
        "mosaic", output=output, photos=photos, settings=options.pop("settings", SMALL),
        losses=training_recipe(weights="random"), **options,
    )  # fmt: skip


def same(one, two):
    pairs = zip(
        one.generator.state_dict().values(), two.generator.state_dict().values(), strict=True
    )
    return all(torch.equal(a, b) for a, b in pairs)


def test_the_loss_falls_and_the_network_is_saved(photos, tmp_path):
    told = []
    made = run(photos, tmp_path / "net.safetensors", steps=25, on_step=told.append, settings=QUICK)
    assert [step.step for step in told] == list(range(1, 26))
    first, last = (sum(s.total for s in part) for part in (told[:5], told[-5:]))
    assert last < 0.8 * first
    assert made.record["steps"] == made.record["planned"] == 25
    assert made.record["photos"] == 3 and made.record["stopped"] == "finished"
    assert same(load_network(tmp_path / "net.safetensors"), made)
    assert not list(paths.RUNS.rglob("state.safetensors"))


@pytest.mark.parametrize("steady", [0.0, 10.0])
def test_a_training_that_was_interrupted_goes_on_exactly(photos, tmp_path, steady):
    options = {"steps": 8, "settings": Settings(32, 2, 48, steady=steady)}
    whole = run(photos, tmp_path / "whole.safetensors", **options)

    def stop(step):
        if step.step == 3:
            raise KeyboardInterrupt

    part = run(photos, tmp_path / "part.safetensors", on_step=stop, **options)
    assert part.record["stopped"] == "interrupted after 3 of 8 steps"
    assert load_network(tmp_path / "part.safetensors").record["steps"] == 3
    assert list(paths.RUNS.rglob("preview.png"))
    taken = []
    made = run(photos, tmp_path / "part.safetensors", on_step=taken.append, **options)
    assert len(taken) == 5
    assert same(made, whole)


def test_a_finished_network_is_not_replaced_by_an_interrupted_one(photos, tmp_path):
    out = tmp_path / "net.safetensors"
    run(photos, out, steps=2)
    before = out.read_bytes()

    def stop(step):
        raise KeyboardInterrupt

    with pytest.warns(NSTWarning, match="stays as it was"):
        run(photos, out, steps=8, on_step=stop)
    assert out.read_bytes() == before
    assert run(photos, out, steps=8).record["steps"] == 8


def test_two_trainings_into_one_file_wait_for_each_other(photos, tmp_path):
    out = tmp_path / "net.safetensors"
    with paths.alone_with(out), pytest.raises(NetworkError, match="another process trains"):
        run(photos, out, steps=2)
    assert not out.exists()


def test_steadiness_is_learned(photos, tmp_path):
    photo = to_tensor(moving(1, (60, 48), 9)[0])
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(3))
    noisy = (photo + 0.02 * noise).clamp(0, 1)
    found = {}
    for steady in (0.0, 1000.0):
        settings = Settings(32, 2, 48, rate=0.01, steady=steady)
        made = run(photos, tmp_path / "n.safetensors", steps=40, settings=settings)
        found[steady] = (made.paint(photo) - made.paint(noisy, photo)).square().mean().item()
    assert found[1000.0] < 0.5 * found[0.0]


def test_minutes_are_kept_to(photos, tmp_path):
    made = run(photos, tmp_path / "net.safetensors", minutes=0.02)
    assert 1.1 < made.record["seconds"] < 6
    assert made.record["steps"] >= 1


def test_a_damaged_state_is_named_and_removed(photos, tmp_path):
    def stop(step):
        raise KeyboardInterrupt

    run(photos, tmp_path / "net.safetensors", steps=3, on_step=stop)
    state = next(paths.RUNS.rglob("state.safetensors"))
    state.write_bytes(state.read_bytes()[:500])
    with pytest.raises(NSTError, match="damaged and was removed"):
        run(photos, tmp_path / "net.safetensors", steps=3)
    assert run(photos, tmp_path / "net.safetensors", steps=3).record["steps"] == 3


def test_what_is_refused(photos, tmp_path):
    out = tmp_path / "net.safetensors"
    for options, told in (
        ({"minutes": 0}, "minutes must be"),
        ({"steps": 0}, "steps must be"),
    ):
        with pytest.raises(RecipeError, match=told):
            run(photos, out, **options)
    for settings in ({"side": 8}, {"batch": 0}, {"rate": 0.0}, {"steady": -1.0}, {"seed": 2**70}):
        with pytest.raises(RecipeError):
            Settings(**settings)
    with pytest.raises(NetworkError, match=r"must end in \.safetensors"):
        run(photos, tmp_path / "net.pth", steps=1)


def test_interrupted_in_its_first_step_leaves_what_was_there(photos, tmp_path, monkeypatch):
    out = tmp_path / "net.safetensors"
    run(photos, out, steps=2)
    before = out.read_bytes()

    def stop(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(training._Training, "_advance", stop)
    assert run(photos, out, steps=3).record["steps"] == 0
    assert out.read_bytes() == before


def test_a_batch_that_does_not_fit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "room", lambda device: 8e9)
    with pytest.raises(NSTError, match="64 crops of 1024 pixels do not fit"):
        train("mosaic", output=tmp_path / "a.safetensors", settings=Settings(side=1024, batch=64))
