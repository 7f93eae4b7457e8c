"""The studio's line of state, its progress bar, and text to be copied."""

import html
from collections.abc import Callable

import ipywidgets as widgets

from .state import BUDGET, Status


class StatusBar:
    """Says what is going on.

    Parameters
    ----------
    say : callable
        Speaks labels.

    Attributes
    ----------
    line, progress, text : ipywidgets widgets
        To be arranged by the panel.
    complaint, news : str
        Why something cannot be done; what was done.
    """

    def __init__(self, say: Callable[[str], str]) -> None:
        self._say = say
        self.complaint = self.news = ""
        self.line = widgets.HTML()
        self.line.add_class("nst-status")
        self.progress = widgets.IntProgress(0, 0, BUDGET, layout={"width": "98%", "height": "10px"})
        self.text = widgets.HTML(layout={"width": "98%"})

    def clear(self) -> None:
        """Take back what was said."""
        self.complaint = self.news = ""

    def show(self, status: Status) -> None:
        """Say what is going on, with the news and the complaint below it."""
        starting = status.state == "running" and not status.rate and not status.done
        parts = [f"<b>{self._say('starting' if starting else status.state)}</b>"]
        if status.message:
            parts[0] = f'<span class="nst-bad">{html.escape(status.message)}</span>'
        if status.step:
            parts.append(f"{self._say('step')} {status.step}")
            parts.append(f"{status.scale} px")
        if status.rate:
            parts.append(f"{status.rate:.1f} {self._say('steps a second')}")
            left = (status.budget - status.done) / status.rate
            parts.append(self._say("seconds left").format(left))
        if status.label:
            parts.append(html.escape(status.label))
        text = " · ".join(parts)
        if self.news:
            text += f"<br>{html.escape(self.news)}"
        if self.complaint:
            text += f'<br><span class="nst-bad">{html.escape(self.complaint)}</span>'
        self.line.value = f'<div role="status">{text}</div>'
        self.progress.max, self.progress.value = status.budget, status.done

    def offer(self, text: str) -> None:
        """Show text to copy, with a button of its own: a browser copies only upon a click there."""
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
