"""Sweeps: a grid of recipes over pairs and seeds, on one machine or many, a table in the end.

Every run is filed under a key of all that decides it. What is done is not run again, so a sweep
that was interrupted goes on where it stopped, and two sweeps may share a folder.
"""

import contextlib
import itertools
import json
import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import NSTError, one_line, show
from ..images.samples import list_samples, open_picture
from ..networks.weights import find_weights
from ..parallel import map_jobs
from ..paths import alone_with, replacing, user_path, write_text
from ..signals import requested, watching_signals
from ..transfer.config import Recipe
from ..transfer.fields import STARTS, RecipeError
from ..transfer.pictures import mask_files
from ..transfer.regions import check_regions
from ..untrusted import DataError, check_schema, read_json
from .metrics import judge
from .run_cache import code_hash, run_key
from .trials import name_styles, recipe_columns, run_trial

PICTURES = "pictures"
ROW = {
    "type": "object",
    "required": ["content", "style", "key", "picture", "error"],
    "properties": {
        name: {"type": "string"} for name in ("content", "style", "key", "picture", "error")
    },
    "additionalProperties": {"type": ["number", "string", "boolean", "null"]},
}
"""Schema of a row as it is kept."""

_ROWS = ".rows"
_MEASURING = ("experiments/metrics.py", "experiments/trials.py")


class SweepError(NSTError, RuntimeError):
    """A sweep that cannot begin."""


@dataclass(frozen=True)
class Job:
    """One run of a sweep: its pictures, a recipe, and where its row and picture go."""

    content: str
    style: str | tuple[str, ...]
    recipe: Recipe
    out: Path
    key: str


def pair_samples(count: int) -> list[tuple[str, str]]:
    """Return pairs of sample photos and painted styles; the first ones differ in both.

    Raises
    ------
    SweepError
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
        raise SweepError(f"pairs must be 1 to {len(every)}, not {count}")
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

    Returns
    -------
    DataFrame
        One row a run, in the grid's order: every recipe field, ``content``, ``style``, every loss
        term of the picture kept (``loss_…``), every measure, ``seconds``, ``peak_mb``,
        ``picture`` (relative to `out`) and ``error``. Runs that failed have a reason there and no
        picture; they are tried again by the next sweep.

    Raises
    ------
    SweepError
        If the folder cannot be made, there is nothing to run, or the sweep was interrupted.
    RecipeError, UnknownNameError, ImageError, WeightsError, ClusterError
        Before anything runs.
    """
    if seeds < 1:
        raise SweepError(f"seeds must be at least 1, not {seeds}")
    if seeds > 1 and base.start != "noise" and not base.start_noise and "start_noise" not in grid:
        base = base.replace(start_noise=0.05)
    if "seed" not in grid:
        grid = {**grid, "seed": range(seeds)}
    elif seeds > 1:
        raise RecipeError("seed is in the grid: leave --seeds out")
    pairs = pair_samples(pairs) if isinstance(pairs, int) else list(pairs)
    out = user_path(out).absolute()
    try:
        for name in (_ROWS, PICTURES):
            (out / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SweepError(f"{out}: no folder can be made there ({error.strerror})") from None
    jobs = _jobs(expand(grid, base), pairs, out)
    options = dict(workers=workers, scheduler=scheduler, title="sweep", progress=progress)
    with watching_signals():
        try:
            todo = [job for job in jobs if not _is_done(job)]
            while todo:
                busy = []
                for place, done in map_jobs(run, todo, **options):
                    if isinstance(done, Exception):  # the worker died with it, again and again
                        _write_row(todo[place], _blank(todo[place], done))
                    elif done is None:
                        busy.append(todo[place])
                if busy:
                    time.sleep(1.0)
                todo = [job for job in busy if not _is_done(job)]
        except KeyboardInterrupt:
            done = sum(map(_is_done, jobs))
            raise SweepError(
                f"interrupted with {done} of {len(jobs)} runs done; the same sweep goes on from "
                "there"
            ) from None
        finally:
            collect(out)
    return pd.DataFrame([_row_of(job) for job in jobs])


def _jobs(
    recipes: list[Recipe], pairs: list[tuple[str, str | Sequence[str]]], out: Path
) -> list[Job]:
    if not recipes or not pairs:
        raise SweepError("nothing to run: the grid or the list of pairs is empty")
    sums: dict[Any, str] = {}
    jobs = {}
    for (content, style), recipe in itertools.product(pairs, recipes):
        styles = (style,) if isinstance(style, str) else tuple(style)
        check_regions(recipe, len(styles))
        pictures = [content, *styles, *mask_files(recipe)]
        if recipe.start not in STARTS:
            pictures.append(recipe.start)
        for picture in pictures:
            if picture not in sums:
                sums[picture] = _checksum(picture)
        weights = (recipe.backbone, recipe.weights)
        if weights not in sums:
            sums[weights] = find_weights(*weights).sha256
        code = code_hash(*_MEASURING)
        key = run_key(recipe, sums[weights], [sums[picture] for picture in pictures], code)
        one = styles[0] if len(styles) == 1 else styles
        jobs.setdefault(key, Job(content, one, recipe, out, key))
    return list(jobs.values())


def _checksum(picture: str) -> str:
    """Return a picture's checksum; one that cannot be read is a row with its reason, later."""
    try:
        return open_picture(picture, 64).info["sha256"]
    except NSTError:
        return f"unreadable {picture}"


def run(job: Job, threads: int | None = None) -> str | None:
    """Do one job of a sweep, unless it is done, and file its row and its picture.

    Runs on a worker. Both files are written beside their place and moved: what is there is whole,
    also after the worker was killed. A worker that is asked to end keeps the best picture so far;
    its row says that it was interrupted, and the next sweep tries again.

    Returns
    -------
    str or None
        The job's key; None where another sweep is at it.
    """
    if requested():
        return job.key
    with alone_with(_place(job), wait=False) as alone:
        if not alone:
            return None
        if not _is_done(job):
            _paint(job, threads)
    return job.key


def _paint(job: Job, threads: int | None) -> None:
    import torch

    if threads:
        torch.set_num_threads(threads)
    row, result = run_trial(job.content, job.style, job.recipe, _judges())
    row |= {"key": job.key, "picture": ""}
    if result is not None:
        row["picture"] = f"{PICTURES}/{job.key}.png"
        result.save(job.out / row["picture"])
        if result.stopped != "finished":
            row["error"] = result.stopped
    _write_row(job, row)


@lru_cache(maxsize=1)
def _judges() -> dict[str, Any]:
    """Return a judge that no recipe was optimized with, unless it asked for random weights."""
    return {"by untrained VGG19": judge("vgg19", "random")}


def _blank(job: Job, error: Exception) -> dict[str, Any]:
    reason = one_line(error)
    row = {"content": job.content, "style": name_styles(job.style), **recipe_columns(job.recipe)}
    return row | {"key": job.key, "picture": "", "error": f"worker lost: {reason}"}


def _place(job: Job) -> Path:
    return job.out / _ROWS / f"{job.key}.json"


def _is_done(job: Job) -> bool:
    try:
        row = read_row(_place(job))
    except DataError:
        return False
    return not row["error"] and (job.out / PICTURES / f"{job.key}.png").is_file()


def read_row(path: Path) -> dict[str, Any]:
    """Read a row that a worker wrote, or whoever shares the folder.

    Raises
    ------
    DataError
        If it is none.
    """
    row = read_json(path, "a sweep's row")
    check_schema(row, ROW, "a sweep's row")
    return row


def _row_of(job: Job) -> dict[str, Any]:
    try:
        return read_row(_place(job))
    except DataError as error:
        return _blank(job, error)


def _write_row(job: Job, row: Mapping[str, Any]) -> None:
    # File names may hold what no table can.
    plain = {name: show(value) if isinstance(value, str) else value for name, value in row.items()}
    write_text(_place(job), json.dumps(plain))


def collect(out: Path) -> pd.DataFrame:
    """Gather the rows of all sweeps of a folder into ``runs.parquet`` and ``runs.csv``."""
    rows = []
    for path in sorted((out / _ROWS).glob("*.json")):
        with contextlib.suppress(DataError):
            rows.append(read_row(path))
    table = pd.DataFrame(rows)
    if len(table):
        # One type a column: fields of some runs may be text where others have numbers.
        for name in table.columns[table.map(type).nunique() > 1]:
            if table[name].map(lambda value: isinstance(value, str)).any():
                table[name] = table[name].astype(str)
        for kind, write in (("parquet", table.to_parquet), ("csv", table.to_csv)):
            with replacing(out / f"runs.{kind}") as draft:
                write(draft, index=False)
    return table
