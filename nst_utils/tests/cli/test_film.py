import pytest
from PIL import Image

from nst_utils.cli.film import Seconds
from nst_utils.experiments import film_measures, forecasts
from nst_utils.images.clips import open_clip
from nst_utils.images.png import read_provenance

from ..images.clip_helpers import film as make_clip
from .helpers import one_sentence, run

WORDS = ("--size", "48", "--steps", "2", "--frame-steps", "2", "--weights", "random")


def test_a_film_is_painted_and_summed_up(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(film_measures, "FRAMES", 1)
    source, out = make_clip(tmp_path / "in.mp4", 4), tmp_path / "out.gif"
    found = run("film", source, "mosaic", "-o", out, *WORDS, "--set", "beta=5")
    assert found.exit_code == 0, found.output
    for word in ("clip", "frames    4 at 30000/1001", "warping error", "texture", "written"):
        assert word in found.stdout
    assert "frames a minute" in found.stderr or "frame/s" in found.stderr
    assert read_provenance(out)["recipe"]["beta"] == 5
    told = run("provenance", out)
    assert '"frames": 4' in told.stdout


def test_a_part_of_it(tiny, tmp_path):
    out = tmp_path / "out.mp4"
    words = ("--from", "0:01", "--to", "1.5", "--every", "2", "--no-measures")
    found = run("film", "sample", "mosaic", "-o", out, *WORDS, *words)
    assert found.exit_code == 0, found.output
    assert len(list(open_clip(out).frames())) == 3
    assert open_clip(out).rate == 6


def test_a_forecast_paints_nothing(tiny, tmp_path, monkeypatch):
    def told(content, style, recipe, masks):
        return forecasts.Forecast(30.0, 900.0, *content.size, 4000.0)

    monkeypatch.setattr(forecasts, "forecast", told)
    out = tmp_path / "out.mp4"
    words = ("--size", "48", "--set", "scales=48", "--steps", "10", "--frame-steps", "2")
    found = run("film", "sample", "mosaic", *words, "--dry-run")
    assert found.exit_code == 0, found.output
    # 30 s for the first frame's 10 steps; 47 frames of 2 steps.
    assert "about 5 minutes, 6.5 s a frame" in found.stdout
    assert "this style by itself: about 0.6 times the mean" in found.stdout
    assert not out.exists()


def test_what_is_refused_in_one_sentence(tiny, tmp_path, pictures):
    out = tmp_path / "out.mp4"
    for words, told, status in (
        ((pictures[0], "mosaic", "-o", out), "no film that can be read", 1),
        ((tmp_path / "none.mp4", "mosaic", "-o", out), "no such file", 1),
        (("sample", "mosaic", "-o", tmp_path / "out.avi"), "cannot be written", 2),
        (("sample", "-o", out), "no STYLE", 2),
        (("sample", "mosaic", "-o", out, "--from", "soon"), "a time such as 3.5", 2),
        (("sample", "mosaic", "-o", out, "--schedule", "{"), "expected a schedule", 1),
        (("sample", "mosaic", "--dry-run", "--schedule", "true"), "a film's schedule is a list", 2),
        (("", "mosaic", "-o", out), "'CLIP': it is empty", 2),
        (("sample", "mosaic", "-o", out, "--temporal", "nan"), "--temporal must be a number", 2),
        (("sample", "mosaic", "-o", f"{tmp_path}/new.mp4/"), "cannot end in .mp4", 2),
        (("sample", "mosaic", "-o", out, "--size", "8"), "too small to paint; choose --size 22", 1),
    ):
        assert told in one_sentence(run("film", *WORDS, *words), status)
    mine = make_clip(tmp_path / "mine.mp4", 2)
    told = one_sentence(run("film", "sample", "mosaic", "-o", mine, *WORDS), 2)
    assert "was not painted here" in told


def test_a_folder_may_have_a_point_in_its_name(tiny, tmp_path):
    words = ("--to", "0.2", "--no-measures")
    found = run("film", "sample", "mosaic", "-o", f"{tmp_path}/v1.2/", *WORDS, *words)
    assert found.exit_code == 0, found.output
    frames = sorted((tmp_path / "v1.2").iterdir())
    assert len(frames) == 3
    again = run("rerun", "--from", frames[1], "-o", f"{tmp_path}/v1.3/")
    assert "identical: every pixel agrees, in each frame (3 in all)" in again.stdout, again.output


def test_a_warning_of_every_frame_is_printed_once(tiny, tmp_path):
    mask = Image.new("L", (20, 60), 0)
    mask.paste(255, (0, 0, 20, 30))
    mask.save(tmp_path / "mask.png")
    words = ("--region", f"{tmp_path}/mask.png=mosaic", "--to", "0.2", "--no-measures")
    found = run("film", "sample", "woodblock", "-o", tmp_path / "a.mp4", *WORDS, *words)
    assert found.exit_code == 0, found.output
    assert found.stderr.count("it is stretched") == 1


@pytest.mark.parametrize(("text", "seconds"), [("3", 3), ("0:03.5", 3.5), ("1:02:03", 3723)])
def test_times(text, seconds):
    assert Seconds().convert(text, None, None) == seconds
