"""What the studio shows: one painting or two, the snapshots, and the loss curve."""

import base64
import time
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets
from PIL import Image

from ..errors import NSTError
from ..images.io import fit
from ..plotting.loss_curves import LiveCurve
from .controller import Controller
from .history import Snapshot
from .pickers import jpeg

PICTURE_HEIGHT = 320

CURVE = (470, 180)
"""Pixels: with these the panel fits a window of 1280 by 800."""

CURVE_EVERY = 0.5
"""Seconds between two drawings of the curve."""


class Canvas:
    """Pictures with a wipe and a zoom, a strip of snapshots, a curve.

    Parameters
    ----------
    say : callable
        Speaks labels.
    language : {"en", "vi"}
        Of the curve.
    complain : callable
        Called with a sentence when a picture cannot be had.

    Attributes
    ----------
    pictures, strip, strip_style, chart : ipywidgets widgets
        To be arranged by the panel.
    images : list of ipywidgets.Image
        Of the first painting and the second.
    """

    def __init__(
        self, say: Callable[[str], str], language: str, complain: Callable[[str], None]
    ) -> None:
        self._say, self._complain = say, complain
        self._shown: list[Image.Image | None] = [None, None]
        self._photos: dict[Any, Image.Image] = {}
        self._controllers: Sequence[Controller] = ()
        self._curve = LiveCurve(*CURVE, language)
        self._drawn: tuple[Any, ...] = ()
        self.drawn_at = 0.0
        self._snapshots: list[Snapshot] = []
        # Without tooltips: ipywidgets 8.1 shows an error in place of a picture that has one.
        self.images = [widgets.Image(format="jpeg") for _ in range(2)]
        for image in self.images:
            image.add_class("nst-picture")
        self.boxes = [
            widgets.Box(
                [image], layout=widgets.Layout(overflow="auto", height=f"{PICTURE_HEIGHT}px")
            )
            for image in self.images
        ]
        self.pictures = widgets.HBox(self.boxes)
        self.wipe = widgets.IntSlider(
            0, 0, 100, description=say("wipe"), readout=False, layout={"width": "98%"},
            style={"description_width": "initial"},
        )  # fmt: skip
        self.wipe.observe(lambda _: self.show_pictures(self._controllers, again=True), "value")
        self.zoom = widgets.Dropdown(
            options=[(say("fit"), 1), ("2x", 2), ("4x", 4)],
            description=say("zoom"),
            layout={"width": "130px"},
            style={"description_width": "50px"},
        )
        self.zoom.observe(lambda _: self.arrange(self._controllers), "value")
        self.strip = widgets.HBox(layout=widgets.Layout(height="76px"))
        self.strip.add_class("nst-strip")
        self.strip_style = widgets.HTML(layout=widgets.Layout(height="0", margin="0"))
        self.chart = widgets.Image(format="png")
        self.chart.add_class("nst-curve")
        self.chart.layout = widgets.Layout(width="100%", max_width=f"{CURVE[0]}px")

    def arrange(self, controllers: Sequence[Controller]) -> None:
        """Give one picture the whole width, or each of two a half; larger than its box by zoom."""
        self._controllers = controllers
        two = len(controllers) == 2
        for i, (box, image) in enumerate(zip(self.boxes, self.images, strict=True)):
            box.layout.display = "" if i == 0 or two else "none"
            box.layout.width = "50%" if two else "100%"
            share = f"{100 * self.zoom.value}%"
            image.layout = widgets.Layout(
                width=share, height=share, object_fit="contain", flex="0 0 auto", margin="0"
            )

    def forget_second(self) -> None:
        """Let the second painting's picture go."""
        self._shown = [self._shown[0], None]

    def forget_drawings(self) -> None:
        """Draw curve and strip anew at the next look: they are another painting's."""
        self._drawn, self._snapshots = (), []

    def show_pictures(self, controllers: Sequence[Controller], *, again: bool = False) -> None:
        """Show the newest picture of each painting, the photo before there is one."""
        for i, controller in enumerate(controllers):
            frame = controller.frame()
            if frame is not None:
                self._shown[i] = frame.image
            elif not controller.history.points and self._shown[i] is not None:
                self._shown[i] = None  # it begins anew
            elif not again and self.images[i].value and self._shown[i] is not None:
                continue
            photo = self._photo(controller, self._shown[i])
            if photo is not None:
                value = jpeg(_wiped(photo, self._shown[i] or photo, self.wipe.value))
                if value != self.images[i].value:
                    self.images[i].value = value

    def show_curve(self, controller: Controller) -> None:
        """Draw the loss curve, if it is another one than before and some time has passed."""
        points, marks = list(controller.history.points), list(controller.history.marks)
        now = (id(controller), len(points), points[-1] if points else None, tuple(marks))
        soon = time.monotonic() - self.drawn_at < CURVE_EVERY
        if now == self._drawn or (soon and self._drawn and now[3] == self._drawn[3]):
            return
        named = [(step, ", ".join(map(self._short_name, what.split(", ")))) for step, what in marks]
        self.chart.value = self._curve.draw(
            [point.step for point in points],
            {
                term: [getattr(point, term) for point in points]
                for term in ("total", "content", "style", "tv")
            },
            [point.scale for point in points],
            named,
        )
        self._drawn, self.drawn_at = now, time.monotonic()

    def show_strip(
        self, snapshots: Sequence[Snapshot], go_back: Callable[[Snapshot], None]
    ) -> None:
        """Show snapshots as buttons that go back to them."""
        if list(snapshots) == self._snapshots:
            return
        buttons, rules = [], []
        for i, snapshot in enumerate(snapshots):
            thumb = snapshot.image.copy()
            thumb.thumbnail((128, 80))
            data = base64.b64encode(jpeg(thumb, 80)).decode()
            name = f"nst-{id(self)}-{i}"
            rules.append(f".{name}{{background-image:url(data:image/jpeg;base64,{data})}}")
            button = widgets.Button(
                description=f"{snapshot.step}" + (" •" if snapshot.moved else ""),
                tooltip=self._say("snapshot help").format(snapshot.step),
                layout=widgets.Layout(width="64px", height="58px", flex="0 0 auto"),
            )
            button.on_click(lambda _, snapshot=snapshot: go_back(snapshot))
            button.add_class(name)
            buttons.append(button)
        self.strip_style.value = f"<style>{''.join(rules)}</style>"
        for old in self.strip.children:
            old.close()
        self.strip.children = buttons
        self._snapshots = list(snapshots)

    def _short_name(self, field: str) -> str:
        if field in ("tv", "style_layers"):
            return field
        return self._say(field).split(" (")[0].split(",")[0]

    def _photo(self, controller: Controller, like: Image.Image | None) -> Image.Image | None:
        """Return the content as large as a painting, or as the painting will be."""
        from ..images.samples import open_picture

        size = like.size if like else controller.wanted.size
        key = (controller.content, size)
        if key not in self._photos:
            try:
                photo = open_picture(controller.content, 2 * controller.wanted.size)
            except NSTError as error:
                self._complain(str(error))
                return None
            if like:
                photo = photo.resize(like.size, Image.Resampling.LANCZOS)
            self._photos = {key: photo if like else fit(photo, size, enlarge=True)}
        return self._photos[key]


def _wiped(photo: Image.Image, painting: Image.Image, percent: int) -> Image.Image:
    """Return the photo's left part beside the painting's right part."""
    if not percent or photo.size != painting.size:
        return painting
    edge = round(painting.width * percent / 100)
    image = painting.copy()
    image.paste(photo.crop((0, 0, edge, photo.height)), (0, 0))
    if 0 < edge < image.width:
        image.paste("white", (edge - 1, 0, edge + 1, image.height))
    return image
