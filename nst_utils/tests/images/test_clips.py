import dataclasses
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageOps, ImageSequence

from nst_utils.errors import NSTWarning
from nst_utils.images import clips
from nst_utils.images.clip_files import CODECS, check_clip_output, warn_of_silence, write_clip
from nst_utils.images.clips import ClipError, Frame, frame_files, open_clip
from nst_utils.images.formats import ImageError
from nst_utils.images.png import read_provenance
from nst_utils.transfer.video.sample import sample_clip

from .clip_helpers import NTSC, film, moving, packets


def gap(image: Image.Image, other: Image.Image) -> float:
    one, two = (np.asarray(p.convert("RGB"), float) for p in (image, other))
    return float(np.abs(one - two).mean())


def copied(path, source):
    """Write a clip's own frames to a file."""
    clip = open_clip(source)
    return write_clip(check_clip_output(path), clip.frames, clip, {"film": 1})


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm", ".gif", ".webp"])
def test_a_film_written_and_read_again(tmp_path, suffix):
    source = film(tmp_path / "in.mp4")
    path = copied(tmp_path / f"out{suffix}", source)
    clip = open_clip(path)
    frames = list(clip.frames())
    assert len(frames) == clip.count == 6
    assert clip.size == (48, 36)
    for frame, image in zip(frames, moving(6), strict=True):
        assert gap(frame.image, image) < 9, frame.index
    if suffix in (".mp4", ".mov"):
        assert clip.rate == NTSC
    assert float(clip.rate) == pytest.approx(float(NTSC), rel=0.12 if suffix == ".gif" else 0.02)
    assert read_provenance(path) == {"film": 1}


def test_the_rate_stays_a_fraction_and_times_are_exact(tmp_path):
    clip = open_clip(film(tmp_path / "in.mp4"))
    assert clip.rate == NTSC
    assert [frame.time for frame in clip.frames()] == [i / NTSC for i in range(6)]
    half = clip.part(every=2)
    assert half.rate == NTSC / 2
    assert [frame.time for frame in half.frames()] == [0, 2 / NTSC, 4 / NTSC]


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_phones_film_is_upright(tmp_path, turned):
    clip = open_clip(film(tmp_path / "in.mp4", turned=turned))
    frame = next(clip.frames())
    assert clip.size == frame.image.size == ((48, 36) if turned == 180 else (36, 48))
    # A display matrix of 90 turns the stored picture counterclockwise.
    expected = moving(1)[0].rotate(turned, expand=True)
    assert gap(frame.image, expected) < 9


def test_a_mirrored_film_is_mirrored_and_not_turned(tmp_path):
    path = film(tmp_path / "in.mp4", turned=180)
    turned, mirrored = (struct.pack(">5i", -65536, 0, 0, 0, down) for down in (-65536, 65536))
    data = path.read_bytes()
    assert turned in data
    path.write_bytes(data.replace(turned, mirrored))
    frame = next(open_clip(path).frames())
    assert gap(frame.image, ImageOps.mirror(moving(1)[0])) < 9


UNEVEN = (100, 100, 500, 50, 100)


@pytest.fixture
def uneven(tmp_path):
    first, *others = moving(5)
    path = tmp_path / "uneven.gif"
    first.save(path, save_all=True, append_images=others, duration=UNEVEN)
    return path


def test_what_is_seen_where_a_part_begins_belongs_to_it(uneven):
    part = open_clip(uneven).part(start=0.3, end=0.5)
    assert gap(next(part.frames()).image, moving(3)[2]) < 9


def test_a_film_of_uneven_times_tells_how_long_it_is(tmp_path, uneven):
    with av.open(str(copied(tmp_path / "out.mp4", uneven))) as container:
        stream = container.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(sum(UNEVEN) / 1000)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif", ".webp"])
def test_the_last_frame_is_shown_as_long_as_in_the_clip(tmp_path, suffix):
    first, *others = moving(3)
    path = tmp_path / "waits.gif"
    first.save(path, save_all=True, append_images=others, duration=(100, 100, 2000))
    *_, last = open_clip(copied(tmp_path / f"out{suffix}", path)).frames()
    assert (last.time, last.shown) == (Fraction(1, 5), 2)
    *_, last = open_clip(path).part(end=1.5).frames()
    assert last.shown == Fraction(13, 10)


def test_a_bomb_is_one_sentence(tmp_path, uneven):
    data = bytearray(uneven.read_bytes())
    data[6:10] = b"\xff" * 4
    uneven.write_bytes(data)
    with pytest.raises(ClipError, match="cannot be read"):
        open_clip(uneven)
    with pytest.raises(ImageError):
        read_provenance(uneven)


@pytest.mark.parametrize("words", [{"start": float("nan")}, {"every": 0}, {"every": 1.5}])
def test_a_part_that_is_none_is_refused(uneven, words):
    with pytest.raises(ClipError, match="expected a time|whole number"):
        open_clip(uneven).part(**words)


def test_a_fast_film_is_not_slowed_down_by_a_gif(tmp_path):
    clip = sample_clip((48, 36), 30)
    fast = dataclasses.replace(clip, rate=Fraction(60))
    frames = [dataclasses.replace(f, time=f.time * clip.rate / 60, shown=0) for f in clip.frames()]
    with pytest.warns(NSTWarning, match="50 frames a second: 10 of 30 are left out"):
        path = write_clip(tmp_path / "out.gif", lambda: iter(frames), fast, {})
    with Image.open(path) as image:
        delays = [frame.info["duration"] for frame in ImageSequence.Iterator(image)]
    assert min(delays) == 20 and sum(delays) == pytest.approx(500, abs=10)


def test_a_gif_holds_no_more_than_eleven_minutes_a_frame(tmp_path):
    times = [Frame(0, Fraction(0), moving(1)[0]), Frame(1, Fraction(1000), moving(2)[1])]
    clip = open_clip(film(tmp_path / "in.mp4"))
    path = write_clip(tmp_path / "out.gif", lambda: iter(times), clip, {})
    with Image.open(path) as image:
        assert image.info["duration"] == 655350


def test_sound_is_copied_packet_by_packet(tmp_path):
    source = film(tmp_path / "in.mp4", 20, sound="aac")
    assert packets(copied(tmp_path / "out.mp4", source)) == packets(source)
    opus = film(tmp_path / "in.webm", 20, sound="libopus", codec="libvpx-vp9")
    assert packets(copied(tmp_path / "out.webm", opus)) == packets(opus)


def test_sound_of_a_part_begins_with_its_first_frame(tmp_path):
    clip = open_clip(film(tmp_path / "in.mp4", 30, sound="aac")).part(start=0.5)
    assert len(list(clip.frames())) == 15 == clip.count
    path = write_clip(tmp_path / "out.mp4", clip.frames, clip, {})
    with av.open(str(path)) as container:
        first = next(p for p in container.demux(audio=0) if p.size)
        assert abs(first.pts * first.time_base) < 0.03


def test_after_a_gap_the_sound_begins_with_the_frame_that_is_seen_first(tmp_path):
    clip = open_clip(film(tmp_path / "in.mp4", 30, sound="aac"))
    shown = [frame for frame in clip.frames() if frame.index < 4 or frame.index >= 20]
    path = write_clip(tmp_path / "gap.mp4", lambda: iter(shown), clip, {})
    part = open_clip(path).part(start=0.3)
    assert gap(next(part.frames()).image, moving(21)[20]) < 9
    out = write_clip(tmp_path / "out.mp4", part.frames, part, {})
    taken = packets(path).index(packets(out)[0])
    assert abs(taken * 1024 / 48000 - 20 / NTSC) < 0.05


def test_times_that_go_back_in_a_damaged_film_rise_again(tmp_path, monkeypatch):
    clip, times = open_clip(film(tmp_path / "in.mp4", 8)), clips._time

    def back(frame, *words):
        time = times(frame, *words)
        return time - 3 / NTSC if time == 5 / NTSC else time

    monkeypatch.setattr(clips, "_time", back)
    assert [frame.time for frame in clip.frames()] == [i / NTSC for i in range(8)]


def test_sound_that_cannot_be_copied_is_told(tmp_path):
    source = film(tmp_path / "in.mp4", 6, sound="aac")
    for name in ("out.webm", "out.gif", "out"):
        with pytest.warns(NSTWarning, match=r"\(aac\) cannot be copied into"):
            warn_of_silence(open_clip(source), tmp_path / name)
    warn_of_silence(open_clip(source), tmp_path / "out.mov")
    path = copied(tmp_path / "out.webm", source)
    with av.open(str(path)) as container:
        assert not container.streams.audio


def test_odd_sides_become_even(tmp_path):
    clip = open_clip(film(tmp_path / "in.mp4", size=(47, 35)))
    assert clip.size == (47, 35)
    assert next(clip.frames()).image.size == (46, 34)
    assert next(clip.frames(33)).image.size == (32, 24)


def test_a_folder_of_frames_in_the_order_of_numbers(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for i, image in enumerate(moving(11)):
        image.save(folder / f"f{i}.png")
    assert [p.name for p in frame_files(folder)][-2:] == ["f9.png", "f10.png"]
    (folder / "f4.png").write_bytes(b"damaged")
    frames = list(open_clip(folder).frames())
    assert [frame.damaged for frame in frames] == [i == 4 for i in range(11)]
    assert gap(frames[4].image, frames[3].image) == 0
    out = copied(tmp_path / "out", folder)
    assert len(frame_files(out)) == 11
    Image.new("RGB", (20, 20)).save(folder / "f5.png")
    with pytest.raises(ClipError, match=r"f5\.png has 20 x 20 pixels, but f0\.png has"):
        open_clip(folder)


def test_a_damaged_frame_is_bridged(tmp_path):
    path = film(tmp_path / "in.mp4", 30)
    with av.open(str(path)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    position, size = places[5]
    data[position : position + size] = bytes(size)
    path.write_bytes(data)
    frames = list(open_clip(path).frames())
    assert len(frames) == 30
    assert any(frame.damaged for frame in frames)
    assert [frame.time for frame in frames] == sorted({frame.time for frame in frames})


def test_what_is_no_clip_is_refused(tmp_path):
    for name, data, told in (
        ("list.m3u8", b"#EXTM3U\nfile:///etc/passwd", "no film that can be read"),
        ("cut.mp4", film(tmp_path / "a.mp4").read_bytes()[:600], "cannot be opened"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ClipError, match=told):
            open_clip(tmp_path / name)
    Image.new("RGB", (20, 20)).save(tmp_path / "one.gif")
    with pytest.raises(ClipError, match="single picture"):
        open_clip(tmp_path / "one.gif")
    with pytest.raises(ClipError, match="no such file"):
        open_clip(tmp_path / "none.mp4")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ClipError, match="a clip needs 2"):
        open_clip(tmp_path / "empty")
    with av.open(str(tmp_path / "voice.mp4"), "w") as output:
        voice = output.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 48000
        output.mux(voice.encode(frame))
        output.mux(voice.encode(None))
    with pytest.raises(ClipError, match="has no video, only audio"):
        open_clip(tmp_path / "voice.mp4")


def test_parts_that_do_not_exist(tmp_path):
    clip = open_clip(film(tmp_path / "in.mp4", rate=Fraction(6)))
    with pytest.raises(ClipError, match=r"lasts 1\.00 seconds"):
        clip.part(start=2)
    with pytest.raises(ClipError, match="would end at 0.5 seconds, but it begins at 0.5"):
        clip.part(start=0.5, end=0.5)
    assert [f.index for f in clip.part(0.5).frames()] == [0, 1, 2]


def test_a_browsers_recording_does_not_say_how_long_it_is(tmp_path):
    path = film(
        tmp_path / "in.webm",
        codec="libvpx-vp9",
        rate=Fraction(6),
        container={"live": "1"},
        size=(64, 48),
    )
    clip = open_clip(path)
    assert clip.count == 6
    assert [f.index for f in clip.part(0.5).frames()] == [0, 1, 2]


def test_a_codec_that_is_not_there_is_told_before(tmp_path, monkeypatch):
    monkeypatch.setitem(CODECS, ".mp4", "libnone")
    with pytest.raises(ClipError, match=r"built without libnone; write \.gif"):
        check_clip_output(tmp_path / "out.mp4")


def test_outputs_that_are_refused(tmp_path):
    with pytest.raises(ClipError, match=r"\.avi cannot be written; choose \.mp4"):
        check_clip_output(tmp_path / "out.avi")
    with pytest.raises(ClipError, match="does not exist"):
        check_clip_output(tmp_path / "no" / "out.mp4")
    assert check_clip_output(tmp_path / "new") == tmp_path / "new"
