import timeit

import pytest

from nst_utils.benchmark import speed
from nst_utils.benchmark.common import (
    BenchError,
    Row,
)
from nst_utils.benchmark.speed import operations


def test_operations_are_counted_from_the_shapes():
    # By hand for a 16 x 16 picture: each convolution 2 * 9 * in * out * positions, the Gram
    # matrices 2 * d * d * positions, twice for the way back.
    shapes = [
        (3, 64, 256), (64, 64, 256), (64, 128, 64), (128, 128, 64), (128, 256, 16),
        (256, 256, 16), (256, 256, 16), (256, 256, 16), (256, 512, 4), (512, 512, 4),
        (512, 512, 4), (512, 512, 4), (512, 512, 1),
    ]  # fmt: skip
    grams = [(64, 256), (128, 64), (256, 16), (512, 4), (512, 1)]
    convolutions = sum(18 * a * b * n for a, b, n in shapes)
    assert operations(16, 16) == 2 * (convolutions + sum(2 * d * d * n for d, n in grams))
    assert operations(512, 384) / operations(256, 192) == pytest.approx(4)


def test_memory_is_that_of_a_process_with_nothing_else_in_it():
    bare = speed._peak_of("pass")
    more = speed._peak_of("import time; x = b'1' * 80_000_000; time.sleep(0.1)")
    assert bare < 60 and 70 < more - bare < 90
    with pytest.raises(BenchError, match="ZeroDivisionError"):
        speed._peak_of("1 / 0")


@pytest.fixture
def weights_are_decoded_quickly():
    """Not here, where it is measured how long that takes."""


def test_startup_is_measured_and_light(monkeypatch):
    # Once each: what is shown here does not need the medians.
    once = lambda steps, _: {n: timeit.timeit(step, number=1) for n, step in steps.items()}  # noqa: E731
    monkeypatch.setattr(speed, "median_seconds", once)
    for _ in range(3):  # a busy machine may hold up a single one
        rows = list(speed.measure_startup())
        # A busy machine takes long for both: then what counts is the ratio.
        light = [row.ours < row.theirs and (row.met or row.ratio < 0.15) for row in rows]
        if all(light):
            break
    assert all(isinstance(row, Row) and row.ours > 0 for row in rows)
    assert all(light), rows
