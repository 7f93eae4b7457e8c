"""The studio: a panel of widgets beside a painting that follows them.

The view only: what is painted, and how it is steered, is the `controller`'s. Widgets are changed in
the owner's thread alone, by a task that looks at the controller ten times a second.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from ..errors import NSTError
from ..paths import short_path
from ..transfer.config import Recipe
from .canvas import Canvas
from .controller import Controller, studio_recipe
from .controls import Controls
from .history import Snapshot
from .labels import studio_translator
from .pickers import PicturePicker
from .replay import as_code, as_command
from .status_bar import StatusBar

LOOK_EVERY = 0.1
"""Seconds between two looks at the controller."""

_STYLE = """<style>
.nst-studio {--jp-widgets-inline-height: 24px; --jp-widgets-margin: 1px}
.nst-studio button {padding: 0 6px}
.nst-studio .widget-tab-contents {padding: 4px}
.nst-strip {overflow-x: auto; overflow-y: hidden}
.nst-strip button {line-height: 14px; padding: 42px 0 0; font-size: 11px;
 background-size: 64px 42px; background-position: top; background-repeat: no-repeat}
.nst-status {white-space: normal; line-height: 18px}
.nst-bad {color: #B00020; font-weight: 600}
</style>"""


class Studio(widgets.VBox):
    """A panel that paints while one moves its sliders.

    Parameters
    ----------
    content, style : str
        Sample names, paths or addresses.
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
    """

    def __init__(
        self,
        content: str = "chelsea",
        style: str = "nocturne",
        recipe: Recipe | None = None,
        *,
        size: int = 256,
        language: str = "en",
        folder: Path | None = None,
    ) -> None:
        self._say, self._language, self._folder = studio_translator(language), language, folder
        settings = recipe or studio_recipe(size)
        self.controllers = [Controller(content, style, settings, folder=folder)]
        self._active = 0
        self._status = StatusBar(self._say)
        self._controls = Controls(self.controller.wanted, self._say, self._set, self._set_budget)
        self._canvas = Canvas(self._say, language, self._complain)
        self._make_pickers()
        self._make_buttons()
        self._canvas.arrange(self.controllers)
        super().__init__(self._arranged(), layout=widgets.Layout(width="100%", max_width="1180px"))
        self.add_class("nst-studio")
        self.refresh()
        self._task = _run_beside(self._look())

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
        for controller in self.controllers:
            controller.close()
        if self._task is not None:
            self._task.cancel()
        super().close()

    # The parts.

    def _make_pickers(self) -> None:
        self._pickers = {}
        for role in ("content", "style"):
            source = getattr(self.controller, role)
            self._pickers[role] = PicturePicker(
                role,
                source,
                self._say,
                lambda chosen, role=role: self._choose(**{role: chosen}),
                self._complain,
                lambda: self.controller.folder / "uploads",
            )
        self._swap = _button(self, "Swap", "swap help", "exchange", self._swap_pictures)
        self._swap.description = ""
        self._swap.layout.width = "40px"
        self._swap.layout.flex = "0 0 auto"

    def _make_buttons(self) -> None:
        self._buttons = {
            "start": _button(self, "Start", "start help", "play", self._each("start"), "success"),
            "pause": _button(self, "Pause", "pause help", "pause", self._each("pause")),
            "step": _button(self, "Step", "step help", "step-forward", self._each("step")),
            "reset": _button(self, "Reset", "reset help", "fast-backward", self._each("reset")),
            "undo": _button(self, "Undo", "undo help", "undo", self._go_back),
            "save": _button(self, "Save", "save help", "save", self._save),
            "code": _button(self, "Code", "code help", "code", lambda: self._write(as_code)),
            "command": _button(
                self, "Command", "command help", "terminal", lambda: self._write(as_command)
            ),
            "close": _button(self, "Close", "close help", "times", self.close),
        }
        self._compare_button = widgets.ToggleButton(
            description=self._say("Compare"), tooltip=self._say("compare help"), icon="columns"
        )
        self._compare_button.layout.width = "auto"
        self._compare_button.observe(lambda change: self._compared(change["new"]), "value")
        self._side = widgets.ToggleButtons(
            options=[("A", 0), ("B", 1)], tooltips=[f"{self._say('controls of')} {x}" for x in "AB"]
        )
        self._side.style.button_width = "30px"
        self._side.layout = widgets.Layout(display="none", flex="0 0 auto")
        self._side.observe(lambda change: self._switched(change["new"]), "value")

    def _arranged(self) -> list[widgets.Widget]:
        pickers = widgets.HBox(
            [self._pickers["content"], self._swap, self._pickers["style"]],
            layout=widgets.Layout(align_items="center"),
        )
        toolbar = widgets.HBox(
            [*list(self._buttons.values())[:-1], self._compare_button, self._buttons["close"]],
            layout=widgets.Layout(flex_flow="row wrap"),
        )
        below = widgets.HBox([self._side, self._canvas.wipe, self._canvas.zoom])
        left = widgets.VBox([self._canvas.pictures, below, self._canvas.strip])
        left.layout = widgets.Layout(width="46%", min_width="0")
        right = widgets.VBox([self._controls.tabs, self._canvas.chart])
        right.layout = widgets.Layout(width="54%", min_width="0")
        head = widgets.HTML(_STYLE, layout={"height": "0", "margin": "0"})
        return [
            widgets.HBox([head, self._canvas.strip_style], layout=widgets.Layout(height="0")),
            pickers,
            toolbar,
            self._status.line,
            self._status.progress,
            self._status.text,
            widgets.HBox([left, right]),
        ]

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
        self._controls.note(self.controller.wanted)

    def _set_budget(self, steps: int) -> None:
        for controller in self.controllers:
            controller.budget = steps

    def _choose(self, **pictures: str) -> None:
        self._status.clear()
        for controller in self.controllers:
            controller.choose(**pictures)
        self.refresh()

    def _swap_pictures(self) -> None:
        self._choose(content=self.controller.style, style=self.controller.content)

    def _go_back(self, snapshot: Snapshot | None = None) -> None:
        """Go back to a snapshot, or to before the last move."""
        self.controller.back_to(snapshot) if snapshot else self.controller.undo()
        self._controls.show(self.controller.wanted)

    def _save(self) -> None:
        from .export import save_painting

        self._status.news = self._say("saving")
        self._show_status()
        written = save_painting(self.controller, self._language)
        names = ", ".join(map(short_path, written))
        self._status.news = self._say("saved").format(names)

    def _write(self, form: Callable[..., str]) -> None:
        shown = self.controller
        self._status.offer(form(shown.content, shown.style, shown.passages()))

    def _compared(self, wanted: bool) -> None:
        """Put a second painting beside the first, or take it away."""
        if wanted and len(self.controllers) == 1:
            first = self.controllers[0]
            second = Controller(
                first.content, first.style, first.wanted, budget=first.budget, folder=self._folder
            )
            self.controllers.append(second)
        elif not wanted and len(self.controllers) == 2:
            self.controllers.pop().close()
            self._side.value = 0
        self._canvas.forget_second()
        self._side.layout.display = "" if wanted else "none"
        self._canvas.arrange(self.controllers)
        self.refresh()

    def _switched(self, side: int) -> None:
        self._active = min(side, len(self.controllers) - 1)
        self._canvas.forget_drawings()
        self._controls.show(self.controller.wanted)
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
        for role, picker in self._pickers.items():
            if picker.source != getattr(self.controller, role):
                picker.show(getattr(self.controller, role))

    def _show_status(self) -> None:
        status = self.controller.status()
        self._status.show(status)
        # Both stay enabled: a click that comes before the panel has caught up must not be lost.
        running = status.state == "running"
        self._buttons["start"].button_style = "" if running else "success"
        self._buttons["pause"].button_style = "warning" if running else ""


def _button(
    panel: Studio, name: str, help: str, icon: str, press: Callable[[], object], style: str = ""
) -> widgets.Button:
    """Make a button that does something, or has the panel say why it cannot be done."""
    button = widgets.Button(
        description=panel._say(name), tooltip=panel._say(help), icon=icon, button_style=style
    )
    button.layout.width = "auto"
    button.on_click(lambda _: panel._try(press))
    return button


def _run_beside(look: Any) -> asyncio.Task | None:
    """Run a coroutine on the notebook's own loop; without one the panel is refreshed by hand."""
    try:
        return asyncio.get_running_loop().create_task(look)
    except RuntimeError:
        look.close()
        return None
