"""The studio's engine: a painting that goes on in the background and can be steered.

Free of widgets. The owner's thread calls the methods of
`Controller` and asks for its `Frame`; `painting_thread` paints and meets the owner's wishes after
every step; `history` remembers.
"""

import atexit
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import paths
from ..networks.registry import backbone_spec
from ..transfer.config import STEERABLE, Recipe
from ..transfer.presets import recipe
from .going_on import Unfinished, forget, keep_going
from .history import History, Passage, Snapshot, StudioError
from .painting_thread import PaintingThread
from .state import BUDGET, Frame, Status

if TYPE_CHECKING:
    from ..transfer.result import Result

COARSE_STEPS = 40
"""Steps at the small scale with which a painting begins."""

CALM = 1.5
"""Seconds after which another value of the same control is another move."""

_AT_THE_START = ("start", "start_noise", "seed")
"""Fields that say how a painting begins; they wait for the next beginning."""


def studio_recipe(size: int = 256) -> Recipe:
    """Return the recipe that a studio begins with: quick to show something, then as long as asked.

    Examples
    --------
    >>> studio_recipe(256).scales, studio_recipe(512).scales
    ((128, 256), (256, 512))
    """
    return recipe("quick", size=256, steps=(COARSE_STEPS, BUDGET)).replace(size=size)


class Controller:
    """A painting in the background.

    Parameters
    ----------
    content : str
        A picture as `samples.open_picture` takes it.
    style : str or sequence of str
        The same, or several.
    settings : Recipe, optional
        To begin with; its steps count only for the scales before the last, its schedule not.
    budget : int
        Steps after which it pauses by itself.
    folder : Path, optional
        Where it keeps and saves pictures; a new one below ``data/runs/studio`` when left out, made
        when it is first needed.

    Notes
    -----
    Every public method may be called from any thread; all but `wait` and `join` return at once.
    """

    def __init__(
        self,
        content: str,
        style: str | Sequence[str],
        settings: Recipe | None = None,
        *,
        budget: int = BUDGET,
        folder: Path | None = None,
    ) -> None:
        first, *others = [style] if isinstance(style, str) else style
        self.history = History(content, first, settings or studio_recipe(), tuple(others))
        self._folder = folder
        self.thread = PaintingThread(self.history, budget)
        self._last_move, self._last_control = 0.0, ()
        _OPEN.add(self)
        self.thread.begin()

    # What the owner's thread asks for.

    @property
    def folder(self) -> Path:
        """Where it keeps and saves pictures."""
        if self._folder is None:
            self._folder = paths.make_run_folder("studio")
        return self._folder

    @property
    def budget(self) -> int:
        """Steps after which it pauses by itself."""
        return self.thread.budget

    @budget.setter
    def budget(self, steps: int) -> None:
        self.thread.budget = steps

    @property
    def content(self) -> str:
        """The content picture."""
        return self.history.content

    @property
    def style(self) -> str:
        """The style picture; the first of several."""
        return self.history.style

    @property
    def pictures(self) -> tuple[str, str | list[str]]:
        """Content and style as `run.stylize` takes them; several styles are a list."""
        return self.history.pictures

    @property
    def wanted(self) -> Recipe:
        """The recipe as set; in effect from the next step on."""
        return self.history.wanted

    def status(self) -> Status:
        """Return what is going on."""
        return self.thread.status()

    def frame(self) -> Frame | None:
        """Return the newest picture, once; None until there is another."""
        return self.thread.frame()

    def start(self) -> None:
        """Begin, or go on for another budget of steps."""
        with self.thread.changed:
            self._go(single=False)

    def step(self) -> None:
        """Take one step."""
        with self.thread.changed:
            self._go(single=True)

    def pause(self) -> None:
        """Stop after the step that is being taken; `start` goes on from there."""
        with self.thread.changed:
            if self.thread.state == "running":
                self.thread.state = "paused"
                self.thread.changed.notify_all()

    def set(self, **fields: Any) -> None:
        """Change fields of the recipe.

        What can be steered holds from the next step on. A new size, network or number format
        goes on from the current picture in a run of its own. The start waits for `reset`.

        Raises
        ------
        RecipeError, UnknownNameError
            As for `Recipe.replace`; then nothing was changed.
        """
        with self.thread.changed:
            if fields.get("backbone", self.wanted.backbone) != self.wanted.backbone:
                fields = _usual_layers(fields["backbone"]) | fields
            wanted = self.wanted.replace(**fields)
            changed = [n for n in fields if getattr(wanted, n) != getattr(self.wanted, n)]
            if not changed:
                return
            # A drag is one move: many values of one control, one soon after the other.
            now, control = time.monotonic(), _control_of(self.wanted, wanted, changed)
            if control != self._last_control or now - self._last_move > CALM:
                self.history.note_move()
            self._last_move, self._last_control = now, control
            self.history.wanted = wanted
            free = (*STEERABLE, *_AT_THE_START)
            if any(name not in free for name in changed) and self.thread.state != "loading":
                self._restart("backbone" if "backbone" in changed else ", ".join(changed))
            self.thread.changed.notify_all()

    def choose(
        self,
        content: str | None = None,
        style: str | None = None,
        others: Sequence[str] | None = None,
    ) -> None:
        """Take other pictures; the painting begins anew, at once if one was running.

        What the recipe says of several styles, and of regions of another photo, is forgotten.

        Raises
        ------
        ImageError
            If a picture cannot be opened; then nothing was changed.
        """
        from ..images.samples import open_picture

        for source in (content, style, *(others or ())):
            if source is not None:
                open_picture(source, 2 * self.wanted.size)
        with self.thread.changed:
            running = self.thread.state == "running"
            self.thread.begin_anew()
            self.history.content = content or self.content
            self.history.style = style or self.style
            if others is not None and len(others) != len(self.history.others):
                self.history.wanted = self.wanted.replace(blend=(), regions=())
            elif content is not None:
                self.history.wanted = self.wanted.replace(regions=())
            if others is not None:
                self.history.others = tuple(others)
            if running:
                self._go(single=False)

    def reset(self) -> None:
        """Go back to the beginning; what was set stays, and the picture becomes a snapshot."""
        with self.thread.changed:
            self.thread.begin_anew()

    def go_on(self, unfinished: "Unfinished") -> None:
        """Go on with a painting that a kernel left unfinished.

        Raises
        ------
        NSTError
            If its state cannot be read, or belongs to other code; then nothing was changed.
        """
        from ..images.tensors import to_pil
        from ..transfer.state import load_checkpoint

        kept = load_checkpoint(unfinished.checkpoint)
        with self.thread.changed:
            self.thread.begin_anew()
            first, *others = unfinished.styles
            self.history.content, self.history.style = unfinished.content, first
            self.history.others, self.history.wanted = tuple(others), unfinished.wanted(kept.state)
            self.history.take_up(kept.state, unfinished.passages)
            self.thread.job = Passage(checkpoint=unfinished.checkpoint)
            if kept.state.good is not None:
                self.thread.show(Frame(to_pil(kept.state.good), self.history.step))
            self._go(single=False)

    def undo(self) -> None:
        """Go back to before the last move; `StudioError` if nothing was moved yet."""
        with self.thread.changed:
            self._go_back(self.history.undo())

    def redo(self) -> None:
        """Go forward to before the last undoing; `StudioError` if there was none."""
        with self.thread.changed:
            self._go_back(self.history.redo())

    def back_to(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot: pictures, recipe, and the way that led there."""
        with self.thread.changed:
            self.history.snap()
            self._go_back(snapshot)

    def passages(self) -> tuple[Recipe, ...]:
        """Return the recipes that lead to the current picture; `StudioError` without one."""
        with self.thread.changed:
            self.history.current()
            return self.history.passages

    def result(self) -> "Result":
        """Return the current painting, recorded as it was run; `StudioError` without one."""
        with self.thread.changed:
            return self.history.current()

    def wait(self, seconds: float | None = None) -> Status:
        """Wait until it does not run any more, for a script; return what is then going on."""
        return self.thread.wait(seconds)

    def close(self) -> None:
        """End the painting and its thread, after the step that is being taken."""
        self.thread.close()
        _OPEN.discard(self)

    def forget_state(self) -> None:
        """Remove what was kept for after a kernel's restart: the owner has ended the painting."""
        if self._folder is not None:
            forget(self._folder)

    def join(self, seconds: float | None = None) -> bool:
        """Wait until the thread has ended; tell whether it has."""
        return self.thread.join(seconds)

    # What is done for it; `_changed` is held.

    def _go(self, *, single: bool) -> None:
        if self.thread.state == "closed":
            raise StudioError("this studio is closed; run its cell again")
        if self.thread.state == "running" and not single:
            self.thread.single = False  # a single step under way becomes the first of many
            return
        self.thread.single = single
        if not single:
            self.thread.done = 0
        self.thread.times.clear()
        self.thread.state, self.thread.message = "running", ""
        if self.thread.run is None and self.thread.job is None:
            self._begin_passage()
        self.thread.changed.notify_all()

    def _begin_passage(self) -> None:
        """Have the thread begin a passage, whose state is kept for after a kernel's restart."""
        self.thread.job = self.history.next_passage()
        try:
            self.thread.checkpoint = keep_going(self.history, self.folder)
        except paths.FolderError:  # the painting goes on, without being kept
            self.thread.checkpoint = None

    def _restart(self, why: str) -> None:
        """Go on in another run, if one is under way or was."""
        running = self.thread.state == "running"
        self.thread.leave_passage()
        if self.history.step:
            self.history.marks.append((self.history.step, why))
        if running:
            self._begin_passage()
        elif self.thread.state in ("finished", "failed"):
            self.thread.state, self.thread.message = "paused" if self.history.step else "ready", ""

    def _go_back(self, snapshot: Snapshot) -> None:
        running = self.thread.state == "running"
        self._last_control = ()
        self.thread.go_back(snapshot)
        if running:
            self._go(single=False)
        self.thread.changed.notify_all()


def _usual_layers(backbone: str) -> dict[str, Any]:
    """Return what a network reads, and with which weights: its layers have names of their own."""
    spec = backbone_spec(backbone)
    layers = {"content_layer": spec.content_layer, "style_layers": spec.style_layers}
    return layers | {"weights": "auto"}


def _control_of(before: Recipe, after: Recipe, changed: list[str]) -> tuple[str, ...]:
    """Return what was moved: the fields, and of the style layers which."""
    layers = [
        name
        for name, weight in after.style_layers.items()
        if before.style_layers.get(name) != weight
    ]
    return (*changed, *(layers if "style_layers" in changed else ()))


_OPEN: set[Controller] = set()


@atexit.register
def close_all() -> None:
    """Close every controller of this process; at its end a step may not be cut through."""
    for controller in list(_OPEN):
        controller.close()
        controller.join(10)
