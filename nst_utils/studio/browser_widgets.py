"""Widgets with code in the browser: pictures, curves, an upload field, a mask over a photo."""

import mimetypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..download import LIMIT

_HERE = Path(__file__).parent
_MOST_PIECES = 1024
_MOST_FILE = 40_000_000
_MOST_MASK = 4_000_000  # bytes of a PNG


def _as_bytes(value: Any, _: object) -> bytes:
    """Return what a browser has set as bytes: they come as a view of the message's memory."""
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b""


def _number(value: Any, high: float) -> float | None:
    """Return a number that a browser has sent, brought into 0 to `high`; None where it is none."""
    if not isinstance(value, int | float) or value != value:  # NaN is not itself
        return None
    return float(min(max(value, 0), high))


class PictureView(anywidget.AnyWidget):
    """Two pictures with a line dragged between them, zoom, full screen and download.

    The buttons, the keys + and -, and the wheel with Ctrl zoom. An enlarged picture is moved by
    dragging or by the arrow keys. `words` names the tools. `download` returns a file's name and its
    bytes. `painting` (right of the line) and `photo` (left) are JPEG files of one shape. With
    `pair` both are paintings, and the line begins in the middle. `caption` stands beside the tools
    and is read out in place of the picture.
    """

    _esm = (_HERE / "picture_view.js").read_text(encoding="utf-8")
    painting = traitlets.Bytes(b"").tag(sync=True)
    photo = traitlets.Bytes(b"").tag(sync=True)
    pair = traitlets.Bool(False).tag(sync=True)
    caption = traitlets.Unicode("").tag(sync=True)
    words = traitlets.Dict().tag(sync=True)

    def __init__(
        self, words: dict[str, str], download: Callable[[], tuple[str, bytes]], **options: Any
    ) -> None:
        self._download = download
        super().__init__(words=words, **options)
        self.on_msg(self._asked)

    def _asked(self, _: Any, content: Any, buffers: list) -> None:
        if isinstance(content, dict) and content.get("kind") == "download":
            name, data = self._download()
            if data:
                self.send({"kind": "file", "name": name}, [data])


class LossCurve(anywidget.AnyWidget):
    """Loss curves, drawn in the browser, with their values under the pointer.

    `runs` holds one painting or two, each as `curve_data.curve_of` returns it; `words` names the
    axes.
    """

    _esm = (_HERE / "loss_curve.js").read_text(encoding="utf-8")
    runs = traitlets.List().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)


class NumberSlider(anywidget.AnyWidget):
    """A slider and a field for one number: what is shown is what holds.

    A drag gives three digits between `low` and `high`, in even steps or, with `log`, in even
    factors; with `zero` the lowest stop is 0. What is typed holds as it is, also outside. A double
    click goes back to `usual`. With `marks`, pairs of a number and a word, words stand below the
    slider instead of a field.
    """

    _esm = (_HERE / "number_slider.js").read_text(encoding="utf-8")
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

    _esm = (_HERE / "expert_switch.js").read_text(encoding="utf-8")
    label = traitlets.Unicode("").tag(sync=True)
    help = traitlets.Unicode("").tag(sync=True)


class PictureSlot(anywidget.AnyWidget):
    """A thumbnail that takes a picture file: chosen, dropped onto it, or pasted.

    A file comes in pieces of a megabyte, because a Jupyter server closes a connection whose
    messages are too large. `take` gets a file's name and its bytes, `refuse` the name and the size
    of a file with more than `most` bytes. `thumb` is a JPEG file, `alt` says what it shows. With
    `anywhere` the whole panel takes what is dropped, where no other place does.
    """

    _esm = (_HERE / "picture_slot.js").read_text(encoding="utf-8")
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

    _esm = (_HERE / "saved_files.js").read_text(encoding="utf-8")
    files = traitlets.List().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)

    def show(self, paths: Sequence[Path]) -> None:
        """Show files; one that is very large has no link."""
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

    _esm = (_HERE / "mask_painter.js").read_text(encoding="utf-8")
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
