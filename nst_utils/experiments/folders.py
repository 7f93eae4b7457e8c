"""Every picture of a folder in every style of another: resumable, over all cores or a cluster."""

import hashlib
import itertools
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from .. import paths
from ..errors import NSTError, NSTWarning, brief, ignoring
from ..images.formats import ImageError
from ..images.png import read_provenance
from ..networks.weights import find_weights
from ..paths import public_name, public_source, safe_name
from ..transfer.config import Recipe
from ..transfer.feedforward.network_file import load_network
from ..transfer.run import stylize
from ..wikiart.index import SUFFIXES
from .batch import (
    Job,
    Paint,
    absolute_recipe,
    absolute_source,
    batch_code,
    input_files,
    picture_sha256,
    run_batch,
    run_key,
)


def list_pictures(source: str, out: Path | None = None) -> list[str]:
    """Return the pictures of a folder in alphabetical order, or the one picture that is named.

    Parameters
    ----------
    source : str
        A folder, or a picture.
    out : Path, optional
        Where paintings go; if it is this folder, its paintings are left out.

    Raises
    ------
    NSTError
        If a folder has none, or cannot be read.
    """
    folder = paths.user_path(source) if not paths.is_address(source) else Path(source)
    if not paths.is_folder(folder):
        return [source]
    try:
        files = sorted(
            str(path)
            for path in folder.iterdir()
            if path.name.lower().endswith(SUFFIXES) and not path.name.startswith(".")
        )
    except OSError as error:
        raise NSTError(f"{source}: cannot be read ({error.strerror})") from None
    if out is not None and paths.is_same(folder, out):
        files = [file for file in files if not _is_painting(file)]
    if not files:
        raise NSTError(f"{source}: no picture in this folder ({', '.join(SUFFIXES[:4])}, …)")
    return files


def _is_painting(file: str) -> bool:
    try:
        return bool({"recipe", "network"} & (read_provenance(file) or {}).keys())
    except ImageError:
        return False


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
    sides = list_pictures(contents, out), list_pictures(styles, out)
    if zipped and len(sides[0]) != len(sides[1]):
        raise NSTError(
            f"pairs one by one need as many styles as contents: {len(sides[0])} and "
            f"{len(sides[1])} were found"
        )
    out = out.absolute()
    pairs = list(zip(*sides, strict=True) if zipped else itertools.product(*sides))
    sums, weights = cache(picture_sha256), find_weights(recipe.backbone, recipe.weights).sha256
    names, code, jobs, taken = _file_names(*sides), batch_code(), [], Counter()
    placed = absolute_recipe(recipe)
    others = [sums(str(p)) for p in input_files(contents, [], recipe)[1:]]
    for content, style in pairs:
        output = safe_name(f"{names[content]}_x_{names[style]}.png")
        taken[output.casefold()] += 1
        if (count := taken[output.casefold()]) > 1:  # long names agree in their beginning
            output = f"{output[:-4]}-{count}.png"
        # Copies of a photo are painted into a file each.
        pictures = [sums(content), sums(style), *others]
        key = run_key(recipe, weights, pictures, output)
        columns = {"content": public_source(content), "style": public_source(style)}
        work = (absolute_source(content), absolute_source(style), placed, out / output)
        jobs.append(Job(out, key, work, output, columns, code, inputs=(*pictures, weights)))
    return _paint_jobs(paint_pair, jobs, workers=workers, scheduler=scheduler, progress=progress)


def paint_folder_by(
    contents: str, network: Path, out: Path, size: int | None = None, **options: Any
) -> pd.DataFrame:
    """Paint every photo of a folder by a network of one style; else as `paint_folder`.

    Parameters
    ----------
    contents : str
        A folder.
    network : Path
        File of the network.
    out : Path
        Folder of the paintings, ``<content>_x_<network>.png``.
    size : int, optional
        Long side in pixels; each photo's own when left out, `network_file.MOST_SIDE` at most.
    **options
        ``workers``, ``scheduler`` and ``progress``, as for `paint_folder`.

    Raises
    ------
    NSTError
        As `paint_folder`, and if the file is no such network.
    """
    style = load_network(network).record["style"]["source"]
    photos, out = list_pictures(contents, out), out.absolute()
    sums, code, names, jobs = cache(picture_sha256), batch_code(), _file_names(photos), []
    for photo in photos:
        output = safe_name(f"{names[photo]}_x_{network.stem}.png")
        parts = sums(str(network)), sums(photo), str(size), output
        key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]
        columns = {"content": public_source(photo), "style": style}
        work = str(network.absolute()), absolute_source(photo), size, out / output
        jobs.append(Job(out, key, work, output, columns, code))
    return _paint_jobs(paint_photo, jobs, **options)


def _record_of(output: Path) -> dict[str, Any] | None:
    """Return the record of a painting that is there already; refuse somebody's own picture."""
    if not output.exists():
        return None
    if (record := read_provenance(output)) is None:
        raise NSTError(f"{output.name}: was not painted here and is left as it is")
    return record


def paint_photo(work: tuple[str, str, int | None, Path]) -> tuple[dict[str, Any], Any]:
    """Paint a photo by a network; see `batch.Paint`."""
    network, photo, size, output = work
    _record_of(output)
    began = time.perf_counter()
    painting = load_network(network).paint_file(photo, size)
    return {"seconds": round(time.perf_counter() - began, 2)}, painting


def _paint_jobs(paint: Paint, jobs: list[Job], **options: Any) -> pd.DataFrame:
    options |= dict(what="paintings", finish=lambda rows: None)  # a folder of pictures, no table
    rows, before = run_batch(paint, jobs, **options)
    rows["output"] = rows["picture"].where(rows["picture"] != "", [job.picture for job in jobs])
    rows["state"] = [
        "failed" if error else "there already" if done else "painted"
        for error, done in zip(rows["error"], before, strict=True)
    ]
    if "seconds" not in rows:
        rows["seconds"] = float("nan")
    return rows[["content", "style", "output", "state", "seconds", "error"]]


def paint_pair(work: tuple[str, str, Recipe, Path]) -> tuple[dict[str, Any], Any]:
    """Paint one pair of a folder's run; see `batch.Paint`."""
    content, style, recipe, output = work
    if (record := _record_of(output)) is not None:
        named = [record.get(role) for role in ("content", "style")]
        sources = [side.get("source") for side in named if isinstance(side, dict)]
        if sources != [public_name(content), public_name(style)]:
            # Of another run: a.jpg and a.bmp have the same stem.
            pair = f"{content}\0{style}".encode(errors="surrogateescape")
            output = output.with_stem(f"{output.stem}_{hashlib.sha256(pair).hexdigest()[:6]}")
    with ignoring(NSTWarning):
        result = stylize(content, style, recipe)
    return {"seconds": round(result.seconds, 2), "picture": output.name}, result


def _file_names(*sides: list[str]) -> dict[str, str]:
    """Return what each picture is called in a file name: its stem, with its suffix if two agree."""
    names = {}
    for side in sides:
        counts = Counter(map(_stem, side))
        for source in side:
            suffix = "_" + Path(source).suffix[1:] if counts[_stem(source)] > 1 else ""
            names[source] = _stem(source) + suffix
    return names


def _stem(source: str) -> str:
    return Path(source).stem if not paths.is_address(source) else brief(source.rsplit("/", 1)[-1])
