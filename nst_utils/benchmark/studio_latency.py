"""Seconds from a slider to the changed picture."""

import random
import statistics
import time
from collections.abc import Callable, Iterator

from ..studio.controller import Controller, studio_recipe
from . import reference
from .common import BenchError, Row, value_row

PATIENCE = 60
"""Seconds after which a studio counts as failed."""


def measure_studio() -> Iterator[Row]:
    """From a slider's move to the first picture that it changed: the median over 20 moves."""
    controller = Controller(reference.CONTENT, reference.STYLE, studio_recipe(256), budget=10_000)
    try:
        controller.wait()
        began = time.perf_counter()
        controller.start()
        _until(lambda: controller.frame() is not None)
        first = time.perf_counter() - began
        _until(lambda: controller.status().scale == 256)
        hand, delays = random.Random(0), []
        for beta in (5.0, 80.0) * 10:
            time.sleep(hand.random())  # a hand knows nothing of steps
            delays.append(_move(controller, beta))
    finally:
        controller.close()
        controller.join()
    yield value_row("seconds from start to the first strokes, 256 px", first, 2)
    yield value_row(
        "seconds from a slider to the changed picture, 256 px", statistics.median(delays), 1
    )


def _move(controller: Controller, beta: float) -> float:
    """Move a slider and wait for the first picture that a step under it led to."""
    marks = len(controller.history.marks)
    began = time.perf_counter()
    controller.set(beta=beta)

    def seen() -> bool:
        # The step at the mark is the first under the new weights; its frame shows where it led.
        frame = controller.frame()  # each is handed out once
        moved = len(controller.history.marks) > marks
        return moved and frame is not None and frame.step > controller.history.marks[-1][0]

    _until(seen)
    return time.perf_counter() - began


def _until(there: Callable[[], bool]) -> None:
    """Wait for the studio; not for ever, as it may have failed."""
    began = time.perf_counter()
    while not there():
        if time.perf_counter() - began > PATIENCE:
            raise BenchError(f"the studio did not paint what was asked for within {PATIENCE} s")
        time.sleep(0.002)
