"""Many runs: a job is a picture with a row; what is done is not done again.

Sweeps, folders and the leaderboard are batches. A job is filed under one key: the recipe, and the
checksums of pictures and weights. Several processes may share a folder: a lock keeps them from
doing a job twice.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from ..errors import NSTError, brief, one_line, show
from ..images.formats import ImageError
from ..images.mask_forms import is_file
from ..images.png import save_png
from ..images.samples import open_picture
from ..parallel import map_jobs
from ..paths import (
    PACKAGE,
    alone_with,
    is_address,
    is_regular,
    save_elsewhere,
    short_path,
    user_path,
    write_table,
    write_text,
)
from ..signals import requested, watching_signals
from ..transfer.config import Recipe
from ..transfer.fields import STARTS
from ..transfer.pictures import mask_files
from ..transfer.state import code_version
from ..untrusted import DataError, check_schema, read_json
from ..wikiart.names import safe_path

ROWS = ".rows"
PICTURES = "pictures"
TABLES = ("runs.parquet", "runs.csv")
STALE = ("rerun", "keep")
NOT_DONE = "not done yet"
FILE_FIELDS = ("weights", "start", "content_mask", "regions")
"""Fields of a recipe that may name files."""

ROW = {
    "type": "object",
    "required": ["content", "style", "key", "picture", "error"],
    "properties": {
        name: {"type": "string"}
        for name in ("content", "style", "key", "picture", "picture_sha256", "code", "error")
    },
    "additionalProperties": {"type": ["number", "string", "boolean", "null"]},
}
"""Schema of a row as it is kept."""


class BatchError(NSTError, RuntimeError):
    """A batch that cannot begin, or was interrupted."""


@dataclass(frozen=True)
class Job:
    """One picture of a batch, with its row.

    Attributes
    ----------
    out : Path
        Folder of the batch.
    key : str
        See `run_key`.
    work : object
        What the painting function is given.
    picture : str
        File of the picture, relative to `out`.
    columns : dict
        What names the job in its row, also where it failed.
    code : str
        Version of the code that paints and measures.
    stale : {"rerun", "keep"}
        What is done about rows of other code.
    inputs : tuple of str
        Checksums of the pictures and the weights in its key. A painting made of others is refused.
    columns_needed : tuple of str
        What the row must hold besides: a judge may have been asked for since.
    """

    out: Path
    key: str
    work: Any
    picture: str
    columns: dict[str, Any] = field(hash=False)
    code: str = ""
    stale: str = "rerun"
    inputs: tuple[str, ...] = ()
    columns_needed: tuple[str, ...] = ()

    @property
    def place(self) -> Path:
        """Where its row is kept."""
        return self.out / ROWS / f"{self.key}.json"

    def row(self) -> dict[str, Any] | None:
        """Return its row, or None where it is not done or failed.

        The row must be its own, and the picture there must be the one that the row was made with.
        """
        try:
            row = read_row(self.place)
        except DataError:
            return None
        path = self.out / row["picture"]
        fresh = self.stale == "keep" or row.get("code") == self.code
        if row["error"] or row["key"] != self.key or not fresh or not row["picture"]:
            return None
        if not set(self.columns_needed) <= row.keys():
            return None
        return row if row.get("picture_sha256") == _file_sha256(path) else None

    def last_row(self) -> dict[str, Any]:
        """Return its row, also a failed one; where it was never done, a row that says so."""
        with contextlib.suppress(DataError):
            if (row := read_row(self.place))["key"] == self.key:
                return row
        return self._whole({"error": NOT_DONE})

    def file_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a row, with what names the job, and return it.

        Where the folder takes no more, the caller's table has it alone.
        """
        whole = self._whole(row)
        with contextlib.suppress(OSError):
            write_text(self.place, json.dumps(whole))
        return whole

    def _whole(self, row: Mapping[str, Any]) -> dict[str, Any]:
        whole = {**self.columns, "picture": "", "error": "", **row}
        whole |= {"key": self.key, "code": self.code}
        # File names may hold what no table can.
        return {k: show(value) if isinstance(value, str) else value for k, value in whole.items()}


Paint = Callable[[Any], tuple[dict[str, Any], Any]]
"""Given a job's work, returns its row and its picture: None, a PIL image, or what saves itself.

The row may name another file for the picture, as ``picture``."""


def run_batch(
    paint: Paint,
    jobs: Sequence[Job],
    *,
    what: str = "runs",
    threads: int | None = None,
    tables: Sequence[str] = (),
    finish: Callable[[pd.DataFrame], None],
    **options: Any,
) -> tuple[pd.DataFrame, list[bool]]:
    """Do the jobs that are not done yet.

    Parameters
    ----------
    paint : callable
        At the top of a module; called on a worker with a job's work.
    jobs : sequence of Job
        All of one folder. Its rows and pictures appear whole or not at all, also if a worker is
        killed.
    what : str
        What the jobs are called in messages and over the bar.
    threads : int, optional
        Of each worker; as many as fit when left out.
    tables : sequence of str
        Names of the files in the folder that `finish` writes.
    finish : callable
        Writes the table, also that of a batch that was interrupted.
    **options
        ``workers``, ``scheduler`` and ``progress``, for `parallel.map_jobs`.

    Returns
    -------
    rows : DataFrame
        A row for each job.
    before : list of bool
        Whether each was done before, or by another process meanwhile.

    Raises
    ------
    BatchError
        If the folder cannot be made or has a table that is not of a batch, or the batch was
        interrupted.
    """
    if not jobs:
        raise BatchError("nothing to run: the grid or the list of pairs is empty")
    out = jobs[0].out
    foreign = [name for name in tables if (out / name).exists()]
    if foreign and not (out / ROWS).exists():
        raise BatchError(
            f"{short_path(out / foreign[0])} was not made here and would be replaced; choose "
            "another folder"
        )
    try:
        for folder in {out / ROWS, *((out / job.picture).parent for job in jobs)}:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BatchError(f"{out}: no folder can be made there ({error.strerror})") from None
    rows = {job.key: job.row() for job in jobs}
    before = [rows[job.key] is not None for job in jobs]
    work = partial(do_job, paint, own_threads=threads)
    with watching_signals():
        try:
            while todo := [job for job in jobs if rows[job.key] is None]:
                for place, row in map_jobs(work, todo, title=what, **options):
                    if isinstance(row, Exception):  # the worker died with it, again and again
                        row = todo[place].file_row({"error": f"worker lost: {one_line(row)}"})
                    rows[todo[place].key] = row
                # Another process has them, or had.
                busy = {job.key: job.row() for job in todo if rows[job.key] is None}
                rows |= busy
                before = [a or bool(busy.get(job.key)) for a, job in zip(before, jobs, strict=True)]
                if None in busy.values():
                    time.sleep(1.0)
        except KeyboardInterrupt:
            rows |= {job.key: job.row() for job in jobs if rows[job.key] is None}
            done = sum(row is not None and not row["error"] for row in rows.values())
            raise BatchError(
                f"interrupted with {done} of {len(jobs)} {what} done, which are in "
                f"{short_path(out)}; the same call goes on from there"
            ) from None
        finally:
            table = pd.DataFrame([rows[job.key] or job.last_row() for job in jobs])
            finish(table)
    return table, before


def do_job(
    paint: Paint, job: Job, threads: int | None = None, own_threads: int | None = None
) -> dict[str, Any] | None:
    """Do one job on a worker, unless it is done, and file its picture and its row.

    A worker that is asked to end keeps the best picture so far; its row says that it was
    interrupted, and the next batch tries again.

    Returns
    -------
    dict or None
        The job's row; None where another process is at it, or has done it.
    """
    if requested():
        return job.last_row()
    with alone_with(job.place, wait=False) as alone:
        if not alone or job.row() is not None:
            return None
        import torch

        if own_threads or threads:
            torch.set_num_threads(own_threads or threads)
        return job.file_row(_painted(paint, job))


def _painted(paint: Paint, job: Job) -> dict[str, Any]:
    """Paint and save a picture; return the row. Any failure is that job's alone."""
    try:
        row, picture = paint(job.work)
        if picture is None:
            return row
        name = row.get("picture", job.picture)
        if isinstance(picture, Image.Image):
            save = partial(save_png, picture, provenance={"key": job.key})
        else:
            save = picture.save
            roles = ("content", "style", "weights")
            read = {role: picture.provenance.get(role, {}).get("sha256") for role in roles}
            other = [role for role in roles if read[role] and read[role] not in job.inputs]
            if job.inputs and other:
                raise BatchError(
                    f"the {other[0]} that the worker read is not what the job was filed under: it "
                    "was replaced, or the worker has another file; run it again"
                )
            if picture.stopped != "finished":
                row = row | {"error": picture.stopped}
        try:
            save(job.out / name)
        except ImageError as error:  # a full disk, mostly
            place = save_elsewhere(save, Path(name).name)
            return row | {"error": f"{one_line(error)}; the picture is in {place}"}
        return row | {"picture": name, "picture_sha256": _file_sha256(job.out / name)}
    except Exception as error:
        known = isinstance(error, NSTError)
        reason = one_line(error)
        return {"error": reason if known else f"{type(error).__name__}: {reason}"}


def read_row(path: Path) -> dict[str, Any]:
    """Read a row that a worker wrote, or whoever shares the folder.

    Raises
    ------
    DataError
        If it is none.
    """
    row = read_json(path, "a row of a batch")
    check_schema(row, ROW, "a row of a batch")
    if row["picture"] and not safe_path(row["picture"]):
        raise DataError(f"{path}: its picture {brief(row['picture'])} lies outside the folder")
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise DataError(f"{path}: one of its texts is no valid text") from None
    return row


def collect(out: Path, done: pd.DataFrame) -> pd.DataFrame:
    """Gather the rows of all batches of a folder into ``runs.parquet`` and ``runs.csv``.

    Parameters
    ----------
    out : Path
        The folder.
    done : DataFrame
        Rows of the last batch, which the folder may not have taken.
    """
    rows = []
    for path in sorted((out / ROWS).glob("*.json")):
        with contextlib.suppress(DataError):
            rows.append(read_row(path))
    table = pd.DataFrame(rows)
    unfiled = done[~done["key"].isin([row["key"] for row in rows]) & (done["error"] != NOT_DONE)]
    if len(unfiled):
        table = pd.concat([table, unfiled])
    if len(table):
        # One type a column: fields of some runs may be text where others have numbers.
        for name in table.columns[table.map(type).nunique() > 1]:
            if table[name].map(lambda value: isinstance(value, str)).any():
                table[name] = table[name].astype(str)
        for name, write in zip(TABLES, (table.to_parquet, table.to_csv), strict=True):
            write_table(out / name, partial(write, index=False))
    return table


def batch_code(*measuring: str) -> str:
    """Return the version of the code that paints, and of more files of the package."""
    texts = [code_version(), *((PACKAGE / name).read_text(encoding="utf-8") for name in measuring)]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def run_key(recipe: Recipe, weights: str, pictures: Iterable[str], *more: str) -> str:
    """Return the key of a run: a hash of all that decides it, but for the code.

    Parameters
    ----------
    recipe : Recipe
        What is run.
    weights : str
        SHA-256 of the weights file.
    pictures : iterable of str
        SHA-256 of each input: content, styles, masks, start picture.
    *more : str
        What else tells one run from another.
    """
    # Only what differs from the defaults: a recipe field that is added later changes no key.
    parts = [recipe.to_json(defaults=False), weights, *pictures, *more]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def input_files(content: Any, styles: Sequence[Any], recipe: Recipe) -> list[Any]:
    """Return every picture that a run reads: content, styles, masks, start picture."""
    start = [] if recipe.start in STARTS else [recipe.start]
    return [content, *styles, *mask_files(recipe), *start]


def picture_sha256(picture: str) -> str:
    """Return a picture's checksum; for one that cannot be read, a text that says so.

    Its run then fails, and its row has the reason.
    """
    path = Path(picture) if is_address(picture) else user_path(picture)
    # A file's checksum is that of its bytes: no need to decode it.
    if is_regular(path) and (digest := _file_sha256(path)):
        return digest
    try:
        return open_picture(picture, 64).info["sha256"]
    except NSTError:
        return f"unreadable {show(picture)}"


def _file_sha256(path: Path) -> str:
    """Return a file's SHA-256; an empty text where it cannot be read."""
    if not is_regular(path):
        return ""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def absolute_source(source: str) -> str:
    """Return a source as every worker finds it: a file's path in full, others as they are."""
    if is_address(source):
        return source
    path = user_path(source)
    return str(path.absolute()) if is_regular(path) else source


def absolute_recipe(recipe: Recipe) -> Recipe:
    """Return a recipe that names its files as every worker finds them."""

    def mask(form: str) -> str:
        return absolute_source(form) if is_file(form) else form

    return recipe.replace(
        weights=absolute_source(recipe.weights),
        start=recipe.start if recipe.start in STARTS else absolute_source(recipe.start),
        content_mask=mask(recipe.content_mask),
        regions=tuple((mask(a), number, mask(b)) for a, number, b in recipe.regions),
    )
