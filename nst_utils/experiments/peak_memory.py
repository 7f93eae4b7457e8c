"""Peak memory during a block of code; torch is used only if it is loaded already."""

import contextlib
import sys
import threading
from typing import Self

import psutil

_PAUSE = 0.01
"""Seconds between two samples."""


class PeakMemory:
    """Measure a process's peak memory during a block: ``mb``, in megabytes of 10^6 bytes.

    It is the resident memory of the whole process, by default this one, libraries included, sampled
    every 10 ms. For this process, where CUDA is available, it is the memory that torch allocated
    there.
    """

    def __init__(self, process: psutil.Process | None = None) -> None:
        self.mb = 0.0
        self._process = process or psutil.Process()
        self._done = threading.Event()
        torch = sys.modules.get("torch")
        self._cuda = torch.cuda if process is None and torch and torch.cuda.is_available() else None

    def _watch(self) -> None:
        while True:
            with contextlib.suppress(psutil.Error):  # the process has ended
                self.mb = max(self.mb, self._process.memory_info().rss / 1e6)
            if self._done.wait(_PAUSE):
                return

    def __enter__(self) -> Self:
        if self._cuda:
            self._cuda.reset_peak_memory_stats()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self._cuda:
            self.mb = self._cuda.max_memory_allocated() / 1e6
