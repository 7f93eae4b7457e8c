import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from nst_utils.benchmark import common
from nst_utils.benchmark.common import (
    begin_descent,
    benchmark_pair,
    describe_machine,
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


@pytest.mark.parametrize(
    ("dtype", "said"), [(torch.float32, "no bfloat16"), (torch.bfloat16, "bfloat16 (this cpu")]
)
def test_the_machine_is_named_with_its_number_format(monkeypatch, dtype, said):
    monkeypatch.setattr(common, "pick_precision", lambda *_: dtype)
    assert (
        said in describe_machine()
        and torch.__version__ in describe_machine()
        and "threads" in describe_machine()
    )


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
