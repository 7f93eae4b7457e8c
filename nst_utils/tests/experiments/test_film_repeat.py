import pytest

from nst_utils.experiments.film_repeat import repeat_film
from nst_utils.experiments.film_runs import film
from nst_utils.experiments.reproduce import RepeatError, repeat_run
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.video.painter import Stillness
from nst_utils.transfer.video.sample import sample_clip

from ..cli.helpers import run
from ..images.clip_helpers import film as make_clip

QUICK = Recipe(size=48, scales=(32, 48), steps=(2, 2), weights="random")


@pytest.fixture
def painted(tiny, tmp_path):
    source = make_clip(tmp_path / "clip.mp4", 4)
    return film(
        source, "mosaic", QUICK, output=tmp_path / "out.gif", every=2, still=Stillness(2),
        schedule=[[0, "beta", 4.0]], measured=False,
    ).path  # fmt: skip


def test_a_film_is_painted_again(painted, tmp_path):
    found = repeat_film(painted)
    assert found.identical
    assert str(found) == "identical: every pixel agrees, in each frame (2 in all)"
    told = run("rerun", "--from", painted, "-o", tmp_path / "again.mp4")
    assert told.exit_code == 0, told.output
    assert "identical" in told.stdout
    assert (tmp_path / "again.mp4").is_file()


def test_a_folder_of_frames_is_found_again(tiny, tmp_path):
    for i, frame in enumerate(sample_clip((48, 36), 3).frames()):
        (tmp_path / "clip").mkdir(exist_ok=True)
        frame.image.save(tmp_path / "clip" / f"{i}.png")
    words = dict(output=tmp_path / "out.gif", still=Stillness(1), measured=False)
    made = film(tmp_path / "clip", "mosaic", QUICK, **words)
    assert repeat_film(made.path).identical


def test_what_is_missing_or_another_is_refused(painted, tmp_path):
    (tmp_path / "clip.mp4").rename(tmp_path / "moved.mp4")
    with pytest.raises(RepeatError, match="neither beside"):
        repeat_film(painted)
    assert repeat_film(painted, content=tmp_path / "moved.mp4").identical
    other = make_clip(tmp_path / "clip.mp4", 3)
    with pytest.raises(RepeatError, match="another file than the record names"):
        repeat_film(painted)
    with pytest.raises(RepeatError, match="no record of a run"):
        repeat_film(other)
    with pytest.raises(RepeatError, match="this is a film"):
        repeat_run(painted)
