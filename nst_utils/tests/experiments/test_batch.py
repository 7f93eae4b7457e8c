"""What every kind of batch promises: kept results are those that were asked for, none is lost."""

import dataclasses
import errno
import json
import os
import shutil
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nst_utils import paths
from nst_utils.benchmark import leaderboard
from nst_utils.errors import NSTWarning
from nst_utils.experiments import folders, judges, sweeps
from nst_utils.experiments.batch import (
    NOT_DONE,
    Job,
    _file_sha256,
    _painted,
    absolute_recipe,
    absolute_source,
)
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.presets import recipe

BASE = Recipe(size=24, scales=(24,), steps=(1,), weights="random", device="cpu")


@pytest.fixture
def inputs(here, tmp_path, monkeypatch):
    """One file for each input; the weights are a file that nobody reads but for its checksum."""
    monkeypatch.setattr(leaderboard, "_judges", dict)
    monkeypatch.setattr(judges, "missing_judges", lambda: {"st_lpips": ""})
    for i, role in enumerate(("content", "style", "further", "mask", "start")):
        draw(tmp_path / f"{role}.png", i)
    (tmp_path / "weights.pt").write_bytes(b"one")
    return {path.stem: path for path in (*tmp_path.glob("*.png"), tmp_path / "weights.pt")}


def draw(path, seed):
    noise = np.random.default_rng(seed).integers(0, 255, (24, 24, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def settings(inputs, **changes):
    """A recipe that reads a mask, a start picture and a weights file."""
    files = dict(start=str(inputs["start"]), weights=str(inputs["weights"]))
    return BASE.replace(content_mask=str(inputs["mask"]), **files, **changes)


def run_sweep(inputs, out, **changes):
    styles = [str(inputs["style"]), str(inputs["further"])]
    grid, pairs = {"alpha": [1.0]}, [(str(inputs["content"]), styles)]
    sweeps.sweep(grid, base=settings(inputs, **changes), pairs=pairs, out=out)


def run_folder(inputs, out, **changes):
    given = settings(inputs, **changes)
    folders.paint_folder(str(inputs["content"]), str(inputs["style"]), out, given)


def run_leaderboard(inputs, out, **changes):
    styles = [str(inputs["style"]), str(inputs["further"])]
    options = dict(size=24, seconds=9.0, own_steps=True, out=out) | changes
    contents, methods = [str(inputs["content"])], ["quick@0.02"]
    leaderboard.run_leaderboard(contents, styles, methods, curve=(1,), **options)


KINDS = {
    "sweep": (run_sweep, ("content", "style", "further", "mask", "start", "weights"), 1),
    "folder": (run_folder, ("content", "style", "mask", "start", "weights"), 1),
    "leaderboard": (run_leaderboard, ("content", "style", "further"), 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_input_that_is_replaced_is_painted_again(kind, inputs, here, tmp_path):
    """Replaced under its own name, one after the other; and once more nothing is painted."""
    run, roles, several = KINDS[kind]
    run, out = partial(run, inputs, tmp_path / "out"), tmp_path / "out"
    run()
    assert len(here) == several
    for role in roles:
        if role == "weights":
            inputs[role].write_bytes(b"two")
        else:
            draw(inputs[role], 90 + roles.index(role))
        for asked in (several, 0):
            here.clear()
            run()
            assert len(here) == asked, role
    here.clear()
    run(size=32) if kind == "leaderboard" else run(beta=7.0)
    assert len(here) == several
    here.clear()
    run()
    assert len(here) == (several if kind == "folder" else 0)  # a folder's file has one painting
    again = partial(run, size=24) if kind == "leaderboard" else run
    [*_, painted] = pictures = list(out.rglob("*.png"))
    content = painted.read_bytes()
    for path in pictures:
        path.unlink()
    here.clear()
    again()
    assert len(here) == several
    here.clear()
    other = tmp_path / "other"  # what another folder painted is no result of this one
    shutil.copytree(out, other)
    for path in other.rglob("*.png"):
        path.write_bytes(content + b"more")
    KINDS[kind][0](inputs, other)
    assert len(here) == several


@pytest.mark.parametrize("kind", KINDS)
def test_other_code_paints_again(kind, inputs, here, tmp_path, monkeypatch):
    run, _, several = KINDS[kind]
    run(inputs, tmp_path / "out")
    for module in (sweeps, folders, leaderboard):
        monkeypatch.setattr(module, "batch_code", lambda *_: "newer")
    for asked in (several, 0):
        here.clear()
        run(inputs, tmp_path / "out")
        assert len(here) == asked


@pytest.mark.parametrize("kind", ["sweep", "folder", "leaderboard"])
def test_only_the_rows_of_what_was_replaced_are_painted_again(kind, inputs, here, tmp_path):
    """Two photos and two styles: a photo is replaced, then a style, then a painting deleted."""
    for side in ("contents", "styles"):
        (tmp_path / side).mkdir()
        for i in range(2):
            draw(tmp_path / side / f"{i}.png", i + 10 * len(side))
    sides = [sorted(map(str, (tmp_path / side).iterdir())) for side in ("contents", "styles")]
    out = tmp_path / "out"

    def run():
        here.clear()
        if kind == "sweep":
            pairs = [(content, style) for content in sides[0] for style in sides[1]]
            sweeps.sweep({"alpha": [1.0]}, base=BASE, pairs=pairs, out=out)
        elif kind == "folder":
            folders.paint_folder(str(tmp_path / "contents"), str(tmp_path / "styles"), out, BASE)
        else:
            leaderboard.run_leaderboard(
                *sides, ["quick@0.02"], curve=(1,), size=24, seconds=9.0, own_steps=True, out=out
            )
        return len(here)

    assert (run(), run()) == (4, 0)
    draw(Path(sides[0][1]), 77)
    assert (run(), run()) == (2, 0)
    draw(Path(sides[1][0]), 78)
    # The leaderboard measures each painting beside another style, too.
    assert (run(), run()) == (4 if kind == "leaderboard" else 2, 0)
    next(out.rglob("*.png")).unlink()
    assert (run(), run()) == (1, 0)


def test_two_processes_share_a_folder(inputs, here, tmp_path, monkeypatch):
    """Both are asked for the same pairs: each is painted by one of them."""
    (tmp_path / "photos").mkdir()
    for name in "abcd":
        draw(tmp_path / "photos" / f"{name}.png", ord(name))
    painted, together = [], threading.Barrier(2)

    def paint(work):
        painted.append(Path(work[0]).name)
        time.sleep(0.05)
        return {"seconds": 1.0}, Image.new("RGB", (8, 8))

    monkeypatch.setattr(folders, "paint_pair", paint)
    monkeypatch.setattr(folders, "find_weights", lambda *_: _Weights)
    contents = sorted(path.name for path in (tmp_path / "photos").iterdir())

    def run():
        together.wait()
        folders.paint_folder(str(tmp_path / "photos"), str(inputs["style"]), tmp_path / "out", BASE)

    both = [threading.Thread(target=run) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(painted) == contents


class _Weights:
    sha256 = "s"


def full_disk(monkeypatch, *folders_that_are_full):
    """Let nothing be written into some folders."""
    whole = paths.replacing

    def replacing(path, **options):
        if any(folder in Path(path).parents for folder in folders_that_are_full):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return whole(path, **options)

    monkeypatch.setattr(paths, "replacing", replacing)
    monkeypatch.setattr("nst_utils.images.png.replacing", replacing)


@pytest.mark.parametrize("kind", ["sweep", "leaderboard"])
def test_a_full_disk_loses_neither_pictures_nor_tables(kind, inputs, tmp_path, monkeypatch):
    """Output and ``data/runs`` are full, the folder for temporary files is not."""
    run, _, several = KINDS[kind]
    scratch, out = tmp_path / "scratch", tmp_path / "out"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    full_disk(monkeypatch, out, paths.RUNS)
    with pytest.warns(NSTWarning, match="No space left.*; it is in "):
        run(inputs, out)
    assert len(list(scratch.rglob("*.png"))) == several
    [table] = scratch.rglob("*.csv")
    rows = pd.read_csv(table)
    assert len(rows) == several and rows["error"].str.contains("the picture is in").all()


def test_workers_elsewhere_find_every_file(tmp_path, monkeypatch):
    """A worker of a scheduler was started in another folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("m.png", "s.png", "w.pt"):
        Path(name).write_bytes(b"x")
    Path("coffee").mkdir()
    asked = recipe("quick", content_mask="m.png", start="s.png", weights="w.pt")
    asked = asked.replace(regions=(("m.png", 1, "light:0.5"), ("rest", 0, "")))
    placed = absolute_recipe(asked)
    full = {name: str(tmp_path / name) for name in ("m.png", "s.png", "w.pt")}
    assert (placed.content_mask, placed.start, placed.weights) == tuple(full.values())
    assert placed.regions == ((full["m.png"], 1, "light:0.5"), ("rest", 0, ""))
    assert absolute_recipe(recipe("quick")) == recipe("quick")
    # A sample stays one, also beside a folder of its name.
    assert [absolute_source(name) for name in ("coffee", "m.png", "http://h/m.png")] == [
        "coffee", full["m.png"], "http://h/m.png",
    ]  # fmt: skip


def test_thousands_of_names_take_no_time(tiny, tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    for i in range(3000):
        (tmp_path / "photos" / f"{i}.png").write_bytes(b"%d" % i)
    monkeypatch.setattr(folders, "run_batch", lambda _, jobs, **__: _done(jobs))
    began = time.process_time()
    rows = folders.paint_folder(str(tmp_path / "photos"), "drip", tmp_path / "out", BASE)
    assert len(rows) == 3000
    # A tenth of it alone; 5,000 names once took 9 s.
    assert time.process_time() - began < 5


def _done(jobs: list[Job]) -> tuple[pd.DataFrame, list[bool]]:
    assert not any(job.row() for job in jobs)
    return pd.DataFrame([job.last_row() for job in jobs]), [False] * len(jobs)


@pytest.mark.parametrize("picture", ["/etc/hostname", "../a.png", "a\0b", "\ud800.png"])
def test_a_strangers_row_leads_nowhere(tmp_path, picture):
    job = Job(tmp_path, "a" * 24, None, "a.png", {"content": "c", "style": "s"})
    job.place.parent.mkdir()
    row = {"content": "c", "style": "s", "key": job.key, "error": "", "picture": picture}
    job.place.write_text(json.dumps(row))
    assert job.row() is None
    assert job.last_row()["error"] == NOT_DONE


def test_a_picture_that_is_a_pipe_is_none(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    assert _file_sha256(tmp_path / "a.png") == ""


def test_a_judge_that_was_asked_for_since_and_a_replaced_picture_are_seen(tmp_path):
    named = {"content": "c", "style": "s"}
    job = Job(tmp_path, "a" * 24, None, "a.png", named)
    job.place.parent.mkdir()
    (tmp_path / "a.png").write_bytes(b"picture")
    digest = _file_sha256(tmp_path / "a.png")
    job.file_row({"error": "", "picture": "a.png", "picture_sha256": digest})
    assert job.row() is not None
    assert dataclasses.replace(job, columns_needed=("by resnet",)).row() is None

    @dataclasses.dataclass
    class Painting:
        provenance: dict
        stopped: str = "finished"

        def save(self, path):
            path.write_bytes(b"painting")

    def paint(_):
        return {"error": ""}, Painting({"content": {"sha256": "other"}, "style": {"sha256": "s"}})

    other = Painting({"weights": {"sha256": "of another network"}})
    row = _painted(lambda _: ({"error": ""}, other), dataclasses.replace(job, inputs=("c", "w")))
    assert row["error"].startswith("the weights that the worker read")
    for inputs, error in ((("c", "s"), "the content that the worker read"), (("other", "s"), "")):
        row = _painted(paint, dataclasses.replace(job, inputs=inputs))
        assert row["error"].startswith(error) and bool(row["error"]) == bool(error)
