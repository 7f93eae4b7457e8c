import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from PIL import Image

from nst_utils import paths
from nst_utils.errors import UnknownNameError
from nst_utils.experiments import sweeps
from nst_utils.experiments.run_cache import code_hash
from nst_utils.experiments.sweeps import SweepError, expand, pair_samples
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import RecipeError

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


def test_another_picture_or_other_code_is_another_key(here, pictures, tmp_path, monkeypatch):
    options = dict(base=BASE, pairs=[tuple(map(str, pictures))], out=tmp_path / "out")
    sweeps.sweep({"beta": [1.0]}, **options)
    Image.new("RGB", (30, 30), "red").save(pictures[0])
    sweeps.sweep({"beta": [1.0]}, **options)
    assert len(here) == 2
    monkeypatch.setattr(sweeps, "code_hash", lambda *_: "other")
    sweeps.sweep({"beta": [1.0]}, **options)
    assert len(here) == 3
    assert len(code_hash()) == 16


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


def test_an_interrupted_sweep_says_how_far_it_came_and_goes_on(
    here, pictures, tmp_path, monkeypatch
):
    options = dict(base=BASE, pairs=[tuple(map(str, pictures))], out=tmp_path / "out")
    whole = sweeps.map_jobs

    def broken(function, jobs, **_):
        yield 0, function(jobs[0], None)
        raise KeyboardInterrupt

    monkeypatch.setattr(sweeps, "map_jobs", broken)
    with pytest.raises(SweepError, match="interrupted with 1 of 3 runs done"):
        sweeps.sweep({"beta": [1.0, 2.0, 3.0]}, **options)
    assert len(pd.read_parquet(tmp_path / "out" / "runs.parquet")) == 1
    monkeypatch.setattr(sweeps, "map_jobs", whole)
    assert len(sweeps.sweep({"beta": [1.0, 2.0, 3.0]}, **options)) == 3
    assert len(here) == 2  # the first was not run again


def test_bad_grids_are_refused_before_anything_runs(here, tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'beta'"):
        sweeps.sweep({"beat": [1]}, base=BASE, out=tmp_path / "out")
    with pytest.raises(RecipeError, match="beta must be"):
        sweeps.sweep({"beta": [-1]}, base=BASE, out=tmp_path / "out")
    with pytest.raises(SweepError, match="pairs must be 1 to 40, not 99"):
        sweeps.sweep({"beta": [1]}, base=BASE, pairs=99, out=tmp_path / "out")
    with pytest.raises(SweepError, match="seeds must be at least 1"):
        sweeps.sweep({"beta": [1]}, base=BASE, seeds=0, out=tmp_path / "out")
    with pytest.raises(RecipeError, match="seed is in the grid"):
        sweeps.sweep({"seed": [1]}, base=BASE, seeds=2, out=tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(SweepError, match="no folder can be made"):
        sweeps.sweep({"beta": [1]}, base=BASE, out=tmp_path / "file")
    assert not here


def test_grids_and_pairs():
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
        command = [sys.executable, "-m", f"distributed.cli.dask_{module}", *words]
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
            sys.executable, "-m", "nst_utils", "sweep", "--grid", "beta=1,2,3,4,5,6,7,8",
            "--size", "32", "--steps", "4", "--set", "weights=random", "--out", str(out),
            "--scheduler", address,
        ]  # fmt: skip
        sweeping = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(sweeping)
        deadline = time.time() + 120
        while len(list((out / ".rows").glob("*.json"))) < 3 and time.time() < deadline:
            time.sleep(0.05)
        assert sweeping.poll() is None, "the sweep was over before a worker could be killed"
        workers[0].send_signal(signal.SIGKILL)
        printed, errors = sweeping.communicate(timeout=180)
        assert sweeping.returncode == 0, errors
        assert "8 of 8 runs done" in printed
    finally:
        for process in started:
            process.kill()
            process.wait()
    table = pd.read_parquet(out / "runs.parquet")
    assert sorted(table["beta"]) == list(range(1, 9))
    assert table["key"].is_unique
    assert len(list((out / "pictures").glob("*.png"))) == 8
