"""Sweeps: recipes over pairs and seeds, on one machine or many, with a table in the end."""

import itertools
import math
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import NSTWarning, brief, check_choice
from ..images.samples import list_samples
from ..networks.registry import backbone_spec
from ..networks.weights import find_weights
from ..paths import RUNS, public_source, user_path
from ..transfer.config import Recipe
from ..transfer.fields import RecipeError
from ..transfer.regions import check_regions
from .batch import (
    FILE_FIELDS,
    PICTURES,
    STALE,
    TABLES,
    BatchError,
    Job,
    absolute_recipe,
    absolute_source,
    batch_code,
    collect,
    input_files,
    picture_sha256,
    run_batch,
    run_key,
)
from .metrics import MEASURES, judge
from .stored import StoredResults
from .trials import name_styles, recipe_columns, run_trial

JUDGES = {"by untrained VGG19": ("vgg19", "random")}
"""A judge that no recipe was optimized with, unless it asked for random weights."""

MEASURING = ("experiments/metrics.py", "experiments/trials.py")

Pair = tuple[str, str | Sequence[str]]


def pair_up(contents: str | Iterable[str], styles: str | Iterable[str]) -> list[tuple[str, str]]:
    """Return a pair for each photo; where paintings are fewer, they begin anew.

    Parameters
    ----------
    contents, styles : str or path, or an iterable of them
        One source or several: names of samples, paths, addresses.

    Raises
    ------
    BatchError
        If either is empty, or neither a source nor a list of them.

    Examples
    --------
    >>> pair_up(["palace", "chelsea"], "mosaic")
    [('palace', 'mosaic'), ('chelsea', 'mosaic')]
    """
    sides = []
    for side in (contents, styles):
        if not isinstance(side, str | os.PathLike | Iterable):
            raise BatchError(f"a source of a picture or a list of them was expected, not {side!r}")
        sides.append([side] if isinstance(side, str | os.PathLike) else list(side))
    if not all(sides):
        raise BatchError("pairs need at least one photo and one painting; none was given")
    return list(zip(sides[0], itertools.cycle(sides[1]), strict=False))


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
    grid: Mapping[str, Any],
    *,
    base: Recipe | None = None,
    pairs: int | Iterable[tuple[str, str | Sequence[str]]] = 1,
    seeds: int = 1,
    judges: Mapping[str, tuple[str, str]] = JUDGES,
    out: str | os.PathLike | None = None,
    stored: str = "",
    fresh: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
    stale: str = "rerun",
) -> pd.DataFrame:
    """Run settings over pairs and seeds, and return a row for each run.

    Parameters
    ----------
    grid : mapping
        Recipe fields to their values, of which every combination is run; or names of settings to
        their recipes. A setting may have several recipes, for example a curve over ``beta``.
    base : Recipe, optional
        What is not in the grid; by default `Recipe`'s own fields.
    pairs : int or iterable of (content, style)
        How many pairs of samples (see `pair_samples`), or the pairs themselves: paths, addresses
        or names of samples; several styles in place of one are blended or have their regions.
    seeds : int
        Number of seeds. They are 0, 1 and so on. With several seeds, a recipe that starts from a
        picture without noise gets ``start_noise=0.05``. Without noise, a seed changes nothing under
        losses that draw nothing, such as Gram matrices.
    judges : mapping of str to (backbone, weights)
        Networks that measure the distance to the style beside color and texture, by column. Where
        trained weights are asked for (``auto``) and none are found, the column of new rows is
        empty (NaN), and a warning says so.
    out : path, optional
        Folder: ``runs.parquet``, ``runs.csv``, and ``pictures/``; by default one below
        ``data/runs`` with the name of `stored`.
    stored : str
        Name of an experiment below ``data/results``. Rows that are stored there for the same
        recipe, pictures and weights are read and not painted.
    fresh : bool
        Paint also what is stored.
    workers, scheduler, progress
        As for `parallel.map_jobs`.
    stale : {"rerun", "keep"}
        What is done about rows in `out` that other code has made: the column ``code`` is its
        version.

    Returns
    -------
    DataFrame
        One row a run, in the grid's order: ``setting``, every recipe field, ``content``,
        ``style``, every loss term of the picture kept (``loss_…``), every measure, ``seconds``,
        ``peak_mb``, ``picture`` (relative to `out`), ``file`` (its whole path) and ``error``. Runs
        that failed have a reason there and no picture; they are tried again by the next sweep.
        Stored runs that no notebook shows have no picture either: ``file`` is empty.

    Raises
    ------
    BatchError
        If the folder cannot be made, there is nothing to run, or the sweep was interrupted.
    RecipeError, UnknownNameError, ImageError, WeightsError, ClusterError
        Before anything runs.
    """
    check_choice("stale", stale, STALE)
    if out is None and not stored:
        raise BatchError("a sweep needs out, a folder for its results, or stored, a name")
    _check_judges(judges)
    out = user_path(out or RUNS / "results" / stored).absolute()
    settings = _with_seeds(_settings(grid, base), seeds, "seed" in grid)
    pairs = pair_samples(pairs) if isinstance(pairs, int) else _checked_pairs(pairs)
    jobs = _jobs(settings, pairs, out, stale)
    rows = {}
    if stored and not fresh:
        kept = StoredResults(stored)
        found = {job.key: kept.find(job.key, inputs, any_) for job, inputs, any_ in jobs}
        # A judge may be asked that was not asked then.
        rows = {k: row for k, row in found.items() if row and {*judges} <= {*row}}
    todo = {job.key: job for job, *_ in jobs if job.key not in rows}
    if todo or not jobs:
        able = _trained(judges)
        todo = {
            key: replace(job, work=(*job.work, able), columns_needed=tuple(able))
            for key, job in todo.items()
        }
        options = dict(workers=workers, scheduler=scheduler, progress=progress)
        options |= dict(tables=TABLES, finish=partial(collect, out))
        table, _ = run_batch(paint_trial, list(todo.values()), **options)
        for row in table.to_dict("records"):
            rows[row["key"]] = row | {"file": str(out / row["picture"]) if row["picture"] else ""}
    # A stored row may be shared by settings. The measure color takes the place of the field color.
    records = [
        {"error": "", **job.columns, **rows[job.key], "setting": job.columns["setting"]}
        for job, *_ in jobs
    ]
    # Objects: text of pandas takes no folder whose name is not UTF-8.
    files = pd.Series([record.pop("file", "") for record in records], dtype=object)
    runs = pd.DataFrame(records).assign(file=files)
    return runs.assign(**dict.fromkeys({*judges} - {*runs}, np.nan))


def _check_judges(judges: Mapping[str, tuple[str, str]]) -> None:
    """Refuse judges that are not networks, or are called as a measure is."""
    pairs = judges.values() if isinstance(judges, Mapping) else [judges]
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise BatchError(
                "judges must map names to (backbone, weights), for example "
                f"{{'resnet': ('resnet50', 'auto')}}, not {brief(judges)}"
            )
        backbone_spec(pair[0])  # weights are looked for, and downloaded, only where one judges
    if taken := {*judges} & {*MEASURES}:
        raise BatchError(f"a judge cannot be called {taken.pop()}: a measure has this name")


def _trained(judges: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Return the judges whose weights are as asked for; warn of those that would be untrained."""
    able = {
        name: (backbone, weights)
        for name, (backbone, weights) in judges.items()
        if weights != "auto" or find_weights(backbone, weights).trained
    }
    for name in judges.keys() - able.keys():
        warnings.warn(
            f"{name}: no trained weights of {judges[name][0]} were found, and none could be "
            "downloaded; the column stays empty where nothing is stored",
            NSTWarning,
            stacklevel=3,
        )
    return able


def _checked_pairs(pairs: Any) -> list[Pair]:
    listed = list(pairs) if isinstance(pairs, Iterable) and not isinstance(pairs, str) else [pairs]
    for pair in listed:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise BatchError(
                f"pairs must be (content, style) each, for example ('chelsea', 'mosaic'), not "
                f"{brief(pair)}"
            )
    return listed


def _settings(grid: Mapping[str, Any], base: Recipe | None) -> list[tuple[str, Recipe]]:
    """Return the recipes to run, each with the name of its setting."""
    base = Recipe() if base is None else base
    values = grid.values() if isinstance(grid, Mapping) else [grid]
    listed = all(isinstance(v, Recipe | list | tuple | range | np.ndarray) for v in values)
    if not isinstance(grid, Mapping) or not listed or not isinstance(base, Recipe):
        raise BatchError(
            "a grid maps recipe fields to lists of values, for example {'beta': [3, 10]}, and base "
            f"is a Recipe; got {brief(grid)} and {brief(base)}"
        )
    named = {k: [v] if isinstance(v, Recipe) else list(v) for k, v in grid.items()}
    if named and all(isinstance(r, Recipe) for recipes in named.values() for r in recipes):
        return [(name, recipe) for name, recipes in named.items() for recipe in recipes]
    return [("", recipe) for recipe in expand(grid, base)]


def _with_seeds(
    settings: list[tuple[str, Recipe]], seeds: int, in_grid: bool
) -> list[tuple[str, Recipe]]:
    """Return every recipe with every seed, and with the noise that makes a seed tell."""
    if not isinstance(seeds, int) or seeds < 1:
        raise BatchError(f"seeds must be a whole number of at least 1, not {brief(seeds)}")
    if seeds == 1:
        return settings
    if in_grid:
        raise RecipeError("seed is in the grid: leave seeds out")
    every = []
    for name, recipe in settings:
        if recipe.start != "noise" and not recipe.start_noise:
            recipe = recipe.replace(start_noise=0.05)
        every += [(name, recipe.replace(seed=seed)) for seed in range(seeds)]
    return every


def _jobs(
    settings: list[tuple[str, Recipe]], pairs: list[Pair], out: Path, stale: str
) -> list[tuple[Job, str, bool]]:
    """Return for each row its job, its key without the weights, and whether any weights will do.

    What judges the picture is not known yet: their weights are looked for only if one is painted.

    Rows may share a job: two settings may have the same recipe.
    """
    sums, weights, jobs = cache(picture_sha256), {}, []
    code = batch_code(*MEASURING)
    for (content, style), (name, recipe) in itertools.product(pairs, settings):
        styles = (style,) if isinstance(style, str) else tuple(style)
        check_regions(recipe, len(styles))
        named = (recipe.backbone, recipe.weights)
        if named not in weights:
            weights[named] = find_weights(*named)
        pictures = [sums(str(p)) for p in input_files(content, styles, recipe)]
        inputs = run_key(recipe, "", pictures)
        key = run_key(recipe, weights[named].sha256, pictures)
        names = {"content": public_source(content), "style": name_styles(style)}
        columns = {"setting": name} | names | recipe_columns(recipe)
        sources = absolute_source(content), tuple(map(absolute_source, styles))
        # The row names files as they were given, the worker finds them in full.
        shown = names | {field: columns[field] for field in FILE_FIELDS} | {"inputs": inputs}
        work = (*sources, absolute_recipe(recipe), shown)
        picture, read = f"{PICTURES}/{key}.png", (*pictures, weights[named].sha256)
        job = Job(out, key, work, picture, columns, code, stale, read)
        jobs.append((job, inputs, recipe.weights == "auto" and not weights[named].trained))
    return jobs


def paint_trial(work: tuple[str, tuple[str, ...], Recipe, dict, dict]) -> tuple[dict, Any]:
    """Paint and measure one run of a sweep; see `batch.Paint`."""
    content, styles, recipe, names, judges = work
    judging = {name: _judge(*network) for name, network in judges.items()}
    row, result = run_trial(content, styles[0] if len(styles) == 1 else styles, recipe, judging)
    return row | names, result


_judge = lru_cache(maxsize=4)(judge)
