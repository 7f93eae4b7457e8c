import math

import pytest

from nst_utils import bench
from nst_utils.bench import Row, at_most, limit, line, operations
from nst_utils.registry import UnknownNameError


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


def test_rows_say_whether_a_target_is_met():
    assert at_most("a", 1.0, 4.0, 0.25).met and not at_most("a", 1.1, 4.0, 0.25).met
    assert limit("a", 1.0, 1.0).met and not limit("a", 1.1, 1.0).met
    assert limit("a", 1.0, 1.0).theirs is None
    assert "MISSED" in line(limit("a", 2.0, 1.0)) and "0.25" in line(at_most("a", 1.0, 4.0, 1))


def test_an_unknown_figure_is_refused_before_anything_is_measured():
    told = []
    with pytest.raises(UnknownNameError, match="startup"):
        bench.run(["startup", "start"], told.append)
    assert told == []


def test_measures_are_read_at_equal_structure():
    curve = [{"ssim": 0.2, "color": 0.1}, {"ssim": 0.4, "color": 0.3}]
    assert bench._read(curve, 0.3, "color") == pytest.approx(0.2)
    assert bench._read(curve, 0.1, "color") == 0.1  # ours keeps more: no favor to us
    assert bench._read(curve, 0.5, "color") == math.inf


def test_startup_is_measured_and_light():
    rows = list(bench.startup())
    assert all(isinstance(row, Row) and 0 < row.ours < row.theirs for row in rows)
    assert all(row.met for row in rows), rows
