"""What the studio's owner is told: the status, the pictures, and how long steps take.

Times are measured where the studio painted, and foretold for other sizes.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PIL import Image

BUDGET = 200
"""Steps between pressing start and a pause of its own."""

FILM_FRAMES = 80
"""Most frames that a film keeps. Beyond it, every second one is dropped and the stride doubles."""

FILM_SIDE = 480
"""Long side of a frame of a film, pixels."""

LATELY = 12
"""Steps over which the time of a step is averaged."""

FIXED = 128**2
"""The fixed cost of a step, in pixels. With it seconds grow as the benchmark measures them from 128
to 1024 px: with the power 0.83 to 0.93 of the pixels."""


@dataclass(frozen=True)
class Frame:
    """The picture that is shown after `step` steps: the best one so far.

    While the painting runs, the first frame after a change of the settings is the newest picture
    instead. The best one was made under the old settings and would not show the change.
    """

    image: Image.Image
    step: int


@dataclass(frozen=True)
class Status:
    """What is going on.

    Attributes
    ----------
    state : str
        ``loading``, ``ready``, ``running``, ``paused``, ``finished``, ``failed`` or ``closed``.
    message : str
        Why it failed; else mostly empty.
    step : int
        Steps since the beginning.
    done, budget : int
        Steps since start was pressed, and how many there will be.
    rate : float
        Steps a second, lately; 0 where nothing runs.
    left : float or None
        Seconds to the end of these steps, also at finer sizes; None where it is not known.
    scale : int
        Pixels on the long side of what is painted now.
    label : str
        Network and weights, once known.
    """

    state: str
    message: str = ""
    step: int = 0
    done: int = 0
    budget: int = BUDGET
    rate: float = 0.0
    left: float | None = None
    scale: int = 0
    label: str = ""


@dataclass
class Film:
    """How a painting came about: pictures of a run at even steps, however long it gets.

    `frames` holds steps since the beginning and their pictures, one in `stride` steps.
    """

    frames: list[tuple[int, Image.Image]] = field(default_factory=list)
    stride: int = 1

    def add(self, step: int, image: Image.Image) -> None:
        """Keep a picture if its step is a multiple of the stride."""
        if step % self.stride:
            return
        frame = image.copy()
        frame.thumbnail((FILM_SIDE, FILM_SIDE))
        self.frames.append((step, frame))
        if len(self.frames) > FILM_FRAMES:
            self.stride *= 2
            self.frames = [kept for kept in self.frames if kept[0] % self.stride == 0]

    def cut(self, step: int) -> None:
        """Forget what came after a step; after step 0 everything."""
        self.frames = [kept for kept in self.frames if kept[0] <= step]
        if not self.frames:
            self.stride = 1


@dataclass
class Pace:
    """Times of steps by the long side at which they were taken, pixels.

    Examples
    --------
    >>> pace = Pace()
    >>> pace.foretell((128, 256), (40, 160)) is None
    True
    >>> pace.known[128] = 0.1
    >>> pace.foretell((128, 256), (40, 160))
    44.0
    """

    known: dict[int, float] = field(default_factory=dict)
    _times: deque[float] = field(default_factory=lambda: deque(maxlen=LATELY + 1))
    _size: int = 0

    def pause(self) -> None:
        """Forget when the last step was: the next one comes after a wait, or at another size."""
        self._times.clear()

    def step(self, size: int) -> None:
        """Note that a step has been taken now."""
        if size != self._size:
            self.pause()
        self._size = size
        self._times.append(time.monotonic())
        if self.rate:
            self.known[size] = 1 / self.rate

    @property
    def rate(self) -> float:
        """Steps a second, lately; 0 where nothing was measured since the last pause."""
        if len(self._times) < 2:
            return 0.0
        return (len(self._times) - 1) / max(1e-9, self._times[-1] - self._times[0])

    def foretell(self, sizes: Sequence[int], steps: Sequence[int]) -> float | None:
        """Return the seconds that steps at some sizes will take; None before the first was timed.

        What a size takes that was not painted yet is foretold by its pixels, and `FIXED` more.
        """
        if not self.known:
            return None
        total = 0.0
        for size, count in zip(sizes, steps, strict=True):
            nearest = min(self.known, key=lambda known: abs(known - size))
            total += count * self.known[nearest] * (size**2 + FIXED) / (nearest**2 + FIXED)
        return total


def share_steps(steps: Sequence[int], taken: int, budget: int) -> list[int]:
    """Return how many of a budget's steps fall to each scale; the last one takes what is left.

    Examples
    --------
    >>> share_steps((40, 1000), 10, 200), share_steps((40, 1000), 50, 200)
    ([30, 170], [0, 200])
    """
    counts, begun = [], 0
    for each in steps[:-1]:
        begun += each
        counts.append(min(max(0, begun - taken), budget - sum(counts)))
        taken = max(taken, begun)
    return [*counts, budget - sum(counts)]


def told_time(seconds: float, say: Callable[[str], str]) -> str:
    """Return a time in words, rounded so that the display changes rarely.

    Examples
    --------
    >>> [told_time(seconds, str.upper) for seconds in (3, 44, 170, 9000)]
    ['5 SECONDS', '45 SECONDS', '3 MINUTES', '2.5 HOURS']
    """
    if seconds < 58:
        return f"{max(5, 5 * round(seconds / 5))} {say('seconds')}"
    if seconds < 3570:
        return f"{round(seconds / 60)} {say('minutes')}"
    return f"{seconds / 3600:.1f} {say('hours')}".replace(".0 ", " ")
