import sys

import psutil
import pytest
import torch

from nst_utils import allocator
from nst_utils.allocator import kept_memory


class Libc:
    def __init__(self):
        self.calls = []

    def mallopt(self, name, value):
        self.calls.append((name, value))

    def malloc_trim(self, pad):
        self.calls.append("trim")


def test_settings_come_with_the_first_block_and_go_with_the_last(monkeypatch):
    libc = Libc()
    monkeypatch.setattr(allocator, "_libc", lambda: libc)
    with kept_memory():
        assert libc.calls == list(allocator.KEEPING.items())
        with pytest.raises(ValueError, match="inside"), kept_memory():
            raise ValueError("inside")
        assert libc.calls == list(allocator.KEEPING.items())
    assert libc.calls == [*allocator.KEEPING.items(), *allocator.DEFAULTS.items(), "trim"]


def test_it_does_nothing_without_glibc(monkeypatch):
    monkeypatch.setattr(allocator, "_libc", lambda: None)
    with kept_memory():
        assert torch.ones(3).sum() == 3


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator is set on Linux only")
def test_memory_stays_during_the_block_and_is_given_back_after_it():
    def resident():
        return psutil.Process().memory_info().rss / 1e6

    allocator._libc().malloc_trim(0)  # what other tests left
    before = resident()
    with kept_memory():
        blocks = [torch.ones(125_000) for _ in range(400)]  # half a megabyte each
        del blocks
        assert resident() > before + 150
    assert resident() < before + 50
