"""Recipes from a command line: options, and values read from text."""

import json
from collections.abc import Callable
from dataclasses import Field, fields
from typing import Any

import click

from ..errors import unknown
from ..networks.registry import BACKBONES
from ..transfer.config import Recipe, _spec
from ..transfer.fields import RecipeError, check_field
from ..transfer.presets import RECIPES, recipe


def recipe_options(command: Callable) -> Callable:
    """Add the options that choose and change a recipe."""
    for option in reversed(
        (
            click.option("--recipe", "name", default="quick", show_default=True,
                         help=f"Named recipe: {', '.join(RECIPES)}."),
            click.option("--size", help="Long side of the result, pixels."),
            click.option("--steps", help="Steps in all, or one number per scale: 60,25."),
            click.option("--backbone", help=f"Network: {', '.join(BACKBONES)}."),
            click.option("--weights", help="Weights: auto, a source, random, or a .pt file."),
            click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE",
                         help="Change any recipe field; may be repeated. "
                              "See: python -m nst_utils recipes --fields"),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def parse_value(name: str, text: str) -> Any:
    """Read one field's value as written on a command line.

    Numbers, lists (``256,512``) and JSON are understood; ``style_layers`` is written
    ``relu1_1:1+relu2_1:0.75`` (a layer without a number weighs 1).

    Raises
    ------
    UnknownNameError
        If there is no such field.
    RecipeError
        If the text cannot be the field's value.

    Examples
    --------
    >>> parse_value("beta", "1e3"), parse_value("scales", "128,256")
    (1000.0, (128, 256))
    >>> parse_value("style_layers", "relu1_1+relu2_1:0.5")
    {'relu1_1': 1.0, 'relu2_1': 0.5}
    """
    names = [spec.name for spec in fields(Recipe)]
    if name not in names:
        raise unknown("recipe field", name, names)
    return parse_field(_spec(name), text)


def build_recipe(name: str, changes: tuple[str, ...] = (), **options: str | None) -> Recipe:
    """Build a recipe from what a command line says.

    Parameters
    ----------
    name : str
        One of `RECIPES`.
    changes : tuple of str
        ``FIELD=VALUE`` each; they win over `options`.
    **options : str or None
        Recipe fields as text; None is left out.

    Raises
    ------
    RecipeError, UnknownNameError
        As for `recipe` and `parse_value`.
    """
    overrides = {
        field: parse_value(field, text) for field, text in options.items() if text is not None
    }
    for change in changes:
        field, equals, text = change.partition("=")
        if not equals:
            raise RecipeError(f"--set takes FIELD=VALUE, not {change!r}")
        overrides[field.strip()] = parse_value(field.strip(), text)
    return recipe(name, **overrides)


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


def parse_field(spec: Field, text: str) -> Any:
    """Read one field's value as written on a command line; see `recipe_options.parse_value`."""
    name, text = spec.name, text.strip()
    if "choices" in spec.metadata or name in ("weights", "content_layer", "start", "device"):
        return check_field(spec, text)
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
    return check_field(spec, value)
