"""The studio's buttons."""

from collections.abc import Callable, Mapping

import ipywidgets as widgets

_BUTTONS = {
    "start": ("Start", "start help", "play"),
    "pause": ("Pause", "pause help", "pause"),
    "step": ("Step", "step help", "step-forward"),
    "reset": ("Reset", "reset help", "fast-backward"),
    "undo": ("Undo", "undo help", "undo"),
    "redo": ("Redo", "redo help", "repeat"),
    "save": ("Save", "save help", "save"),
    "film": ("Film", "film help", "film"),
    "code": ("Code", "code help", "code"),
    "command": ("Command", "command help", "terminal"),
    "close": ("Close", "close help", "times"),
    "swap": ("Swap", "swap help", "exchange"),
}
"""Label, help and icon of each button."""


class Toolbar:
    """Buttons in a row, and what chooses a side while two paintings are compared.

    Parameters
    ----------
    say : callable
        Speaks labels.
    actions : mapping of str to callable
        What each button does.
    compared, switched : callable
        Called with True or False, and with a side, 0 or 1.

    Attributes
    ----------
    row, swap, side, kept : ipywidgets widgets
        To be arranged by the panel.
    buttons, compare : dict of Button, ToggleButton
        For those who press them.
    """

    def __init__(
        self,
        say: Callable[[str], str],
        actions: Mapping[str, Callable[[], object]],
        compared: Callable[[bool], None],
        switched: Callable[[int], None],
    ) -> None:
        self._say = say
        self.buttons = {name: self._make(name, act) for name, act in actions.items()}
        self.buttons["start"].button_style = "success"
        self.swap = self.buttons["swap"]
        self.swap.description = ""
        self.swap.layout = widgets.Layout(width="40px", flex="0 0 auto")
        self.compare = widgets.ToggleButton(
            description=say("Compare"), tooltip=say("compare help"), icon="columns"
        )
        self.compare.layout.width = "auto"
        self.compare.observe(lambda change: compared(change["new"]), "value")
        self.side = widgets.ToggleButtons(
            options=[("A", 0), ("B", 1)], tooltips=[f"{say('controls of')} {x}" for x in "AB"]
        )
        self.side.style.button_width = "30px"
        self.side.layout = widgets.Layout(display="none", flex="0 0 auto")
        self.side.observe(lambda change: switched(change["new"]), "value")
        self.kept = widgets.HTML(layout=widgets.Layout(display="none"))
        shown = [self.buttons[name] for name in _BUTTONS if name not in ("swap", "close")]
        self.row = widgets.HBox([*shown, self.compare, self.buttons["close"]])
        self.row.add_class("nst-toolbar")

    def show_state(self, state: str) -> None:
        """Color the button that can be pressed next."""
        # Both stay enabled: a click that comes before the panel has caught up must not be lost.
        running = state == "running"
        self.buttons["start"].button_style = "" if running else "success"
        self.buttons["pause"].button_style = "warning" if running else ""

    def show_side(self, side: int, comparing: bool) -> None:
        """Say which painting the controls steer, and which one stays when comparing ends."""
        self.side.layout.display = self.kept.layout.display = "" if comparing else "none"
        self.kept.value = self._say("keep").format("AB"[side])

    def _make(self, name: str, act: Callable[[], object]) -> widgets.Button:
        label, help, icon = _BUTTONS[name]
        button = widgets.Button(description=self._say(label), tooltip=self._say(help), icon=icon)
        button.layout.width = "auto"
        button.on_click(lambda _: act())
        return button
