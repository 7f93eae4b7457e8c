"""Every picture of a folder in every style of another: resumable, over all cores or a cluster."""

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from .. import paths
from ..errors import NSTError, NSTWarning, brief, one_line
from ..images.png import read_provenance
from ..images.samples import open_picture
from ..parallel import map_jobs
from ..paths import safe_name
from ..signals import watching_signals
from ..transfer.config import Recipe
from ..transfer.run import stylize
from ..wikiart.index import SUFFIXES


@dataclass(frozen=True)
class FolderJob:
    """One painting of a folder's run."""

    content: str
    style: str
    output: Path
    recipe: str


def list_pictures(source: str) -> list[str]:
    """Return the pictures of a folder in alphabetical order, or the one picture that is named.

    Raises
    ------
    NSTError
        If a folder has none.
    """
    folder = paths.user_path(source) if not paths.is_address(source) else Path(source)
    if not folder.is_dir():
        return [source]
    files = sorted(
        str(path)
        for path in folder.iterdir()
        if path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")
    )
    if not files:
        raise NSTError(f"{source}: no picture in this folder ({', '.join(SUFFIXES[:4])}, …)")
    return files


def paint_folder(
    contents: str,
    styles: str,
    out: Path,
    recipe: Recipe,
    *,
    zipped: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Paint every content in every style, a PNG each; what is there already is not painted again.

    Parameters
    ----------
    contents, styles : str
        Folders, or single pictures.
    out : Path
        Folder of the paintings, ``<content>_x_<style>.png``; made if it is missing.
    recipe : Recipe
    zipped : bool
        Pair the first content with the first style, and so on, instead of all with all.
    workers, scheduler, progress
        As for `parallel.map_jobs`.

    Returns
    -------
    DataFrame
        A row a pair: ``content``, ``style``, ``output``, ``state`` (``painted``, ``there
        already``, ``failed``), ``seconds``, ``error``. A bad file costs its own rows only.

    Raises
    ------
    NSTError
        If a folder is empty, or cannot be written to, or zipped folders differ in length.
    """
    sides = list_pictures(contents), list_pictures(styles)
    if zipped and len(sides[0]) != len(sides[1]):
        raise NSTError(
            f"pairs one by one need as many styles as contents: {len(sides[0])} and "
            f"{len(sides[1])} were found"
        )
    paths.make_folder(out)
    pairs = zip(*sides, strict=True) if zipped else ((c, s) for c in sides[0] for s in sides[1])
    jobs, taken = [], set()
    for content, style in pairs:
        stem = safe_name(f"{_stem(content)}_x_{_stem(style)}.png").removesuffix(".png")
        name = next(n for n in _numbered(stem) if n not in taken)
        taken.add(name)
        jobs.append(FolderJob(content, style, out / name, recipe.to_json()))
    rows: list[dict[str, Any]] = [{} for _ in jobs]
    results = map_jobs(
        paint_job, jobs, workers=workers, scheduler=scheduler, title="paintings", progress=progress
    )
    for place, told in results:
        if isinstance(told, Exception):
            told = {"state": "failed", "seconds": float("nan"), "error": one_line(told)}
        job = jobs[place]
        rows[place] = {"content": job.content, "style": job.style, "output": job.output.name} | told
    return pd.DataFrame(rows)


def paint_job(job: FolderJob, threads: int | None = None) -> dict[str, Any]:
    """Paint one pair of a folder's run, unless it is there; return its row's state."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    recipe, blank = Recipe.from_json(job.recipe), {"seconds": float("nan"), "error": ""}
    try:
        pictures = [open_picture(source, 2 * recipe.size) for source in (job.content, job.style)]
        sums = [picture.info["sha256"] for picture in pictures]
        if job.output.exists():
            record = read_provenance(job.output)
            if record is None:
                raise NSTError(f"{job.output}: was not painted here and is left as it is")
            if _is_same(record, recipe, sums):
                return blank | {"state": "there already"}
        with warnings.catch_warnings(), watching_signals():
            warnings.simplefilter("ignore", NSTWarning)
            result = stylize(job.content, job.style, recipe)
        if result.stopped != "finished":
            raise NSTError(result.stopped)
        result.save(job.output)
    except NSTError as error:
        return blank | {"state": "failed", "error": one_line(error)}
    except Exception as error:  # one painting's failure, of whatever kind, is that row's
        return blank | {"state": "failed", "error": f"{type(error).__name__}: {one_line(error)}"}
    return {"state": "painted", "seconds": round(result.seconds, 2), "error": ""}


def _is_same(record: dict[str, Any], recipe: Recipe, sums: list[str]) -> bool:
    """Tell whether a painting is what this job would make, as far as its record says."""
    try:
        known = Recipe.from_json(json.dumps(record["recipe"]))
        sides = [record[role]["sha256"] for role in ("content", "style")]
        return known == recipe and sides == sums and record["stopped"] == "finished"
    except (NSTError, KeyError, TypeError):
        return False


def _stem(source: str) -> str:
    return Path(source).stem if not paths.is_address(source) else brief(source.rsplit("/", 1)[-1])


def _numbered(stem: str) -> Iterator[str]:
    """Yield file names for a stem: itself, then with a number."""
    yield f"{stem}.png"
    number = 2
    while True:
        yield f"{stem}_{number}.png"
        number += 1
