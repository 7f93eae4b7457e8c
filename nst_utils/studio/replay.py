"""Passages: the recipes that led to a picture one after the other, each from the last one's.

A steered run is one passage as long as only its schedule grows. A change that needs another run
(size, network), or going back to an earlier picture, begins the next passage from the current
picture. Here passages are cut to the steps that were run, written as code or as a command, and run
again.
"""

import dataclasses
import json
import pprint
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import brief
from ..paths import ROOT, public_source
from ..transfer.config import Recipe
from ..transfer.fields import RecipeError
from ..transfer.presets import recipe
from ..untrusted import DataError, parse_json

if TYPE_CHECKING:
    from ..transfer.result import Result

NOTEBOOK = "notebooks/08_studio.ipynb"


def cut_recipe(settings: Recipe, steps: int) -> Recipe:
    """Return the recipe that stops after so many steps, and is otherwise the same.

    If it is cut before its last scale, it ends at a smaller size. Pictures are then read at a
    smaller size too, so its painting differs from that of the stopped run by rounding.

    Raises
    ------
    RecipeError
        If no step is left.

    Examples
    --------
    >>> short = cut_recipe(Recipe(steps=[60, 30], schedule=[[10, "beta", 50], [70, "beta", 1]]), 64)
    >>> short.scales, short.steps, short.schedule
    ((256, 512), (60, 4), ((10, 'beta', 50.0),))
    """
    if steps < 1:
        raise RecipeError(f"a recipe must have a step or more, not {steps}")
    counts: list[int] = []
    for count in settings.steps:
        if sum(counts) < steps:
            counts.append(min(count, steps - sum(counts)))
    scales = settings.scales[: len(counts)]
    schedule = [entry for entry in settings.schedule if entry[0] < steps]
    return dataclasses.replace(
        settings, size=scales[-1], scales=scales, steps=tuple(counts), schedule=schedule
    )


def recipe_changes(settings: Recipe) -> dict[str, Any]:
    """Return the fields in which a recipe differs from ``quick`` for its network, as JSON values.

    ``recipe(**recipe_changes(settings))`` is the recipe again.
    """
    plain = recipe("quick", backbone=settings.backbone).to_dict()
    changes = {name: value for name, value in settings.to_dict().items() if value != plain[name]}
    if settings.backbone != recipe().backbone:
        changes = {"backbone": settings.backbone, **changes}
    if "optimizer" in changes:  # which would else bring its usual rate
        changes["learning_rate"] = settings.learning_rate
    if "size" in changes or "scales" in changes:
        # A new size would else make a ladder, and the ladder's steps.
        changes |= {"scales": list(settings.scales), "steps": list(settings.steps)}
    return changes


def to_json(passages: Sequence[Recipe]) -> str:
    """Return passages as one line of JSON: a list of the changes of each; see `recipe_changes`."""
    return json.dumps([_unchained(settings, i) for i, settings in enumerate(passages)])


def _unchained(settings: Recipe, place: int) -> dict[str, Any]:
    """Return a passage's changes; only the first one has a start of its own."""
    changes = recipe_changes(settings)
    if place:
        changes.pop("start", None)
    return changes


def from_json(text: str) -> list[Recipe]:
    """Read what `to_json` wrote.

    Raises
    ------
    RecipeError, UnknownNameError
        If the text is not such a list, or a value is out of range.
    """
    try:
        listed = parse_json(text, "passages")
    except DataError as error:
        raise RecipeError(str(error)) from None
    if not isinstance(listed, list) or not listed or not all(isinstance(x, dict) for x in listed):
        raise RecipeError(f"expected a list of JSON objects, one a passage, not {brief(listed)}")
    try:
        return [recipe(**entry) for entry in listed]
    except TypeError as error:  # a field named as an argument of recipe() itself
        raise RecipeError(f"expected recipe fields: {error}") from None


def replay_passages(
    content: Any, style: Any, passages: Sequence[Recipe], **options: Any
) -> "Result":
    """Run passages one after the other, each from the last one's picture; return the last result.

    Parameters
    ----------
    content, style, **options
        As for `run.stylize`.
    passages : sequence of Recipe
        The first one has a start of its own.

    Raises
    ------
    RecipeError
        If there is no passage.
    """
    from ..transfer.run import stylize

    if not passages:
        raise RecipeError("expected a passage or more, not none")
    first, *others = passages
    result = stylize(content, style, first, **options)
    for settings in others:
        result = stylize(content, style, settings, start=result.tensor, **options)
    return result


def as_code(content: str, style: str | Sequence[str], passages: Sequence[Recipe]) -> str:
    """Write the Python that runs passages again.

    Examples
    --------
    >>> print(as_code("chelsea", "nocturne", [Recipe(beta=5)]))
    from nst_utils import recipe, stylize
    <BLANKLINE>
    content, style = 'chelsea', 'nocturne'
    painting = stylize(content, style, recipe(
        beta=5.0,
    ))
    painting.save("painting.png")
    painting
    """
    lines = ["from nst_utils import recipe, stylize", ""]
    lines += [f"content, style = {public_source(content)!r}, {public_style(style)!r}"]
    for i, settings in enumerate(passages):
        arguments = _unchained(settings, i)
        lines += ["painting = stylize(content, style, recipe("]
        lines += [_argument(name, value) for name, value in arguments.items()]
        lines += ["), start=painting.tensor)" if i else "))"]
    return "\n".join([*lines, 'painting.save("painting.png")', "painting"])


def _argument(name: str, value: Any) -> str:
    text = pprint.pformat(value, width=92 - len(name), compact=True, sort_dicts=False)
    return f"    {name}={text},".replace("\n", "\n" + " " * (5 + len(name)))


def public_style(style: str | Sequence[str]) -> str | list[str]:
    """Return the public name of a style, or of each of several."""
    return public_source(style) if isinstance(style, str) else [public_source(s) for s in style]


def as_command(content: str, style: str | Sequence[str], passages: Sequence[Recipe]) -> str:
    """Write the papermill command that runs passages again, for a POSIX shell in the clone.

    It names this Python, so that it runs as it stands.

    Examples
    --------
    >>> print(as_command("chelsea", "nocturne", [Recipe(beta=5)]).partition(" ")[2])
    -m papermill notebooks/08_studio.ipynb studio.ipynb -p content chelsea -p style nocturne \
-p passages '[{"beta": 5.0}]'
    """
    python = Path(sys.executable)
    python = python.relative_to(ROOT) if python.is_relative_to(ROOT) else python
    words = [str(python), "-m", "papermill", NOTEBOOK, "studio.ipynb"]
    words += ["-p", "content", public_source(content)]
    named = public_style(style)
    # papermill takes a list as YAML, of which JSON is a part.
    words += (
        ["-p", "style", named] if isinstance(named, str) else ["-y", f"style: {json.dumps(named)}"]
    )
    return shlex.join([*words, "-p", "passages", to_json(passages)])
