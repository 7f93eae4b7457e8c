"""Two paintings of one pair: begun together, painted step by step, one of them kept."""

from pathlib import Path

from .controller import Controller
from .state import Frame


def begin_comparison(first: Controller, folder: Path | None = None) -> Controller:
    """Return a second painting like the first; both begin anew, and neither gets ahead.

    Parameters
    ----------
    first : Controller
        Its picture so far becomes a snapshot.
    folder : Path, optional
        Where the second one saves.
    """
    first.pause()
    first.reset()
    second = Controller(*first.pictures, first.wanted, budget=first.budget, folder=folder)
    _pair(first, second)
    return second


def end_comparison(kept: Controller, other: Controller) -> None:
    """Go on with one painting; the other one closes, its picture among the first one's."""
    _pair(kept, None)
    _pair(other, None)
    with other.thread.changed:
        last = other.history.moment() if other.history.step else None
    other.close()
    with kept.thread.changed:
        if last is not None:
            kept.history.adopt(last)
        if kept.history.step:
            kept.thread.show(Frame(kept.history.result.image, kept.history.step))
        kept.thread.changed.notify_all()


def _pair(one: Controller, two: Controller | None) -> None:
    for own, other in ((one, two), (two, one)):
        if own is not None:
            with own.thread.changed:
                own.thread.partner = other.thread if other is not None else None
                own.thread.changed.notify_all()
