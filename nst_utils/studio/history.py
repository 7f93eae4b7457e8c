"""What the studio remembers of a painting: plain data, without a thread or a lock.

A painting is made in passages: one run after the other, each from the last one's picture. Only the
current passage grows; the run keeps its schedule, and it is read from the run's steps.
"""

import dataclasses
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import NSTError
from ..transfer.config import STEERABLE, Recipe
from .replay import cut_recipe

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from ..transfer.result import LiveStep, Result
    from ..transfer.state import RunState

SNAPSHOTS = 24
"""Most snapshots that are kept without being pinned; as many again may be pinned."""

NAME = 40
"""Most characters of a snapshot's name."""

MOVES = 30
"""How many moves can be undone."""

ENDLESS = 1_000_000
"""Steps that a passage may take; the budget pauses it long before."""


class StudioError(NSTError, RuntimeError):
    """Something that the studio cannot do right now."""


@dataclass(frozen=True)
class Point:
    """The losses of a step, weighted as in the total; `step` counts from the beginning."""

    step: int
    scale: int
    total: float
    terms: dict[str, float]


@dataclass(frozen=True)
class Passage:
    """A passage that is about to begin.

    `recipe` is None where a checkpoint holds it, `start` where the recipe names the start picture.
    `checkpoint` is a run to go on with.
    """

    recipe: Recipe | None = None
    start: "Tensor | None" = None
    checkpoint: "Path | None" = None


@dataclass(frozen=True)
class Snapshot:
    """A moment of a painting, and all that is needed to go back to it.

    `number` and `run` count the snapshots and the paintings of a studio; neither is used twice.
    `image` and `result` are None before the first step. `moved` tells whether a setting was changed
    there. What is `pinned` stays however many come after it.
    """

    number: int
    run: int
    image: "Image.Image | None"
    step: int
    content: str
    style: str
    wanted: Recipe
    passages: tuple[Recipe, ...]
    result: "Result | None"
    others: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()
    marks: tuple[tuple[int, str], ...] = ()
    moved: bool = False
    pinned: bool = False
    name: str = ""


@dataclass
class History:
    """A painting under way: its pictures, the settings, the runs so far, and the way back.

    Attributes
    ----------
    others : tuple of str
        Further styles.
    wanted : Recipe
        As set; it takes effect at the next step.
    points, marks
        The loss curve of the shown painting; the steps at which something was changed, and what.
    snapshots : deque of Snapshot
        The latest `SNAPSHOTS` and those that are pinned, the oldest first.
    moves, undone : deque of Snapshot
        Taken before each change, and before each `undo`.
    run, runs : int
        Which painting of this studio it is, from 1 on; how many there were.
    over : tuple of Recipe
        The passages that are over.
    recipe : Recipe or None
        Of the current passage, with its schedule so far.
    result : Result or None
        Of the last step, whatever passage it was in.
    base, steps : int
        Steps of the passages that are over, and of the current one.
    """

    content: str
    style: str
    wanted: Recipe
    others: tuple[str, ...] = ()
    points: list[Point] = field(default_factory=list)
    marks: list[tuple[int, str]] = field(default_factory=list)
    snapshots: deque[Snapshot] = field(default_factory=deque)
    moves: deque[Snapshot] = field(default_factory=lambda: deque(maxlen=MOVES))
    undone: deque[Snapshot] = field(default_factory=lambda: deque(maxlen=MOVES))
    run: int = 1
    runs: int = 1
    numbered: int = 0
    over: tuple[Recipe, ...] = ()
    recipe: Recipe | None = None
    result: "Result | None" = None
    base: int = 0
    steps: int = 0

    @property
    def pictures(self) -> tuple[str, str | list[str]]:
        """Content and style as `run.stylize` takes them; several styles are a list."""
        return self.content, [self.style, *self.others] if self.others else self.style

    @property
    def step(self) -> int:
        """Steps since the beginning."""
        return self.base + self.steps

    @property
    def painted(self) -> bool:
        """Whether there is a painting: one continued from a file has none before its first step."""
        return bool(self.step and self.result)

    @property
    def passages(self) -> tuple[Recipe, ...]:
        """The recipes that lead to the current picture, the last one cut to the steps taken."""
        return (*self.over, cut_recipe(self.recipe, self.steps)) if self.steps else self.over

    def add(self, live: "LiveStep") -> None:
        """Add a step of the current passage."""
        record = live.record
        self.steps, self.recipe, self.result = record.step + 1, live.recipe, live.result()
        self.points.append(Point(self.step - 1, record.scale, record.total, record.weighted()))

    def steer(self, live: "LiveStep") -> Recipe | None:
        """Return the recipe for the next step and mark the change; None without one."""
        changed = {
            name: getattr(self.wanted, name)
            for name in STEERABLE
            if getattr(self.wanted, name) != getattr(live.in_effect, name)
        }
        if not changed:
            return None
        self.marks.append((self.step, ", ".join(changed)))
        return live.in_effect.replace(**changed)

    def next_passage(self) -> Passage:
        """Return the passage that begins now: from the start, or from the current picture."""
        wanted = self.wanted
        if not self.step:
            return Passage(wanted.replace(steps=(*wanted.steps[:-1], ENDLESS), schedule=()))
        recipe = wanted.replace(scales=(wanted.size,), steps=(ENDLESS,), schedule=())
        return Passage(recipe, self.current().tensor)

    def take_up(self, state: "RunState", over: tuple[Recipe, ...]) -> None:
        """Go to where a run was when its state was saved, after some passages."""
        self.over, self.recipe = over, None
        self.base, self.steps = sum(sum(passage.steps) for passage in over), len(state.history)
        self.recipe = state.recipe
        self.points = [
            Point(self.base + step.step, step.scale, step.total, step.weighted())
            for step in state.history
        ]
        self.marks = [(self.base + when, field) for when, field, _ in state.recipe.schedule]

    def end_passage(self) -> None:
        """End the current passage."""
        self.over = self.passages
        self.base, self.steps, self.recipe = self.step, 0, None

    def clear(self) -> None:
        """Forget the picture and how it was made; settings and snapshots stay."""
        if self.step:
            self.run = self.runs = self.runs + 1
        self.over, self.recipe, self.result = (), None, None
        self.base = self.steps = 0
        self.points, self.marks = [], []

    def moment(self, *, moved: bool = False) -> Snapshot:
        """Return all that is needed to come back to this moment."""
        return Snapshot(
            self.numbered, self.run, self.result.image if self.painted else None, self.step,
            self.content, self.style, self.wanted, self.passages,
            self.result if self.painted else None, self.others, tuple(self.points),
            tuple(self.marks), moved,
        )  # fmt: skip

    def snap(self, *, moved: bool = False) -> None:
        """Keep the current picture, unless a snapshot already holds it."""
        if not self.painted:
            return
        if (place := self._place()) is not None:
            kept = self.snapshots[place]
            self.snapshots[place] = dataclasses.replace(kept, moved=kept.moved or moved)
            return
        self.numbered += 1
        self._keep(self.moment(moved=moved))

    def _place(self) -> int | None:
        """Return which snapshot holds the current picture."""
        held = (i for i, one in enumerate(self.snapshots) if one.result is self.result)
        return next(held, None)

    def _keep(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)
        passing = [one for one in self.snapshots if not one.pinned]
        if len(passing) > SNAPSHOTS:
            self.snapshots.remove(passing[0])

    def pin(self, name: str = "") -> None:
        """Pin the current picture under a name; without a name, unpin one that is pinned.

        Raises
        ------
        StudioError
            If nothing was painted yet, or too many are pinned.
        """
        self.current()
        self.snap()
        place = self._place()
        kept, name = self.snapshots[place], " ".join(name.split())[:NAME]
        pinned = bool(name) or not kept.pinned
        if pinned > kept.pinned and sum(one.pinned for one in self.snapshots) >= SNAPSHOTS:
            raise StudioError("too many pictures are pinned: go back to one and unpin it first")
        self.snapshots[place] = dataclasses.replace(kept, pinned=pinned, name=name)

    def adopt(self, snapshots: Sequence[Snapshot]) -> None:
        """Keep moments of another painting among these snapshots, under numbers of their own."""
        own = {id(snapshot.result) for snapshot in self.snapshots}
        runs: dict[int, int] = {}
        for snapshot in snapshots:
            if id(snapshot.result) in own:
                continue
            run = runs.setdefault(snapshot.run, self.runs + len(runs) + 1)
            self.numbered += 1
            named = dataclasses.replace(snapshot, number=self.numbered, run=run)
            self._keep(named)
        self.runs += len(runs)

    def beside(self, snapshot: Snapshot, run: int) -> Snapshot:
        """Return the moment that goes with a snapshot of a painting compared with this one.

        If there is none of that step in this `run`, it is that picture, with the settings here.
        """
        same = [own for own in self.snapshots if (own.step, own.run) == (snapshot.step, run)]
        if same:
            return same[-1]
        return dataclasses.replace(snapshot, wanted=self.wanted, run=self.run)

    def note_move(self) -> None:
        """Remember the moment before a change; what was undone before cannot be redone."""
        self.snap(moved=True)
        self.moves.append(self.moment())
        self.undone.clear()

    def undo(self) -> Snapshot:
        """Return the moment before the last change; `StudioError` if nothing was changed yet."""
        if not self.moves:
            raise StudioError("there is nothing to undo: nothing was changed yet")
        self.undone.append(self.moment())
        return self.moves.pop()

    def redo(self) -> Snapshot:
        """Return the moment before the last `undo`; `StudioError` if a change came after it."""
        if not self.undone:
            raise StudioError(
                "there is nothing to do again: nothing was undone since the last move"
            )
        self.moves.append(self.moment())
        return self.undone.pop()

    def go_back(self, snapshot: Snapshot) -> None:
        """Restore a moment: pictures, settings, curve, marks, and the passages that led there."""
        self.content, self.style, self.wanted = snapshot.content, snapshot.style, snapshot.wanted
        self.others = snapshot.others
        self.over, self.recipe, self.result = snapshot.passages, None, snapshot.result
        self.base, self.steps, self.run = snapshot.step, 0, snapshot.run
        self.points, self.marks = list(snapshot.points), list(snapshot.marks)

    def current(self) -> "Result":
        """Return the current painting; its recipe and its record name only the steps that were run.

        Raises
        ------
        StudioError
            If nothing was painted yet.
        """
        if not self.painted:
            raise StudioError("there is no painting yet: press start first")
        last = self.passages[-1]
        record = self.result.provenance | {"recipe": last.to_dict(), "stopped": "finished"}
        return dataclasses.replace(self.result, recipe=last, provenance=record, stopped="finished")
