"""The studio: a panel of widgets beside a painting that follows them.

This is the view only; the `controller` paints and steers. A task looks at the controller ten times
a second. The task and the browser's messages change widgets one after the other, through a `Door`.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from .. import paths
from ..errors import NSTError
from ..images.samples import open_picture
from ..paths import short_path
from ..transfer.config import Recipe
from .asleep import Asleep
from .browser_widgets import ExpertSwitch, SavedFiles
from .camera import CameraTab
from .canvas import Canvas
from .controller import Controller, begin_comparison, end_comparison, studio_recipe
from .controls import Controls
from .door import Door
from .faces import find_strength, look_for_faces
from .gallery import (
    Gallery,
    SavedPainting,
    load_saved,
    painting_file,
    save_film,
    save_painting,
)
from .going_on import Unfinished, list_unfinished
from .history import Snapshot, StudioError
from .labels import studio_translator
from .pickers import PicturePicker, name_pair
from .regions_tab import RegionsTab
from .replay import as_code, as_command
from .toolbar import StatusBar, Toolbar, make_button

LOOK_EVERY = 0.1
"""Seconds between two looks at the controller."""

LEAVE_EVERY = 20.0
"""Seconds between two pictures of a running painting that are left in the notebook."""

_OPEN: list["Studio"] = []


class Studio(Asleep, widgets.VBox):
    """A panel that paints while one moves its sliders.

    A page that is reloaded before it was saved forgets its panels. The painting goes on, and
    `Studio.running` shows its panel again.

    Parameters
    ----------
    content : str
        A sample's name, a path or an address.
    style : str or sequence of str
        The same, or two.
    recipe : Recipe, optional
        The first recipe; by default ``quick`` at `size`, with as many steps as one likes.
    size : int
        Long side in pixels, without `recipe`.
    language : {"en", "vi"}
        Of the labels.
    folder : Path, optional
        Where pictures are saved, by default below ``data/runs/studio``.

    Attributes
    ----------
    controllers : list of Controller
        One, or two while comparing.

    Raises
    ------
    UnknownNameError
        For another language.
    ImageError
        If a picture cannot be opened.
    """

    def __init__(
        self,
        content: str = "chelsea",
        style: str | Sequence[str] = "nocturne",
        recipe: Recipe | None = None,
        *,
        size: int = 256,
        language: str = "en",
        folder: Path | None = None,
    ) -> None:
        # What can go wrong does so before there is a thread or a widget.
        self._say, self._language, self._folder = studio_translator(language), language, folder
        self._door = Door()
        settings = recipe or studio_recipe(size)
        for source in (content, *([style] if isinstance(style, str) else style)):
            open_picture(source, 64)
        self.controllers = [Controller(content, style, settings, folder=folder)]
        self._active, self._task = 0, None
        self._left_picture, self._left_at = b"", 0.0
        try:
            self._status = StatusBar(self._say)
            self._controls = Controls(
                self.controller.wanted, self._say, self._set, self._set_budget, self._keep
            )
            self._face: tuple[str, Future[bool]] | None = None
            self._canvas = Canvas(self._say, self._complain, self._download)
            self._files = SavedFiles(words={"hide": self._say("Hide")})
            self._toolbar = Toolbar(self._say, _make_actions(self), self._compared, self._switched)
            self._pickers = _make_pickers(self)
            steered = lambda: self.controller  # noqa: E731
            self._regions = RegionsTab(self._say, steered, self._change, self._complain)
            kept = folder or paths.RUNS / "studio"
            self._gallery = Gallery(
                self._say, kept, self._files.show, self._load, self._status.ask, self._try
            )
            self._pin = _make_pin(self)
            self._offer = _make_offer(self, list_unfinished(kept))
            self._controls.add_tab(self._regions.box, self._say("regions tab"))
            self._controls.add_tab(self._gallery.box, self._say("gallery tab"))
            self._camera = CameraTab(
                self._say, self._door.through(self._complain),
                lambda: self.controller.folder, self._door.through(self._told_saved),
            )  # fmt: skip
            self._controls.add_tab(self._camera.box, self._say("camera tab"))
            super().__init__(_arranged(self), layout=widgets.Layout(width="100%"))
        except BaseException:
            self.controller.close()
            raise
        self.add_class("nst-studio")
        self.refresh()
        self._task = _run_beside(self._look())
        _OPEN.append(self)

    @staticmethod
    def running() -> "Studio":
        """Return the studio that was opened last and is still open, to show it again.

        Raises
        ------
        StudioError
            If there is none in this kernel.
        """
        if not _OPEN:
            raise StudioError("no studio is open in this kernel: make one with Studio()")
        return _OPEN[-1]

    def __del__(self) -> None:
        if _OPEN is not None and "_task" in self.__dict__:
            super().__del__()

    def __repr__(self) -> str:
        shown, state = self.controller, self.controller.status().state
        return f"<Studio: {shown.content} in the style of {shown.style}, {state}>"

    def still(self) -> tuple[bytes, str, str]:
        """Return the picture, its pair, and how to bring the panel to life."""
        return self._canvas.still(), self._canvas.view.caption, self._say("asleep")

    @property
    def controller(self) -> Controller:
        """The painting that the controls steer."""
        return self.controllers[self._active]

    def close(self) -> None:
        """End the painting and its thread, and close the panel."""
        with self._door:
            if self in _OPEN:
                _OPEN.remove(self)
            self._camera.close()
            for controller in self.controllers:
                controller.close()
                controller.forget_state()
            if self._task is not None and not self._task.done():
                # It belongs to the notebook's thread.
                self._task.get_loop().call_soon_threadsafe(self._task.cancel)
            super().close()

    # What the user does.

    def _try(self, action: Callable[[], object]) -> None:
        """Do an action, or say in the panel why it cannot be done."""
        self._status.clear()
        try:
            action()
        except NSTError as error:
            self._complain(str(error))
        except OSError as error:  # a disk that is full, or not to be written to
            self._complain(f"{error.filename}: {error.strerror}")
        self.refresh()

    def _complain(self, text: str) -> None:
        """Say what cannot be done, and nothing else any more."""
        self._status.news, self._status.complaint = "", self._status.tell_error(text)
        self._show_status()

    def _set(self, **fields: Any) -> None:
        def act() -> None:
            with self.controller.one_move():
                regions = fields.get("regions", ())
                if regions and all(style != 2 for _, style, _ in regions):
                    self._regions.drop_second()
                self.controller.set(**fields)

        self._try(act)
        if self._status.complaint:  # refused: the control goes back
            self._controls.show(self.controller.wanted)
        self._controls.note(self.controller.wanted)

    def _keep(self, share: float) -> None:
        """Look for the strength at which so much of the photo stays, beside everything else."""
        controller, say = self.controller, self._say
        if not 0 < share < 1:
            self._complain("the share of the photo that stays is a number between 0 and 1")
            return
        asked = (*controller.pictures, controller.wanted, share)

        def look() -> None:
            try:
                beta, kept = find_strength(*asked, lambda: controller.status().state == "closed")
                result = lambda: controller.set(beta=beta)  # noqa: E731
                found = "keep found" if abs(kept - share) < 0.05 else "keep nearest"
                news = say(found).format(kept)
            except NSTError as error:
                result, news = partial(self._complain, str(error)), ""
            with self._door:
                self._change(result)
                self._status.news = news

        self._status.news = say("keep looks").format(share)
        threading.Thread(target=look, name="nst-keep", daemon=True).start()

    def _look_for_faces(self) -> None:
        """Offer what becomes of faces once one was found in the photo."""
        content = self.controller.content
        if self._face is None or self._face[0] != content:
            self._face = content, look_for_faces(content)
            self._controls.show_faces(False)
        elif self._face[1].done():
            self._controls.show_faces(self._face[1].result())

    def _set_budget(self, steps: int) -> None:
        for controller in self.controllers:
            controller.budget = steps

    def _choose(self, **pictures: str) -> None:
        self._status.clear()
        self.controller.choose(**pictures)
        self._canvas.first_look, self._canvas.loaded = self.controller.pictures, None
        self._controls.show(self.controller.wanted)
        self._files.show(())  # those of another pair
        self.refresh()

    def _change(self, action: Callable[[], object], news: str = "") -> None:
        """Do an action of a tab and tell `news`; the controls then show the current recipe."""
        self._try(action)
        self._controls.show(self.controller.wanted)
        if news and not self._status.complaint:
            self._status.news = self._say(news)
            self._show_status()

    def _reset(self) -> None:
        self._canvas.first_look = self._canvas.loaded = None
        self.controller.reset()

    def _go_back(self, snapshot: Snapshot) -> None:
        self._change(lambda: self.controller.back_to(snapshot))

    def _load(self, saved: SavedPainting) -> None:
        """Take a saved painting's pictures and recipe, and show it."""
        self.controller.pause()  # or the first step would take the loaded painting's place
        self._change(lambda: load_saved(self.controller, saved))
        if not self._status.complaint:
            self._canvas.loaded = self.controller.pictures, open_picture(saved.path)
            self._files.show(saved.files)
            self.refresh()

    def _download(self) -> tuple[str, bytes]:
        try:
            return painting_file(self.controller)
        except NSTError as error:
            self._complain(str(error))
            return "", b""

    def _save(self, save: Callable[[Controller], list[Path]]) -> None:
        self._status.news = self._say("saving")
        self._show_status()
        self._told_saved(save(self.controller))
        self._gallery.refresh()

    def _told_saved(self, written: Sequence[Path]) -> None:
        # The first one, the painting: the others lie beside it and are linked below.
        self._status.news = self._say("saved").format(short_path(written[0]))
        self._show_status()
        self._files.show(written)

    def _write(self, form: Callable[..., str]) -> None:
        shown = self.controller
        self._status.offer(form(*shown.pictures, shown.passages()))

    def _compared(self, wanted: bool) -> None:
        """Put a second painting beside the first, both from the start; or ask which one is kept."""
        if wanted and len(self.controllers) == 1:
            self.controllers.append(begin_comparison(self.controller, self._folder))
            self._canvas.forget_pictures()
            self._switched(self._active)
        elif wanted:
            self._status.question.layout.display = "none"
        elif len(self.controllers) == 2:
            answers = {
                "keep A": partial(self._keep_side, 0),
                "keep B": partial(self._keep_side, 1),
                "compare on": partial(setattr, self._toolbar.compare, "value", True),
            }
            self._status.ask("which side", answers)

    def _keep_side(self, side: int) -> None:
        end_comparison(self.controllers[side], self.controllers[1 - side])
        self.controllers, self._active = [self.controllers[side]], 0
        self._canvas.forget_pictures()  # before the next look, which takes the newest picture
        self._toolbar.side.value, self._toolbar.compare.value = 0, False
        self._switched(0)

    def _ask_to_close(self) -> None:
        """End the panel, or ask first if there is a painting that would be gone."""
        if any(one.history.step for one in self.controllers):
            self._status.ask("close now", {"Close": self.close, "go on here": lambda: None})
        else:
            self.close()

    def _switched(self, side: int) -> None:
        self._active = min(side, len(self.controllers) - 1)
        self._canvas.forget_drawings()
        self._controls.show(self.controller.wanted)
        self._toolbar.show_side(len(self.controllers) == 2)
        self.refresh()

    # What the panel shows.

    async def _look(self) -> None:
        while not all(controller.status().state == "closed" for controller in self.controllers):
            # The notebook does not wait for the panel: there is another look soon.
            with self._door.try_open() as is_open:
                try:
                    if is_open:
                        self.refresh()
                except Exception as error:  # the panel must not die of one bad look
                    self._complain(f"unexpected {type(error).__name__}: {error}")
            await asyncio.sleep(LOOK_EVERY)

    def refresh(self) -> None:
        """Look at the controllers once and show what has changed.

        Where one part of the panel cannot be shown, the others still are; the first error is raised
        in the end.
        """
        looks = [
            lambda: self._canvas.show_pictures(self.controllers),
            self._show_status,
            lambda: self._canvas.show_strip(self.controller.history.snapshots, self._go_back),
            lambda: self._canvas.show_curve(self.controllers),
            self._regions.refresh,
            self._show_sources,
            self._look_for_faces,
            self._leave_picture,
        ]
        errors = []
        for look in looks:
            try:
                look()
            except Exception as error:
                errors.append(error)
        self._door.guard(self)  # new widgets, too
        if errors:
            raise errors[0]

    def _leave_picture(self) -> None:
        """Keep the picture in the notebook; one that is painted, now and then."""
        picture, now = self._canvas.view.painting, time.monotonic()
        moves = self.controller.status().state == "running"
        if picture == self._left_picture or (moves and now - self._left_at < LEAVE_EVERY):
            return
        self._left_picture, self._left_at = picture, now
        self.leave()

    def _show_sources(self) -> None:
        for role, picker in self._pickers.items():
            if picker.source != getattr(self.controller, role):
                picker.show(getattr(self.controller, role))

    def _show_status(self) -> None:
        status = self.controller.status()
        self._status.show(status)
        if status.state not in ("running", "loading"):  # a list that is open stands still
            self._controls.foretell(self.controller.foretell)
        self._toolbar.show_state(status.state)
        if status.step:  # another painting has begun
            self._offer.layout.display = "none"


def _make_pickers(panel: Studio) -> dict[str, PicturePicker]:
    return {
        role: PicturePicker(
            role,
            getattr(panel.controller, role),
            panel._say,
            lambda chosen, role=role: panel._choose(**{role: chosen}),
            panel._complain,
            lambda: panel.controller.folder / "uploads",
        )
        for role in ("content", "style")
    }


def _make_actions(panel: Studio) -> dict[str, Callable[[], object]]:
    """Return what each button does; the panel says what cannot be done."""
    actions = {
        "start": lambda: panel.controller.start(),
        "pause": lambda: panel.controller.pause(),
        "step": lambda: panel.controller.step(),
        "reset": panel._reset,
        "undo": lambda: panel._change(panel.controller.undo),
        "redo": lambda: panel._change(panel.controller.redo),
        "save": lambda: panel._save(lambda shown: save_painting(shown, panel._language)),
        "film": lambda: panel._save(lambda shown: [save_film(shown)]),
        "code": lambda: panel._write(as_code),
        "command": lambda: panel._write(as_command),
        "close": panel._ask_to_close,
        "swap": lambda: panel._choose(
            content=panel.controller.style, style=panel.controller.content
        ),
    }
    return {name: lambda act=act: panel._try(act) for name, act in actions.items()}


def _make_offer(panel: Studio, unfinished: list[Unfinished]) -> widgets.Button:
    """Return the button that goes on with an unfinished painting; hidden if there is none."""

    def go_on() -> None:
        panel.controller.go_on(unfinished[0])
        button.layout.display = "none"

    button = make_button("", panel._say("go on help"), lambda: panel._change(go_on), icon="history")
    button.add_class("nst-offer")
    if unfinished:
        pair = name_pair(unfinished[0].content, list(unfinished[0].styles))
        button.description = panel._say("go on").format(pair)
    else:
        button.layout.display = "none"
    return button


def _make_pin(panel: Studio) -> widgets.HBox:
    """Return a field for a name and a button that keeps the current picture under it."""
    name = widgets.Text(placeholder=panel._say("pin name"), layout={"width": "200px"})

    def pin() -> None:
        panel.controller.pin(name.value)
        name.value = ""

    pressed = partial(panel._try, pin)

    def sent(_: widgets.Widget, message: dict[str, Any], __: object) -> None:
        if message.get("event") == "submit":  # the Enter key
            pressed()

    name.on_msg(sent)
    button = make_button(panel._say("Pin"), panel._say("pin help"), pressed, icon="thumb-tack")
    return widgets.HBox([name, button])


def _arranged(panel: Studio) -> list[widgets.Widget]:
    """Return the panel's parts from top to bottom; its columns stack where it is narrow.

    What is marked as an expert's is hidden until the switch shows it.
    """
    toolbar, canvas, status, controls = (
        panel._toolbar, panel._canvas, panel._status, panel._controls
    )  # fmt: skip
    pickers = [panel._pickers["content"], toolbar.swap, panel._pickers["style"]]
    switch = ExpertSwitch(label=panel._say("expert"), help=panel._say("expert help"))
    first = [*toolbar.first, panel._offer, switch]
    snapshots = widgets.VBox([panel._pin, canvas.strip]).add_class("nst-for-experts")
    left = widgets.VBox([toolbar.side, panel._files, canvas.view, snapshots])
    right = widgets.VBox([controls.tabs, canvas.chart]).add_class("nst-for-experts")
    return [
        canvas.strip_style,
        widgets.HBox(pickers).add_class("nst-pickers"),
        controls.simple,
        widgets.HBox(first).add_class("nst-toolbar"),
        toolbar.row.add_class("nst-for-experts"),
        status.question,
        status.box,
        status.text.add_class("nst-for-experts"),
        widgets.Box([left, right]).add_class("nst-columns"),
    ]


def _run_beside(look: Any) -> asyncio.Task | None:
    """Run a coroutine on the notebook's own loop; without a loop, `refresh` is called by hand."""
    try:
        return asyncio.get_running_loop().create_task(look)
    except RuntimeError:
        look.close()
        return None
