"""The studio: a panel of widgets beside a painting that follows them.

The view only: what is painted, and how it is steered, is the `controller`'s. Widgets are changed in
the owner's thread alone, by a task that looks at the controller ten times a second.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from .. import paths
from ..errors import NSTError
from ..images.samples import open_picture
from ..paths import short_path
from ..transfer.config import Recipe
from .canvas import Canvas
from .comparison import begin_comparison, end_comparison
from .controller import Controller, studio_recipe
from .controls import Controls
from .export import painting_file, save_film, save_painting
from .gallery import Gallery, SavedPainting, load_saved
from .going_on import Unfinished, list_unfinished
from .history import Snapshot, StudioError
from .labels import studio_translator
from .pickers import PicturePicker, name_pair
from .regions_tab import RegionsTab
from .replay import as_code, as_command
from .status_bar import StatusBar
from .toolbar import Toolbar

LOOK_EVERY = 0.1
"""Seconds between two looks at the controller."""

_STYLE = f"<style>{(Path(__file__).parent / 'panel.css').read_text(encoding='utf-8')}</style>"

_OPEN: list["Studio"] = []


class Studio(widgets.VBox):
    """A panel that paints while one moves its sliders.

    Parameters
    ----------
    content : str
        A sample's name, a path or an address.
    style : str or sequence of str
        The same, or two.
    recipe : Recipe, optional
        To begin with; ``quick`` at `size`, as long as one likes, when left out.
    size : int
        Long side in pixels, without `recipe`.
    language : {"en", "vi"}
        Of the labels.
    folder : Path, optional
        Where pictures are saved; below ``data/runs/studio`` when left out.

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

    Notes
    -----
    A page that is reloaded before it was saved forgets its panels; the painting goes on, and
    `Studio.running` shows its panel again.
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
        settings = recipe or studio_recipe(size)
        for source in (content, *([style] if isinstance(style, str) else style)):
            open_picture(source, 64)
        self.controllers = [Controller(content, style, settings, folder=folder)]
        self._active, self._task = 0, None
        try:
            self._status = StatusBar(self._say)
            self._controls = Controls(
                self.controller.wanted, self._say, self._set, self._set_budget
            )
            self._canvas = Canvas(self._say, language, self._complain, self._download)
            self._toolbar = Toolbar(self._say, _make_actions(self), self._compared, self._switched)
            self._pickers = _make_pickers(self)
            steered = lambda: self.controller  # noqa: E731
            self._regions = RegionsTab(self._say, steered, self._change, self._complain)
            kept = folder or paths.RUNS / "studio"
            self._gallery = Gallery(
                self._say, kept, lambda saved: self._try(lambda: self._load(saved))
            )
            self._offer = _make_offer(self, list_unfinished(kept))
            self._controls.add_tab(self._regions.box, self._say("regions tab"))
            self._controls.add_tab(self._gallery.box, self._say("gallery tab"))
            self._canvas.arrange(self.controllers)
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
        """Return the studio that was opened last and is not closed, to be shown again.

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
        """Say in one line what is painted; a notebook shows the panel itself."""
        controller = self.controller
        return (
            f"<Studio: {controller.content} in the style of {controller.style}, "
            f"{controller.status().state}>"
        )

    @property
    def controller(self) -> Controller:
        """The one that the controls speak of."""
        return self.controllers[self._active]

    def close(self) -> None:
        """End the painting and its thread, and close the panel."""
        if self in _OPEN:
            _OPEN.remove(self)
        for controller in self.controllers:
            controller.close()
            controller.forget_state()
        if self._task is not None:
            self._task.cancel()
        super().close()

    # What the user does.

    def _try(self, action: Callable[[], object]) -> None:
        """Do what was asked for, or say in the panel why it cannot be done."""
        self._status.clear()
        try:
            action()
        except NSTError as error:
            self._complain(str(error))
        self.refresh()

    def _complain(self, text: str) -> None:
        self._status.complaint = text
        self._show_status()

    def _each(self, method: str) -> Callable[[], object]:
        return lambda: [getattr(x, method)() for x in self.controllers]

    def _set(self, **fields: Any) -> None:
        self._try(lambda: self.controller.set(**fields))
        if self._status.complaint:  # refused: the control goes back
            self._controls.show(self.controller.wanted)
        self._controls.note(self.controller.wanted)

    def _set_budget(self, steps: int) -> None:
        for controller in self.controllers:
            controller.budget = steps

    def _choose(self, **pictures: str) -> None:
        self._status.clear()
        for controller in self.controllers:
            controller.choose(**pictures)
        self._canvas.first_look = self.controller.pictures
        self.refresh()

    def _change(self, action: Callable[[], object]) -> None:
        """Do what a tab asks for; the controls then show the recipe that holds."""
        self._try(action)
        self._controls.show(self.controller.wanted)

    def _load(self, saved: SavedPainting) -> None:
        load_saved(self.controller, saved)
        self._controls.show(self.controller.wanted)

    def _reset(self) -> None:
        self._canvas.first_look = None
        self._each("reset")()

    def _swap_pictures(self) -> None:
        self._choose(content=self.controller.style, style=self.controller.content)

    def _step_back(self, way: str) -> None:
        """Undo a move, or do it again."""
        getattr(self.controller, way)()
        self._controls.show(self.controller.wanted)

    def _go_back(self, snapshot: Snapshot) -> None:
        self.controller.back_to(snapshot)
        self._controls.show(self.controller.wanted)

    def _download(self, place: int) -> tuple[str, bytes]:
        try:
            return painting_file(self.controllers[place])
        except NSTError as error:
            self._complain(str(error))
            return "", b""

    def _save(self) -> None:
        self._status.news = self._say("saving")
        self._show_status()
        written = save_painting(self.controller, self._language)
        names = ", ".join(map(short_path, written))
        self._status.news = self._say("saved").format(names)
        self._gallery.refresh()

    def _save_film(self) -> None:
        self._status.news = self._say("saving")
        self._show_status()
        self._status.news = self._say("saved").format(short_path(save_film(self.controller)))

    def _write(self, form: Callable[..., str]) -> None:
        shown = self.controller
        self._status.offer(form(*shown.pictures, shown.passages()))

    def _compared(self, wanted: bool) -> None:
        """Put a second painting beside the first, both from the beginning; or keep one of them."""
        if wanted and len(self.controllers) == 1:
            self.controllers.append(begin_comparison(self.controller, self._folder))
        elif not wanted and len(self.controllers) == 2:
            kept, other = self.controller, self.controllers[1 - self._active]
            end_comparison(kept, other)
            self.controllers, self._active = [kept], 0
            self._toolbar.side.value = 0
            self._canvas.forget_pictures()
        self._canvas.arrange(self.controllers)
        self._switched(self._active)

    def _switched(self, side: int) -> None:
        self._active = min(side, len(self.controllers) - 1)
        self._canvas.forget_drawings()
        self._controls.show(self.controller.wanted)
        self._toolbar.show_side(self._active, len(self.controllers) == 2)
        self.refresh()

    # What the panel shows.

    async def _look(self) -> None:
        while not all(controller.status().state == "closed" for controller in self.controllers):
            try:
                self.refresh()
            except Exception as error:  # the panel must not die of one bad look
                self._complain(f"unexpected {type(error).__name__}: {error}")
            await asyncio.sleep(LOOK_EVERY)

    def refresh(self) -> None:
        """Look at the controllers once, and show what is new."""
        self._canvas.show_pictures(self.controllers)
        self._show_status()
        go_back = lambda snapshot: self._try(lambda: self._go_back(snapshot))  # noqa: E731
        self._canvas.show_strip(self.controller.history.snapshots, go_back)
        self._canvas.show_curve(self.controller)
        self._regions.refresh()
        for role, picker in self._pickers.items():
            if picker.source != getattr(self.controller, role):
                picker.show(getattr(self.controller, role))

    def _show_status(self) -> None:
        status = self.controller.status()
        self._status.show(status)
        self._toolbar.show_state(status.state)


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
    """Return what each button does; what cannot be done is said in the panel."""
    actions = {
        **{name: panel._each(name) for name in ("start", "pause", "step")},
        "reset": panel._reset,
        "undo": lambda: panel._step_back("undo"),
        "redo": lambda: panel._step_back("redo"),
        "save": panel._save,
        "film": panel._save_film,
        "code": lambda: panel._write(as_code),
        "command": lambda: panel._write(as_command),
        "close": panel.close,
        "swap": panel._swap_pictures,
    }
    return {name: lambda act=act: panel._try(act) for name, act in actions.items()}


def _make_offer(panel: Studio, unfinished: list[Unfinished]) -> widgets.Button:
    """Return the button that goes on with what a kernel left unfinished; hidden without any."""
    button = widgets.Button(icon="history", layout=widgets.Layout(width="auto"))
    button.add_class("nst-offer")
    if not unfinished:
        button.layout.display = "none"
        return button
    last = unfinished[0]
    pair = name_pair(last.content, list(last.styles))
    button.description = panel._say("go on").format(pair)
    button.tooltip = panel._say("go on help")

    def go_on() -> None:
        panel.controller.go_on(last)
        panel._controls.show(panel.controller.wanted)
        button.layout.display = "none"

    button.on_click(lambda _: panel._try(go_on))
    return button


def _arranged(panel: Studio) -> list[widgets.Widget]:
    """Return the parts of a panel from top to bottom: its columns stack where it is narrow."""
    toolbar, canvas, status = panel._toolbar, panel._canvas, panel._status
    pickers = widgets.HBox([panel._pickers["content"], toolbar.swap, panel._pickers["style"]])
    pickers.add_class("nst-pickers")
    left = widgets.VBox([canvas.pictures, widgets.HBox([toolbar.side, toolbar.kept]), canvas.strip])
    right = widgets.VBox([panel._controls.tabs, canvas.chart])
    columns = widgets.Box([left, right])
    columns.add_class("nst-columns")
    head = widgets.HTML(_STYLE, layout={"height": "0", "margin": "0"})
    return [
        widgets.HBox([head, canvas.strip_style], layout=widgets.Layout(height="0")),
        pickers,
        panel._offer,
        toolbar.row,
        status.line,
        status.progress,
        status.text,
        columns,
    ]


def _run_beside(look: Any) -> asyncio.Task | None:
    """Run a coroutine on the notebook's own loop; without one the panel is refreshed by hand."""
    try:
        return asyncio.get_running_loop().create_task(look)
    except RuntimeError:
        look.close()
        return None
