"""What the studio's owner is told: the status, and the picture to be shown."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

BUDGET = 200
"""Steps between pressing start and a pause of its own."""


@dataclass(frozen=True)
class Frame:
    """The picture that is shown after `step` steps: the best one so far.

    While the painting runs, the first frame after a change of the settings is the newest picture
    instead. The best one was made under the old settings and would not show the change.
    """

    image: "Image.Image"
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
