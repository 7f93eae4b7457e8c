"""Watch a run: a progress bar, and the picture kept at intervals."""

import contextlib
from typing import Self

from PIL import Image
from tqdm import tqdm

from ..images.tensors import to_pil
from ..parallel import bar_options
from .result import LiveStep, StepRecord


class Watch:
    """A callback for `run.stylize` that shows a bar and keeps pictures.

    Parameters
    ----------
    steps : int
        Steps of the run.
    show_every : int
        Steps between two kept pictures; 0 keeps none.
    done : int
        Steps that a resumed run has taken already.

    Attributes
    ----------
    frames : list of (StepRecord, PIL.Image.Image)
        The pictures kept: the first, one every `show_every` steps, and the last.
    """

    def __init__(self, steps: int, *, show_every: int = 0, done: int = 0) -> None:
        self.steps, self.show_every = steps, show_every
        self.frames: list[tuple[StepRecord, Image.Image]] = []
        self.bar = tqdm(
            total=steps,
            initial=done,
            unit="step",
            desc="loading",
            mininterval=0.5,
            **bar_options(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.bar.close()

    def __call__(self, live: LiveStep) -> None:
        """Move the bar by one step, and keep the picture every `show_every` steps."""
        record = live.record
        # A terminal that has gone must not end what it showed.
        with contextlib.suppress(OSError, ValueError):
            self.bar.set_description(f"painting at {record.scale} px", refresh=False)
            self.bar.set_postfix(loss=f"{record.total:.4g}", refresh=False)
            self.bar.update()
            if record.note:
                self.bar.write(f"step {record.step}: {record.note}", file=self.bar.fp)
        if self.show_every:
            turn = record.step % self.show_every == 0
            if turn or record.step == self.steps - 1:
                self.frames.append((record, to_pil(live.picture())))
