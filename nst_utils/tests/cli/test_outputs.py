import click
import pytest
from PIL import Image

from nst_utils.cli.outputs import checked_output
from nst_utils.images.clip_files import check_clip_output
from nst_utils.images.png import save_png

from ..images.clip_helpers import film


def test_a_film_is_no_more_painted_over_than_a_picture(tmp_path):
    mine = film(tmp_path / "mine.mp4", 2)
    Image.new("RGB", (4, 4)).save(tmp_path / "photo.png")
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "photos" / "1.png")
    for name, check in (
        (mine, check_clip_output),
        (tmp_path / "photos", check_clip_output),
        (tmp_path / "photo.png", None),
    ):
        with pytest.raises(click.UsageError, match="was not painted here and would be lost"):
            checked_output(str(name), check=check)


def test_new_empty_and_own_outputs_are_taken(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "own").mkdir()
    save_png(Image.new("RGB", (4, 4)), tmp_path / "own" / "000000.png", {"film": {}})
    for name in ("empty", "own", "new", "new.mp4"):
        path = tmp_path / name
        assert checked_output(str(path), check=check_clip_output) == path


def test_an_output_is_no_input(tmp_path):
    path = save_png(Image.new("RGB", (4, 4)), tmp_path / "own.png", {"film": {}})
    with pytest.raises(click.UsageError, match="would overwrite an input"):
        checked_output(str(path), str(path))
