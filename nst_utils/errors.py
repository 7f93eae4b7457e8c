"""Errors and warnings that a user can cause, and how text from elsewhere is shown in them.

Each message is one sentence, fit to be shown: whatever a name or a value holds, it is escaped and
shortened here, so that it reaches neither a terminal as commands nor a reader as pages.
"""

import reprlib
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

MOST = 1200
"""Characters that a message may have; what came may be longer."""


class NSTError(Exception):
    """Base of every error that a user can cause; its message is one sentence, fit to be shown."""

    def __str__(self) -> str:
        """Return the message, escaped, and shortened in its middle; what to do is last."""
        return shorten(show(super().__str__()), MOST)


class NSTWarning(UserWarning):
    """Something that goes on, but not as asked: for example without trained weights."""


class UnknownNameError(NSTError, ValueError):
    """A name that the registry does not know."""


def unknown(kind: str, name: object, valid: Iterable[str]) -> UnknownNameError:
    """Build the error for an unknown name: the nearest valid one, then all of them.

    Parameters
    ----------
    kind : str
        What was named, for example ``"layer of vgg19"``.
    name : object
        What came instead of a valid name.
    valid : iterable of str
        Every name that would have been accepted.

    Returns
    -------
    UnknownNameError
        To be raised by the caller.

    Examples
    --------
    >>> str(unknown("pooling", "maxx", ["max", "average"]))
    "unknown pooling 'maxx': did you mean 'max'? Valid: max, average"
    """
    valid, text = list(valid), str(name)[:100]  # looking for the nearest takes quadratic time
    lower = {option.lower(): option for option in valid}
    near = get_close_matches(text.lower(), lower, n=1, cutoff=0.5)
    hint = f"did you mean {lower[near[0]]!r}? Valid" if near else "valid"
    return UnknownNameError(f"unknown {kind} {brief(name)}: {hint}: {', '.join(valid)}")


def show(text: str) -> str:
    r"""Return a text with all that does not print escaped: controls, lone surrogates, directions.

    Examples
    --------
    >>> show("a\x1b[2Jb"), show("été 画")
    ('a\\x1b[2Jb', 'été 画')
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shorten(text: str, most: int) -> str:
    """Return a text of at most so many characters, its middle left out where it is longer."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"


_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 70
_short.maxlist = _short.maxtuple = _short.maxdict = 5
_short.maxlevel = 3


def brief(value: Any) -> str:
    """Return what came, for a message: its repr, short also where the value is huge or deep."""
    return shorten(show(_short.repr(value)), 200)


def one_line(error: BaseException | str, most: int = 300) -> str:
    """Return an error's message as one line, escaped and shortened; its type if it says nothing."""
    text = " ".join(str(error)[: 20 * most].split()) or type(error).__name__
    return shorten(show(text), most)
