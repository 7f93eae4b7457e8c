"""The peak of memory during a block of code."""

import threading
from typing import Self

import psutil
import torch


class PeakMemory:
    """Watch this process's memory during a block; ``mb`` is the peak, in megabytes of 10^6 bytes.

    On CUDA it is what torch allocated there; elsewhere the resident memory of the whole process,
    asked for every 20 ms, libraries included.
    """

    def __init__(self) -> None:
        self.mb = 0.0
        self._done = threading.Event()
        self._cuda = torch.cuda.is_available()

    def _watch(self) -> None:
        process = psutil.Process()
        while True:
            self.mb = max(self.mb, process.memory_info().rss / 1e6)
            if self._done.wait(0.02):
                return

    def __enter__(self) -> Self:
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self._cuda:
            self.mb = torch.cuda.max_memory_allocated() / 1e6
