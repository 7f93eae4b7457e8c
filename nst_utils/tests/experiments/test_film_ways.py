import numpy as np
import pytest

from nst_utils import paths
from nst_utils.errors import NSTError
from nst_utils.experiments import film_measures, film_ways
from nst_utils.experiments.film_ways import measure_film, paint_ways
from nst_utils.images.clips import open_clip
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.video.painter import Stillness

from ..images.clip_helpers import film as make_clip

QUICK = Recipe(size=48, scales=(48,), steps=(2,), weights="random")


@pytest.fixture
def clip(tmp_path, monkeypatch):
    monkeypatch.setattr(film_measures, "FRAMES", 1)
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    return open_clip(make_clip(tmp_path / "clip.mp4", 5)).part(end=0.1)  # three frames of it


def test_what_is_painted_is_kept_and_read_again(tiny, clip, monkeypatch):
    ways = {"alone": None, "flow": Stillness(steps=2)}
    made = paint_ways(ways, clip, "mosaic", QUICK, stored="x")
    assert [len(way.frames) for way in made.values()] == [3, 3]
    assert {"seconds", "warping_error", "floor", "ssim"} <= made["flow"].measures.keys()
    monkeypatch.setattr(film_ways, "_paint", None)  # nothing is painted any more
    again = paint_ways(ways, clip, "mosaic", QUICK, stored="x")
    for name, way in again.items():
        assert way.measures == pytest.approx(made[name].measures, abs=1e-6)
        gap = np.asarray(way.frames[1], float) - np.asarray(made[name].frames[1], float)
        assert np.abs(gap).mean() < 6
    with pytest.raises(TypeError):
        paint_ways(ways, clip, "nocturne", QUICK, stored="x")


def test_a_film_that_is_its_own_painting_has_the_floors_error(clip):
    frames = [frame.image for frame in clip.frames(48)]
    measured = measure_film(clip, frames, frames[0])
    assert measured["warping_error"] == measured["floor"] < 0.01
    assert measured["ssim"] == pytest.approx(1)


def test_a_table_that_is_none(clip):
    (paths.RESULTS / "x").mkdir(parents=True)
    (paths.RESULTS / "x" / film_ways.TABLE).write_text("what,is\nthis,1\n")
    with pytest.raises(NSTError, match="not a table of painted films"):
        paint_ways({"alone": None}, clip, "mosaic", QUICK, stored="x")
