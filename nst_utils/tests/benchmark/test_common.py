import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from nst_utils.benchmark.common import (
    begin_descent,
    benchmark_pair,
    loss_of,
    median_seconds,
    ratio_row,
    value_row,
)
from nst_utils.transfer.presets import recipe


def test_rows_say_whether_a_target_is_met():
    assert ratio_row("a", 1.0, 4.0, 0.25).met and not ratio_row("a", 1.1, 4.0, 0.25).met
    assert value_row("a", 1.0, 1.0).met and not value_row("a", 1.1, 1.0).met
    assert value_row("a", 1.0, 1.0).theirs is None
    assert json.dumps(asdict(ratio_row("a", np.float64(1), np.float64(4), 1)))


def test_an_optimizer_takes_steps_on_the_benchmarks_pair():
    content, style = benchmark_pair(48, 32)
    assert content.size == style.size == (48, 32)
    optimizer = begin_descent(content, style, recipe(size=48), torch.float32)
    start = optimizer.picture()
    first, *_, last = [optimizer.step()[1] for _ in range(4)]
    assert last < first == pytest.approx(loss_of(optimizer.objective, start), rel=1e-4)
    plain = begin_descent(content, style, recipe(size=48), torch.float32, plain=True)
    assert plain.step()[1] == pytest.approx(first, rel=1e-3)


def test_timing_goes_in_turns_and_leaves_the_first_round_out():
    called = []
    found = median_seconds({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, 3)
    assert called == ["a", "b"] * 4 and set(found) == {"a", "b"}
