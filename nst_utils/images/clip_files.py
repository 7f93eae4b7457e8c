"""Clips written to a file: H.264 in MP4 and MOV, VP9 in WebM, GIF, animated WebP, folders."""

import contextlib
import io
import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import NSTWarning, one_line
from ..paths import is_folder, replacing, user_path
from .clips import NUMBERED, Clip, ClipError, Frame, even, kind_of, open_film_file
from .formats import ImageError
from .png import check_output, save_png

CODECS = {".mp4": "libx264", ".m4v": "libx264", ".mov": "libx264", ".webm": "libvpx-vp9"}

CONTAINERS = {".m4v": "mp4"}
"""Formats that have another name than their suffix."""

OPTIONS = {
    # With frames that refer to later ones, a film of uneven times would tell a wrong duration.
    "libx264": {"crf": "17", "preset": "medium", "bf": "0"},
    "libvpx-vp9": {"crf": "24", "b:v": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"},
}
"""Quality at which brush strokes stay sharp."""

SUFFIXES = (*CODECS, ".gif", ".webp")

BT709 = 1
"""Number of the color standard that players assume, in ffmpeg's lists."""

Frames = Callable[[], Iterable[Frame]]
"""Gives the frames in order, as often as it is called."""

SHORTEST = Fraction(1, 50)
"""Shortest time of a frame of a GIF, seconds: players take 0.1 s for a shorter one."""


def check_clip_output(path: str | os.PathLike) -> Path:
    """Check before a long run that a clip can be written at `path`; a folder is made later.

    Raises
    ------
    ClipError
        If the suffix is not known, or the file cannot be made.
    """
    name, path = os.fspath(path), user_path(path)
    suffix = path.suffix.lower()
    if name.endswith(("/", os.sep)) or is_folder(path) or not suffix:
        if os.path.exists(path) and not is_folder(path):
            raise ClipError(f"{path}: this is a file; name a new folder, or a file with a suffix")
        if suffix in SUFFIXES:
            raise ClipError(f"{path}: a folder for frames cannot end in {suffix}; choose another")
        if not is_folder(path.absolute().parent):
            raise ClipError(f"{path}: the folder above it does not exist; make it first")
        return path
    if suffix not in SUFFIXES:
        raise ClipError(
            f"{path}: {suffix} cannot be written; choose {', '.join(SUFFIXES)}, or a folder"
        )
    if suffix in CODECS:
        _check_codec(path, CODECS[suffix])
    try:
        return check_output(path, suffix)
    except ImageError as error:
        raise ClipError(str(error)) from None


def _check_codec(path: Path, codec: str) -> None:
    """Refuse a codec that this build of ffmpeg lacks: distributions leave some out."""
    import av

    try:
        av.codec.Codec(codec, "w")
    except ValueError:
        raise ClipError(
            f"{path}: PyAV here is built without {codec}; write .gif, .webp or a folder, or "
            "install the wheel with pip install av"
        ) from None


def warn_of_silence(clip: Clip, path: Path) -> None:
    """Say where a clip's sound cannot be copied into a file."""
    import av

    suffix, known = kind_of_output(path), set()
    if suffix in CODECS:
        with av.open(io.BytesIO(), "w", format=CONTAINERS.get(suffix, suffix[1:])) as container:
            known = container.supported_codecs
    if clip.sound and clip.sound not in known:
        warnings.warn(
            f"the sound of {clip.source} ({clip.sound}) cannot be copied into "
            f"{suffix or 'a folder'}: the film is silent; write .mp4 or .mov, or convert the sound",
            NSTWarning,
            stacklevel=3,
        )


def kind_of_output(path: Path) -> str:
    """Return the suffix that a clip is written by; an empty text for a folder of frames."""
    suffix = path.suffix.lower()
    return suffix if suffix in SUFFIXES else ""


def write_clip(path: Path, frames: Frames, clip: Clip, record: Mapping[str, Any]) -> Path:
    """Write a clip with the record of how it was made; a failed write leaves no partial file.

    Parameters
    ----------
    path : Path
        As `check_clip_output` returned it.
    frames : callable
        See `Frames`. All of one size, with even sides.
    clip : Clip
        Gives the rate, what times are multiples of, and the sound.
    record : mapping
        JSON values. Films and GIFs hold them as their comment, WebP in the EXIF description, and
        a folder in each of its PNG files.

    Raises
    ------
    ClipError
        If it cannot be written, for example on a full disk.
    """
    import av

    suffix = kind_of_output(path)
    write = _write_animation if suffix in (".gif", ".webp") else _write_film
    try:
        if not suffix:
            _write_folder(path, frames, record)
            return path
        with replacing(path) as draft:
            write(draft, frames, clip, json.dumps(record))
    except (OSError, av.error.FFmpegError, ImageError) as error:
        reason = getattr(error, "strerror", None) or one_line(error, 120)
        raise ClipError(f"{path}: the film cannot be written ({reason})") from None
    return path


def write_steps(path: Path, pictures: Sequence[Image.Image], record: Mapping[str, Any]) -> Path:
    """Write how a painting came about: ten pictures a second, the last one two seconds longer.

    Parameters
    ----------
    path, record
        As for `write_clip`.
    pictures : sequence of PIL.Image.Image
        In order. They get the size of the last one, with even sides.

    Raises
    ------
    ClipError
        If it cannot be written.
    """
    last, rate = even(pictures[-1], None), Fraction(10)

    def frames() -> Iterator[Frame]:
        for i, picture in enumerate(pictures):
            image = last if i == len(pictures) - 1 else picture.resize(last.size)
            yield Frame(i, i / rate, image, shown=2 + 1 / rate if image is last else 1 / rate)

    clip = Clip("steps", None, "", last.size, rate, 1 / rate, len(pictures), lambda _: iter(()))
    return write_clip(path, frames, clip, {**record, "caption": "how a painting came about"})


def _write_film(path: Path, frames: Frames, clip: Clip, comment: str) -> None:
    import av

    codec = CODECS[path.suffix.lower()]
    # Where the record is found first: the film plays while it is still loading.
    options = {"movflags": "+faststart"} if codec == "libx264" else {}
    with av.open(str(path), "w", options=options) as output:
        output.metadata["comment"] = comment
        stream, shown = None, 0
        with _sound(clip, output) as sound:
            for one in frames():
                if stream is None:
                    stream = _video(output, codec, clip, one.image)
                frame = av.VideoFrame.from_image(one.image)
                frame = frame.reformat(format="yuv420p", dst_colorspace=BT709, dst_color_range=1)
                frame.colorspace, frame.color_range = BT709, 1
                frame.pts, frame.time_base = round(one.time / clip.tick), clip.tick
                shown = round((one.shown or 1 / clip.rate) / clip.tick)
                output.mux(stream.encode(frame))
                for packet in sound(one.time):
                    output.mux(packet)
            packets = stream.encode(None)
            for packet in packets[-1:]:
                packet.duration = shown  # no other frame ends the last one
            output.mux(packets)
            for packet in sound(None):
                output.mux(packet)


def _video(output: Any, codec: str, clip: Clip, image: Image.Image) -> Any:
    # The rate as a fraction: 30000/1001 stays 30000/1001.
    stream = output.add_stream(codec, rate=clip.rate, options=OPTIONS[codec])
    stream.width, stream.height, stream.pix_fmt = *image.size, "yuv420p"
    context = stream.codec_context
    context.time_base = stream.time_base = clip.tick
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = 1
    return stream


@contextlib.contextmanager
def _sound(clip: Clip, output: Any) -> Iterator[Callable[[Fraction | None], Iterator[Any]]]:
    """Yield a function that gives the sound's packets up to a time; None: all that are left."""
    if clip.sound not in output.supported_codecs:
        yield lambda until: iter(())
        return
    with clip.path.open("rb") as file:
        kind = kind_of(file.read(32))
    with open_film_file(clip.path, kind) as source:
        stream, video = source.streams.audio[0], source.streams.video[0]
        target = output.add_stream_from_template(stream)
        # From the first frame that is painted: it may be later than the part begins.
        began = next(clip.read(clip), (clip.start or 0, None))[0] if clip.start else 0
        origin = (video.start_time or 0) * video.time_base + began
        packets = _packets(source, stream, target, clip, origin, began)
        waiting: list[Any] = []  # the first one that is later

        def until(time: Fraction | None) -> Iterator[Any]:
            while (packet := waiting.pop() if waiting else next(packets, None)) is not None:
                if time is not None and packet.dts * packet.time_base > time:
                    waiting.append(packet)
                    return
                yield packet

        yield until


def _packets(
    source: Any, stream: Any, target: Any, clip: Clip, origin: Fraction, began: Fraction
) -> Iterator[Any]:
    """Yield the sound's packets as they are, moved to the beginning of the part that is read."""
    shift = round(origin / stream.time_base)
    for packet in source.demux(stream):
        if packet.dts is None or packet.pts is None:
            continue
        time = packet.pts * stream.time_base - origin
        after = packet.duration * stream.time_base
        if clip.start and time + after <= 0:
            continue
        if clip.end is not None and time >= clip.end - began:
            return
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = target
        yield packet


def _write_animation(path: Path, frames: Frames, clip: Clip, comment: str) -> None:
    gif = path.suffix.lower() == ".gif"
    unit = 10 if gif else 1  # milliseconds
    delays = _delays(frames, clip, unit, round(SHORTEST * 1000) // unit if gif else 1)
    shown = (frame.image for frame in frames() if frame.index in delays)
    if gif:
        palette = _palette(frames, max(1, len(delays) // 8))
        shown = (image.quantize(palette=palette) for image in shown)
        options = {"comment": comment.encode(), "optimize": False}
    else:
        exif = Image.Exif()
        exif[0x010E] = comment
        options = {"exif": exif.tobytes(), "quality": 85, "method": 4}
    next(shown).save(
        path, save_all=True, append_images=shown, loop=0, duration=list(delays.values()), **options
    )


def _delays(frames: Frames, clip: Clip, unit: int, least: int) -> dict[int, int]:
    """Return how long frames are shown, milliseconds; those that come too soon are left out.

    `unit` is what the format counts in, milliseconds; `least` is the shortest time, in units.
    """
    begins: dict[int, int] = {}
    end = 0
    for frame in frames():
        begin, last = (round(t * 1000 / unit) for t in (frame.time, frame.shown or 1 / clip.rate))
        if not begins or begin - max(begins.values()) >= least:
            begins[frame.index] = begin
        end = begin + max(least, last)
    if frame.index >= len(begins):
        warnings.warn(
            f"a GIF shows at most {1 / SHORTEST} frames a second: {frame.index + 1 - len(begins)} "
            f"of {frame.index + 1} are left out of it; .webp or .mp4 holds them all",
            NSTWarning,
            stacklevel=5,
        )
    most = 2**16 - 1 if unit == 10 else 2**24 - 1  # what the formats can hold
    ends = [*list(begins.values())[1:], end]
    spans = zip(begins.items(), ends, strict=True)
    return {index: min(end - begin, most) * unit for (index, begin), end in spans}


def _palette(frames: Frames, step: int) -> Image.Image:
    """Return one palette for all frames, so that colors do not flicker."""
    few = [frame.image for frame in frames() if frame.index % step == 0]
    sheet = Image.new("RGB", (few[0].width, few[0].height * len(few)))
    for i, picture in enumerate(few):
        sheet.paste(picture, (0, i * picture.height))
    return sheet.quantize(256)


def _write_folder(path: Path, frames: Frames, record: Mapping[str, Any]) -> None:
    path.mkdir(exist_ok=True)
    number = -1
    for number, frame in enumerate(frames()):
        save_png(frame.image, path / f"{number:06}.png", record)
    for old in path.glob(NUMBERED):  # of a longer film that was here
        if int(old.stem) > number:
            old.unlink()
