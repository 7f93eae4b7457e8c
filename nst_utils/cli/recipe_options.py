"""Recipes from a command line: options, and values read from text."""

from collections.abc import Callable
from typing import Any

import click

from ..networks.registry import BACKBONES
from ..transfer.config import Recipe, field_of
from ..transfer.fields import COLORS, RecipeError, parse_field
from ..transfer.presets import RECIPES, recipe


def style_options(command: Callable) -> Callable:
    """Add the options that say how several styles, their colors and their strokes go together."""
    return _add(
        command,
        click.option("--blend", metavar="W,W", help="Weights of several styles, for example 7,3."),
        click.option("--color", help=f"Whose colors: {', '.join(COLORS)}."),
        click.option(
            "--style-scale", metavar="X", help="Size of the strokes, 0.25 to 4; one for each."
        ),
    )


def recipe_options(command: Callable) -> Callable:
    """Add the options that choose and change a recipe."""
    return _add(
        command,
        click.option(
            "--recipe",
            "name",
            default="quick",
            show_default=True,
            help=f"Named recipe: {', '.join(RECIPES)}.",
        ),
        click.option(
            "--size",
            help="Long side of the result, pixels; stylize also takes full, the photo's own.",
        ),
        click.option("--steps", help="Steps in all, or one number per scale: 60,25."),
        click.option("--backbone", help=f"Network: {', '.join(BACKBONES)}."),
        click.option("--weights", help="Weights: auto, a source, random, or a .pt file."),
        click.option(
            "--set",
            "changes",
            multiple=True,
            metavar="FIELD=VALUE",
            help="Change any recipe field; may be repeated. "
            "See: python -m nst_utils recipes --fields",
        ),
    )


def _add(command: Callable, *options: Callable) -> Callable:
    """Add options to a command; help lists them in this order."""
    for option in reversed(options):
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
    return parse_field(field_of(name), text)


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
