"""The kinds of fields that a recipe has: each with its check, its help and its parser.

A field is declared once, in `config.Recipe`. Its rule stands in the dataclass field's metadata and
serves construction, the command line and ``recipes --fields``. Free of torch.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Real
from pathlib import PurePath
from typing import Any

from ..errors import NSTError, brief, check_choice, unknown
from ..untrusted import parse_json

GRAMS = ("sum", "mean", "chw", "centered", "moments")
"""Variants of the Gram matrix, and what may stand in its place; see `losses.gram_matrix`."""

SMOOTHINGS = ("none", "scaled", "softmax", "softmax_layer")
"""What may be done to the activations of deep layers; see `losses.smooth`."""

COLORS = ("free", "recolored", "recolored_twice", "lightness", "content", "match", "only")
"""Whose colors the painting gets; see `coloring`."""

COLOR_HELP = (
    "recolored: the photo first gets the style's colors; twice: the painting, too; lightness: the "
    "painting's, in the recolored photo's colors; content: the photo's own colors; match: the "
    "style first gets the photo's; only: colors, but no strokes"
)

DETAILS = ("none", "content", "style", "both")
"""Whose finest band an enlarged picture gets; see `detail`."""

MAX_SIZE = 8192
"""Largest long side, pixels."""

LEAST_TILE = 32
"""Smallest side of a tile, pixels."""


MOST_NUMBERS = 64
"""Most entries of a list of scales, steps, weights or regions."""

MOST_CHANGES = 10_000
"""Most entries of a schedule."""

LARGEST = 1e20
"""Largest weight or step length; a larger one would only overflow."""


class RecipeError(NSTError, ValueError):
    """A recipe that cannot be painted; the message says what was expected and what came."""


@dataclass(frozen=True)
class Rule:
    """What a field accepts."""

    help: str
    # check(name, value) returns the value in the field's own type, or raises `RecipeError` or
    # `UnknownNameError`.
    check: Callable[[str, Any], Any]
    # parse(text) reads a text of the command line; it raises ValueError for another form.
    parse: Callable[[str], Any] = str
    form: str = "a text"  # the form that `parse` expects, for its message
    choices: tuple[str, ...] = ()  # every value, where there are few


def rule_of(spec: dataclasses.Field) -> Rule:
    """Return the rule of a recipe's field."""
    return spec.metadata["rule"]


def check_field(spec: dataclasses.Field, value: Any) -> Any:
    """Return the value of a field in the field's own type, or raise a one-sentence error."""
    return rule_of(spec).check(spec.name, value)


def parse_field(spec: dataclasses.Field, text: str) -> Any:
    """Read a field's value as written on a command line; see `recipe_options.parse_value`."""
    rule, text = rule_of(spec), text.strip()
    try:
        value = rule.parse(text)
    except ValueError:
        raise RecipeError(f"{spec.name} cannot be {brief(text)}: expected {rule.form}") from None
    return rule.check(spec.name, value)


def _declare(default: Any, rule: Rule) -> Any:
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: dict(default), metadata={"rule": rule})
    return dataclasses.field(default=default, metadata={"rule": rule})


def choice(default: str, choices: Sequence[str], help: str) -> Any:
    """Declare a field that takes one of some texts."""

    def check(name: str, value: Any) -> str:
        check_choice(name, value, choices)
        return value

    return _declare(default, Rule(help, check, choices=tuple(choices)))


def number(default: float, help: str, *, above: bool = False, high: float = LARGEST) -> Any:
    """Declare a field that takes a finite number of at least 0, or above 0."""

    def check(name: str, value: Any) -> float:
        if not _is_number(value) or value < 0 or (above and value == 0):
            bound = "above" if above else "of at least"
            raise RecipeError(f"{name} must be a finite number {bound} 0, not {brief(value)}")
        if value > high:
            raise RecipeError(f"{name} must be at most {high:g}, not {brief(value)}")
        return float(value)

    return _declare(default, Rule(help, check, _number, "a number, for example 10 or 1e3"))


def whole(default: int, help: str, *, low: int, high: int | None = None) -> Any:
    """Declare a field that takes a whole number within bounds."""

    def check(name: str, value: Any) -> int:
        number = _whole(value)
        if number is None or not low <= number < 2**63:
            raise RecipeError(
                f"{name} must be a whole number of at least {low}, not {brief(value)}"
            )
        if high is not None and number > high:
            raise RecipeError(f"{name} must be at most {high} pixels, not {number}")
        return number

    form = f"a whole number, for example {default}"
    return _declare(default, Rule(help, check, _number, form))


def whole_numbers(help: str, form: str) -> Any:
    """Declare a field that takes one whole number or several, of at least 1; by default none."""

    def check(name: str, value: Any) -> tuple[int, ...]:
        numbers = [_whole(item) for item in _several(name, value)]
        if any(item is None or not 1 <= item < 2**63 for item in numbers):
            raise RecipeError(f"{name} must be whole numbers of at least 1, not {brief(value)}")
        return tuple(numbers)

    return _declare((), Rule(help, check, _numbers, form))


def numbers(default: tuple[float, ...], help: str, form: str, *, low: float, high: float) -> Any:
    """Declare a field that takes one number or several, within bounds, not all of them 0.

    It may be empty only if its default is.
    """

    def check(name: str, value: Any) -> tuple[float, ...]:
        items = _several(name, value)
        if (default and not items) or any(
            not _is_number(item) or not low <= item <= high for item in items
        ):
            raise RecipeError(
                f"{name} must be numbers from {low:g} to {high:g}, not {brief(value)}"
            )
        if items and not any(items):
            raise RecipeError(f"{name} must hold a number above 0; all came as 0")
        return tuple(float(item) for item in items)

    def parse(text: str) -> list[int | float]:
        return _numbers(text.strip("[]()").strip(",")) if text.strip("[](),") else []

    return _declare(default, Rule(help, check, parse, form))


def regions(help: str) -> Any:
    """Declare a field that lists regions: what is covered, by which style, what of that style."""
    wanted = "regions must be a list of [mask, number of the style, mask of the style]"

    def check(name: str, value: Any) -> tuple[tuple[str, int, str], ...]:
        entries = []
        for entry in _listed(wanted, value, MOST_NUMBERS):
            known = isinstance(entry, list | tuple) and len(entry) in (2, 3)
            mask, number, other = (*entry, "")[:3] if known else (None, None, None)
            number = _whole(number)
            texts = isinstance(mask, str) and isinstance(other, str) and 0 < len(mask) <= 4096
            if not texts or number is None or not 0 <= number <= MOST_NUMBERS or len(other) > 4096:
                raise RecipeError(f"{wanted} (number 0: the photo stays); one is {brief(entry)}")
            entries.append((mask, number, other))
        return tuple(entries)

    parse = partial(parse_json, what="regions")
    return _declare((), Rule(help, check, parse, 'JSON, for example [["box:0,0,1,0.5", 1]]'))


def text(default: str, help: str, valid: Callable[[str], Sequence[str]] | None = None) -> Any:
    """Declare a field that takes a text.

    `valid` is called with a value. It returns the valid ones if the value is wrong, else nothing.
    """

    def check(name: str, value: Any) -> str:
        number = valid is tiles_unless_valid and _whole(value) is not None
        value = str(value) if isinstance(value, PurePath) or number else value
        if not isinstance(value, str) or not value:
            raise RecipeError(f"{name} must be a text that is not empty, not {brief(value)}")
        if len(value) > 4096:
            raise RecipeError(f"{name} must be at most 4,096 characters, not {len(value):,}")
        if valid and (others := valid(value)):
            raise unknown(name, value, others)
        return value

    return _declare(default, Rule(help, check))


STARTS = ("content", "style", "noise", "instant", "given")
"""What a run can start from, besides a file. A file is a picture or a network of one style.
``instant`` is the painting of Magenta's feed-forward network, made in a second. ``given`` is the
picture that was passed as ``start``."""


def starts_unless_valid(value: str) -> Sequence[str]:
    """Return the valid starts if the value is none of them, else nothing."""
    if value in STARTS or PurePath(value).suffix:
        return ()
    return (*STARTS, "the name of a picture file")


def devices_unless_valid(value: str) -> Sequence[str]:
    """Return the valid devices if the value is none of them, else nothing."""
    if re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        return ()
    return ("auto", "cpu", "cuda", "cuda:1", "mps")


def tiles_unless_valid(value: str) -> Sequence[str]:
    """Return the valid tiles if the value is none of them, else nothing."""
    if value in ("auto", "none") or (value.isdecimal() and LEAST_TILE <= int(value) <= MAX_SIZE):
        return ()
    return ("auto", "none", f"a whole number of pixels from {LEAST_TILE} to {MAX_SIZE}")


def weights(
    default: Mapping[str, float],
    help: str,
    what: str,
    example: str,
    choices: Sequence[str] = (),
) -> Any:
    """Declare a field that maps names to weights; it may be empty only if its default is.

    `what` is the kind of name, for messages; `example` is written as on the command line; `choices`
    are all names, where they are known here.
    """

    def check(name: str, value: Any) -> dict[str, float]:
        wanted = f"{name} must map {what} names to weights of at least 0"
        wanted += ", not all 0" if default else ""
        if not isinstance(value, Mapping) or (default and not value):
            raise RecipeError(f"{wanted}, not {brief(value)}")
        weights = {}
        for key, weight in value.items():
            if choices and key not in choices:
                raise unknown(f"{what} in {name}", key, choices)
            if not _is_number(weight) or not 0 <= weight <= LARGEST:
                raise RecipeError(f"{wanted}; {str(key)[:60]} came with {brief(weight)}")
            weights[str(key)] = float(weight)
        if default and not any(weights.values()):
            raise RecipeError(f"at least one {what} must weigh more than 0; all came as 0")
        return weights

    def parse(text: str) -> dict[str, float]:
        if text.startswith("{"):
            return parse_json(text, f"{what} names with their weights")
        pairs = [part.partition(":") for part in text.split("+") if part]
        return {key.strip(): float(weight) if colon else 1.0 for key, colon, weight in pairs}

    form = f"{what} names with their weights, for example {example}"
    return _declare(dict(default), Rule(help, check, parse, form))


def changes(help: str) -> Any:
    """Declare a field that lists changes during a run."""
    wanted = "schedule must be a list of [step, field, value]"

    def check(name: str, value: Any) -> tuple[tuple[int, str, Any], ...]:
        entries = []
        for entry in _listed(wanted, value, MOST_CHANGES):
            if not isinstance(entry, list | tuple) or len(entry) != 3 or _whole(entry[0]) is None:
                raise RecipeError(f"{wanted}; one entry is {brief(entry)}")
            entries.append((_whole(entry[0]), str(entry[1]), entry[2]))
        return tuple(entries)

    parse = partial(parse_json, what="a schedule")
    return _declare((), Rule(help, check, parse, 'JSON, for example [[10, "beta", 50]]'))


def _several(name: str, value: Any) -> Sequence[Any]:
    """Return the items of a list, or a single value as one item; refuse too many."""
    items = value if isinstance(value, list | tuple) else [value]
    if len(items) > MOST_NUMBERS:
        raise RecipeError(f"{name} must be at most {MOST_NUMBERS} numbers, not {len(items):,}")
    return items


def _listed(wanted: str, value: Any, most: int) -> Sequence[Any]:
    """Return the entries of a list; refuse anything else, and too many."""
    if not isinstance(value, list | tuple):
        raise RecipeError(f"{wanted}, not {brief(value)}")
    if len(value) > most:
        raise RecipeError(f"{wanted}, at most {most:,}, not {len(value):,}")
    return value


def _whole(value: Any) -> int | None:
    """Return the value as an int, or None when it is not a whole number (booleans are not)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if _is_number(value) and value == int(value) else None


def _is_number(value: Any) -> bool:
    """Tell a finite number; a whole one may be too large for a float."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _numbers(text: str) -> list[int | float]:
    return [_number(part) for part in text.strip("[]()").split(",")]


def _number(text: str) -> int | float:
    """Read a number; whole ones exactly, which a float would round above 2**53."""
    try:
        return int(text)
    except ValueError:
        return float(text)
