"""Values of recipe fields: checked, parsed from a command line, split over a ladder of scales.

Works on field descriptions (name and metadata), so that the recipe itself stays a plain list of
fields.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import Field
from numbers import Real
from pathlib import PurePath
from typing import Any

from .registry import NSTError, unknown

MAX_SIZE = 8192
"""Pixels on the long side; a picture of that size takes some hundred gigabytes to optimize."""

SCALE_STEP = 2.4
"""How many times more steps a scale gets than the next finer one, where a recipe does not say."""


class RecipeError(NSTError, ValueError):
    """A recipe that cannot be painted; the message says what was expected and what came."""


def _whole(value: Any) -> int | None:
    """Return the value as an int, or None when it is not a whole number (booleans are not)."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    return int(value) if math.isfinite(value) and value == int(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def check(spec: Field, value: Any) -> Any:
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


def ladder(size: int) -> tuple[int, ...]:
    """Return the long sides of a coarse-to-fine run: halves of `size`, down to about 256.

    Large brush strokes appear only where the network sees the whole picture small; from 128
    pixels up there are therefore always two scales or more.

    Examples
    --------
    >>> ladder(512), ladder(256), ladder(1024), ladder(96)
    ((256, 512), (128, 256), (256, 512, 1024), (96,))
    """
    levels = max(2, round(math.log2(size / 256)) + 1) if size >= 128 else 1
    return tuple(round(size / 2**k) for k in reversed(range(levels)))


def split_steps(
    total: int, scales: Sequence[int], shares: Sequence[float]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Split a total over the scales; scales that would get no step at all are dropped.

    ``shares[i]`` is the ratio of the steps of scale i to those of scale i + 1; the last one given
    is repeated for the finer scales.
    """
    scales = tuple(scales)[-total:]
    weights = [1.0]
    for i in range(len(scales) - 1):
        weights.append(weights[-1] / shares[min(i, len(shares) - 1)])
    unit = total / sum(weights)
    steps = [max(1, round(weight * unit)) for weight in weights]
    # Rounding may miss the total by a little: the largest entry absorbs the difference.
    steps[steps.index(max(steps))] += total - sum(steps)
    return scales, tuple(steps)


def fit_steps(steps: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Carry steps over to another number of scales: extend geometrically, or merge the coarse."""
    if count < len(steps):
        kept = steps[len(steps) - count :]
        return (sum(steps) - sum(kept[1:]), *kept[1:])
    ratio = steps[-2] / steps[-1] if len(steps) > 1 else SCALE_STEP
    while len(steps) < count:
        steps = (*steps, max(1, round(steps[-1] / ratio)))
    return steps


_FORMS = {
    "style_layers": "layers with their weights, for example relu1_1:1+relu2_1:0.5",
    "scales": "whole numbers, for example 256,512",
    "steps": "a whole number, or one for each scale, for example 60,30",
    "schedule": 'JSON, for example [[10, "beta", 50]]',
    "size": "a whole number, for example 512",
    "seed": "a whole number, for example 0",
}


def _number(text: str) -> int | float:
    """Read a number; whole ones exactly, which a float would round above 2**53."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def parse(spec: Field, text: str) -> Any:
    """Read one field's value as written on a command line; see `config.parse_value`."""
    name, text = spec.name, text.strip()
    if "choices" in spec.metadata or name in ("weights", "content_layer", "start", "device"):
        return check(spec, text)
    try:
        if name == "style_layers" and not text.startswith("{"):
            pairs = [part.partition(":") for part in text.split("+")]
            value: Any = {
                layer.strip(): float(weight) if colon else 1.0 for layer, colon, weight in pairs
            }
        elif name in ("scales", "steps"):
            value = [_number(part) for part in text.strip("[]()").split(",")]
        elif name in ("style_layers", "schedule"):
            value = json.loads(text)
        else:
            value = _number(text)
    except ValueError:
        form = _FORMS.get(name, "a number, for example 10 or 1e3")
        raise RecipeError(f"{name} cannot be {text!r}: expected {form}") from None
    return check(spec, value)
