import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from nst_utils.cli.main import main
from nst_utils.experiments.reproduce import RepeatError, repeat_run
from nst_utils.images.png import read_provenance, save_png
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.run import stylize

QUICK = Recipe(size=48, scales=(32, 48), steps=(4, 3), weights="random")


@pytest.fixture
def picture(tiny, pictures, tmp_path):
    return stylize(*pictures, QUICK).save(tmp_path / "out.png")


def test_the_same_machine_repeats_every_pixel(picture):
    found = repeat_run(picture)
    assert found.identical
    assert str(found) == "identical: every pixel agrees"
    assert found.changed == {}


def test_other_weights_are_refused_before_anything_is_painted(picture):
    record = read_provenance(picture)
    record["weights"] |= {"sha256": "0" * 64, "label": "VGG19 (mine)"}
    with Image.open(picture) as image:
        save_png(image.copy(), picture, record)
    with pytest.raises(RepeatError, match=r"painted with VGG19 \(mine\).*NST_WEIGHTS_DIR"):
        repeat_run(picture)


def test_a_figure_is_no_painting(picture):
    with Image.open(picture) as image:
        save_png(image.copy(), picture, read_provenance(picture) | {"caption": "two pictures"})
    with pytest.raises(RepeatError, match="this is a figure"):
        repeat_run(picture)


def test_a_sample_is_found_by_its_name(tiny, tmp_path):
    path = stylize("coffee", "mosaic", QUICK).save(tmp_path / "out.png")
    assert repeat_run(path).identical


def test_a_steered_run_is_repeated_with_its_changes(tiny, pictures, tmp_path):
    result = stylize(
        *pictures, QUICK, on_step=lambda r: QUICK.replace(beta=300) if r.record.step == 2 else None
    )
    assert repeat_run(result.save(tmp_path / "s.png")).identical


def test_another_picture_is_told_apart(picture):
    record = read_provenance(picture)
    pixels = np.asarray(Image.open(picture)).copy()
    pixels[:5, :5] ^= 64
    record["versions"]["torch"] = "1.0"
    save_png(Image.fromarray(pixels), picture, record)
    found = repeat_run(picture)
    assert not found.identical
    assert found.worst == 64
    assert "largest 64" in str(found)
    assert "torch 1.0 -> " in str(found)


def test_moved_and_changed_inputs(picture, pictures, tmp_path):
    moved = tmp_path / "moved.png"
    pictures[0].rename(moved)
    with pytest.raises(RepeatError, match="neither beside.*--content"):
        repeat_run(picture)
    assert repeat_run(picture, content=moved).identical
    with pytest.raises(RepeatError, match="another picture than the record names"):
        repeat_run(picture, content=pictures[1])
    with pytest.raises(RepeatError, match="cannot be read"):
        repeat_run(picture, content=tmp_path / "nothing.png")


def test_pictures_without_a_finished_run(picture, tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "plain.png")
    with pytest.raises(RepeatError, match="no record of a run"):
        repeat_run(tmp_path / "plain.png")
    record = read_provenance(picture) | {"stopped": "interrupted after 3 of 7 steps"}
    save_png(Image.open(picture).copy(), picture, record)
    with pytest.raises(RepeatError, match="did not finish"):
        repeat_run(picture)


def test_the_command_repeats_a_run(picture):
    found = CliRunner().invoke(main, ["rerun", "--from", str(picture)])
    assert (found.exit_code, found.stdout) == (0, "identical: every pixel agrees\n")
    copy = picture.with_name("again.png")
    found = CliRunner().invoke(main, ["rerun", "--from", str(picture), "-o", str(copy)])
    assert np.array_equal(np.asarray(Image.open(copy)), np.asarray(Image.open(picture)))
    for words in (["rerun"], ["rerun", "x.ipynb", "--from", "y.png"], ["rerun", "nothing.ipynb"]):
        assert CliRunner().invoke(main, words).exit_code == 2
