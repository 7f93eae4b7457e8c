"""Sweeps: a grid of recipes over pairs and seeds, on one machine or many, a table in the end."""

import itertools
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import unknown
from ..images.samples import list_samples
from ..networks.weights import find_weights
from ..paths import public_source, user_path
from ..transfer.config import Recipe
from ..transfer.fields import RecipeError
from ..transfer.regions import check_regions
from .batch import (
    PICTURES,
    STALE,
    BatchError,
    Checksums,
    Job,
    absolute_source,
    batch_code,
    collect,
    input_files,
    run_batch,
    run_key,
)
from .metrics import judge
from .trials import name_styles, recipe_columns, run_trial

MEASURING = ("experiments/metrics.py", "experiments/trials.py")

Pair = tuple[str, str | Sequence[str]]


def pair_samples(count: int) -> list[tuple[str, str]]:
    """Return pairs of sample photos and painted styles; the first ones differ in both.

    Raises
    ------
    BatchError
        If there are not so many.
    """
    photos = [s.name for s in list_samples().values() if s.kind == "content"]
    styles = [s.name for s in list_samples().values() if s.kind == "style"]
    # Round by round through the photos, the styles going on; one further when they come around.
    cycle = len(styles) // math.gcd(len(photos), len(styles))
    every = [
        (photo, styles[(i + len(photos) * turn + turn // cycle) % len(styles)])
        for turn in range(len(styles))
        for i, photo in enumerate(photos)
    ]
    if not 1 <= count <= len(every):
        raise BatchError(f"pairs must be 1 to {len(every)}, not {count}")
    return every[:count]


def expand(grid: Mapping[str, Sequence[Any]], base: Recipe) -> list[Recipe]:
    """Return the recipes of a grid: every combination of its values, over a base.

    Raises
    ------
    RecipeError, UnknownNameError
        If a field or a value does not exist, or a combination is not valid.
    """
    return [
        base.replace(**dict(zip(grid, values, strict=True)))
        for values in itertools.product(*grid.values())
    ]


def sweep(
    grid: Mapping[str, Sequence[Any]],
    *,
    base: Recipe,
    pairs: int | Iterable[tuple[str, str | Sequence[str]]] = 1,
    seeds: int = 1,
    out: str | os.PathLike,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
    stale: str = "rerun",
) -> pd.DataFrame:
    """Run a grid of recipes over pairs and seeds, and return a row for each run.

    Parameters
    ----------
    grid : mapping of str to sequence
        Recipe fields to their values.
    base : Recipe
        What is not in the grid.
    pairs : int or iterable of (content, style)
        How many pairs of samples (see `pair_samples`), or the pairs themselves: paths, addresses
        or names of samples; several styles in place of one are blended or have their regions.
    seeds : int
        Seeds 0, 1 and so on. With several, and a recipe that starts from a picture without noise,
        ``start_noise`` becomes 0.05: without it a seed changes nothing.
    out : path
        Folder: ``runs.parquet``, ``runs.csv``, and ``pictures/``.
    workers, scheduler, progress
        As for `parallel.map_jobs`.
    stale : {"rerun", "keep"}
        What is done about rows that other code has made: the column ``code`` is its version.

    Returns
    -------
    DataFrame
        One row a run, in the grid's order: every recipe field, ``content``, ``style``, every loss
        term of the picture kept (``loss_…``), every measure, ``seconds``, ``peak_mb``,
        ``picture`` (relative to `out`) and ``error``. Runs that failed have a reason there and no
        picture; they are tried again by the next sweep.

    Raises
    ------
    BatchError
        If the folder cannot be made, there is nothing to run, or the sweep was interrupted.
    RecipeError, UnknownNameError, ImageError, WeightsError, ClusterError
        Before anything runs.
    """
    if seeds < 1:
        raise BatchError(f"seeds must be at least 1, not {seeds}")
    if stale not in STALE:
        raise unknown("stale", stale, STALE)
    if seeds > 1 and base.start != "noise" and not base.start_noise and "start_noise" not in grid:
        base = base.replace(start_noise=0.05)
    if "seed" not in grid:
        grid = {**grid, "seed": range(seeds)}
    elif seeds > 1:
        raise RecipeError("seed is in the grid: leave seeds out")
    pairs = pair_samples(pairs) if isinstance(pairs, int) else list(pairs)
    out = user_path(out).absolute()
    jobs = _jobs(expand(grid, base), pairs, out, stale)
    options = dict(workers=workers, scheduler=scheduler, progress=progress)
    try:
        return run_batch(paint_trial, jobs, **options)
    finally:
        collect(out)


def _jobs(recipes: list[Recipe], pairs: list[Pair], out: Path, stale: str) -> list[Job]:
    sums, weights, jobs = Checksums(), {}, {}
    code = batch_code(*MEASURING)
    for (content, style), recipe in itertools.product(pairs, recipes):
        styles = (style,) if isinstance(style, str) else tuple(style)
        check_regions(recipe, len(styles))
        named = (recipe.backbone, recipe.weights)
        if named not in weights:
            weights[named] = find_weights(*named).sha256
        pictures = sums.of(input_files(content, styles, recipe))
        key = run_key(recipe, weights[named], pictures)
        names = {"content": public_source(content), "style": name_styles(style)}
        columns = names | recipe_columns(recipe)
        sources = absolute_source(content), tuple(map(absolute_source, styles))
        work = (*sources, recipe, names)
        jobs.setdefault(key, Job(out, key, work, f"{PICTURES}/{key}.png", columns, code, stale))
    return list(jobs.values())


def paint_trial(work: tuple[str, tuple[str, ...], Recipe, dict[str, str]]) -> tuple[dict, Any]:
    """Paint and measure one run of a sweep; see `batch.Paint`."""
    content, styles, recipe, names = work
    row, result = run_trial(content, styles[0] if len(styles) == 1 else styles, recipe, _judges())
    return row | names, result


@lru_cache(maxsize=1)
def _judges() -> dict[str, Any]:
    """Return a judge that no recipe was optimized with, unless it asked for random weights."""
    return {"by untrained VGG19": judge("vgg19", "random")}
