"""Seconds from moving a slider to the changed picture."""

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
    """Measure the seconds from a slider's move to the changed picture: median of 20 moves."""
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
            time.sleep(hand.random())  # a user moves a slider at any point of a step
            delays.append(_move(controller, beta))
    finally:
        controller.close()
        controller.join()
    yield value_row("seconds from start to the first strokes, 256 px", first, 2)
    yield value_row(
        "seconds from a slider to the changed picture, 256 px", statistics.median(delays), 1
    )


def _move(controller: Controller, beta: float) -> float:
    """Move a slider; return the seconds until a picture shows its new value."""
    marks = len(controller.history.marks)
    began = time.perf_counter()
    controller.set(beta=beta)

    def seen() -> bool:
        # The step at the mark is the first with the new weight; the next frame shows its effect.
        frame = controller.frame()  # every frame is returned once
        moved = len(controller.history.marks) > marks
        return moved and frame is not None and frame.step > controller.history.marks[-1][0]

    _until(seen)
    return time.perf_counter() - began


def _until(there: Callable[[], bool]) -> None:
    """Wait until a condition holds, but no longer than `PATIENCE` seconds."""
    began = time.perf_counter()
    while not there():
        if time.perf_counter() - began > PATIENCE:
            raise BenchError(f"the studio did not paint what was asked for within {PATIENCE} s")
        time.sleep(0.002)
