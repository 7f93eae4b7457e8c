"""Widgets with code in the browser: pictures, curves, an upload field, a mask, a camera."""

import io
import mimetypes
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from PIL import Image

from ..download import LIMIT
from ..images.io import fit

_HERE = Path(__file__).parent
_MOST_PIECES = 1024
_MOST_FILE = 40_000_000
_MOST_MASK = 4_000_000  # bytes of a PNG
_MOST_FRAME = 4_000_000  # bytes of a JPEG
_MOST_WAITING, _MOST_ALL_WAIT = 2, 8  # frames of a page, and of all pages
_TILE, _MOST_TILES, _MOST_LEVEL = 512, 24, 6

SHOWN = 1280
"""Long side of a picture that a browser gets whole, pixels; it gets tiles of a larger one."""


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    """Return a picture as the bytes of a JPEG."""
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return data.getvalue()


def _script(name: str) -> str:
    """Return a widget's script, after the function that makes elements."""
    return "".join((_HERE / f"{file}.js").read_text(encoding="utf-8") for file in ("dom", name))


def _as_bytes(value: Any, _: object) -> bytes:
    """Return what a browser has set as bytes: they come as a view of the message's memory."""
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b""


def _number(value: Any, high: float) -> float | None:
    """Return a number that a browser has sent, brought into 0 to `high`; None where it is none."""
    if not isinstance(value, int | float) or value != value:  # NaN is not itself
        return None
    return float(min(max(value, 0), high))


class PictureView(anywidget.AnyWidget):
    """A picture to be looked at closely, or two of one shape with a line dragged between them.

    The buttons, the keys + - 0 and 1, a double click, and the wheel with Ctrl zoom; in full screen
    the wheel alone. An enlarged picture is moved by dragging or by the arrow keys. `words` names
    the tools; without ``download`` that tool is missing. `download` returns a file's name and its
    bytes. `painting` (right of the line) and `photo` (left) are JPEG files with a long side of at
    most `SHOWN` pixels, set by `show`; the browser asks for tiles of what is larger. `whole` holds
    for each its width, its height, and a number that grows with every new picture. With `pair` both
    are paintings, and the line begins in the middle. `alone` leaves out the line, and the wheel
    zooms without Ctrl. `caption` stands beside the tools and is read out in place of the picture.
    """

    _esm = _script("picture_view")
    _css = (_HERE / "panel.css").read_text(encoding="utf-8")
    painting = traitlets.Bytes(b"").tag(sync=True)
    photo = traitlets.Bytes(b"").tag(sync=True)
    whole = traitlets.Dict().tag(sync=True)
    pair = traitlets.Bool(False).tag(sync=True)
    alone = traitlets.Bool(False).tag(sync=True)
    caption = traitlets.Unicode("").tag(sync=True)
    words = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        words: dict[str, str],
        download: Callable[[], tuple[str, bytes]] = lambda: ("", b""),
        **options: Any,
    ) -> None:
        self._download = download
        self._images: dict[str, Image.Image] = {}
        super().__init__(words=words, **options)
        self.on_msg(self._asked)

    def show(self, **pictures: Image.Image) -> None:
        """Show a picture as ``painting``, as ``photo``, or both."""
        whole = dict(self.whole)
        with self.hold_sync():
            for side, image in pictures.items():
                self._images[side] = image
                setattr(self, side, jpeg(fit(image, SHOWN)))
                whole[side] = [*image.size, whole.get(side, (0, 0, 0))[2] + 1]
            self.whole = whole

    def _asked(self, _: Any, content: Any, buffers: list) -> None:
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind == "download":
            name, data = self._download()
            if data:
                self.send({"kind": "file", "name": name}, [data])
        if kind == "tiles" and content.get("side") in list(self._images):
            self._send_tiles(content["side"], content.get("stamp"), content.get("tiles"))

    def _send_tiles(self, side: str, stamp: Any, wanted: Any) -> None:
        """Send those tiles of a picture that exist; none of one that is not shown any more."""
        image, tiles = self._images[side], []
        if isinstance(wanted, list) and stamp == self.whole[side][2]:
            tiles = [tile for tile in wanted[:_MOST_TILES] if _box_of(tile, image.size)]
        files = [
            jpeg(image.reduce(2 ** tile[0], _box_of(tile, image.size)).convert("RGB"))
            for tile in tiles
        ]
        self.send({"kind": "tiles", "side": side, "stamp": stamp, "tiles": tiles}, files)


def _box_of(tile: Any, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Return the part of a picture that a tile shows, pixels; None if there is no such tile.

    Examples
    --------
    >>> _box_of([1, 1, 0], (1500, 700)), _box_of([0, 3, 0], (1500, 700)), _box_of("odd", (9, 9))
    ((1024, 0, 1500, 700), None, None)
    """
    numbers = isinstance(tile, list) and len(tile) == 3 and all(type(x) is int for x in tile)
    if not numbers or not 0 <= tile[0] <= _MOST_LEVEL or min(tile) < 0:
        return None
    side = _TILE * 2 ** tile[0]
    left, top = tile[1] * side, tile[2] * side
    if left >= size[0] or top >= size[1]:
        return None
    return left, top, min(left + side, size[0]), min(top + side, size[1])


class LossCurve(anywidget.AnyWidget):
    """Loss curves, drawn in the browser, with their values under the pointer.

    `runs` holds one painting or two, each as `curve_data.curve_of` returns it; `words` names the
    axes.
    """

    _esm = _script("loss_curve")
    runs = traitlets.List().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)


class NumberSlider(anywidget.AnyWidget):
    """A slider and a field for one number: what is shown is what holds.

    A drag gives three digits between `low` and `high`, in even steps or, with `log`, in even
    factors; with `zero` the lowest stop is 0. What is typed holds as it is, also outside. A double
    click goes back to `usual`. With `marks`, pairs of a number and a word, words stand below the
    slider instead of a field.
    """

    _esm = _script("number_slider")
    value = traitlets.Float(1.0).tag(sync=True)
    usual = traitlets.Float(1.0).tag(sync=True)
    low = traitlets.Float(0.0).tag(sync=True)
    high = traitlets.Float(1.0).tag(sync=True)
    log = traitlets.Bool(False).tag(sync=True)
    zero = traitlets.Bool(False).tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)
    help = traitlets.Unicode("").tag(sync=True)
    marks = traitlets.List().tag(sync=True)


class ExpertSwitch(anywidget.AnyWidget):
    """A switch that shows all of the panel in this browser, which remembers it."""

    _esm = _script("expert_switch")
    label = traitlets.Unicode("").tag(sync=True)
    help = traitlets.Unicode("").tag(sync=True)


class PictureSlot(anywidget.AnyWidget):
    """A thumbnail that takes a picture file: chosen, dropped onto it, or pasted.

    A file comes in pieces of a megabyte, because a Jupyter server closes a connection whose
    messages are too large. `take` gets a file's name and its bytes, `refuse` the name and the size
    of a file with more than `most` bytes. `thumb` is a JPEG file, `alt` says what it shows. With
    `anywhere` the whole panel takes what is dropped, where no other place does.
    """

    _esm = _script("picture_slot")
    thumb = traitlets.Bytes(b"").tag(sync=True)
    alt = traitlets.Unicode("").tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    most = traitlets.Int(LIMIT).tag(sync=True)
    anywhere = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        words: dict[str, str],
        take: Callable[[str, bytes], None],
        refuse: Callable[[str, int], None],
        **options: Any,
    ) -> None:
        self._take, self._refuse = take, refuse
        self._id, self._pieces = "", []
        super().__init__(words=words, **options)
        self.on_msg(self._got)

    def _got(self, _: Any, content: Any, buffers: list) -> None:
        """Put the pieces of a file together; a piece out of order ends the file."""
        if not isinstance(content, dict):
            return
        name = str(content.get("name", "picture"))
        if content.get("kind") == "refused":
            self._refuse(name, int(_number(content.get("size"), 2**53) or 0))
        if content.get("kind") != "piece" or not buffers:
            return
        place, count = content.get("place"), content.get("count")
        if place == 0:
            self._id, self._pieces = content.get("id"), []
        fits = content.get("id") == self._id and place == len(self._pieces)
        if not fits or not isinstance(count, int) or not 1 <= count <= _MOST_PIECES:
            return
        self._pieces.append(bytes(buffers[0]))
        size = sum(map(len, self._pieces))
        if size > self.most:
            self._id, self._pieces = "", []
            self._refuse(name, size)
        elif len(self._pieces) == count:
            data, self._id, self._pieces = b"".join(self._pieces), "", []
            self._take(name, data)


class SavedFiles(anywidget.AnyWidget):
    """A preview of what was saved, and a link to each file.

    `files` are dictionaries with ``name``, ``type`` (as in ``image/png``) and ``data`` (bytes).
    """

    _esm = _script("saved_files")
    files = traitlets.List().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)

    def show(self, paths: Sequence[Path]) -> None:
        """Show files; a file of more than 40 MB is left out: no preview and no link."""
        self.files = [
            {
                "name": path.name,
                "type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
                "data": path.read_bytes(),
            }
            for path in paths
            if path.stat().st_size <= _MOST_FILE
        ]


class MaskPainter(anywidget.AnyWidget):
    """A photo over which a mask is painted with a brush, an eraser, a box, or part by part.

    `photo` is a JPEG file. `mask` is a PNG file of the photo's shape, white where it covers, or
    empty; the browser sets it after every stroke. `part` gets a place that was clicked, as shares
    of the photo's width and height; `parts` is called before the first click, to set `outlines`, a
    PNG file that is white where parts meet. `busy` says over the photo what is being done.
    """

    _esm = _script("mask_painter")
    photo = traitlets.Bytes(b"").tag(sync=True)
    mask = traitlets.Bytes(b"").tag(sync=True, from_json=_as_bytes)
    outlines = traitlets.Bytes(b"").tag(sync=True)
    busy = traitlets.Unicode("").tag(sync=True)
    words = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        words: dict[str, str],
        parts: Callable[[], None],
        part: Callable[[float, float], None],
        **options: Any,
    ) -> None:
        self._parts, self._part = parts, part
        super().__init__(words=words, **options)
        self.on_msg(self._got)

    @traitlets.validate("mask")
    def _bounded(self, proposal: Any) -> bytes:
        """Take no mask that is too large; the browser is told that there is none."""
        value = proposal["value"]
        return value if len(value) <= _MOST_MASK else b""

    def _got(self, _: Any, content: Any, buffers: list) -> None:
        if not isinstance(content, dict):
            return
        if content.get("kind") == "parts":
            self._parts()
        place = _number(content.get("x"), 1), _number(content.get("y"), 1)
        if content.get("kind") == "part" and None not in place:
            self._part(*place)


class CameraView(anywidget.AnyWidget):
    """A camera beside its painting.

    The browser sends frames as JPEG files with a long side of at most `side` pixels: the next one
    while the last one is painted, so that neither side waits for the other. `paint` returns a
    frame's painting, `shoot` gets a large photo; both run in `worker`, one after the other. A frame
    that comes while two others of its page wait is left out.
    """

    _esm = _script("camera_view")
    words = traitlets.Dict().tag(sync=True)
    side = traitlets.Int(256).tag(sync=True)

    def __init__(
        self,
        words: dict[str, str],
        worker: Executor,
        paint: Callable[[bytes], bytes],
        shoot: Callable[[bytes], None],
        **options: Any,
    ) -> None:
        self._worker, self._paint, self._shoot = worker, paint, shoot
        self._waiting: list[tuple[str, Future[None]]] = []
        super().__init__(words=words, **options)
        self.on_msg(self._got)

    def _got(self, _: Any, content: Any, buffers: list) -> None:
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind not in ("frame", "shutter") or not buffers:
            return
        data = bytes(buffers[0])
        if len(data) > _MOST_FRAME:
            return
        if kind == "shutter":
            self._worker.submit(self._shoot, data)
            return
        own, number = str(content.get("own"))[:40], str(content.get("number"))[:20]
        self._waiting = [(page, job) for page, job in self._waiting if not job.done()]
        ahead = sum(page == own for page, _ in self._waiting)
        if ahead < _MOST_WAITING and len(self._waiting) < _MOST_ALL_WAIT:
            self._waiting.append((own, self._worker.submit(self._answer, own, number, data)))

    def _answer(self, own: str, number: str, data: bytes) -> None:
        if painted := self._paint(data):
            self.send({"kind": "painted", "own": own, "number": number}, [painted])
