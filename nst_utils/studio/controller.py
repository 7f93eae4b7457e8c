"""The studio's engine: a painting that goes on in the background and can be steered.

Free of widgets. The user's thread calls the methods of `Controller` and asks for its `Frame`.
`painting_thread` paints, and reads after every step what the user has set. `history` keeps the
points, changes and snapshots.
"""

import atexit
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import paths
from ..networks.registry import backbone_spec
from ..transfer.config import STEERABLE, Recipe
from ..transfer.presets import recipe
from .going_on import Unfinished, forget, keep_going, take_over
from .history import History, Passage, Snapshot, StudioError
from .painting_thread import PaintingThread
from .state import BUDGET, Frame, Status, share_steps

if TYPE_CHECKING:
    from ..transfer.result import Result

COARSE_STEPS = 40
"""Steps at each small scale with which a painting begins."""

CALM = 1.5
"""Changes of one control less than these seconds apart are undone together."""

SURELY_FITS = 512
"""Long side in pixels up to which `Controller.set` does not check the free memory."""

_HANDS = threading.RLock()
"""Held while a request of the user is carried out: it may concern two compared paintings."""

_AT_THE_START = ("start", "start_noise", "seed")
"""Fields that say how a painting begins; they wait for the next beginning."""


def studio_recipe(size: int = 256) -> Recipe:
    """Return the recipe of a new studio: a few steps at smaller sizes, then as many as wanted.

    Examples
    --------
    >>> studio_recipe(256).scales, studio_recipe(256).steps
    ((128, 256), (40, 200))
    >>> studio_recipe(1024).scales, studio_recipe(1024).steps
    ((256, 512, 1024), (40, 40, 200))
    """
    return _resized(recipe("quick", size=256, steps=(COARSE_STEPS, BUDGET)), size=size)


def _resized(settings: Recipe, **fields: Any) -> Recipe:
    """Return a recipe with other fields, a size among them.

    `Recipe.replace` shares its steps among the new scales, and there is no end to the studio's last
    ones: here each coarse scale gets as many as the first had.
    """
    changed = settings.replace(**fields)
    coarse = settings.steps[0] if len(settings.steps) > 1 else COARSE_STEPS
    return changed.replace(steps=(*[coarse] * (len(changed.scales) - 1), BUDGET))


class Controller:
    """A painting in the background.

    Every public method may be called from any thread. Only `wait` and `join` wait for the painting;
    `set`, `choose` and `go_on` may first read pictures or a checkpoint.
    While two paintings are compared, both have the same pictures and are at the same step: what is
    done to one is done to both, except for `set`.

    Parameters
    ----------
    content : str
        A picture as `samples.open_picture` takes it.
    style : str or sequence of str
        The same, or several.
    settings : Recipe, optional
        The first recipe. The steps of its last scale and its schedule are ignored: the painting
        goes on as long as the user wants.
    budget : int
        Steps after which the painting pauses.
    folder : Path, optional
        Where pictures are kept and saved. The default is a new folder below ``data/runs/studio``,
        made when it is first needed.
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
        self._one_move, self._noted = False, False
        self.partner: Controller | None = None
        self._moves_before: tuple[Snapshot, ...] = ()  # of before the comparison
        _OPEN.add(self)
        self.thread.begin()

    @property
    def folder(self) -> Path:
        """Where pictures are kept and saved."""
        if self._folder is None:
            self._folder = paths.make_run_folder("studio")
        return self._folder

    @property
    def budget(self) -> int:
        """Steps after which the painting pauses."""
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
        """The recipe as set; it takes effect at the next step."""
        return self.history.wanted

    def status(self) -> Status:
        """Return what is going on."""
        return self.thread.status()

    def frame(self) -> Frame | None:
        """Return the newest picture, once; None until there is another."""
        return self.thread.frame()

    def start(self) -> None:
        """Begin, or go on for another budget of steps."""
        self._do(lambda one: one._go(single=False))

    def step(self) -> None:
        """Take one step."""
        self._do(lambda one: one._go(single=True))

    def pause(self) -> None:
        """Stop after the step that is being taken; `start` goes on from there."""
        self._do(Controller._pause)

    @contextlib.contextmanager
    def one_move(self) -> Iterator[None]:
        """Let everything that is changed in this block be undone at once."""
        with _HANDS:
            self._one_move, self._noted = True, False
            try:
                yield
            finally:
                self._one_move = False

    def set(self, **fields: Any) -> None:
        """Change fields of the recipe.

        What can be steered takes effect at the next step. A new size, network or number format
        begins a new run from the current picture. Fields of the start take effect after `reset`.

        Raises
        ------
        RecipeError, UnknownNameError
            As for `Recipe.replace`; then nothing was changed.
        NSTError
            If a size surely does not fit into the memory; then nothing was changed.
        """
        from ..images.samples import open_picture
        from ..transfer.memory import check_memory

        with _HANDS, self.thread.changed:
            if fields.get("backbone", self.wanted.backbone) != self.wanted.backbone:
                fields = _usual_layers(fields["backbone"]) | fields
            change = _resized if "size" in fields and "steps" not in fields else Recipe.replace
            wanted = change(self.wanted, **fields)
            changed = [n for n in fields if getattr(wanted, n) != getattr(self.wanted, n)]
            if not changed:
                return
            if wanted.size > max(self.wanted.size, SURELY_FITS):
                check_memory(open_picture(self.pictures[0], 64).size, wanted)
            if "backbone" in changed:
                self.thread.pace.known.clear()
            self._note(_control_of(self.wanted, wanted, changed))
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
        """Take other pictures; the painting begins anew, at once if it was running.

        Shares of several styles and regions of another photo are removed from the recipe.

        Raises
        ------
        ImageError
            If a picture cannot be opened; then nothing was changed.
        """
        from ..images.samples import open_picture

        for source in (content, style, *(others or ())):
            if source is not None:
                open_picture(source, 2 * self.wanted.size)
        with _HANDS:
            self._note()
            self._do(lambda one: one._take_pictures(content, style, others))

    def reset(self) -> None:
        """Go back to the start. The settings stay, and the picture becomes a snapshot."""
        with _HANDS:
            if self.history.step:
                self._note()
            self._do(lambda one: one.thread.begin_anew())

    def go_on(self, unfinished: "Unfinished") -> None:
        """Go on with a painting that was unfinished when its kernel ended.

        Raises
        ------
        NSTError
            If its state cannot be read, or belongs to other code; then nothing was changed.
        """
        from ..images.tensors import to_pil
        from ..transfer.state import load_checkpoint

        kept = load_checkpoint(unfinished.path)
        take_over(unfinished)
        with _HANDS, self.thread.changed:
            self._note()
            self.thread.begin_anew()
            first, *others = unfinished.styles
            self.history.content, self.history.style = unfinished.content, first
            self.history.others, self.history.wanted = tuple(others), unfinished.wanted(kept.state)
            self.history.take_up(kept.state, unfinished.passages)
            self.thread.job = Passage(checkpoint=unfinished.path)
            if kept.state.good is not None:
                self.thread.frames.append(Frame(to_pil(kept.state.good), self.history.step))
            self._go(single=False)

    def undo(self) -> None:
        """Go back to before the last change; `StudioError` if nothing was changed yet."""
        self._do(lambda one: one._go_back(one.history.undo()))

    def redo(self) -> None:
        """Take back the last `undo`; `StudioError` if there was none."""
        self._do(lambda one: one._go_back(one.history.redo()))

    def back_to(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot: its pictures, its recipe, and the passages that led there.

        A painting compared with this one goes back to its own snapshot of the same step; if it has
        none, to this picture, with its own recipe.
        """
        with _HANDS:
            self._note()
            moments = {self: snapshot}
            if self.partner is not None:
                run = snapshot.run - self.history.run + self.partner.history.run
                moments[self.partner] = self.partner.history.beside(snapshot, run)
            self._do(lambda one: one._go_back(moments[one]))

    def pin(self, name: str = "") -> None:
        """Pin the current picture, or unpin it; see `History.pin`."""
        with self.thread.changed:
            self.history.pin(name)

    def passages(self) -> tuple[Recipe, ...]:
        """Return the recipes that lead to the current picture; `StudioError` without one."""
        with self.thread.changed:
            self.history.current()
            return self.history.passages

    def result(self) -> "Result":
        """Return the current painting, recorded as it was run; `StudioError` without one."""
        with self.thread.changed:
            return self.history.current()

    def foretell(self, size: int) -> float | None:
        """Return the seconds that the next start would take at a size; None if it is not known."""
        with self.thread.changed:
            recipe, taken = self.wanted, 0
            if size != recipe.size:
                recipe = _resized(recipe, size=size)
            if self.history.step:  # then it goes on at that size alone
                taken = sum(recipe.steps[:-1])
            steps = share_steps(recipe.steps, taken, self.budget)
            return self.thread.pace.foretell(recipe.scales, steps)

    def wait(self, seconds: float | None = None) -> Status:
        """Wait until the painting does not run any more; return its status then."""
        return self.thread.wait(seconds)

    def close(self) -> None:
        """End the painting and its thread, after the step that is being taken."""
        self.thread.close()
        _OPEN.discard(self)

    def forget_state(self) -> None:
        """Remove what was kept for a restarted kernel: the user has ended the painting."""
        if self._folder is not None:
            forget(self._folder)

    def join(self, seconds: float | None = None) -> bool:
        """Wait until the thread has ended; tell whether it has."""
        return self.thread.join(seconds)

    def _do(self, act: Callable[["Controller"], object]) -> None:
        """Do something to this painting and to the one compared with it."""
        with _HANDS:
            for one in filter(None, (self, self.partner)):
                with one.thread.changed:
                    act(one)

    def _note(self, control: tuple[str, ...] = ()) -> None:
        """Remember the moment before a change, in both paintings that are compared.

        A drag is one move: many values of one control, one soon after the other.
        """
        now = time.monotonic()
        drag = control and control == self._last_control and now - self._last_move <= CALM
        self._last_move, self._last_control = now, control
        if drag or (self._one_move and self._noted):
            return
        self._noted = True
        self._do(lambda one: one.history.note_move())

    # Below, the caller holds `thread.changed`.

    def _pause(self) -> None:
        if self.thread.state == "running":
            self.thread.state = "paused"
            self.thread.changed.notify_all()

    def _take_pictures(
        self, content: str | None, style: str | None, others: Sequence[str] | None
    ) -> None:
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

    def _go(self, *, single: bool) -> None:
        if self.thread.state == "closed":
            raise StudioError("this studio is closed; run its cell again")
        if self.thread.state == "running" and not single:
            self.thread.single = False  # a single step that is being taken is the first of many
            return
        self.thread.single = single
        if not single:
            self.thread.done = 0
        self.thread.pace.pause()
        self.thread.state, self.thread.message = "running", ""
        if self.thread.run is None and self.thread.job is None:
            self._begin_passage()
        self.thread.changed.notify_all()

    def _begin_passage(self) -> None:
        """Let the thread begin a passage, and keep its state for a restarted kernel."""
        self.thread.job = self.history.next_passage()
        try:
            self.thread.checkpoint = keep_going(self.history, self.folder)
        except paths.FolderError:  # the painting goes on, without being kept
            self.thread.checkpoint = None

    def _restart(self, why: str) -> None:
        """Go on in another run, if there was one."""
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
    """Return a network's own layers and weights: every network names its layers itself."""
    spec = backbone_spec(backbone)
    layers = {"content_layer": spec.content_layer, "style_layers": spec.style_layers}
    return layers | {"weights": "auto"}


def _control_of(before: Recipe, after: Recipe, changed: list[str]) -> tuple[str, ...]:
    """Return which control was moved: the fields, and which of the style layers."""
    if "style_layers" not in changed:
        return tuple(changed)
    old, new = before.style_layers, after.style_layers
    return (*changed, *(layer for layer in new if old.get(layer) != new[layer]))


def begin_comparison(first: Controller, folder: Path | None = None) -> Controller:
    """Return a second painting like the first; both begin anew, step by step.

    The first one's picture so far becomes a snapshot. The second one saves into `folder`. What was
    changed before cannot be undone until the comparison ends.
    """
    with _HANDS:
        first.pause()
        with first.one_move():
            first._note()
            first.reset()
        second = Controller(*first.pictures, first.wanted, budget=first.budget, folder=folder)
        first._moves_before = second._moves_before = tuple(first.history.moves)
        first.history.moves.clear()
        _pair(first, second)
    return second


def end_comparison(kept: Controller, other: Controller) -> None:
    """Go on with one painting and close the other; the first one takes over its snapshots."""
    with _HANDS:
        _pair(kept, None)
        _pair(other, None)
        with other.thread.changed:
            other.history.snap()
            theirs = list(other.history.snapshots)
        other.close()
        with kept.thread.changed:
            history = kept.history
            history.adopt(theirs)
            moves = (*kept._moves_before, *history.moves)
            history.moves = deque(moves, maxlen=history.moves.maxlen)
            if history.step:
                kept.thread.frames.append(Frame(history.result.image, history.step))
            kept.thread.changed.notify_all()


def _pair(one: Controller, two: Controller | None) -> None:
    for own, other in ((one, two), (two, one)):
        if own is not None:
            with own.thread.changed:
                own.partner = other
                own.thread.partner = other.thread if other is not None else None
                own.thread.changed.notify_all()


_OPEN: set[Controller] = set()


@atexit.register
def close_all() -> None:
    """Close every controller of this process, so that its end cuts no step off."""
    for controller in list(_OPEN):
        controller.close()
        controller.join(10)
