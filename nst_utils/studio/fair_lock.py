"""Turns: painters that share the processor's cores step one after the other, not all at once.

Each of torch's steps uses every core. Two of them at once have twice as many threads as there are
cores, and wait for each other inside every operation: on two cores each became eight times slower.
"""

import threading
from collections import deque
from typing import Self


class FairLock:
    """A lock that is handed on in the order in which it was asked for.

    Python's own locks may go to the thread that has just released them, again and again.

    Examples
    --------
    >>> lock = FairLock()
    >>> with lock:
    ...     lock.pass_on()
    """

    def __init__(self) -> None:
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.give()

    def take(self) -> None:
        """Wait until it is this thread's turn."""
        mine = object()
        with self._changed:
            self._waiting.append(mine)
            self._changed.wait_for(lambda: self._waiting[0] is mine)

    def give(self) -> None:
        """End the turn; only for the thread whose turn it is."""
        with self._changed:
            self._waiting.popleft()
            self._changed.notify_all()

    def pass_on(self) -> None:
        """Let the others have a turn each, if there are any, and go on."""
        self.give()
        self.take()


ENGINE_LOCK = FairLock()
"""For everything in this process that runs a network."""
