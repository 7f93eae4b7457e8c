"""A clip from anywhere as upright RGB frames with their times: films, GIF, WebP, folders of frames.

The file's first bytes say its format, and only that reader is tried: a playlist could name other
files. Frames are decoded one by one and never kept.
"""

import contextlib
import dataclasses
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageSequence

from ..errors import NSTError, brief, counted, ignoring, one_line
from ..paths import is_folder, is_regular, user_path
from .decode import open_undecoded, orientation, to_rgb
from .formats import MAX_PIXELS, ImageError, damaged
from .io import fit, read_image

FOLDER_RATE = Fraction(25)
"""Frames a second of a folder, which says nothing of time."""

MOST_FRAMES = 200_000

BROKEN = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)
"""What Pillow raises for an animation that is damaged, or too large."""

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""Suffixes of the pictures that a folder of frames may hold."""


Read = tuple[Fraction, Fraction, Image.Image | None]
"""Time of a frame, how long it is shown, and its picture; None for one that is damaged."""


NUMBERED = "[0-9]" * 6 + ".png"
"""Names of the frames in a folder that a film was written to."""


class ClipError(NSTError, ValueError):
    """A clip that cannot be read or written; the message says why."""


@dataclass(frozen=True)
class Frame:
    """One picture of a clip.

    Attributes
    ----------
    index : int
        Its number among the frames that are read, from 0.
    time : Fraction
        Seconds after the first frame that is read.
    image : PIL.Image.Image
        Upright RGB.
    damaged : bool
        It could not be read: the picture is the frame before it.
    shown : Fraction
        Seconds that it is shown for; 0 where that is not known.
    """

    index: int
    time: Fraction
    image: Image.Image
    damaged: bool = False
    shown: Fraction = Fraction(0)


@dataclass(frozen=True)
class Clip:
    """A clip and the part of it that is read.

    Attributes
    ----------
    source : str
        Name of the file or folder.
    path : Path or None
        Where it is.
    sha256 : str
        Checksum of the file; of a folder, of its pictures' checksums.
    size : tuple of int
        Width and height as shown, pixels.
    rate : Fraction
        Frames a second, exact; a mean where they are not evenly spaced.
    tick : Fraction
        Seconds that all times are multiples of.
    count : int
        Frames that are expected; the file may hold others.
    sound : str
        Name of the sound's codec, or an empty text.
    start, end : Fraction or None
        The part of it that is read, in seconds.
    every : int
        One frame in `every` is read.
    read : callable
        Gives `Read` values of a clip, in order.
    """

    source: str
    path: Path | None
    sha256: str
    size: tuple[int, int]
    rate: Fraction
    tick: Fraction
    count: int
    read: Callable[["Clip"], Iterator[Read]]
    sound: str = ""
    start: Fraction | None = None
    end: Fraction | None = None
    every: int = 1

    def frames(self, size: int | None = None) -> Iterator[Frame]:
        """Read the frames in order.

        Parameters
        ----------
        size : int, optional
            Long side in pixels; both sides become even, as most codecs need it.

        Raises
        ------
        ClipError
            If there are none, or their size changes on the way.
        """
        first = last = None
        index = -1
        for number, (time, shown, image) in enumerate(self.read(self)):
            if number % self.every:
                continue
            if image is None and last is None:
                continue
            bridged = image is None
            if bridged:
                image = last
            elif last is not None and image.size != last.size:
                raise ClipError(
                    f"{self.source}: frame {number} has {image.width} x {image.height} pixels, the "
                    f"first has {last.width} x {last.height}; a clip must keep its size and "
                    "rotation"
                )
            last = image
            first = time if first is None else first
            index += 1
            if self.every > 1:  # those after it that are left out are shown no longer
                shown = 1 / self.rate
            if self.end is not None:
                shown = min(shown, self.end - time)
            yield Frame(index, time - first, even(image, size), bridged, shown)
        if index < 0:
            if self.start is None and self.end is None:
                raise ClipError(f"{self.source}: no frame can be read; name another clip")
            raise ClipError(
                f"{self.source}: no frame begins in this part, or none can be read; choose a "
                f"longer part: a frame lasts {float(1 / self.rate):.3g} s"
            )

    def part(self, start: Any = None, end: Any = None, every: int = 1) -> "Clip":
        """Return the part from `start` to `end`, in seconds, and of that one frame in `every`.

        Raises
        ------
        ClipError
            If it begins outside the clip, or ends before it begins, or this is a part already.
        """
        if (self.start, self.end, self.every) != (None, None, 1):
            raise ClipError(f"{self.source}: this is a part already; take a part of the whole clip")
        start, end = (_seconds(t) for t in (start, end))
        if not isinstance(every, int) or every < 1:
            raise ClipError(f"every must be a whole number of at least 1, not {brief(every)}")
        length = self.count / self.rate
        if start is not None and not 0 <= start < length:
            raise ClipError(
                f"{self.source}: lasts {float(length):.2f} seconds, so nothing begins at "
                f"{float(start):g}; choose an earlier start"
            )
        if end is not None and end <= (start or 0):
            raise ClipError(
                f"the part would end at {float(end):g} seconds, but it begins at "
                f"{float(start or 0):g}; choose a later end"
            )
        # On the grid of the frames, so that the sound begins with the first one.
        start = None if start is None else -int(-(start * self.rate) // 1) / self.rate
        seconds = min(length, end if end is not None else length) - (start or 0)
        count = max(1, -int(-(seconds * self.rate) // 1))
        return dataclasses.replace(
            self, start=start, end=end, every=every, rate=self.rate / every,
            count=-(-count // every),
        )  # fmt: skip


def _seconds(time: Any) -> Fraction | None:
    try:
        return None if time is None else Fraction(time).limit_denominator(10**6)
    except (ValueError, TypeError, OverflowError):
        raise ClipError(f"expected a time in seconds, not {brief(time)}") from None


def even(image: Image.Image, size: int | None) -> Image.Image:
    """Return a frame with even sides, resized to a long side of `size`, or one pixel less."""
    small = image if size is None else fit(image, size, enlarge=True)
    sides = tuple(max(2, side - side % 2) for side in small.size)
    return small if sides == small.size else small.resize(sides, Image.Resampling.LANCZOS)


def open_clip(source: Any) -> Clip:
    """Open a film, an animated GIF or WebP, or a folder of frames.

    Parameters
    ----------
    source : path or Clip
        A Clip is returned unchanged.

    Raises
    ------
    ClipError
        If it is missing, damaged, or no clip.
    ImageError
        If the first picture of a folder cannot be read.
    """
    if isinstance(source, Clip):
        return source
    if not isinstance(source, str | Path):
        raise ClipError(f"expected the path of a clip, not {brief(source)}")
    path = user_path(source)
    if is_folder(path):
        return _open_folder(path)
    if not is_regular(path):
        raise ClipError(f"{path}: no such file; name a film, a GIF, a WebP or a folder of frames")
    with path.open("rb") as file:
        kind = kind_of(file.read(32))
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not kind:
        raise ClipError(
            f"{path}: this is no film that can be read; expected MP4, MOV, WebM, MKV, AVI, GIF, "
            "animated WebP, or a folder of frames"
        )
    return (
        _open_animation(path, digest) if kind in ("GIF", "WEBP") else _open_film(path, kind, digest)
    )


def kind_of(head: bytes) -> str:
    """Return the format of a clip by its first bytes; an empty text if it is none.

    Examples
    --------
    >>> kind_of(b"GIF89a"), kind_of(b"....ftypisom"), kind_of(b"#EXTM3U")
    ('GIF', 'mov', '')
    """
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mov"
    return "matroska" if head[:4] == b"\x1aE\xdf\xa3" else ""


def open_film_file(file: Path | BinaryIO, kind: str, title: str = "") -> Any:
    """Open a film by PyAV's reader of one format.

    Raises
    ------
    ClipError
        If it cannot be opened.
    """
    import av

    try:
        return av.open(str(file) if isinstance(file, Path) else file, format=kind)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reason = one_line(str(getattr(error, "strerror", None) or error), 120)
        raise ClipError(
            f"{title or file}: the film cannot be opened ({reason}); get a fresh copy"
        ) from None


def _open_film(path: Path, kind: str, digest: str) -> Clip:
    with open_film_file(path, kind) as container:
        stream = _video_of(container, path)
        if not stream.width or stream.width * stream.height > MAX_PIXELS:
            raise ClipError(
                f"{path}: frames of {stream.width} x {stream.height} pixels cannot be read; "
                f"expected 1 to {MAX_PIXELS:,} pixels a frame"
            )
        rate = stream.average_rate or stream.guessed_rate or FOLDER_RATE
        seconds = Fraction(container.duration or 0, 1_000_000)
        if stream.duration:
            seconds = stream.duration * stream.time_base
        count = stream.frames or round(seconds * rate)
        if not count:  # recordings of browsers do not say how long they are
            count = sum(packet.size > 0 for packet in container.demux(stream))
        sound = container.streams.audio[0].codec_context.name if container.streams.audio else ""
        tick = stream.time_base
    clip = Clip(path.name, path, digest, (0, 0), Fraction(rate), tick, count, _read_film, sound)
    first = next(_read_film(clip), (None, None, None))[2]
    if first is None:
        raise ClipError(f"{path}: no frame of this film can be read; get a fresh copy")
    return dataclasses.replace(clip, size=first.size)


def _video_of(container: Any, path: Path) -> Any:
    """Return the film's video; a cover picture does not count."""
    streams = [s for s in container.streams.video if not s.disposition & 0x400]
    if not streams:
        kinds = " and ".join(sorted({stream.type for stream in container.streams}))
        raise ClipError(f"{path}: this file has no video, only {kinds or 'nothing'}")
    if not streams[0].codec_context:
        raise ClipError(f"{path}: its video codec cannot be read; convert it to H.264")
    streams[0].thread_type = "AUTO"
    return streams[0]


def _read_film(clip: Clip) -> Iterator[Read]:
    import av

    with clip.path.open("rb") as file:
        kind = kind_of(file.read(32))
    step = 1 / (clip.rate * clip.every)
    with open_film_file(clip.path, kind) as container:
        stream = _video_of(container, clip.path)
        origin = (stream.start_time or 0) * stream.time_base
        if clip.start:
            container.seek(int((clip.start + origin) / stream.time_base), stream=stream)
        lost, expected = 0, None
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                lost += 1
                continue
            for frame in frames:
                time = _time(frame, expected, stream, origin)
                if expected is not None and time <= expected - step:
                    time = expected  # a damaged film may go back in time
                image = None if frame.is_corrupt else _upright(frame, stream)
                if clip.end is not None and time >= clip.end:
                    return
                inside = time >= (clip.start or 0) - step / 4
                # Frames that could not be decoded at all: their times are free.
                while expected is not None and lost and time - expected > step * Fraction(3, 4):
                    if inside:
                        yield expected, step, None
                    expected, lost = expected + step, lost - 1
                if inside:
                    shown = frame.duration * stream.time_base if frame.duration else step
                    yield time, shown, image
                # A decoder on several threads tells of damage before it gives the frames up to it.
                expected = time + step


def _time(frame: Any, expected: Fraction | None, stream: Any, origin: Fraction) -> Fraction:
    """Return when a frame is shown; one without a time follows the one before."""
    return expected or Fraction(0) if frame.pts is None else frame.pts * stream.time_base - origin


def _upright(frame: Any, stream: Any) -> Image.Image:
    image = frame.to_image()
    shape = stream.sample_aspect_ratio
    if shape and shape != 1 and 0.1 < shape < 10:  # pixels that are not square
        image = image.resize((max(1, round(image.width * shape)), image.height))
    turns = round(frame.rotation / 90) % 4
    if _is_mirrored(frame):  # a turn of a mirrored film is told as of one that is not
        image, turns = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (turns + 2) % 4
    return image.rotate(90 * turns, expand=True) if turns else image


def _is_mirrored(frame: Any) -> bool:
    from av.sidedata.sidedata import Type

    matrix = frame.side_data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return False
    a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), np.int32).tolist()
    return a * d < b * c


def _open_animation(path: Path, digest: str) -> Clip:
    try:
        with ignoring(), Image.open(path, formats=["GIF", "WEBP"]) as image:
            size, count = image.size, getattr(image, "n_frames", 1)
            if size[0] * size[1] > MAX_PIXELS:
                raise ClipError(f"{path}: frames of {size[0]} x {size[1]} pixels cannot be read")
            seconds = Fraction(0)
            for number, picture in enumerate(ImageSequence.Iterator(image)):
                seconds += _delay(picture)
                if number == 100:  # enough for the mean
                    break
    except BROKEN as error:
        raise ClipError(
            f"{path}: the animation cannot be read ({one_line(error, 120)}); get a fresh copy"
        ) from None
    if count < 2:
        raise ClipError(f"{path}: this is a single picture, no clip; paint it with stylize")
    rate = (number + 1) / seconds
    return Clip(path.name, path, digest, size, rate, Fraction(1, 1000), count, _read_animation)


def _delay(picture: Image.Image) -> Fraction:
    """Return how long a frame is shown; browsers show one without a time for 0.1 seconds."""
    picture.load()  # a WebP tells it only then
    return Fraction(round(picture.info.get("duration") or 100), 1000)


def _read_animation(clip: Clip) -> Iterator[Read]:
    time = Fraction(0)
    with ignoring():
        image = Image.open(clip.path, formats=["GIF", "WEBP"])
        count = image.n_frames
    with image:
        for number in range(count):
            try:
                with ignoring():  # not while the caller works on a frame
                    image.seek(number)
                    delay, picture = _delay(image), to_rgb(image.copy())
            except BROKEN:
                delay, picture = 1 / (clip.rate * clip.every), None
            if clip.end is not None and time >= clip.end:
                return
            if time + delay > (clip.start or 0):  # what is seen where the part begins is in it
                yield time, delay, picture
            time += delay


def frame_files(folder: Path) -> list[Path]:
    """Return the pictures of a folder in order: frame2 before frame10."""
    files = [p for p in folder.iterdir() if p.suffix.lower() in PICTURES and p.name[0] != "."]

    def key(path: Path) -> list[tuple[int, int, str]]:
        parts = re.split(r"(\d{1,18})", path.name)
        return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]

    return sorted(files, key=key)


def _open_folder(path: Path) -> Clip:
    files = frame_files(path)
    if len(files) < 2 or len(files) > MOST_FRAMES:
        raise ClipError(
            f"{path}: {counted(len(files), 'picture')} in this folder; a clip needs 2 to "
            f"{MOST_FRAMES:,} ({', '.join(PICTURES[:3])}, …)"
        )
    digest, size = hashlib.sha256(), read_image(files[0]).size
    for file in files:
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
            other = _upright_size(opened) or size
        if other != size:
            raise ClipError(
                f"{path}: {file.name} has {other[0]} x {other[1]} pixels, but {files[0].name} has "
                f"{size[0]} x {size[1]}; bring all frames to one size"
            )
    return Clip(
        path.name, path, digest.hexdigest(), size, FOLDER_RATE, 1 / FOLDER_RATE, len(files),
        _read_folder,
    )  # fmt: skip


def _upright_size(file: BinaryIO) -> tuple[int, int] | None:
    """Return width and height of a picture, upright; None if it cannot be read."""
    with contextlib.suppress(Exception), ignoring():
        image = open_undecoded(file)
        return image.size[::-1] if orientation(image) >= 5 else image.size
    return None


def _read_folder(clip: Clip) -> Iterator[Read]:
    for number, file in enumerate(frame_files(clip.path)):
        time = number / FOLDER_RATE
        if clip.end is not None and time >= clip.end:
            return
        if time < (clip.start or 0):
            continue
        try:
            picture = read_image(file)
        except NSTError:
            picture = None
        yield time, 1 / FOLDER_RATE, picture


def read_comment(file: BinaryIO, kind: str, title: str) -> str:
    """Return the text that a clip's file carries as its comment; an empty text if it has none.

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    file.seek(0)
    if kind in ("GIF", "WEBP"):
        try:
            with ignoring(), Image.open(file, formats=["GIF", "WEBP"]) as image:
                text = image.getexif().get(0x010E) or image.info.get("comment") or ""
        except BROKEN as error:
            raise damaged(title, error) from None
    else:
        try:
            with open_film_file(file, kind, title) as container:
                tags = {name.lower(): text for name, text in container.metadata.items()}
        except ClipError as error:
            raise ImageError(str(error)) from None
        text = tags.get("comment", "")
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)
