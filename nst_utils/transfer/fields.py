"""Values of recipe fields: checked, parsed from a command line, split over a ladder of scales.

Works on field descriptions (name and metadata), so that the recipe itself stays a plain list of
fields.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import Field, field
from numbers import Real
from pathlib import PurePath
from typing import Any

from ..errors import NSTError, unknown


def choice(default: str, choices: Sequence[str], help: str) -> Any:
    """Declare a field that takes one of some texts."""
    return field(default=default, metadata={"choices": tuple(choices), "help": help})


def number(default: float, help: str, *, low: float = 0.0, strict: bool = False) -> Any:
    """Declare a field that takes a finite number from `low` on."""
    return field(default=default, metadata={"low": low, "strict": strict, "help": help})


def plain(default: Any, help: str) -> Any:
    """Declare a field that is checked by its name."""
    return field(default=default, metadata={"help": help})


def layers(default: Mapping[str, float], help: str) -> Any:
    """Declare a field that maps layers to weights."""
    return field(default_factory=lambda: dict(default), metadata={"help": help})


MAX_SIZE = 8192
"""Pixels on the long side; a picture of that size takes some hundred gigabytes to optimize."""


class RecipeError(NSTError, ValueError):
    """A recipe that cannot be painted; the message says what was expected and what came."""


def _whole(value: Any) -> int | None:
    """Return the value as an int, or None when it is not a whole number (booleans are not)."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    return int(value) if math.isfinite(value) and value == int(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def check_field(spec: Field, value: Any) -> Any:
    """Return the value of one field in the field's own type, or raise a one-sentence error."""
    name, meta = spec.name, spec.metadata
    if "choices" in meta:
        if value not in meta["choices"]:
            raise unknown(name, value, meta["choices"])
        return value
    if "low" in meta:
        low, strict = meta["low"], meta["strict"]
        if not _is_number(value) or value < low or (strict and value == low):
            bound = "above" if strict else "of at least"
            raise RecipeError(f"{name} must be a finite number {bound} {low:g}, not {value!r}")
        return float(value)
    if name in ("size", "seed"):
        low = 1 if name == "size" else 0
        whole = _whole(value)
        if whole is None or not low <= whole < 2**63:
            raise RecipeError(f"{name} must be a whole number of at least {low}, not {value!r}")
        if name == "size" and whole > MAX_SIZE:
            raise RecipeError(f"size must be at most {MAX_SIZE} pixels, not {whole}")
        return whole
    if name in ("scales", "steps"):
        items = list(value) if isinstance(value, list | tuple) else [value]
        whole = [_whole(item) for item in items]
        if any(item is None or item < 1 for item in whole):
            raise RecipeError(f"{name} must be whole numbers of at least 1, not {value!r}")
        return tuple(whole)
    if name == "style_layers":
        return _check_layers(value)
    if name == "schedule":
        return _check_schedule(value)
    if isinstance(value, PurePath):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise RecipeError(f"{name} must be a text that is not empty, not {value!r}")
    if (
        name == "start"
        and value not in ("content", "style", "noise")
        and not PurePath(value).suffix
    ):
        raise unknown("start", value, ["content", "style", "noise", "the name of a picture file"])
    if name == "device" and not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        raise unknown("device", value, ["auto", "cpu", "cuda", "cuda:1", "mps"])
    return value


def _check_layers(value: Any) -> dict[str, float]:
    wanted = "style_layers must map layer names to weights of at least 0, not all 0"
    if not isinstance(value, Mapping) or not value:
        raise RecipeError(f"{wanted}, not {value!r}")
    weights = {}
    for layer, weight in value.items():
        if not _is_number(weight) or weight < 0:
            raise RecipeError(f"{wanted}; {layer} came with {weight!r}")
        weights[str(layer)] = float(weight)
    if not any(weights.values()):
        raise RecipeError(f"{wanted}; all came as 0")
    return weights


def _check_schedule(value: Any) -> tuple[tuple[int, str, Any], ...]:
    wanted = "schedule must be a list of [step, field, value]"
    if not isinstance(value, list | tuple):
        raise RecipeError(f"{wanted}, not {value!r}")
    entries = []
    for entry in value:
        if not isinstance(entry, list | tuple) or len(entry) != 3 or _whole(entry[0]) is None:
            raise RecipeError(f"{wanted}; one entry is {entry!r}")
        entries.append((_whole(entry[0]), str(entry[1]), entry[2]))
    return tuple(entries)


GRAMS = ("sum", "mean", "chw", "centered", "moments")
"""Variants of the Gram matrix, and what may stand in its place; see `losses.gram`."""
