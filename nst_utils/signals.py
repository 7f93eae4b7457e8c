"""Signals that ask a process to end: Ctrl-C, a batch system's time limit, a closed terminal.

A run that has a picture defers them: it ends after the current step, and the picture is saved.
Everything else is interrupted at once.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

ASKED = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)

PAUSE = 1.0
"""Seconds after a signal in which another one counts as the same."""


class _Request:
    """The request to end: signal handlers write it, runs read it between their steps."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget the request and whom it concerns."""
        self.watching = self.deferring = self.everywhere = self.program = False
        self.name, self.when = "", 0.0


_request = _Request()


@contextlib.contextmanager
def watching_signals(program: bool = False) -> Iterator[None]:
    """Turn signals to end into `KeyboardInterrupt`, or defer them; see `defer`.

    Inside another such block, or outside the main thread, this changes nothing. Signals that the
    process ignores (``nohup``) stay ignored.

    Parameters
    ----------
    program : bool
        Whether the process is this program alone. A signal that comes while a library is being
        loaded then ends it at once: an exception there ends in errors of that library.
    """
    if _request.watching or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for number in ASKED:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            before[number] = signal.signal(number, _handle)
    _request.clear()
    _request.watching, _request.program = True, program
    try:
        yield
    finally:
        _request.clear()
        for number, handler in before.items():
            signal.signal(number, handler)


def defer() -> None:
    """Defer signals until the surrounding block ends: there is something to save now."""
    _request.deferring = _request.watching


def requested() -> str:
    """Return the name of the signal that this thread should obey, or an empty text.

    A signal concerns the main thread: the studio, on another one, paints on when a cell is
    interrupted. On a worker it concerns every thread.
    """
    mine = _request.everywhere or threading.current_thread() is threading.main_thread()
    return _request.name if mine else ""


def request_stop(name: str = "SIGTERM") -> None:
    """Ask the runs of this process to end, as a signal would; their pictures are saved."""
    _request.name, _request.when, _request.everywhere = name, time.monotonic(), True


def ignore_signals() -> None:
    """Ignore signals to end, because the process is ending."""
    if threading.current_thread() is threading.main_thread():
        for number in ASKED:
            signal.signal(number, signal.SIG_IGN)


def take_on_worker() -> None:
    """Let a worker's runs end after their step when the worker is asked to end.

    They are on other threads than the main one. The first signal is a request to them; a later one
    ends the process as usual.
    """
    _request.clear()
    for number in ASKED:
        before = signal.getsignal(number)

        def handle(number: int, frame: FrameType | None, before=before) -> None:
            if _request.name and time.monotonic() - _request.when > PAUSE:
                signal.signal(number, before if callable(before) else signal.SIG_DFL)
                signal.raise_signal(number)
            request_stop(signal.Signals(number).name)

        signal.signal(number, handle)


def _handle(number: int, frame: FrameType | None) -> None:
    name, now = signal.Signals(number).name, time.monotonic()
    if _request.name and now - _request.when <= PAUSE:
        _say("already ending: what there is will be saved; ask again to end at once")
        return
    if _request.program and not _request.deferring and _loading(frame):
        _say("Error: interrupted")
        os._exit(1)
    again = bool(_request.name)
    _request.name, _request.when = name, now
    if not _request.deferring or again:
        raise KeyboardInterrupt(name)
    _say("ending after this step; what there is will be saved")


def _loading(frame: FrameType | None) -> bool:
    """Tell whether a module is being imported."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _say(text: str) -> None:
    # The terminal itself may be gone.
    with contextlib.suppress(OSError, ValueError, AttributeError, RuntimeError):
        sys.stderr.write(f"\n{text}\n")
