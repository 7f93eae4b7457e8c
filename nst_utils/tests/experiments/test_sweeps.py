import _thread
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from nst_utils import paths
from nst_utils.errors import NSTError, NSTWarning, UnknownNameError
from nst_utils.experiments import batch, sweeps
from nst_utils.experiments.batch import BatchError
from nst_utils.experiments.sweeps import expand, pair_samples
from nst_utils.paths import alone_with
from nst_utils.signals import watching_signals
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import RecipeError

from ..workers import PYTHON

BASE = Recipe(size=24, scales=(24,), steps=(2,), weights="random", device="cpu")


def test_a_sweep_is_a_row_for_each_run(here, pictures, tmp_path):
    grid = {"beta": [1.0, 10.0], "content_layer": ["relu2_2", "relu3_2"]}
    out = tmp_path / "out"
    pair = tuple(map(str, pictures))
    table = sweeps.sweep(grid, base=BASE, pairs=[pair, pair[::-1]], seeds=2, out=out)
    assert len(table) == 2 * 2 * 2 * 2 == len(here)
    counted = table.groupby(["content", "beta", "content_layer", "seed"]).size()
    assert (counted == 1).all() and len(counted) == 16
    assert set(table["start_noise"]) == {0.05}  # else a seed would change nothing
    for path in table["picture"]:
        with Image.open(out / path) as image:
            assert max(image.size) == 24
    assert set(Recipe().to_dict()) < set(table)
    assert {"loss_total", "loss_content", "loss_relu1_1", "ssim", "color", "peak_mb"} < set(table)
    stored = pd.read_parquet(out / "runs.parquet")
    assert len(stored) == len(pd.read_csv(out / "runs.csv")) == 16
    assert [p.name for p in out.rglob("*.parquet")] == ["runs.parquet"]
    assert not list(out.rglob("*.part"))


def test_what_is_done_is_not_run_again_and_folders_are_shared(here, pictures, tmp_path):
    pair = [tuple(map(str, pictures))]
    options = dict(base=BASE, pairs=pair, out=tmp_path / "out")
    first = sweeps.sweep({"beta": [1.0, 2.0]}, **options)
    assert len(here) == 2
    again = sweeps.sweep({"beta": [2.0, 3.0]}, **options)
    assert len(here) == 3  # 3.0 alone is new
    assert first["key"][1] == again["key"][0]
    assert len(pd.read_parquet(tmp_path / "out" / "runs.parquet")) == 3
    (tmp_path / "out" / again["picture"][0]).unlink()
    sweeps.sweep({"beta": [2.0]}, **options)
    assert len(here) == 4  # its picture was lost


def test_another_picture_is_painted_and_so_are_rows_of_other_code(
    here, pictures, tmp_path, monkeypatch
):
    options = dict(base=BASE, pairs=[tuple(map(str, pictures))], out=tmp_path / "out")
    sweeps.sweep({"beta": [1.0]}, **options)
    Image.new("RGB", (30, 30), "red").save(pictures[0])
    sweeps.sweep({"beta": [1.0]}, **options)
    assert len(here) == 2
    first = sweeps.sweep({"beta": [1.0]}, **options)
    monkeypatch.setattr(sweeps, "batch_code", lambda *_: "other")
    kept = sweeps.sweep({"beta": [1.0]}, **options, stale="keep")
    assert len(here) == 2 and kept["code"].tolist() == first["code"].tolist()
    again = sweeps.sweep({"beta": [1.0]}, **options)
    assert len(here) == 3 and again["code"].tolist() == ["other"]
    assert again["key"].tolist() == first["key"].tolist()
    with pytest.raises(UnknownNameError, match="stale"):
        sweeps.sweep({"beta": [1.0]}, **options, stale="maybe")


def test_a_picture_that_is_not_the_rows_own_is_painted_again(here, pictures, tmp_path):
    options = dict(base=BASE, pairs=[tuple(map(str, pictures))], out=tmp_path / "out")
    table = sweeps.sweep({"beta": [1.0, 2.0]}, **options)
    one, two = (tmp_path / "out" / name for name in table["picture"])
    one.write_bytes(two.read_bytes())
    rows = sorted((tmp_path / "out" / ".rows").glob("*.json"))
    sweeps.sweep({"beta": [1.0, 2.0]}, **options)
    assert len(here) == 3
    rows[0].write_bytes(rows[1].read_bytes())  # another run's row
    sweeps.sweep({"beta": [1.0, 2.0]}, **options)
    assert len(here) == 4


def test_a_failing_run_is_a_row_with_its_reason_and_is_tried_again(here, pictures, tmp_path):
    missing = (str(tmp_path / "missing.png"), str(pictures[1]))
    pairs = [missing, tuple(map(str, pictures))]
    table = sweeps.sweep({"beta": [1.0, 2.0]}, base=BASE, pairs=pairs, out=tmp_path / "out")
    assert table["error"].str.contains("no such file").tolist() == [True, True, False, False]
    assert len(here) == 4
    Image.new("RGB", (30, 30), "red").save(missing[0])
    table = sweeps.sweep({"beta": [1.0, 2.0]}, base=BASE, pairs=pairs, out=tmp_path / "out")
    assert (table["error"] == "").all()
    assert len(here) == 6


@pytest.mark.filterwarnings("ignore:ResNet-50")  # what could not be downloaded
def test_a_judge_without_its_trained_weights_leaves_its_column_empty(here, pictures, tmp_path):
    judges = {"by ResNet-50": ("resnet50", "auto"), "by VGG19": ("vgg19", "random")}
    options = dict(base=BASE, pairs=[tuple(map(str, pictures))], out=tmp_path / "out")
    for _ in range(2):  # the row is finished all the same
        with pytest.warns(NSTWarning, match="by ResNet-50: no trained weights of resnet50"):
            table = sweeps.sweep({"beta": [1.0]}, judges=judges, **options)
        assert table["by ResNet-50"].isna().all() and (table["by VGG19"] == 1.0).all()
    assert len(here) == 1
    asked = sweeps.sweep(
        {"beta": [1.0]}, judges={"by ResNet-50": ("resnet50", "random")}, **options
    )
    assert (asked["by ResNet-50"] == 1.0).all() and len(here) == 2


def test_an_interrupted_sweep_says_how_far_it_came_and_goes_on(
    here, pictures, tmp_path, monkeypatch
):
    options = dict(base=BASE, pairs=[tuple(map(str, pictures))], out=tmp_path / "out")
    whole = batch.map_jobs

    def broken(function, jobs, **_):
        yield 0, function(jobs[0], None)
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "map_jobs", broken)
    with pytest.raises(BatchError, match="interrupted with 1 of 3 runs done"):
        sweeps.sweep({"beta": [1.0, 2.0, 3.0]}, **options)
    assert len(pd.read_parquet(tmp_path / "out" / "runs.parquet")) == 1
    monkeypatch.setattr(batch, "map_jobs", whole)
    assert len(sweeps.sweep({"beta": [1.0, 2.0, 3.0]}, **options)) == 3
    assert len(here) == 2  # the first was not run again


def test_bad_grids_are_refused_before_anything_runs(here, tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'beta'"):
        sweeps.sweep({"beat": [1]}, base=BASE, out=tmp_path / "out")
    with pytest.raises(RecipeError, match="beta must be"):
        sweeps.sweep({"beta": [-1]}, base=BASE, out=tmp_path / "out")
    with pytest.raises(BatchError, match="pairs must be 1 to 90, not 99"):
        sweeps.sweep({"beta": [1]}, base=BASE, pairs=99, out=tmp_path / "out")
    with pytest.raises(BatchError, match="seeds must be a whole number of at least 1"):
        sweeps.sweep({"beta": [1]}, base=BASE, seeds=0, out=tmp_path / "out")
    with pytest.raises(RecipeError, match="seed is in the grid"):
        sweeps.sweep({"seed": [1]}, base=BASE, seeds=2, out=tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(BatchError, match="no folder can be made"):
        sweeps.sweep({"beta": [1]}, base=BASE, out=tmp_path / "file")
    assert not here


def test_grids_and_pairs():
    with pytest.raises(BatchError, match="a source of a picture or a list of them"):
        sweeps.pair_up(3, "a")
    named = sweeps.pair_up(Path("a.jpg"), (name for name in "xy"))
    assert named == [(Path("a.jpg"), "x")]
    assert [(r.beta, r.tv) for r in expand({"beta": [1, 2], "tv": [0, 3]}, BASE)] == [
        (1, 0), (1, 3), (2, 0), (2, 3),
    ]  # fmt: skip
    pairs = pair_samples(40)
    assert len(set(pairs)) == 40
    assert len({content for content, _ in pairs[:4]}) == len({style for _, style in pairs[:4]}) == 4


@pytest.mark.slow
def test_a_killed_worker_loses_no_run_and_doubles_none(tmp_path):
    """A scheduler and two workers as processes on loopback; one is killed in the middle."""
    environment = os.environ | {"PYTHONPATH": str(paths.ROOT)}
    info = tmp_path / "scheduler.json"
    started = []

    def start(module, *words):
        command = [*PYTHON, "-m", f"distributed.cli.dask_{module}", *words]
        with (tmp_path / f"{module}-{len(started)}.log").open("w") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        started.append(process)
        return process

    try:
        start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
              "--scheduler-file", str(info))  # fmt: skip
        deadline = time.time() + 60
        while not info.is_file() and time.time() < deadline:
            time.sleep(0.1)
        address = json.loads(info.read_text())["address"]
        # Without a nanny, so that the one killed is the one that works and nobody revives it.
        workers = [
            start(
                "worker",
                address,
                "--no-nanny",
                "--no-dashboard",
                "--nthreads",
                "1",
                "--local-directory",
                str(tmp_path / f"w{i}"),
            )  # fmt: skip
            for i in range(2)
        ]
        out = tmp_path / "out"
        command = [
            *PYTHON, "-m", "nst_utils", "sweep", "--grid", "beta=1,2,3,4,5",
            "--size", "32", "--steps", "4", "--set", "weights=random", "--out", str(out),
            "--scheduler", address,
        ]  # fmt: skip
        sweeping = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(sweeping)
        deadline = time.time() + 120
        while len(list((out / ".rows").glob("*.json"))) < 1 and time.time() < deadline:
            time.sleep(0.05)
        assert sweeping.poll() is None, "the sweep was over before a worker could be killed"
        workers[0].send_signal(signal.SIGKILL)
        printed, errors = sweeping.communicate(timeout=180)
        assert sweeping.returncode == 0, errors
        assert "5 of 5 runs done" in printed
    finally:
        for process in started:
            process.kill()
            process.wait()
    table = pd.read_parquet(out / "runs.parquet")
    assert sorted(table["beta"]) == list(range(1, 6))
    assert table["key"].is_unique
    assert len(list((out / "pictures").glob("*.png"))) == 5


@pytest.mark.parametrize("text", ["[]", "5", "null", "{}", "[" * 5000, '{"error": 1}', "\x00"])
def test_a_row_that_is_none_is_made_again(here, pictures, tmp_path, text):
    pair = tuple(map(str, pictures))
    first = sweeps.sweep({"beta": [1.0]}, base=BASE, pairs=[pair], out=tmp_path / "out")
    [row] = (tmp_path / "out" / ".rows").glob("*.json")
    row.write_text(text)
    again = sweeps.sweep({"beta": [1.0]}, base=BASE, pairs=[pair], out=tmp_path / "out")
    assert len(here) == 2 and again["key"].tolist() == first["key"].tolist()


@pytest.fixture
def job(tiny, pictures, tmp_path, monkeypatch):
    """A job of a folder that is ready for it."""
    monkeypatch.setattr(sweeps, "_judge", lambda *_: lambda image, style: 1.0)
    for name in (batch.ROWS, batch.PICTURES):
        (tmp_path / name).mkdir()
    content, style = map(str, pictures)

    def make(recipe):
        columns = {"content": content, "style": style}
        work = (content, (style,), recipe, columns, {})
        return batch.Job(tmp_path, "one", work, "pictures/one.png", columns)

    return make


def test_two_sweeps_into_one_folder_share_the_work(job, tmp_path, monkeypatch):
    one = job(BASE)
    with alone_with(one.place, wait=False) as mine:
        assert mine and batch.do_job(sweeps.paint_trial, one) is None  # another one is at it
    assert batch.do_job(sweeps.paint_trial, one)["key"] == "one"
    monkeypatch.setattr(sweeps, "run_trial", lambda *_: pytest.fail("painted twice"))
    assert batch.do_job(sweeps.paint_trial, one) is None  # it is done
    assert not list(tmp_path.rglob("*.lock"))


def test_a_worker_that_is_asked_to_end_keeps_its_picture(job, tmp_path):
    one, two = job(BASE.replace(steps=5000)), job(BASE)
    timer = threading.Timer(1.0, _thread.interrupt_main, (signal.SIGTERM,))
    with watching_signals():
        timer.start()
        batch.do_job(sweeps.paint_trial, one)
        assert batch.do_job(sweeps.paint_trial, two)["error"]  # nothing new is begun
    row = batch.read_row(one.place)
    assert "interrupted after" in row["error"] and "SIGTERM" in row["error"]
    assert (tmp_path / row["picture"]).is_file() and one.row() is None


def test_several_styles_are_blended_or_have_their_regions(here, pictures, tmp_path):
    content, style = map(str, pictures)
    mask = tmp_path / "mask.png"
    Image.linear_gradient("L").resize((48, 36)).save(mask)
    grid = {"regions": [[(str(mask), 1, ""), ("rest", 2, "")], [("box:0,0,1,0.5", 2), ("rest", 1)]]}
    several = [(content, [style, content])]
    table = sweeps.sweep(grid, base=BASE, pairs=several, out=tmp_path / "out")
    assert (table["error"] == "").all() and table["key"].nunique() == 2
    assert (table["style"] == f"{style} + {content}").all()
    here.clear()
    Image.new("L", (8, 8), 200).save(mask)  # another mask is another run
    sweeps.sweep(grid, base=BASE, pairs=several, out=tmp_path / "out")
    assert len(here) == 1
    with pytest.raises(RecipeError, match="2 numbers for 1 style;"):
        sweeps.sweep({"blend": [(1, 2)]}, base=BASE, pairs=[(content, style)], out=tmp_path / "b")


@pytest.mark.parametrize(
    ("grid", "options", "told"),
    [
        ({"beta": 3}, {}, "a grid maps recipe fields to lists"),
        ([1], {}, "a grid maps recipe fields to lists"),
        ({"beta": [3]}, {"base": "quick"}, "base is a Recipe"),
        ({"beta": [3]}, {"pairs": "chelsea"}, r"pairs must be \(content, style\) each"),
        ({"beta": [3]}, {"pairs": [("chelsea",)]}, r"pairs must be \(content, style\) each"),
        ({"beta": [3]}, {"seeds": "two"}, "seeds must be a whole number"),
        ({"beta": [3]}, {"judges": ["vgg19"]}, "judges must map names"),
        ({"beta": [3]}, {"judges": {"color": ("vgg19", "random")}}, "a measure has this name"),
        ({"beta": [3]}, {"judges": {"mine": ("vgg9", "random")}}, "unknown backbone"),
    ],
)
def test_arguments_of_another_kind_are_refused_before_anything_runs(grid, options, told, tmp_path):
    with pytest.raises(NSTError, match=told):
        sweeps.sweep(grid, out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


SCRIPT = """
import mine
from nst_utils import recipe
from nst_utils.experiments import sweeps
sweeps.paint_trial = mine.paint
sweeps.sweep({"beta": [1.0]}, base=recipe(size=32, steps=100_000, weights="random"),
             pairs=[PAIR], out="out", workers=1, progress=False)
"""

MINE = """
from pathlib import Path
from nst_utils.experiments.sweeps import paint_trial
from nst_utils.transfer.optimizers import LBFGS, OPTIMIZERS
class Told(LBFGS):
    def step(self, *arguments):
        super().step(*arguments)
        Path("stepped").touch()
def paint(work):
    OPTIMIZERS["lbfgs"] = Told
    return paint_trial(work)
"""


@pytest.mark.slow
def test_a_script_without_a_guard_and_a_batch_systems_limit(pictures, tmp_path):
    """It needs no ``__main__``; SIGTERM saves the workers' pictures and leaves nothing behind."""
    (tmp_path / "script.py").write_text(SCRIPT.replace("PAIR", repr(tuple(map(str, pictures)))))
    (tmp_path / "mine.py").write_text(MINE)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    run = subprocess.Popen(
        [sys.executable, "script.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.PIPE, env=os.environ | {"TMPDIR": str(scratch)},
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while not (tmp_path / "stepped").exists() and time.monotonic() < until:
            time.sleep(0.1)
        run.terminate()
        _, err = run.communicate(timeout=90)
    finally:
        run.kill()
    assert run.returncode == 1 and "interrupted with 0 of 1 runs done" in err
    assert len(list(tmp_path.glob("out/pictures/*.png"))) == 1
    assert not list(scratch.iterdir())
