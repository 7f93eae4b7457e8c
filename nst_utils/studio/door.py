"""A lock by which a panel handles the browser's messages one after the other.

JupyterLab handles the messages of widgets in a thread of their own, and those of several clients in
several threads. Only one thread at a time may change a panel's widgets and its state.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any
from weakref import WeakSet

import ipywidgets as widgets


class Door:
    """A lock in front of widgets; whoever holds it may enter again.

    Examples
    --------
    >>> button, door = widgets.Button(), Door()
    >>> door.guard(button)
    >>> with door.try_open() as is_open:
    ...     is_open
    True
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._guarded: WeakSet[widgets.Widget] = WeakSet()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    @contextmanager
    def try_open(self) -> Iterator[bool]:
        """Enter if nobody else is inside; else the block must leave everything as it is."""
        held = self._lock.acquire(blocking=False)
        try:
            yield held
        finally:
            if held:
                self._lock.release()

    def through(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that waits for its turn."""

        @wraps(function)
        def one_at_a_time(*arguments: Any, **options: Any) -> Any:
            with self._lock:
                return function(*arguments, **options)

        return one_at_a_time

    def guard(self, widget: widgets.Widget) -> None:
        """Let every message of the browser to a widget, and to those inside it, wait its turn."""
        for part in within(widget):
            if part not in self._guarded and part.comm is not None:
                part.comm.on_msg(self.through(part._handle_msg))
                self._guarded.add(part)


def within(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    """Yield a widget and all those inside it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from within(child)
