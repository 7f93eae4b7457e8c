import os
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from nst_utils.errors import NSTError
from nst_utils.experiments import folders
from nst_utils.images.png import read_provenance
from nst_utils.transfer.config import Recipe

SMALL = Recipe(size=32, scales=(32,), steps=(2,), weights="random")


@pytest.fixture
def two(tiny, jobs_here, tmp_path):
    """A folder of contents with a broken file, a folder of styles; jobs run in this process."""
    rng = np.random.default_rng(0)
    for folder, names in (("photos", "ab"), ("styles", "xy")):
        (tmp_path / folder).mkdir()
        for name in names:
            pixels = rng.integers(0, 255, (24, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{name}.png")
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    return str(tmp_path / "photos"), str(tmp_path / "styles"), tmp_path / "out"


def test_every_pair_is_painted_once(two):
    rows = folders.paint_folder(*two, SMALL)
    assert rows["state"].tolist() == ["painted"] * 4
    assert sorted(path.name for path in two[2].glob("*.png")) == [
        "a_x_x.png", "a_x_y.png", "b_x_x.png", "b_x_y.png",
    ]  # fmt: skip
    assert read_provenance(two[2] / "a_x_y.png")["style"]["source"] == "y.png"
    again = folders.paint_folder(*two, SMALL)
    assert again["state"].tolist() == ["there already"] * 4
    other = folders.paint_folder(*two, SMALL.replace(beta=5), zipped=True)
    assert other["state"].tolist() == ["painted"] * 2  # another recipe is another painting
    assert other["output"].tolist() == ["a_x_x.png", "b_x_y.png"]


def test_whatever_decides_a_painting_is_part_of_it(two, tmp_path):
    """A photo, a mask, the code or the painting itself that changes is painted again."""
    mask = tmp_path / "mask.png"
    Image.new("L", (9, 9), 255).save(mask)
    recipe = SMALL.replace(content_mask=str(mask))
    count = lambda: folders.paint_folder(*two, recipe)["state"].tolist().count("painted")  # noqa: E731
    assert (count(), count()) == (4, 0)
    Image.new("RGB", (30, 30), "red").save(tmp_path / "photos" / "a.png")
    assert (count(), count()) == (2, 0)
    Image.new("L", (9, 9), 128).save(mask)
    assert (count(), count()) == (4, 0)
    (two[2] / "a_x_y.png").unlink()
    assert (count(), count()) == (1, 0)
    (two[2] / "a_x_y.png").write_bytes((two[2] / "b_x_y.png").read_bytes())
    assert (count(), count()) == (1, 0)


def test_a_bad_file_costs_its_own_rows(two):
    from pathlib import Path

    (Path(two[0]) / "c.jpg").write_bytes(b"\xff\xd8\xff no picture")
    rows = folders.paint_folder(*two, SMALL)
    assert rows["state"].tolist() == ["painted"] * 4 + ["failed"] * 2
    assert rows["error"].str.contains("c.jpg").sum() == 2


def test_what_was_not_painted_here_is_left_alone(two):
    two[2].mkdir()
    mine = two[2] / "a_x_x.png"
    Image.new("RGB", (9, 9)).save(mine)
    before = mine.read_bytes()
    rows = folders.paint_folder(*two, SMALL)
    assert rows["state"][0] == "failed" and "left as it is" in rows["error"][0]
    assert mine.read_bytes() == before


def test_one_picture_and_same_names(two):
    from pathlib import Path

    Image.new("RGB", (20, 20), "red").save(Path(two[0]) / "a.jpg")
    rows = folders.paint_folder(two[0], "mosaic", two[2], SMALL)
    assert rows["output"].tolist() == [
        "a_jpg_x_mosaic.png", "a_png_x_mosaic.png", "b_x_mosaic.png",
    ]  # fmt: skip
    with pytest.raises(NSTError, match="as many styles as contents: 3 and 2"):
        folders.paint_folder(two[0], two[1], two[2], SMALL, zipped=True)
    (Path(two[0]).parent / "none").mkdir()
    with pytest.raises(NSTError, match="no picture in this folder"):
        folders.paint_folder(str(Path(two[0]).parent / "none"), two[1], two[2], SMALL)


def test_a_folder_painted_into_itself_does_not_grow(here, pictures, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    pictures[0].rename(folder / "a.png")
    for _ in range(2):
        rows = folders.paint_folder(str(folder), str(pictures[1]), folder, SMALL)
        assert len(rows) == 1 and len(list(folder.glob("*.png"))) == 2


def test_names_that_agree_in_their_beginning_get_a_file_each(here, pictures, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for end in "ab":
        shutil.copy(pictures[0], folder / f"{'x' * 120}{end}.png")
    for name in ("c.bmp", "c.png", "C.jpg"):
        Image.new("RGB", (40, 30), len(name) * 9).save(folder / name)
    rows = folders.paint_folder(str(folder), str(pictures[1]), tmp_path / "out", SMALL)
    assert rows["output"].str.casefold().nunique() == len(rows) == 5
    assert (rows["state"] == "painted").all()
    again = folders.paint_folder(str(folder), str(pictures[1]), tmp_path / "out", SMALL)
    assert (again["state"] == "there already").all()


def test_a_painting_of_another_picture_with_its_stem_stays(here, pictures, tmp_path):
    """Painted by two calls: a.png and a.bmp."""
    pictures[0].rename(tmp_path / "a.png")
    Image.new("RGB", (40, 30), "red").save(tmp_path / "a.bmp")
    paint = lambda name, **changes: folders.paint_folder(  # noqa: E731
        str(tmp_path / name), "mosaic", tmp_path / "out", SMALL.replace(**changes)
    )["output"].tolist()
    [first], [second] = paint("a.png"), paint("a.bmp")
    assert first == "a_x_mosaic.png" and second != first
    assert (paint("a.png"), paint("a.bmp"), len(here)) == ([first], [second], 2)
    sources = [
        read_provenance(tmp_path / "out" / name)["content"]["source"] for name in (first, second)
    ]
    assert sources == ["a.png", "a.bmp"]


def test_copies_of_a_photo_are_painted_into_a_file_each(here, pictures, tmp_path):
    (tmp_path / "photos").mkdir()
    for name in "ab":
        shutil.copy(pictures[0], tmp_path / "photos" / f"{name}.png")
    rows = folders.paint_folder(str(tmp_path / "photos"), "mosaic", tmp_path / "out", SMALL)
    assert all((tmp_path / "out" / name).is_file() for name in rows["output"])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such name")
def test_names_that_are_no_utf_8_are_painted_and_shown(here, pictures, tmp_path):
    from ..cli.helpers import run

    (tmp_path / "photos").mkdir()
    odd = os.fsdecode(b"caf\xe9")
    shutil.copy(pictures[0], tmp_path / "photos" / f"{odd}.png")
    (tmp_path / "photos" / f"bad {odd}.png").write_bytes(b"no picture")
    words = [
        tmp_path / "photos",
        "mosaic",
        "--size",
        "32",
        "--steps",
        "1",
        "--output",
        tmp_path / "out",
    ]
    for state in ("1 painted", "1 there already"):
        found = run("stylize", *words)
        assert state in found.stdout and "1 of 2 paintings failed" in found.stderr
        assert "bad caf" in found.stderr
    assert len(list((tmp_path / "out").glob("*.png"))) == 1
