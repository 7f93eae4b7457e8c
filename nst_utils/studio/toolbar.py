"""The studio's buttons, its line of state, its progress bar, and text to copy."""

import html
import math
import time
from collections.abc import Callable, Mapping
from functools import partial

import ipywidgets as widgets

from .labels import LABELS
from .state import BUDGET, Status, told_time

SAID_FOR = 15.0
"""Seconds for which a sentence stays on the screen."""

_BUTTONS = {
    "start": "play", "pause": "pause", "step": "step-forward", "reset": "fast-backward",
    "undo": "undo", "redo": "repeat", "save": "save", "film": "film", "code": "code",
    "command": "terminal", "close": "times", "swap": "exchange",
}  # fmt: skip
"""Icon of each button; its label is its name, and its help is called after it."""


def make_button(
    label: str, help: str, press: Callable[[], object], *, icon: str = "", width: str = "auto"
) -> widgets.Button:
    """Return a button that calls `press`, as wide as its label if no other width is given."""
    layout = {"width": width, "flex": "0 0 auto"}
    button = widgets.Button(description=label, tooltip=help, icon=icon, layout=layout)
    button.on_click(lambda _: press())
    return button


class Toolbar:
    """Buttons in two rows, and those that choose a side while two paintings are compared.

    `first` are the buttons that everybody needs, `row` holds the others. `actions` says what each
    button does. `compared` gets True or False, `switched` a side: 0 or 1.
    """

    def __init__(
        self,
        say: Callable[[str], str],
        actions: Mapping[str, Callable[[], object]],
        compared: Callable[[bool], None],
        switched: Callable[[int], None],
    ) -> None:
        self.buttons = {}
        for name, act in actions.items():
            label, help = say(name.capitalize()), say(f"{name} help")
            self.buttons[name] = make_button(label, help, act, icon=_BUTTONS[name])
        self.buttons["start"].button_style = "success"
        self.swap = self.buttons["swap"]
        self.swap.description = ""
        self.swap.layout.width = "40px"
        self.compare = widgets.ToggleButton(
            description=say("Compare"), tooltip=say("compare help"), icon="columns",
            layout={"width": "auto"},
        )  # fmt: skip
        self.compare.observe(lambda change: compared(change["new"]), "value")
        self.side = widgets.ToggleButtons(
            options=[("A", 0), ("B", 1)], tooltips=[f"{say('controls of')} {x}" for x in "AB"],
            style={"button_width": "30px"}, layout={"display": "none", "flex": "0 0 auto"},
        )  # fmt: skip
        self.side.observe(lambda change: switched(change["new"]), "value")
        self.first = [self.buttons[name] for name in ("start", "pause", "save")]
        others = [n for n in _BUTTONS if n not in ("start", "pause", "save", "swap", "close")]
        shown = [self.buttons[name] for name in others]
        shown += [self.compare, self.buttons["close"]]
        self.row = widgets.HBox(shown).add_class("nst-toolbar")

    def show_state(self, state: str) -> None:
        """Color the button that can be pressed next."""
        # Both stay enabled: a click that comes before the panel has caught up must not be lost.
        running = state == "running"
        self.buttons["start"].button_style = "" if running else "success"
        self.buttons["pause"].button_style = "warning" if running else ""

    def show_side(self, comparing: bool) -> None:
        """Show which painting the controls steer, if there are two."""
        self.side.layout.display = "" if comparing else "none"


class _Said:
    """A sentence that goes after a while; one that ends in … only when another comes."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._place = f"_{name}"

    def __get__(self, bar: "StatusBar", owner: type) -> str:
        text, end = getattr(bar, self._place)
        return text if time.monotonic() < end else ""

    def __set__(self, bar: "StatusBar", text: str) -> None:
        lasts = math.inf if text.endswith("…") else SAID_FOR
        setattr(bar, self._place, (text, time.monotonic() + lasts))


class StatusBar:
    """The line of state, the progress bar, and text to copy.

    `complaint` says why something cannot be done, `news` what was done; either is shown for some
    seconds.
    """

    complaint, news = _Said(), _Said()

    def __init__(self, say: Callable[[str], str]) -> None:
        self._say = say
        self.complaint = self.news = ""
        self.line = widgets.HTML().add_class("nst-status")
        self.progress = widgets.IntProgress(0, 0, BUDGET, layout={"width": "98%", "height": "8px"})
        self.box = widgets.VBox([self.line, self.progress]).add_class("nst-status-box")
        self.text = widgets.HTML(layout={"width": "98%"})
        self.question = widgets.HBox(layout={"display": "none"}).add_class("nst-question")

    def ask(self, question: str, answers: Mapping[str, Callable[[], object]]) -> None:
        """Ask something with a button for each answer; the question goes with the answer."""

        def answered(act: Callable[[], object]) -> None:
            self.question.layout.display = "none"
            act()

        buttons = [
            make_button(self._say(words), "", partial(answered, act))
            for words, act in answers.items()
        ]
        for old in self.question.children:
            old.close()
        self.question.children = [widgets.Label(self._say(question)), *buttons]
        self.question.layout.display = ""

    def tell_error(self, text: str) -> str:
        """Return why something cannot be done, in the panel's language or marked as English."""
        told, cannot = self._say(text), self._say("cannot")
        return f"{cannot}: {text}" if told == text and cannot != LABELS["cannot"][0] else told

    def clear(self) -> None:
        """Remove news and complaint."""
        self.complaint = self.news = ""

    def show(self, status: Status) -> None:
        """Show the status, with the news and the complaint below it."""
        starting = status.state == "running" and not status.rate and not status.done
        parts = [f"<b>{self._say('starting' if starting else status.state)}</b>"]
        if status.message:
            told = self.tell_error(status.message)
            parts[0] = f'<span class="nst-bad">{html.escape(told)}</span>'
        if status.step:
            parts.append(f"{self._say('step')} {status.step}")
            parts.append(f"{status.scale} px")
        if status.left is not None:
            parts.append(self._say("time left").format(told_time(status.left, self._say)))
        method = []
        if status.rate:
            method.append(f"{status.rate:.1f} {self._say('steps a second')}")
        if status.label:
            method.append(html.escape(status.label))
        text = " · ".join(parts)
        if method:
            text += f'<span class="nst-for-experts"> · {" · ".join(method)}</span>'
        said = [f'<div class="nst-news">{html.escape(self.news)}</div>'] if self.news else []
        if self.complaint:
            said += [f'<div class="nst-news nst-bad">{html.escape(self.complaint)}</div>']
        # What is said lies over the panel: nothing moves while somebody aims at it.
        said = f'<div class="nst-said">{"".join(said)}</div>' if said else ""
        self.line.value = f'<div role="status">{text}{said}</div>'
        self.progress.max, self.progress.value = status.budget, status.done

    def offer(self, text: str) -> None:
        """Show text with a button that copies it: browsers copy only after a click in the page."""
        rows = min(14, text.count("\n") + 1 + len(text) // 140)
        copy = (
            "const t=this.parentElement.querySelector('textarea');t.select();"
            "document.execCommand('copy');"
            f"this.textContent='{html.escape(self._say('Copied'))}'"
        )
        hide = "this.parentElement.style.display='none'"
        self.text.value = (
            f'<div><button class="jupyter-button" onclick="{copy}">{self._say("Copy")}</button> '
            f'<button class="jupyter-button" onclick="{hide}">{self._say("Hide")}</button>'
            f'<textarea readonly rows="{rows}" style="width:100%;font-family:monospace;'
            f'font-size:11px">{html.escape(text)}</textarea></div>'
        )
