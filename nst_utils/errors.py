"""Errors and warnings that a user can cause; each message is one sentence, fit to be shown."""

from collections.abc import Iterable
from difflib import get_close_matches


class NSTError(Exception):
    """Base of every error that a user can cause; its message is one sentence, fit to be shown."""


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
    valid = list(valid)
    lower = {option.lower(): option for option in valid}
    near = get_close_matches(str(name).lower(), lower, n=1, cutoff=0.5)
    hint = f"did you mean {lower[near[0]]!r}? Valid" if near else "valid"
    return UnknownNameError(f"unknown {kind} {name!r}: {hint}: {', '.join(valid)}")


def one_line(error: BaseException | str, most: int = 300) -> str:
    """Return an error's message as one line, shortened; its type where it says nothing."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= most else text[: most - 1] + "…"
