"""Many runs, measured: a row of numbers for each."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from ..errors import NSTError, one_line
from ..networks.device import describe_machine
from ..paths import public_source
from ..transfer.config import Recipe, check_recipe
from ..transfer.pictures import open_pair, public_recipe
from ..transfer.progress import Watch
from ..transfer.result import Result, StepRecord
from ..transfer.run import stylize
from . import metrics
from .metrics import Judges
from .peak_memory import PeakMemory


def run_trial(
    content: Any,
    style: Any,
    recipe: Recipe,
    judges: Judges | None = None,
    untouched: dict[str, float] | None = None,
) -> tuple[dict[str, Any], Result | None]:
    """Paint once and measure the picture.

    Parameters
    ----------
    content, style, recipe
        As for `run.stylize`.
    judges, untouched
        As for `metrics.measure`.

    Returns
    -------
    row : dict
        The recipe's fields (see `recipe_columns`), ``content``, ``style``, ``label`` of the
        weights, every loss term of the best picture (``loss_…``, and ``loss_first``), the
        measures, ``seconds``, ``peak_mb`` and ``error``: empty, or the sentence that says why there
        is no picture.
    result : Result or None
        None where there is an error.
    """
    sources = {"content": public_source(content), "style": name_styles(style)}
    row = {**sources, **recipe_columns(recipe), "error": ""}
    try:
        opened, styles = open_pair(content, style, recipe)
        with PeakMemory() as memory:
            result = stylize(opened, styles, recipe)
        # Of several styles the first one is what the painting is measured against.
        images = opened.image, styles[0].image
        if not result.stopped.startswith("interrupted"):  # who asked to end waits for nothing
            row |= metrics.measure(result.image, *images, judges, untouched)
    except Exception as error:  # one run's failure, of whatever kind, is that run's row
        reason = one_line(error)
        known = isinstance(error, NSTError)
        return row | {"error": reason if known else f"{type(error).__name__}: {reason}"}, None
    best = result.best
    row |= {"loss_first": result.history[0].total, "loss_total": best.total}
    # Each loss term is before its weight in the total.
    row |= {f"loss_{name.rpartition('/')[2]}": value for name, value in best.terms.items()}
    row |= {"loss_style": _style_of(best, result.recipe)}
    row |= {"label": result.weights_label, "done": len(result.history), "stopped": result.stopped}
    row |= {"recipe": result.recipe.to_json(defaults=False), "curve": loss_curve(result.history)}
    row |= {"machine": describe_machine(result.recipe.precision)}
    row |= {"date": result.provenance["date"][:10]}
    return row | {"seconds": result.seconds, "peak_mb": memory.mb}, result


def loss_curve(history: Sequence[StepRecord], points: int = 40) -> str:
    """Return a run's loss curve as JSON: its weighted terms at some of the steps.

    The first three steps, the last one and about `points` between them are kept.
    """
    places = {*range(3), *np.linspace(0, len(history) - 1, points).astype(int)}
    kept = [history[i] for i in sorted(places) if i < len(history)]
    curve = {"step": [step.step for step in kept]}
    for name in kept[-1].weighted():
        curve[name] = [step.weighted().get(name, 0.0) for step in kept]
    rounded = {
        name: [v if name == "step" else float(f"{v:.5g}") for v in values]
        for name, values in curve.items()
    }
    return json.dumps(rounded, separators=(",", ":"))


def _style_of(step: StepRecord, recipe: Recipe) -> float:
    """Return the style loss of a step before ``beta``."""
    parts = {f"style/{name}": value for name, value in step.parts("style").items()}
    shares = recipe.at(step.step).style_shares(parts)
    return sum(shares[name] * value for name, value in parts.items())


def name_styles(style: Any) -> str:
    """Return what one or several style pictures are called."""
    styles = style if isinstance(style, list | tuple) else [style]
    return " + ".join(public_source(source) for source in styles)


def recipe_columns(recipe: Recipe) -> dict[str, int | float | str]:
    """Return a recipe's fields as numbers and text, lists and layers as on the command line."""
    columns: dict[str, Any] = {}
    for name, value in public_recipe(recipe).to_dict().items():
        if isinstance(value, dict):
            value = "+".join(f"{layer}:{weight:g}" for layer, weight in value.items())
        elif isinstance(value, list):
            plain = all(isinstance(entry, int | float) for entry in value)
            value = ",".join(map(str, value)) if plain else json.dumps(value)
        columns[name] = value
    return columns


def paint(
    content: Any,
    style: Any,
    recipe: Recipe,
    *,
    masks: Mapping[str, Any] | None = None,
    show_every: int = 0,
) -> tuple[Result, Sequence[tuple[StepRecord, Image.Image]]]:
    """Paint with a progress bar.

    Parameters
    ----------
    content, style, recipe, masks
        As for `run.stylize`.
    show_every : int
        Steps between two kept pictures; 0 keeps none.

    Returns
    -------
    result : Result
    frames : list of (StepRecord, PIL.Image.Image)
        As `progress.Watch` keeps them.
    """
    check_recipe(recipe)
    with Watch(sum(recipe.steps), show_every=show_every) as watch:
        result = stylize(content, style, recipe, masks=masks, on_step=watch)
    return result, watch.frames


def style_at_start(content: Any, style: Any, recipe: Recipe) -> float:
    """Return the style loss of the first picture, before ``beta``; raises as `run.stylize`."""
    short = recipe.replace(scales=recipe.scales[:1], steps=1, schedule=())
    return _style_of(stylize(content, style, short).history[0], short)
