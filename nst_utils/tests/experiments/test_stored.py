import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nst_utils import paths
from nst_utils.errors import NSTError
from nst_utils.experiments import sweeps
from nst_utils.experiments.batch import BatchError
from nst_utils.experiments.metrics import ssim
from nst_utils.experiments.stored import (
    StoredResults,
    open_paintings,
    read_curve,
    read_fall,
    store_results,
)
from nst_utils.images.samples import open_picture
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.run import StopRun, stylize

BASE = Recipe(size=24, scales=(24,), steps=(4,), weights="random", device="cpu")
SETTINGS = {"weak": BASE.replace(beta=1.0), "strong": BASE.replace(beta=50.0), "again": BASE}


@pytest.fixture
def stored(here, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    pair = [tuple(map(str, pictures))]
    options = dict(pairs=pair, stored="05_x", out=tmp_path / "out")
    sweeps.sweep(SETTINGS, **options)
    assert store_results("05_x", tmp_path / "out") == 3
    here.clear()
    return options


def test_stored_rows_are_read_and_others_painted(here, stored, tmp_path):
    settings = {**SETTINGS, "same as weak": SETTINGS["weak"], "new": BASE.replace(beta=7.0)}
    runs = sweeps.sweep(settings, **stored | {"out": tmp_path / "other"})
    assert len(here) == 1
    assert runs["setting"].tolist() == ["weak", "strong", "again", "same as weak", "new"]
    assert runs["ssim"][0] == runs["ssim"][3] and runs["ssim"].notna().all()
    assert runs["beta"].tolist() == [1, 50, 8, 1, 7]
    assert [image.size for image in open_paintings(runs).values()] == [(24, 18)] * 5
    assert runs["file"][0].endswith(".jpg") and runs["file"][4].endswith(".png")


def test_fresh_paints_what_is_stored(here, stored, tmp_path):
    sweeps.sweep(SETTINGS, **stored | {"out": tmp_path / "other"}, fresh=True)
    assert len(here) == 3


def test_another_picture_is_not_the_stored_one(here, stored, tmp_path):
    Image.new("RGB", (24, 18), "red").save(stored["pairs"][0][0])
    sweeps.sweep(SETTINGS, **stored | {"out": tmp_path / "other"})
    assert len(here) == 3


def test_without_the_trained_weights_the_stored_row_is_read(here, stored):
    table = StoredResults("05_x")
    row = table.table.iloc[0]
    assert table.find("another key", row["inputs"], any_weights=False) is None
    assert table.find("another key", row["inputs"], any_weights=True)["ssim"] == row["ssim"]


def test_a_judge_that_was_not_asked_then_is_asked_now(here, stored, tmp_path):
    options = stored | {"judges": {"by another": ("vgg19", "random")}, "out": tmp_path / "other"}
    runs = sweeps.sweep(SETTINGS, **options)
    assert runs["by another"].notna().all() and len(here) == 3


def test_a_stored_row_says_how_to_paint_it_again(stored):
    for _, row in StoredResults("05_x").table.iterrows():
        recipe = Recipe.from_json(row["recipe"])
        result = stylize(*stored["pairs"][0], recipe)
        assert read_curve(row)["total"].tolist() == pytest.approx(
            [step.total for step in result.history], rel=1e-3
        )
        assert set(read_curve(row)) == {"total", "content", "style", "tv"}
        assert row["machine"] and row["date"][:2] == "20" and len(row["code"]) == 16


def test_a_table_leads_out_of_its_folder_nowhere(here, stored):
    table = paths.RESULTS / "05_x" / "runs.csv"
    table.write_text(table.read_text().replace("pictures/", "../../secret/"))
    runs = sweeps.sweep(SETTINGS, **stored)
    assert {Path(file).parent for file in runs["file"]} == {table.parent / "pictures"}


def test_a_table_that_is_no_file_or_names_no_picture(stored):
    table = paths.RESULTS / "05_x" / "runs.csv"
    rows = pd.read_csv(table)
    key = rows["key"][0]
    for change in (rows.drop(columns="picture"), rows.assign(picture=5), rows.assign(picture="")):
        change.to_csv(table, index=False)
        found = StoredResults("05_x").find(key, "", False)
        assert Path(found["file"]).name in ("", "5")
    table.unlink()
    os.mkfifo(table)
    with pytest.raises(NSTError, match="a pipe or a device"):
        StoredResults("05_x")


def test_a_row_is_stored_once(stored, tmp_path):
    assert store_results("05_x", tmp_path / "out") == 3
    assert len(pd.read_csv(paths.RESULTS / "05_x" / "runs.csv")) == 3
    assert json.loads(StoredResults("05_x").table["curve"][0])["step"] == [0, 1, 2, 3]


def test_only_the_pictures_that_are_shown_are_kept(stored, tmp_path):
    shown = StoredResults("05_x").table["key"].iloc[0]
    assert store_results("05_x", tmp_path / "out", {shown}) == 3
    folder = paths.RESULTS / "05_x" / "pictures"
    assert [path.stem for path in folder.iterdir()] == [shown]
    assert StoredResults("05_x").table["picture"].notna().sum() == 1


def test_another_seed_is_stored_as_a_row_alone(here, stored, tmp_path):
    out = tmp_path / "seeds"
    options = {k: v for k, v in stored.items() if k not in ("stored", "out")}
    sweeps.sweep(SETTINGS, **options, seeds=2, out=out)
    store_results("05_x", out)
    runs = sweeps.sweep(SETTINGS, **options, seeds=2, stored="05_x")
    first = runs["seed"] == 0
    assert (runs["file"][first] != "").all() and (runs["file"][~first] == "").all()
    assert runs["ssim"].notna().all() and len(open_paintings(runs[first])) == first.sum()
    with pytest.raises(NSTError, match="only those that a notebook shows have one"):
        open_paintings(runs)


def test_the_last_steps_of_a_curve_say_how_far_a_run_has_come():
    row = pd.Series({"curve": json.dumps({"step": [0, 4, 8, 12], "style": [9.0, 4.0, 2.0, 1.5]})})
    assert [read_fall(row, steps) for steps in (4, 7, 8, 99)] == pytest.approx(
        [0.25, 0.25, 0.625, 5 / 6]
    )


def test_pictures_of_noise_are_stored(stored, tmp_path):
    """As a progressive JPEG they need more room than Pillow gives to libjpeg."""
    for path in (tmp_path / "out" / "pictures").glob("*.png"):
        noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
    assert store_results("05_x", tmp_path / "out") == 3


def test_bad_input_gets_one_sentence(stored):
    with pytest.raises(BatchError, match="needs out"):
        sweeps.sweep({"beta": [1]}, base=BASE)
    (paths.RESULTS / "05_x" / "runs.csv").write_text("nothing\n1\n")
    with pytest.raises(NSTError, match="not a table of stored results"):
        StoredResults("05_x")


EXPERIMENTS = [path.parent.name for path in (paths.ROOT / "data/results").glob("*/runs.csv")]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_stored_run_of_each_experiment_begins_as_it_did(name):
    """Losses of the first steps tell whether the code still paints what is stored."""
    table = StoredResults(name).table.sort_values("seconds")
    long = table["recipe"].map(lambda recipe: sum(Recipe.from_json(recipe).steps) >= 10)
    trained = table[long & ~table["label"].str.contains("ResNet")]
    if trained.empty:
        pytest.skip("all its runs need a trained ResNet-50, which no clone has")
    row = trained.iloc[0]

    def stop(live):
        if live.record.step == 1:
            raise StopRun

    recipe = Recipe.from_json(row["recipe"])
    history = stylize(row["content"], row["style"], recipe, on_step=stop).history
    before = read_curve(row)["total"].iloc[:2].tolist()
    assert [step.total for step in history] == pytest.approx(before, rel=0.02)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_stored_pictures_are_those_of_their_rows(name):
    stored = StoredResults(name)
    assert stored.table["key"].is_unique and not stored.table.isna()["curve"].any()
    pictures = {path.name for path in (stored.folder / "pictures").iterdir()}
    shown = stored.table.dropna(subset="picture")
    assert pictures == {Path(picture).name for picture in shown["picture"]}
    seeds = stored.table["recipe"].map(lambda recipe: json.loads(recipe).get("seed", 0))
    assert (seeds[stored.table["picture"].notna()] == 0).all()
    # Points of a curve, and what looks the same in another number format, need no picture.
    same = stored.table["setting"].str.startswith(("the default, beta", "beta ", "32-bit"))
    assert stored.table[~same].groupby("setting")["picture"].any().all()
    for _, row in shown.iloc[:3].iterrows():
        kept = ssim(Image.open(stored.folder / row["picture"]), open_picture(row["content"]))
        assert kept == pytest.approx(row["ssim"], abs=0.03)
