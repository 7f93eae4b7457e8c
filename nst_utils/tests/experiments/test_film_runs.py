import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from nst_utils import paths
from nst_utils.cli.film import summarize_film
from nst_utils.errors import NSTError, NSTWarning
from nst_utils.experiments import film_measures, film_runs
from nst_utils.experiments.film_runs import (
    Film,
    FilmError,
    KeptFrames,
    film,
    measure_film,
    paint_ways,
    repeat_film,
)
from nst_utils.experiments.reproduce import RepeatError, repeat_run
from nst_utils.images import clip_files, clips
from nst_utils.images.clips import ClipError, open_clip
from nst_utils.images.formats import ImageError
from nst_utils.images.png import read_provenance
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import RecipeError
from nst_utils.transfer.run import StopRun
from nst_utils.transfer.video.painter import Painter, Stillness
from nst_utils.transfer.video.sample import sample_clip

from ..cli.helpers import run
from ..images.clip_helpers import film as make_clip
from ..images.clip_helpers import packets

QUICK = Recipe(size=48, scales=(32, 48), steps=(2, 2), weights="random")
ONE_SCALE = QUICK.replace(scales=(48,), steps=(2,))
STILL = Stillness(steps=2)


@pytest.fixture(autouse=True)
def few_measured(monkeypatch):
    monkeypatch.setattr(film_measures, "FRAMES", 1)


@pytest.fixture
def clip(tmp_path):
    return make_clip(tmp_path / "clip.mp4", 5, rate=Fraction(30000, 1001), sound="aac")


def paint(clip, output, **options) -> Film:
    return film(clip, "mosaic", QUICK, output=output, **{"still": STILL, **options})


def test_a_film_with_its_measures_and_its_record(tiny, clip, tmp_path):
    made = paint(clip, tmp_path / "out.mp4")
    assert (made.frames, made.stopped) == (5, "finished")
    painted = open_clip(made.path)
    assert (painted.rate, painted.size) == (Fraction(30000, 1001), (48, 36))
    assert packets(made.path) == packets(clip)
    record = read_provenance(made.path)
    assert record == json.loads(json.dumps(made.record))
    assert record["content"] == {"source": "clip.mp4", "sha256": open_clip(clip).sha256}
    assert record["recipe"]["size"] == 48
    measures = record["measures"]
    assert 0 < measures["floor"] and 0 < measures["warping_error"] < measures["ceiling"] * 3
    assert {"ssim", "color", "texture"} <= measures["style"].keys()
    assert not list((paths.RUNS).rglob("*.png"))


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".webm", ""])
def test_other_forms_carry_the_record_too(tiny, clip, tmp_path, suffix):
    with pytest.warns(NSTWarning, match="cannot be copied"):
        made = paint(clip, tmp_path / f"out{suffix}", measured=False)
    assert read_provenance(made.path)["film"]["frames"] == 5
    assert len(list(open_clip(made.path).frames())) == 5


def test_an_interrupted_film_goes_on_and_is_the_same(tiny, clip, tmp_path):
    whole = paint(clip, tmp_path / "whole.mp4", measured=False)
    steps = []

    def stop(live):
        steps.append(live.record.step)
        if len(steps) == 7:  # in the third frame
            raise KeyboardInterrupt

    part = paint(clip, tmp_path / "part.mp4", measured=False, on_step=stop)
    assert part.stopped == "interrupted after 2 of 5 frames"
    assert len(list(open_clip(part.path).frames())) == 2
    steps.clear()
    count = []
    made = paint(clip, tmp_path / "part.mp4", measured=False, on_step=count.append)
    assert len(count) == 6  # three frames of two steps
    assert made.record["film"]["frames_sha256"] == whole.record["film"]["frames_sha256"]


@pytest.mark.filterwarnings("ignore:the sound of clip.mp4")
@pytest.mark.parametrize("name", ["out.mp4", "out"])
def test_a_finished_film_is_not_replaced_by_an_interrupted_one(tiny, clip, tmp_path, name):
    made, steps = paint(clip, tmp_path / name, measured=False), []

    def stop(live):
        steps.append(live)
        if len(steps) == 7:
            raise KeyboardInterrupt

    with pytest.raises(FilmError, match="holds a finished film and stays as it was"):
        paint(clip, tmp_path / name, measured=False, on_step=stop)
    assert len(list(open_clip(made.path).frames())) == 5
    steps.clear()
    assert paint(clip, tmp_path / name, measured=False, on_step=steps.append).frames == 5
    assert len(steps) == 6  # the frames were kept


def test_without_two_frames_nothing_is_said_of_flicker(tiny, clip, tmp_path):
    made = paint(open_clip(clip).part(end=0.02), tmp_path / "out.mp4")
    assert made.frames == 1 and "warping_error" not in made.record["measures"]
    summarize_film(made)


def test_a_run_that_cannot_go_on_says_why(tiny, clip, tmp_path):
    def stop(live):
        raise StopRun("enough")

    with pytest.raises(FilmError, match="no frame was painted: stopped"):
        paint(clip, tmp_path / "out.mp4", on_step=stop)


def test_the_first_second_can_be_watched_at_once(tiny, tmp_path, monkeypatch):
    source = make_clip(tmp_path / "slow.mp4", 9, rate=Fraction(2))
    out, seen = tmp_path / "out.mp4", []
    paint(source, out, measured=False, on_step=lambda live: seen.append(out.exists()))
    assert seen[:6] == [False] * 6 and seen[-1]
    assert len(list(open_clip(out).frames())) == 9


def test_a_damaged_frame_is_named_and_bridged(tiny, tmp_path):
    source = tmp_path / "frames"
    source.mkdir()
    for i, frame in enumerate(open_clip(make_clip(tmp_path / "a.mp4", 4)).frames()):
        frame.image.save(source / f"{i}.png")
    (source / "2.png").write_bytes(b"no picture")
    with pytest.warns(NSTWarning, match=r"frame 2 \(0\.08 s\) of frames is damaged"):
        made = paint(source, tmp_path / "out", measured=False)
    painted = list(open_clip(made.path).frames())
    assert made.record["film"]["damaged"] == [2]
    assert painted[2].image.tobytes() == painted[1].image.tobytes()


def test_a_clip_whose_size_changes_keeps_what_was_painted(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(clips, "_upright_size", lambda file: None)  # as in a film's file
    source = tmp_path / "frames"
    source.mkdir()
    for i, frame in enumerate(open_clip(make_clip(tmp_path / "a.mp4", 4)).frames()):
        image = frame.image if i < 3 else frame.image.resize((64, 36))
        image.save(source / f"{i}.png")
    made = paint(source, tmp_path / "out.gif", measured=False)
    assert made.frames == 3
    assert "frame 3 has 64 x 36 pixels" in made.stopped


def test_a_disk_that_fills_up_is_one_sentence(tiny, clip, tmp_path, monkeypatch):
    original = film_runs.save_png

    def full(image, path, record):
        if path.stem == "000002":
            raise OSError(28, "No space left on device")
        return original(image, path, record)

    monkeypatch.setattr(film_runs, "save_png", full)
    with pytest.raises(FilmError, match=r"frame 2 cannot be kept .*No space left.*goes on"):
        paint(clip, tmp_path / "out.mp4")
    assert len(list(paths.RUNS.rglob("*.png"))) == 2


def test_a_film_that_cannot_be_written_keeps_its_frames(tiny, clip, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(clip_files, "_write_film", full)
        with pytest.raises(FilmError, match=r"No space left.*its 5 frames stay.*goes on"):
            paint(clip, tmp_path / "out.mp4", measured=False)
    monkeypatch.setattr(Painter, "paint_one", None)
    assert paint(clip, tmp_path / "out.mp4", measured=False).frames == 5


def test_a_film_of_which_nothing_was_painted_leaves_no_folder(tiny, clip, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(Painter, "paint_one", fail)
    with pytest.raises(MemoryError):
        film(clip, "mosaic", QUICK, output=tmp_path / "a.mp4")
    assert not list((paths.RUNS / "film").iterdir())


def test_frames_that_were_steered_are_no_others(tiny, clip, tmp_path):
    words = (open_clip(clip), "mosaic", QUICK, STILL, (), None, tmp_path / "a.mp4", None)
    folders = {film_runs._FilmRun(*words, steered).kept.folder for steered in (True, False)}
    assert len(folders) == 2
    with pytest.raises(RecipeError, match="no mask of the recipe is called 'sky'"):
        paint(clip, tmp_path / "a.mp4", masks={"sky": "mosaic"})


def test_a_schedule_that_goes_beyond_the_film_is_told(tiny, clip, tmp_path):
    with pytest.warns(NSTWarning, match=r"goes on to 3 s, but the film ends after 0\.17 s"):
        paint(clip, tmp_path / "out.mp4", measured=False, schedule=[(3, "beta", 2.0)])


def test_other_settings_are_another_film(tiny, clip, tmp_path):
    def stop(live):
        if live.record.scale == 48 and live.record.step == 1:
            raise KeyboardInterrupt

    paint(clip, tmp_path / "a.mp4", every=2, measured=False, on_step=stop)
    paint(clip, tmp_path / "b.mp4", every=2, still=Stillness(3), measured=False, on_step=stop)
    assert len(list((paths.RUNS / "film").iterdir())) == 2


def test_what_is_lost_of_a_kept_frame_is_replaced(tmp_path):
    kept = KeptFrames(tmp_path)
    image = Image.new("RGB", (6, 4), (255, 0, 0))
    raw = np.full((1, 3, 4, 6), 0.5, np.float32)
    kept.save(0, image, torch.from_numpy(raw), [0], {})
    assert kept.raw(0).mean() == 0.5
    (tmp_path / "000000.npy").write_bytes(b"cut short")
    assert kept.raw(0)[0, 0].mean() == 1
    for index in (1, 2):
        kept.save(index, image, torch.from_numpy(raw), [index])
    assert sorted(p.stem for p in tmp_path.glob("*.npy")) == ["000002"]


def test_a_very_long_film_is_told_before(tiny, clip, tmp_path, monkeypatch):
    monkeypatch.setattr(film_runs, "MANY", 4)
    with pytest.warns(NSTWarning, match="5 frames take hours"):
        paint(clip, tmp_path / "out.mp4", measured=False)


def test_a_folder_holds_no_frames_of_a_longer_film(tiny, clip, tmp_path):
    with pytest.warns(NSTWarning, match="cannot be copied into a folder"):
        paint(clip, tmp_path / "out", measured=False)
        made = paint(clip, tmp_path / "out", every=2, measured=False)
    assert made.frames == 3 == len(list((tmp_path / "out").iterdir()))


def test_parts_and_outputs_are_checked_first(tiny, clip, tmp_path):
    with pytest.raises(ClipError, match="nothing begins at 9"):
        paint(clip, tmp_path / "out.mp4", start=9)
    with pytest.raises(ClipError, match="cannot be written"):
        paint(clip, tmp_path / "out.mpg")


def test_what_is_not_ours_is_not_painted_over(tiny, clip, tmp_path):
    before = clip.read_bytes()
    with pytest.raises(ImageError, match="would overwrite an input"):
        paint(clip, clip)
    mine = make_clip(tmp_path / "mine.mp4", 2)
    kept = mine.read_bytes()
    with pytest.raises(ImageError, match=r"mine\.mp4: this was not painted here"):
        paint(clip, mine)
    assert (clip.read_bytes(), mine.read_bytes()) == (before, kept)
    frames = tmp_path / "frames"
    frames.mkdir()
    Image.new("RGB", (40, 40)).save(frames / "000000.png")
    Image.new("RGB", (40, 40)).save(frames / "000001.png")
    for source in (clip, frames):
        with pytest.raises(ImageError, match="was not painted here|overwrite an input"):
            paint(source, f"{frames}/")
    silent = make_clip(tmp_path / "silent.mp4", 2)
    ours = paint(silent, f"{tmp_path}/ours/", measured=False).path
    Image.new("RGB", (40, 40)).save(ours / "000009.png")  # a longer film would have this name
    with pytest.raises(ImageError, match=r"000009\.png: this was not painted here"):
        paint(silent, f"{ours}/", measured=False)
    assert (ours / "000009.png").is_file()


def test_two_films_into_one_file_wait_for_each_other(tiny, clip, tmp_path):
    out = tmp_path / "out.mp4"
    with paths.alone_with(out), pytest.raises(FilmError, match="another process paints"):
        paint(clip, out)


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


@pytest.fixture
def part(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    return open_clip(make_clip(tmp_path / "clip.mp4", 5)).part(end=0.1)  # three frames of it


def test_what_is_painted_is_kept_and_read_again(tiny, part, monkeypatch):
    ways = {"alone": None, "flow": Stillness(steps=2)}
    made = paint_ways(ways, part, "mosaic", ONE_SCALE, stored="x")
    assert [len(way.frames) for way in made.values()] == [3, 3]
    assert {"seconds", "warping_error", "floor", "ssim"} <= made["flow"].measures.keys()
    monkeypatch.setattr(film_runs, "_paint_way", None)  # nothing is painted any more
    again = paint_ways(ways, part, "mosaic", ONE_SCALE, stored="x")
    for name, way in again.items():
        assert way.measures == pytest.approx(made[name].measures, abs=1e-6)
        gap = np.asarray(way.frames[1], float) - np.asarray(made[name].frames[1], float)
        assert np.abs(gap).mean() < 6
    for file in (paths.RUNS / "results" / "x").glob("*.webp"):
        file.unlink()
    [alone, flow] = paint_ways(ways, part, "mosaic", ONE_SCALE, stored="x").values()
    assert alone.frames == flow.frames == [] and flow.measures == again["flow"].measures
    with pytest.raises(TypeError):
        paint_ways(ways, part, "nocturne", ONE_SCALE, stored="x")


def test_a_film_that_is_its_own_painting_has_the_floors_error(part):
    frames = [frame.image for frame in part.frames(48)]
    measured = measure_film(part, frames, frames[0])
    assert measured["warping_error"] == measured["floor"] < 0.01
    assert measured["ssim"] == pytest.approx(1)


def test_a_table_that_is_none(part):
    (paths.RESULTS / "x").mkdir(parents=True)
    (paths.RESULTS / "x" / film_runs.WAYS).write_text("what,is\nthis,1\n")
    with pytest.raises(NSTError, match="not a table of painted films"):
        paint_ways({"alone": None}, part, "mosaic", ONE_SCALE, stored="x")
