import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nst_utils import paths
from nst_utils.download import sha256
from nst_utils.experiments.film_runs import film
from nst_utils.images.clips import open_clip
from nst_utils.images.formats import ImageError
from nst_utils.images.png import read_provenance
from nst_utils.images.samples import open_picture
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.feedforward import network_file, training
from nst_utils.transfer.feedforward.generator import new_generator
from nst_utils.transfer.feedforward.network_file import NetworkError

from ..images.clip_helpers import film as make_clip
from .helpers import one_sentence, run


@pytest.fixture
def network(tiny, tmp_path, monkeypatch):
    """A network that was trained for a step, by the command."""
    monkeypatch.setattr(training, "load_backbone", lambda *_, **__: tiny)
    monkeypatch.setattr(training, "new_generator", lambda seed: new_generator(seed, (4, 4, 4), 1))
    path = tmp_path / "net.safetensors"
    open_picture("coffee").resize((60, 48)).save(tmp_path / "photo.png")
    words = ("--photos", tmp_path / "photo.png", "--steps", "1", "--side", "32", "--batch", "1")
    found = run("train", "mosaic", "-o", path, *words, "--style-size", "48", "--weights", "random")
    assert found.exit_code == 0, found.output
    for word in ("photos    1 from photo.png", "steps     1 in", "loss", "written"):
        assert word in found.stdout
    return path


def test_a_photo_is_painted_by_a_network(network, tmp_path):
    out = tmp_path / "out.png"
    found = run("stylize", "chelsea", "--network", network, "-o", out, "--size", "61")
    assert found.exit_code == 0, found.output
    assert max(open_picture(str(out)).size) == 61
    record = read_provenance(out)
    assert record["network"]["style"]["source"] == "sample mosaic"
    assert record["content"]["source"] == "sample chelsea"
    assert json.loads(run("provenance", out).stdout) == record


def test_a_folder_of_photos_is_painted_by_a_network(network, jobs_here, tmp_path):
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for name in ("cat.jpg", "cat.png", "coffee.jpg"):
        open_picture("chelsea" if "cat" in name else "coffee").resize((40, 30)).save(photos / name)
    (photos / "broken.jpg").write_bytes(b"no picture")
    words = ("stylize", photos, "--network", network, "-o", out, "--workers", "1")
    found = run(*words)
    assert found.exit_code == 1 and "3 painted, 0 there already" in found.stdout
    assert "failed: broken.jpg" in found.stderr.replace(f"{photos}/", "")
    (photos / "broken.jpg").unlink()
    names = ["cat_jpg_x_net.png", "cat_png_x_net.png", "coffee_x_net.png"]
    assert sorted(p.name for p in out.glob("*.png")) == names
    assert "0 painted, 3 there already" in run(*words).stdout
    (out / names[0]).unlink()
    open_picture("coffee").resize((40, 30)).save(photos / "cat.png")
    assert "2 painted, 1 there already" in run(*words).stdout
    assert "--depth goes with one picture" in one_sentence(run(*words, "--depth", "16"), 2)
    open_picture("coffee").resize((40, 30)).save(out / names[2])  # somebody's own
    found = run(*words)
    assert found.exit_code == 1 and "was not painted here and is left as it is" in found.stderr


def test_a_large_photo_of_16_bits_is_painted_by_tiles(network, tmp_path, monkeypatch):
    monkeypatch.setattr(network_file, "MOST_WHOLE", 64)
    out = tmp_path / "out.tif"
    words = ("--network", network, "-o", out, "--depth", "16", "--size", "full")
    found = run("stylize", "coffee", *words)
    assert found.exit_code == 0, found.output
    assert open_picture(str(out)).size == open_picture("coffee").size
    monkeypatch.setattr(network_file.memory, "room", lambda device: 1e7)
    told = one_sentence(run("stylize", "coffee", "--network", network, "-o", out), 1)
    assert "the largest that would fit is --size" in told


def test_a_painting_that_cannot_be_saved_is_not_lost(network, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    out, save = tmp_path / "out.png", network_file.save_painting

    def full_disk(tensor, path, *words, **options):
        if path == out:
            raise ImageError("the disk is full")
        return save(tensor, path, *words, **options)

    monkeypatch.setattr(network_file, "save_painting", full_disk)
    found = run("stylize", "chelsea", "--network", network, "-o", out, "--size", "32")
    assert "the disk is full; the painting is in" in one_sentence(found, 1)


def test_a_film_is_painted_by_a_network(network, tmp_path):
    source, out = make_clip(tmp_path / "in.mp4", 4, sound="aac"), tmp_path / "out.mp4"
    found = run("film", source, "--network", network, "-o", out, "--size", "48")
    assert found.exit_code == 0, found.output
    assert "network   sample mosaic" in found.stdout and "warping error" in found.stdout
    assert len(list(open_clip(out).frames())) == 4
    assert read_provenance(out)["network"]["steps"] == 1


def test_a_run_begins_with_the_painting_of_a_network(network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where the record's file is looked for
    out = tmp_path / "out.png"
    words = ("--size", "48", "--set", "scales=48", "--steps", "2", "--weights", "random")
    found = run("stylize", "chelsea", "mosaic", "-o", out, *words, "--set", f"start={network}")
    assert found.exit_code == 0, found.output
    record = read_provenance(out)
    assert record["start"]["source"] == record["recipe"]["start"] == "net.safetensors"
    assert record["start"]["sha256"] == sha256(network)
    found = run("rerun", "--from", out)
    assert "identical: every pixel agrees" in found.stdout, found.output


def test_what_a_network_painted_is_not_repeated(network, tmp_path):
    for command, name in (("stylize", "out.png"), ("film", "out.gif")):
        words = ("--to", "0.2", "--no-measures") if command == "film" else ()
        run(command, "sample" if words else "chelsea", "--network", network, "-o",
            tmp_path / name, "--size", "32", *words)  # fmt: skip
        told = one_sentence(run("rerun", "--from", tmp_path / name), 1)
        assert "paint it again with --network FILE" in told


def test_what_does_not_go_with_a_network(network, tmp_path):
    out = tmp_path / "out.png"
    for words, told, status in (
        (("stylize", "chelsea", "mosaic", "--network", network), "STYLE does not go", 2),
        (("stylize", "chelsea", "--network", network, "--set", "beta=3"), "--set does not", 2),
        (("stylize", "chelsea", "--network", network, "--size", "4"), "--size takes", 2),
        (("stylize", "chelsea", "--network", tmp_path / "photo.png"), "not a whole network", 1),
        (("film", "sample", "--network", network, "--temporal", "3"), "--temporal does not", 2),
        (("train", "mosaic", "--steps", "1"), "must end in .safetensors", 1),
    ):
        assert told in one_sentence(run(*words, "-o", out), status)


def test_the_record_of_a_network_is_printed(network, tmp_path):
    found = run("provenance", network)
    assert json.loads(found.stdout)["steps"] == 1
    assert "a training is not repeated" in one_sentence(run("rerun", "--from", network), 2)
    (tmp_path / "odd.safetensors").write_bytes(b"odd")
    assert "not a whole network" in one_sentence(run("provenance", tmp_path / "odd.safetensors"), 1)


def test_a_network_that_was_loaded_paints_a_film(network, tmp_path):
    source, out = make_clip(tmp_path / "in.mp4", 3), tmp_path / "out.gif"
    loaded = network_file.load_network(network)
    recipe = Recipe(size=48, weights="random")
    made = film(source, None, recipe, output=out, network=loaded, measured=False)
    assert (made.frames, made.stopped) == (3, "finished")
    for wrong in (np.zeros((9, 9, 3)), torch.zeros(3, 9, 9), "photo.png"):
        with pytest.raises(NetworkError, match="expected a photo as a tensor"):
            loaded.paint(wrong)


def test_an_interrupted_training_does_not_say_that_it_was_written(network, monkeypatch):
    def interrupted(*_, **__):
        record = network_file.load_network(network).record
        stopped = {"stopped": "interrupted after 3 of 8 steps", "steps": 3}
        return SimpleNamespace(record=record | stopped)

    monkeypatch.setattr(training, "train", interrupted)
    before = network.read_bytes()
    found = run("train", "mosaic", "-o", network, "--steps", "8")
    told = one_sentence(found, 1)
    assert "interrupted after 3 of 8 steps; " in told and "stays as it was" in told
    assert "written" not in found.stdout and network.read_bytes() == before
