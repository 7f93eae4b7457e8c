"""Errors and warnings that a user can cause, and what may be shown of a text from elsewhere.

A message is one sentence. Texts from elsewhere are escaped and shortened, so that they neither
control a terminal nor fill pages, and addresses lose their passwords, signatures and tokens. All
that leaves the process goes through `show`: messages, tables, records, copied code.
"""

import re
import reprlib
import threading
import urllib.parse
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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


class _Ignored(type):
    def __subclasscheck__(cls, category: type) -> bool:
        return issubclass(category, tuple(getattr(_thread, "ignored", ())))


class _IgnoredWarning(Warning, metaclass=_Ignored):
    """Counts as the base of whatever the current thread ignores."""


_thread = threading.local()


@contextmanager
def ignoring(category: type[Warning] = Warning) -> Iterator[None]:
    """Ignore warnings of a category in this thread alone.

    `warnings.catch_warnings` ignores them in all threads. If two threads leave it in the order in
    which they entered it, all later warnings are lost.
    """
    # In front of filters that were added since.
    if [entry[2] for entry in warnings.filters[:1]] != [_IgnoredWarning]:
        warnings.simplefilter("ignore", _IgnoredWarning)
    ignored = vars(_thread).setdefault("ignored", [])
    ignored.append(category)
    try:
        yield
    finally:
        ignored.remove(category)


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


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "frame"), counted(2000, "frame")
    ('1 frame', '2,000 frames')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def check_choice(kind: str, value: Any, valid: Iterable[Any]) -> None:
    """Raise the error of `unknown` where a value is not among the valid ones."""
    try:
        known = value in valid
    except TypeError:  # a list or a dict has no hash
        known = False
    if not known:
        raise unknown(kind, value, map(str, valid))


_HARMLESS = {
    "crop", "dpr", "fit", "fm", "format", "h", "height", "lang", "max", "page", "q", "quality",
    "s", "size", "w", "width",
}  # fmt: skip
"""Parameters of an address that only say how a picture is delivered."""

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s'\"<>\\`|]+")


def public_address(address: str) -> str:
    """Return an address to be shown and recorded: without password, signature or token.

    Only parameters that say how a picture is delivered stay.

    Examples
    --------
    >>> public_address("https://me:secret@host.org/a.jpg?width=320&X-Amz-Signature=ab12")
    'https://host.org/a.jpg?width=320'
    >>> public_address("https://me:se/cr#et@host.org:80/a.jpg;jsessionid=ab12")
    'https://host.org:80/a.jpg'
    """
    scheme, _, rest = address.partition("://")
    if "@" in rest and re.match(r"[^/?#@]*:(?!\d*([/?#]|$))", rest):
        # A password that should have been percent-encoded: "/" and "#" would end it.
        address = f"{scheme}://{rest.rpartition('@')[2]}"
    try:
        parts = urllib.parse.urlsplit(address)
        given = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return address.split("?")[0].rsplit("@", 1)[-1]
    kept = [(name, text) for name, text in given if name.lower() in _HARMLESS and len(text) <= 12]
    place = parts.netloc.rsplit("@", 1)[-1]
    path = re.sub(r";[^/]*", "", parts.path)  # ;jsessionid=…
    return urllib.parse.urlunsplit((parts.scheme, place, path, urllib.parse.urlencode(kept), ""))


def show(text: str) -> str:
    r"""Return a text to be shown: unprintable characters are escaped, addresses made public.

    Examples
    --------
    >>> show("a\x1b[2Jb"), show("été 画"), show("no answer (https://me:secret@host/a?token=b)")
    ('a\\x1b[2Jb', 'été 画', 'no answer (https://host/a)')
    """
    text = public(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _public_match(match: re.Match) -> str:
    address = match[0].rstrip(".,;:)]}")
    return public_address(address) + match[0][len(address) :]


def public(value: Any) -> Any:
    """Return JSON values with all their texts, also those of keys, made public; see `show`."""
    if isinstance(value, str):
        return _ADDRESS.sub(_public_match, value) if "://" in value else value
    if isinstance(value, dict):
        return {public(key): public(entry) for key, entry in value.items()}
    return [public(entry) for entry in value] if isinstance(value, list | tuple) else value


def shorten(text: str, most: int) -> str:
    """Return a text of at most `most` characters; the middle of a longer one becomes ``…``."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"


class _PublicRepr(reprlib.Repr):
    """Make texts public before they are cut: half a signature would not be recognized."""

    def repr_str(self, value: str, level: int) -> str:
        return super().repr_str(public(value), level)

    def repr_instance(self, value: Any, level: int) -> str:
        text = public(repr(value))
        return shorten(text, self.maxother)


_short = _PublicRepr()
_short.maxstring = _short.maxother = _short.maxlong = 70
_short.maxlist = _short.maxtuple = _short.maxdict = 5
_short.maxlevel = 3


def brief(value: Any) -> str:
    """Return the repr of a value for a message, short even if the value is huge or deep."""
    return shorten(show(_short.repr(value)), 200)


def one_line(error: BaseException | str, most: int = 300) -> str:
    """Return an error's message as one line, escaped and shortened; its type if it is empty."""
    text = " ".join(public(str(error)[: 20 * most]).split()) or type(error).__name__
    return shorten(show(text), most)
