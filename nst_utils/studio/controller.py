"""The studio's engine: a painting that goes on in the background and can be steered.

Free of widgets, and of torch until its thread starts. The owner's thread calls the methods of
`Controller` and asks for its `Frame`; the painting happens in a thread of its own, inside
`run.stylize`, and meets the owner's wishes after every step.
"""

import atexit
import contextlib
import dataclasses
import threading
import time
import warnings
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import paths
from ..errors import NSTError
from ..networks.registry import backbone_spec
from ..transfer.config import STEERABLE, Recipe
from ..transfer.presets import recipe
from .fair_lock import ENGINE_LOCK
from .history import BUDGET, Frame, Point, Snapshot, Status
from .replay import cut_recipe

if TYPE_CHECKING:
    from ..transfer.result import Result, StepRecord

COARSE_STEPS = 40
"""Steps at the small scale with which a painting begins."""

ENDLESS = 1_000_000
"""Steps that a passage may take; the budget pauses it long before."""

SNAPSHOT_EVERY = 25

SNAPSHOTS = 12
"""Steps between snapshots, and how many are kept."""

CALM = 1.5
"""Seconds without a move after which the next one gets a snapshot: a drag is one move."""

_AT_THE_START = ("start", "start_noise", "seed")
"""Fields that say how a painting begins; they wait for the next beginning."""


class StudioError(NSTError, RuntimeError):
    """Something that cannot be done now; the message says what to do first."""


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
    content, style : str
        Pictures as `samples.open_picture` takes them.
    settings : Recipe, optional
        To begin with; its steps count only for the scales before the last, its schedule not.
    budget : int
        Steps after which it pauses by itself.
    folder : Path, optional
        Where it keeps and saves pictures; ``data/runs/studio`` and the time when left out.

    Attributes
    ----------
    wanted : Recipe
        As set; in effect from the next step on.
    points : list of Point
        The loss curve of what is on the screen.
    marks : list of (int, str)
        Steps at which something was moved, and what.
    snapshots : deque of Snapshot
        The latest `SNAPSHOTS`.

    Notes
    -----
    Every public method may be called from any thread; all but `wait` and `join` return at once.
    """

    def __init__(
        self,
        content: str,
        style: str,
        settings: Recipe | None = None,
        *,
        budget: int = BUDGET,
        folder: Path | None = None,
    ) -> None:
        self.content, self.style = content, style
        self.wanted = settings or studio_recipe()
        self.budget = budget
        stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{id(self):x}"
        self.folder = folder or paths.RUNS / "studio" / stamp
        self.points: list[Point] = []
        self.marks: list[tuple[int, str]] = []
        self.snapshots: deque[Snapshot] = deque(maxlen=SNAPSHOTS)
        self._changed = threading.Condition()
        self._state, self._message, self._label = "loading", "", ""
        self._passages: tuple[Recipe, ...] = ()  # those that are over
        self._result: Result | None = None  # of the last step, whatever passage it was in
        self._run: object | None = None  # the passage under way; None where there is none
        self._recipe = self.wanted  # of the passage under way, its schedule growing
        self._job: Recipe | None = None  # the passage to begin
        self._single = False  # pause after one step
        self._done = self._base = self._steps = 0
        self._times: deque[float] = deque(maxlen=12)
        self._last_move = 0.0
        self._frames: deque[Frame] = deque(maxlen=1)  # a slow viewer misses frames, not memory
        self._thread = threading.Thread(target=self._work, name="nst-studio", daemon=True)
        _OPEN.add(self)
        self._thread.start()

    # What the owner's thread asks for.

    def status(self) -> Status:
        """Return what is going on."""
        with self._changed:
            rate = 0.0
            if self._state == "running" and len(self._times) > 1:
                rate = (len(self._times) - 1) / max(1e-9, self._times[-1] - self._times[0])
            scale = self.points[-1].scale if self.points else 0
            return Status(
                self._state,
                self._message,
                self._step,
                min(self._done, self.budget),
                self.budget,
                rate,
                scale,
                self._label,
            )

    def frame(self) -> Frame | None:
        """Return the newest picture, once; None until there is another."""
        with self._changed:
            return self._frames.popleft() if self._frames else None

    def start(self) -> None:
        """Begin, or go on for another budget of steps."""
        with self._changed:
            self._go(single=False)

    def step(self) -> None:
        """Take one step."""
        with self._changed:
            self._go(single=True)

    def pause(self) -> None:
        """Stop after the step that is being taken; `start` goes on from there."""
        with self._changed:
            if self._state == "running":
                self._state = "paused"
                self._changed.notify_all()

    def set(self, **fields: Any) -> None:
        """Change fields of the recipe.

        What can be steered holds from the next step on. A new size, network or number format
        goes on from the current picture in a run of its own. The start waits for `reset`.

        Raises
        ------
        RecipeError, UnknownNameError
            As for `Recipe.replace`; then nothing was changed.
        """
        with self._changed:
            if "backbone" in fields and fields["backbone"] != self.wanted.backbone:
                # A network's layers have names of their own: take its usual ones.
                usual = recipe("quick", backbone=fields["backbone"])
                fields = {
                    "content_layer": usual.content_layer,
                    "style_layers": usual.style_layers,
                    "weights": "auto",
                } | fields
            wanted = self.wanted.replace(**fields)
            changed = [n for n in fields if getattr(wanted, n) != getattr(self.wanted, n)]
            if not changed:
                return
            self._remember_move()
            self.wanted = wanted
            free = (*STEERABLE, *_AT_THE_START)
            if any(name not in free for name in changed) and self._state != "loading":
                self._restart("backbone" if "backbone" in changed else ", ".join(changed))
            self._changed.notify_all()

    def choose(self, content: str | None = None, style: str | None = None) -> None:
        """Take other pictures; the painting begins anew, at once if one was running.

        Raises
        ------
        ImageError
            If a picture cannot be opened; then nothing was changed.
        """
        from ..images.samples import open_picture

        for source in (content, style):
            if source is not None:
                open_picture(source, 2 * self.wanted.size)
        with self._changed:
            running = self._state == "running"
            self._begin_anew()
            self.content = content or self.content
            self.style = style or self.style
            if running:
                self._go(single=False)

    def reset(self) -> None:
        """Go back to the beginning; what was set stays, and the picture becomes a snapshot."""
        with self._changed:
            self._begin_anew()

    def undo(self) -> None:
        """Go back to before the last move, picture and recipe.

        Raises
        ------
        StudioError
            If nothing was moved yet.
        """
        with self._changed:
            moves = [snapshot for snapshot in self.snapshots if snapshot.moved]
            if not moves:
                raise StudioError("there is nothing to undo: no slider was moved yet")
            self.snapshots.remove(moves[-1])
            self._back_to(moves[-1])

    def back_to(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot: pictures, recipe, and the way that led there."""
        with self._changed:
            self._snap()
            self._back_to(snapshot)

    def passages(self) -> tuple[Recipe, ...]:
        """Return the recipes that lead to the current picture, one after the other.

        Raises
        ------
        StudioError
            If nothing was painted yet.
        """
        with self._changed:
            if not self._step:
                raise StudioError("there is no painting yet: press start first")
            return self._so_far()

    def result(self) -> "Result":
        """Return the current painting; its recipe and its record say only what was run.

        Raises
        ------
        StudioError
            If nothing was painted yet.
        """
        with self._changed:
            result, last = self._result, self.passages()[-1]
        record = result.provenance | {"recipe": last.to_dict(), "stopped": "finished"}
        return dataclasses.replace(result, recipe=last, provenance=record, stopped="finished")

    def wait(self, seconds: float | None = None) -> Status:
        """Wait until it does not run any more, for a script; return what is then going on."""
        with self._changed:
            self._changed.wait_for(lambda: self._state not in ("loading", "running"), seconds)
        return self.status()

    def close(self) -> None:
        """End the painting and its thread, after the step that is being taken."""
        with self._changed:
            self._run, self._job, self._state = None, None, "closed"
            self._changed.notify_all()
        _OPEN.discard(self)

    def join(self, seconds: float | None = None) -> bool:
        """Wait until the thread has ended; tell whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    # What is done for it; `_changed` is held.

    @property
    def _step(self) -> int:
        return self._base + self._steps

    def _go(self, *, single: bool) -> None:
        if self._state == "closed":
            raise StudioError("this studio is closed; run its cell again")
        if self._state == "running" and not single:
            self._single = False  # a single step under way becomes the first of many
            return
        self._single = single
        if not single:
            self._done = 0
        self._times.clear()
        self._state, self._message = "running", ""
        if self._run is None and self._job is None:
            self._job = self._next_passage()
        self._changed.notify_all()

    def _next_passage(self) -> Recipe:
        """Return the recipe of a passage that begins now: anew, or from the current picture."""
        wanted = self.wanted
        if self._result is None or not self._step:
            return wanted.replace(steps=(*wanted.steps[:-1], ENDLESS), schedule=())
        self.folder.mkdir(parents=True, exist_ok=True)
        start = self.result().save(self.folder / f"passage_{len(self._passages)}.png")
        return wanted.replace(
            scales=(wanted.size,), steps=(ENDLESS,), start=str(start), schedule=()
        )

    def _end_passage(self) -> None:
        """File the passage under way; its thread leaves it after the step."""
        self._passages = self._so_far()
        if self._result is not None:
            # It may have shown where the last step led; what is kept is the best.
            self._frames.append(Frame(self._result.image, self._step))
        self._base, self._steps = self._step, 0
        self._run = self._job = None
        self._changed.notify_all()

    def _so_far(self) -> tuple[Recipe, ...]:
        if not self._steps:
            return self._passages
        return (*self._passages, cut_recipe(self._recipe, self._steps))

    def _restart(self, why: str) -> None:
        """Go on in another run, if one is under way or was."""
        running = self._state == "running"
        self._end_passage()
        if self._step:
            self.marks.append((self._step, why))
        if running:
            self._job = self._next_passage()
        elif self._state == "finished" or self._state == "failed":
            self._state, self._message = "paused" if self._step else "ready", ""

    def _begin_anew(self) -> None:
        self._snap(moved=True)
        self._run = self._job = None
        self._result, self._passages, self._base, self._steps = None, (), 0, 0
        self._done = 0
        self.points, self.marks = [], []
        self._frames.clear()
        if self._state not in ("loading", "closed"):
            self._state, self._message = "ready", ""
        self._changed.notify_all()

    def _snap(self, *, moved: bool = False) -> None:
        """Keep the current picture, unless the latest snapshot is the same."""
        if not self._step:
            return
        if self.snapshots and self.snapshots[-1].result is self._result:
            last = self.snapshots.pop()
            self.snapshots.append(dataclasses.replace(last, moved=last.moved or moved))
            return
        now = (self._result.image, self._step, self.content, self.style, self.wanted)
        self.snapshots.append(Snapshot(*now, self._so_far(), self._result, moved))

    def _remember_move(self) -> None:
        if time.monotonic() - self._last_move > CALM:
            self._snap(moved=True)
        self._last_move = time.monotonic()

    def _back_to(self, snapshot: Snapshot) -> None:
        running = self._state == "running"
        self._run = self._job = None
        self.content, self.style, self.wanted = snapshot.content, snapshot.style, snapshot.wanted
        self._passages, self._result = snapshot.passages, snapshot.result
        self._base, self._steps = snapshot.step, 0
        self.points = [point for point in self.points if point.step < snapshot.step]
        self.marks = [mark for mark in self.marks if mark[0] < snapshot.step]
        self._frames.append(Frame(snapshot.image, snapshot.step))
        self._state, self._message = "paused", ""
        if running:
            self._go(single=False)
        self._changed.notify_all()

    # The painting's own thread.

    def _work(self) -> None:
        self._warm_up()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._job or self._state == "closed")
                if self._state == "closed":
                    return
                self._run, self._recipe, self._job = object(), self._job, None
                run, job, pictures = self._run, self._recipe, (self.content, self.style)
            message = self._paint(run, job, pictures)
            with self._changed:
                if self._run is run:  # it ended by itself
                    self._state, self._message = "failed", message
                    self._end_passage()

    def _warm_up(self) -> None:
        """Take a step that nobody sees: imports, weights, pictures and kernels are then ready."""
        settings, pictures = self.wanted, (self.content, self.style)
        with ENGINE_LOCK, warnings.catch_warnings(), contextlib.suppress(NSTError):
            warnings.simplefilter("ignore")
            from ..transfer.run import stylize

            if not _missing_weights(settings):
                stylize(*pictures, settings.replace(steps=1, schedule=()))
        with self._changed:
            if self._state == "loading":
                self._state = "ready"
            self._changed.notify_all()

    def _paint(self, run: object, job: Recipe, pictures: tuple[str, str]) -> str:
        """Paint a passage; return why it ended, where that was not the owner's wish."""
        from ..transfer.run import stylize

        try:
            if missing := _missing_weights(job):
                return missing
            with ENGINE_LOCK, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return stylize(*pictures, job, on_step=lambda r: self._after(run, r)).stopped
        except NSTError as error:
            return str(error)
        except Exception as error:  # whatever it is, the panel must say so and live on
            return f"unexpected {type(error).__name__}: {error}"

    def _after(self, run: object, record: "StepRecord") -> Recipe | None:
        """Meet the owner's wishes after a step of a passage."""
        with self._changed:
            self._check(run)
            self._keep(record)
            self._changed.notify_all()
            waits = self._state != "running"
        if waits:
            # The others need not wait for a painting that waits for its owner.
            ENGINE_LOCK.give()
            try:
                with self._changed:
                    self._changed.wait_for(lambda: self._state == "running" or self._run is not run)
            finally:
                ENGINE_LOCK.take()
        else:
            ENGINE_LOCK.pass_on()
        with self._changed:
            self._check(run)
            return self._steer(record.step + 1)

    def _check(self, run: object) -> None:
        from ..transfer.run import StopRun

        if self._run is not run:
            raise StopRun

    def _keep(self, record: "StepRecord") -> None:
        """Take a step's result, decide whether to pause, and show the picture."""
        from ..images.tensors import to_pil

        now = self._recipe.at(record.step)
        self._steps = record.step + 1
        self._done += 1
        self._times.append(time.monotonic())
        self._result = record.result()
        self._label = self._result.weights_label
        self.points.append(
            Point(
                self._step - 1,
                record.scale,
                record.total,
                now.alpha * record.content,
                now.beta * record.style,
                now.tv * record.tv,
            )
        )
        if record.note:
            self._message = record.note
        if self._step % SNAPSHOT_EVERY == 0:
            self._snap()
        if self._state == "running" and (self._single or self._done >= self.budget):
            self._state = "paused" if self._single else "finished"
        shown = self._result.image
        if self._state == "running" and self.marks and self.marks[-1][0] == self._step - 1:
            shown = to_pil(record.moved())
        self._frames.append(Frame(shown, self._step))

    def _steer(self, step: int) -> Recipe | None:
        """Return the recipe for the next step, where it is another one."""
        before = self._recipe.at(step)
        changed = {
            name: getattr(self.wanted, name)
            for name in STEERABLE
            if getattr(self.wanted, name) != getattr(before, name)
        }
        if not changed:
            return None
        after = self._recipe.at(step - 1).replace(**changed)
        self._recipe = self._recipe.steered(after, step)
        self.marks.append((self._base + step, ", ".join(changed)))
        return after


def _missing_weights(settings: Recipe) -> str:
    """Say what to do where a network has no trained weights and the recipe does not want that."""
    if settings.weights != "auto":
        return ""
    from ..networks.weights import find_weights

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if find_weights(settings.backbone).trained:
            return ""
    spec = backbone_spec(settings.backbone)
    files = " or ".join(source.filename for source in spec.sources.values())
    return (
        f"needs weights: {spec.title} has no trained weights on this machine and they could not "
        f"be downloaded; put {files} into data/weights, or choose the untrained ones"
    )


_OPEN: set[Controller] = set()


@atexit.register
def close_all() -> None:
    """Close every controller of this process; at its end a step may not be cut through."""
    for controller in list(_OPEN):
        controller.close()
        controller.join(10)
