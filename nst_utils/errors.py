"""Errors and warnings that a user can cause.

A message is one sentence. Names and values from elsewhere are escaped and shortened, so that they
neither control a terminal nor fill pages.
"""

import reprlib
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

MOST = 1200
"""Largest number of characters in a message."""


class NSTError(Exception):
    """Base of every error that a user can cause; its message is one sentence."""

    def __str__(self) -> str:
        """Return the message, escaped and shortened in its middle: advice comes last."""
        return shorten(show(super().__str__()), MOST)


class NSTWarning(UserWarning):
    """Work that goes on, but not as asked: for example without trained weights."""


class UnknownNameError(NSTError, ValueError):
    """A name that is not among the valid ones."""


def unknown(kind: str, name: object, valid: Iterable[str]) -> UnknownNameError:
    """Build the error for an unknown name: the nearest valid one, then all of them.

    Parameters
    ----------
    kind : str
        What was named, for example ``"layer of vgg19"``.
    name : object
        The name that was given.
    valid : iterable of str
        All valid names.

    Returns
    -------
    UnknownNameError
        The error, for the caller to raise.

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
    r"""Return a text with unprintable characters escaped: controls, lone surrogates, directions.

    Examples
    --------
    >>> show("a\x1b[2Jb"), show("été 画")
    ('a\\x1b[2Jb', 'été 画')
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shorten(text: str, most: int) -> str:
    """Return a text without its middle if it is longer than a number of characters."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"


_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 70
_short.maxlist = _short.maxtuple = _short.maxdict = 5
_short.maxlevel = 3


def brief(value: Any) -> str:
    """Return the repr of a value for a message, short even if the value is huge or deep."""
    return shorten(show(_short.repr(value)), 200)


def one_line(error: BaseException | str, most: int = 300) -> str:
    """Return an error's message as one line, escaped and shortened; its type if it is empty."""
    text = " ".join(str(error)[: 20 * most].split()) or type(error).__name__
    return shorten(show(text), most)
