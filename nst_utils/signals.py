"""Signals that ask a process to end: Ctrl-C, a batch system's time limit, a closed terminal.

A run that has a picture defers them: it ends after the current step, and the picture is saved.
Everything else is interrupted at once.
"""

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType, SimpleNamespace
from typing import Any

ASKED = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
)

PAUSE = 1.0
"""Seconds after a signal in which another one counts as the same."""


_NO_REQUEST = {"watching": False, "deferring": False, "name": "", "when": 0.0}

_request = SimpleNamespace(**_NO_REQUEST)
"""The request to end: signal handlers write it, runs read it between their steps."""


@contextlib.contextmanager
def watching_signals() -> Iterator[None]:
    """Turn signals to end into `KeyboardInterrupt`, or defer them; see `defer`.

    Inside another such block, or outside the main thread, this changes nothing. Signals that the
    process ignores (``nohup``) stay ignored.
    """
    if _request.watching or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for number in ASKED:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            before[number] = signal.signal(number, _handle)
    vars(_request).update(_NO_REQUEST, watching=True)
    try:
        yield
    finally:
        vars(_request).update(_NO_REQUEST)
        for number, handler in before.items():
            signal.signal(number, handler)


def defer() -> None:
    """Defer signals until the surrounding block ends: there is something to save now."""
    _request.deferring = _request.watching


def requested() -> str:
    """Return the name of the signal that this thread should obey, or an empty text.

    It concerns the main thread: the studio, on another one, paints on when a cell is interrupted.
    """
    return _request.name if threading.current_thread() is threading.main_thread() else ""


def interrupt_main_thread() -> None:
    """Ask the run on the main thread to end, as a signal would, unless it was asked already."""
    if not _request.name:
        _thread.interrupt_main(signal.SIGTERM)


def ignore_signals() -> None:
    """Ignore signals to end, because the process is ending."""
    if threading.current_thread() is threading.main_thread():
        for number in ASKED:
            signal.signal(number, signal.SIG_IGN)


def exit_on_signals(sentence: str) -> None:
    """Let a signal end this program at once, after it printed a sentence.

    Only programs of this package call it, before they load heavy modules. A block of
    `watching_signals` takes precedence, except while a module is being loaded in it: an exception
    would leave that module half loaded.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        _say(sentence)
        os._exit(1)

    global _leave, _say_more
    _leave, _say_more = leave, bool(sentence)
    for number in ASKED:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, leave)
    if hasattr(signal, "pthread_sigmask"):  # see `holding_back`
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKED)


@contextlib.contextmanager
def holding_back() -> Iterator[None]:
    """Hold signals back; a process that is started meanwhile does so until `exit_on_signals`."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ASKED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_leave: Any = None
_say_more = True


def _handle(number: int, frame: FrameType | None) -> None:
    name, now = signal.Signals(number).name, time.monotonic()
    if _request.name and now - _request.when <= PAUSE:
        _say("already ending: what there is will be saved; ask again to end at once")
        return
    again = bool(_request.name)
    _request.name, _request.when = name, now
    if not _request.deferring or again:
        if _leave and _is_loading(frame):
            _leave(number, frame)
        raise KeyboardInterrupt(name)
    _say("ending after this step; what there is will be saved")


def _is_loading(frame: FrameType | None) -> bool:
    """Tell whether a module is being loaded: an exception in it is changed or lost on its way."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _say(text: str) -> None:
    if not _say_more:
        return
    # The terminal itself may be gone.
    with contextlib.suppress(OSError, ValueError, AttributeError, RuntimeError):
        sys.stderr.write(f"\n{text}\n")
