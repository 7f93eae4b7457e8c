import re

import click
import pytest

from nst_utils.cli.region_options import part_to_keep, with_regions
from nst_utils.images.png import read_provenance
from nst_utils.transfer.config import Recipe

from .helpers import one_sentence, run

SMALL = ("--size", "32", "--steps", "2", "--weights", "random")


def regions(*words, **options):
    return with_regions(*words, Recipe())[1].regions


def test_texts_become_regions():
    styles, recipe = with_regions([], ("a.png=wave.jpg", "rest=cafe.jpg@light:0.5"), None, Recipe())
    assert styles == ["wave.jpg", "cafe.jpg"]
    assert recipe.regions == (("a.png", 1, ""), ("rest", 2, "light:0.5"))
    assert regions(["wave.jpg"], (), "faces") == (("faces", 0, ""), ("rest", 1, ""))
    assert regions(["w.jpg"], ("box:0,0,1,0.5=none",), None) == (
        ("box:0,0,1,0.5", 0, ""), ("rest", 1, ""),
    )  # fmt: skip
    assert with_regions(["w.jpg"], (), None, Recipe()) == (["w.jpg"], Recipe())


def test_what_is_wrong_is_one_sentence(pictures, tmp_path):
    for words in ([], ("sky.png",), None), (["a", "b"], ("x.png=c",), None), ([], (), "faces"):
        with pytest.raises(click.UsageError):
            regions(*words)
    assert part_to_keep("0.5") == 0.5
    assert part_to_keep(None) is part_to_keep("faces") is None
    found = run("stylize", *pictures, "--output", tmp_path / "o.png", "--keep", "2", *SMALL)
    assert "between 0 and 1, or faces" in one_sentence(found, 2)
    found = run("stylize", pictures[0], "--output", tmp_path / "o.png", *SMALL)
    assert "no STYLE" in one_sentence(found, 2)


def test_controls_from_the_command_line_are_repeated(tiny, pictures, tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Image.new("L", (10, 10), 255).resize((20, 10)).save("left.png")
    Image.linear_gradient("L").save("left.png")
    found = run(
        "stylize", "content.png", "style.png", "--region", "left.png=mosaic", "--color", "content",
        "--style-scale", "1,0.8", "--output", "o.png", *SMALL,
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    record = read_provenance(tmp_path / "o.png")
    assert record["recipe"]["regions"] == [["left.png", 2, ""], ["rest", 1, ""]]
    assert set(record) >= {"style", "style 2", "mask 1"}
    assert "style 2   sample mosaic" in found.stdout
    again = run("rerun", "--from", "o.png")
    assert "identical" in again.output, again.output
    found = run(
        "stylize", "content.png", "style.png", "mosaic", "--blend", "7,3", "-o", "b.png", *SMALL
    )
    assert found.exit_code == 0, found.output
    assert run("rerun", "--from", "b.png").output.count("identical") == 1


def test_keep_and_forecast_are_printed(tiny, pictures, tmp_path, monkeypatch):
    from nst_utils.experiments import forecasts

    found = run("stylize", *pictures, "--output", tmp_path / "o.png", "--keep", "0.9", *SMALL)
    assert found.exit_code == 0, found.output
    assert "0.9 was asked, at beta" in found.stdout and "whole runs" in found.stdout
    monkeypatch.setattr(forecasts, "run_in_fresh_process", lambda work, *words: work(*words))
    found = run("stylize", *pictures, "--dry-run", *SMALL)
    assert found.exit_code == 0, found.output
    assert "32 x 24 pixels" in found.stdout and "are free" in found.stdout
    found = run("stylize", *pictures, "--dry-run", "--keep", "0.5", *SMALL)
    low, high = re.search(r"search    about (\d+) to (\d+) seconds in all", found.stdout).groups()
    assert int(low) <= int(high)
    found = run("stylize", *pictures, "--dry-run", *SMALL, "--set", "tile=32", "--size", "48")
    assert "tile must be at least" in one_sentence(found, 2)
    found = run("stylize", *pictures, *SMALL)
    assert "--output FILE" in one_sentence(found, 2)
    found = run("stylize", "", pictures[1], "-o", "x.png", *SMALL)
    assert "'[CONTENT]': it is empty" in one_sentence(found, 2)


def test_folders_list_what_failed(tiny, jobs_here, pictures, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    pictures[0].rename(photos / "a.png")
    (photos / "broken.jpg").write_bytes(b"no picture")
    found = run("stylize", photos, pictures[1], "--output", tmp_path / "out", *SMALL)
    assert "1 of 2 paintings failed" in one_sentence(found, 1)
    assert "1 painted, 0 there already" in found.stdout and "broken.jpg" in found.stderr
    (photos / "broken.jpg").unlink()
    found = run("stylize", photos, pictures[1], "--output", tmp_path / "out", *SMALL)
    assert "0 painted, 1 there already" in found.stdout
    found = run("stylize", photos, pictures[1], "--output", "x", "--keep", "0.5", *SMALL)
    assert "--keep goes with one picture" in one_sentence(found, 2)
    found = run("stylize", photos, pictures[1], "--output", "x.png", *SMALL)
    assert "--output names one, too" in one_sentence(found, 2)
    found = run("stylize", "nowhere/", pictures[1], "--output", "out/", *SMALL)
    assert "nowhere/: there is no such folder" in one_sentence(found, 2)


def test_paths_with_signs_of_the_syntax_in_them(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("a@b", "c=d"):
        (tmp_path / folder).mkdir()
        for name, picture in zip(("m.png", "s.png"), pictures, strict=True):
            (tmp_path / folder / name).write_bytes(picture.read_bytes())
    for mask in ("a@b/m.png", "c=d/m.png", "light:0.5"):
        for style in ("mosaic", "a@b/s.png", "c=d/s.png", "https://me@host/s.png?key=a=b"):
            for part in ("", "box:0,0,1,0.5", "a@b/m.png", "c=d/m.png"):
                text = f"{mask}={style}" + (f"@{part}" if part else "")
                if part and "://" in style:
                    continue  # an address may end in anything
                styles, recipe = with_regions([], (text,), None, Recipe())
                assert styles == [style] and recipe.regions == ((mask, 1, part),), text
    # Where nothing is there, the error names what is usual.
    assert with_regions([], ("no=such@light:0.5",), None, Recipe())[0] == ["such"]
