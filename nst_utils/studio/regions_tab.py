"""The studio's tab for several styles: how much of each, and where each goes."""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import ipywidgets as widgets
import numpy as np
from PIL import Image, ImageChops, ImageFilter

from ..images.formats import ImageError
from ..images.io import fit
from ..images.samples import open_picture
from ..paths import claim_file
from .browser_widgets import MaskPainter, NumberSlider
from .controller import Controller
from .history import StudioError
from .pickers import PicturePicker, jpeg
from .toolbar import make_button

SIDE = 480
"""Long side of the photo over which a mask is painted, pixels."""

PARTS = 10
"""Parts that are proposed to begin with."""

_FADE = 1.5
"""Pixels over which a part's mark fades at its edge."""

_TOOLS = (
    "mask brush", "mask eraser", "mask box", "mask part", "mask undo", "mask clear", "mask width",
)  # fmt: skip
_WHERE = {"second": "marked second", "photo": "marked photo", "only": "marked only"}
_LABEL = {"description_width": "150px"}


class RegionsTab:
    """A second style, its share, and a mask that says where it goes.

    `controller` returns the painting that is steered now. `act` does an action, then shows a label
    if there is one, or the message of an error; `complain` gets a sentence when a picture cannot be
    opened.
    """

    def __init__(
        self,
        say: Callable[[str], str],
        controller: Callable[[], Controller],
        act: Callable[..., None],
        complain: Callable[[str], None],
    ) -> None:
        self._say, self._controller = say, controller
        self._shown, self._blend = "", controller().wanted.blend
        second = next(iter(controller().history.others), "")
        self.second = PicturePicker(
            "second style", second, say, lambda source: act(lambda: self._add_style(source)),
            complain,
            lambda: controller().folder / "uploads", optional=True,
        )  # fmt: skip
        self.share = NumberSlider(value=0.5, usual=0.5, label=say("share"))
        self.share.observe(lambda _: act(self.blend), "value")
        words = {name.removeprefix("mask "): say(name) for name in _TOOLS}
        self.painter = MaskPainter(
            words,
            lambda: act(self.show_parts),
            lambda x, y: act(lambda: self.mark_part_at(x, y)),
        )
        self.painter.observe(lambda _: act(self._check_mask), "mask")
        self.count = widgets.BoundedIntText(
            PARTS, min=2, max=24, description=say("parts"), style=_LABEL, layout={"width": "220px"}
        )
        self.count.observe(lambda _: act(self._count_again), "value")
        self.where = widgets.Dropdown(
            options=[(say(text), kind) for kind, text in _WHERE.items()], description=say("marked"),
            style=_LABEL, layout={"width": "98%"},
        )  # fmt: skip
        actions = {
            "apply": ("apply help", self.apply, "regions said"),
            "everywhere": ("everywhere help", self.forget, "alike said"),
            "crop": ("crop help", self.crop, "crop said"),
        }
        self.buttons = {
            name: make_button(say(name), say(help), partial(act, press, said))
            for name, (help, press, said) in actions.items()
        }
        row = widgets.HBox(list(self.buttons.values()), layout={"flex_flow": "row wrap"})
        self.box = widgets.VBox(
            [self.second, self.share, self.painter, self.count, self.where, row]
        )

    def refresh(self) -> None:
        """Show the current photo; a mark on another one is forgotten."""
        controller = self._controller()
        second = next(iter(controller.history.others), "")
        if self.second.source != second:
            self.second.show(second)
        share = controller.wanted.blend[1:2]
        if share and controller.wanted.blend != self._blend:
            self.share.value = share[0]  # after undo, for example
        self._blend = controller.wanted.blend
        if controller.content == self._shown:
            return
        self._shown = controller.content
        photo = fit(open_picture(controller.content, 2 * SIDE), SIDE)
        self.painter.mask = self.painter.outlines = b""
        self.painter.photo = jpeg(photo)

    # What the user does.

    def _add_style(self, source: str) -> None:
        with self._controller().one_move():
            self._controller().choose(others=(source,) if source else ())
            if source:
                self.blend()

    def drop_second(self) -> None:
        """Take the second style away, where no place is left for it."""
        if self._controller().history.others:
            self._controller().choose(others=())

    def blend(self) -> None:
        """Give the second style its share of the whole picture."""
        if not self._controller().history.others:
            raise StudioError("choose a second style first; there is nothing to blend yet")
        share = round(self.share.value, 3)
        self._controller().set(blend=(1 - share, share), regions=())

    @property
    def mask(self) -> Image.Image | None:
        """What is marked: gray, of the photo's shape; None where nothing is."""
        if not self.painter.mask:
            return None
        mask = open_picture(self.painter.mask, SIDE).convert("L")
        return mask if mask.getextrema()[1] else None

    def _check_mask(self) -> None:
        """Forget a mask that cannot be read, here and in the browser, and say why."""
        try:
            _ = self.mask
        except ImageError:
            self.painter.mask = b""
            raise

    def show_parts(self) -> None:
        """Show the outlines of the proposed parts."""
        from .parts import outlines

        self.painter.outlines = _png(outlines(self._proposed()))

    def _count_again(self) -> None:
        if self.painter.outlines:
            self.show_parts()

    def mark_part_at(self, x: float, y: float) -> None:
        """Mark the proposed part at a place of the photo, given as shares of its sides.

        If it is marked already, its mark goes.
        """
        parts = self._proposed()
        height, width = parts.shape
        row, column = min(int(y * height), height - 1), min(int(x * width), width - 1)
        part = Image.fromarray(parts == parts[row, column]).convert("L")
        size = fit(open_picture(self._controller().content, 2 * SIDE), SIDE).size
        part = part.filter(ImageFilter.GaussianBlur(_FADE)).resize(size, Image.Resampling.BICUBIC)
        marked = self.mask or Image.new("L", size)
        place = int(x * (size[0] - 1)), int(y * (size[1] - 1))
        if marked.resize(size).getpixel(place) > 127:
            mask = ImageChops.subtract(marked.resize(size), part)
        else:
            mask = ImageChops.lighter(marked.resize(size), part)
        self.painter.mask = _png(mask)

    def apply(self) -> None:
        """Paint by regions: the marked part as the menu says, the rest in the first style."""
        controller = self._controller()
        if self.where.value == "second" and not controller.history.others:
            raise StudioError(
                "choose a second style first, or let the photo stay where it is marked"
            )
        form = str(self._save_mask(controller))
        inside, outside = {"second": (2, 1), "photo": (0, 1), "only": (1, 0)}[self.where.value]
        with controller.one_move():
            if self.where.value != "second":
                self.drop_second()
            controller.set(blend=(), regions=[[form, inside, ""], ["rest", outside, ""]])

    def forget(self) -> None:
        """Paint everywhere alike again; the mask stays."""
        controller = self._controller()
        with controller.one_move():
            controller.set(regions=(), blend=())
            if controller.history.others:
                self.blend()

    def crop(self) -> None:
        """Paint only the part of the photo around what is marked."""
        if (mask := self.mask) is None:
            raise StudioError("mark the part to be kept first: the box is made for that")
        controller = self._controller()
        whole = open_picture(controller.content)
        # A faint edge of a proposed part is not meant.
        box = mask.point(lambda v: 255 * (v > 127)).getbbox() or mask.getbbox()
        times = [w / m for w, m in zip(whole.size * 2, mask.size * 2, strict=True)]
        box = [round(side * factor) for side, factor in zip(box, times, strict=True)]
        path = claim_file(controller.folder / "uploads", "cropped.png")
        whole.crop(box).save(path)
        controller.choose(content=str(path))

    # How it is done.

    def _save_mask(self, controller: Controller) -> Path:
        if (mask := self.mask) is None:
            raise StudioError("nothing is marked yet: paint over the photo, or click a part of it")
        path = claim_file(controller.folder / "masks", "mask.png")
        mask.save(path)
        return path

    def _proposed(self) -> np.ndarray:
        """Return the part that each position of the photo belongs to, shape (h, w)."""
        from . import parts

        self.painter.busy = self._say("looking for parts")
        try:
            return parts.propose_parts(self._controller().content, self.count.value)
        finally:
            self.painter.busy = ""


def _png(mask: Image.Image | np.ndarray) -> bytes:
    data = io.BytesIO()
    image = mask if isinstance(mask, Image.Image) else Image.fromarray(mask)
    image.convert("L").save(data, "PNG")
    return data.getvalue()
