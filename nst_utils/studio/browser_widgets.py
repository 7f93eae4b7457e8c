"""Widgets with code in the browser: a picture to look at, a place for one, a mask over one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..download import LIMIT

_HERE = Path(__file__).parent
_MOST_PIECES = 1024
_MOST_MASK = 4_000_000  # bytes of a PNG


class PictureView(anywidget.AnyWidget):
    """A painting over its photo: a line dragged between them, zoom, full screen, download.

    Zoom is by the buttons, by + and -, and by the wheel with Ctrl; a picture that is enlarged is
    moved by dragging or by the arrow keys.

    Parameters
    ----------
    words : dict of str to str
        Names of its tools: ``wipe``, ``larger``, ``smaller``, ``fit``, ``full``, ``download``.
    download : callable
        Returns a file's name and its bytes, when its user asks for it.

    Attributes
    ----------
    painting, photo : bytes
        JPEG files of one shape.
    caption : str
        Shown beside the tools, and read out in place of the picture.
    """

    _esm = (_HERE / "picture_view.js").read_text(encoding="utf-8")
    painting = traitlets.Bytes(b"").tag(sync=True)
    photo = traitlets.Bytes(b"").tag(sync=True)
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


class PictureSlot(anywidget.AnyWidget):
    """A thumbnail that takes a picture file: chosen, dropped onto it, or pasted.

    A file comes in pieces of a megabyte, because a Jupyter server cuts a connection off whose
    messages are larger than some.

    Parameters
    ----------
    words : dict of str to str
        ``upload`` and ``help``.
    take : callable
        Called with a file's name and its bytes.
    refuse : callable
        Called with a name and a size in bytes, where that is above `most`.

    Attributes
    ----------
    thumb : bytes
        A JPEG file.
    alt : str
        What it shows.
    most : int
        Bytes that a file may have.
    """

    _esm = (_HERE / "picture_slot.js").read_text(encoding="utf-8")
    thumb = traitlets.Bytes(b"").tag(sync=True)
    alt = traitlets.Unicode("").tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    most = traitlets.Int(LIMIT).tag(sync=True)

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
        """Put pieces together; whatever does not follow the last one ends the file under way."""
        if not isinstance(content, dict):
            return
        name = str(content.get("name", "picture"))
        if content.get("kind") == "refused":
            self._refuse(name, int(content.get("size", 0)))
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


class MaskPainter(anywidget.AnyWidget):
    """A photo over which a mask is painted: by a brush, an eraser, a box, or part by part.

    Parameters
    ----------
    words : dict of str to str
        Names of its tools: ``brush``, ``eraser``, ``box``, ``part``, ``clear``, ``width``.
    painted : callable
        Called with the mask as the bytes of a PNG, after every stroke.
    part : callable
        Called with a place that was clicked, in shares of the width and of the height.

    Attributes
    ----------
    photo : bytes
        A JPEG file.
    mask : bytes
        A PNG file of the photo's shape, white where it covers; set to show another mask.
    """

    _esm = (_HERE / "mask_painter.js").read_text(encoding="utf-8")
    photo = traitlets.Bytes(b"").tag(sync=True)
    mask = traitlets.Bytes(b"").tag(sync=True)
    words = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        words: dict[str, str],
        painted: Callable[[bytes], None],
        part: Callable[[float, float], None],
        **options: Any,
    ) -> None:
        self._painted, self._part = painted, part
        super().__init__(words=words, **options)
        self.on_msg(self._got)

    def _got(self, _: Any, content: Any, buffers: list) -> None:
        if not isinstance(content, dict):
            return
        if content.get("kind") == "mask" and buffers and len(buffers[0]) <= _MOST_MASK:
            self._painted(bytes(buffers[0]))
        place = content.get("x"), content.get("y")
        if content.get("kind") == "part" and all(isinstance(share, int | float) for share in place):
            self._part(*(min(max(float(share), 0.0), 1.0) for share in place))
