"""Many runs, measured: a row of numbers for each, and what a recipe costs on this machine."""

import json
import multiprocessing
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Self

import pandas as pd
import psutil
import torch
from PIL import Image
from tqdm import tqdm

from . import metrics
from .archive import Place
from .config import Recipe, RecipeError
from .features import Backbone, load_backbone
from .registry import NSTError
from .result import Result
from .samples import open_picture
from .transfer import stylize
from .watch import notebook_stream

Judges = Mapping[str, tuple[Backbone, Iterable[str]]]

JUDGE_LAYERS = {
    "vgg19": ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
    "resnet50": ("relu", "layer1", "layer2", "layer3"),
}
"""Layers that judge a painting: those that the literature and this workbook read for style."""


def judge(backbone: str, weights: str = "auto") -> tuple[Backbone, tuple[str, ...]]:
    """Return a network and its layers, as `metrics.measure` takes judges.

    It is held out only for pictures that were not optimized with its weights.
    """
    network = load_backbone(backbone, weights, padding="replicate")
    return network, JUDGE_LAYERS[backbone]


class PeakMemory:
    """Watch this process's memory during a block; ``mb`` is the peak, in megabytes of 10^6 bytes.

    On CUDA it is what torch allocated there; elsewhere the resident memory of the whole process,
    asked for every 20 ms, libraries included.
    """

    def __init__(self) -> None:
        self.mb = 0.0
        self._done = threading.Event()
        self._cuda = torch.cuda.is_available()

    def _watch(self) -> None:
        process = psutil.Process()
        while True:
            self.mb = max(self.mb, process.memory_info().rss / 1e6)
            if self._done.wait(0.02):
                return

    def __enter__(self) -> Self:
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if self._cuda:
            self.mb = torch.cuda.max_memory_allocated() / 1e6


def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a fresh process of its own, whose memory nothing else has touched.

    Parameters
    ----------
    work : callable
        At the top of a module, as pickling asks.
    *arguments
        For it.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(work, *arguments).result()


def trial(
    content: Any,
    style: Any,
    recipe: Recipe,
    judges: Judges | None = None,
    *,
    keep: Path | None = None,
    untouched: dict[str, float] | None = None,
) -> tuple[dict[str, Any], Result | None]:
    """Paint once and measure the picture.

    Parameters
    ----------
    content, style
        As for `transfer.stylize`.
    recipe : Recipe
        What to do.
    judges : mapping, optional
        As for `metrics.measure`.
    keep : Path, optional
        Folder of finished runs, as for `archive.paint`.
    untouched : dict, optional
        As for `metrics.measure`.

    Returns
    -------
    row : dict
        The recipe's fields (see `flat`), ``content``, ``style``, ``label`` of the weights, every
        loss term of the picture kept (``loss_…``, and ``loss_first``), the measures, ``seconds``,
        ``peak_mb`` and ``error``: empty, or the one sentence that says why there is no picture.
        ``peak_mb`` is missing where the picture came from a finished run.
    result : Result or None
        None where there is an error.
    """
    row = {"content": str(content), "style": str(style), **flat(recipe), "error": ""}
    place = Place(keep, content, style, recipe)
    try:
        if found := place.load():
            result, peak = found[0], float("nan")
        else:
            with PeakMemory() as memory:
                result = stylize(content, style, recipe)
            peak = memory.mb
            place.save(result)
        pictures = [open_picture(picture) for picture in (content, style)]
        row |= metrics.measure(result.image, *pictures, judges, untouched)
    except Exception as error:  # one run's failure, of whatever kind, is that run's row
        reason = " ".join(str(error).split()) or type(error).__name__
        known = isinstance(error, NSTError)
        return row | {"error": reason if known else f"{type(error).__name__}: {reason}"}, None
    best = result.best
    row |= {"loss_first": result.history[0].total, "loss_total": best.total}
    row |= {f"loss_{name}": getattr(best, name) for name in ("content", "style", "tv")}
    row |= {f"loss_{layer}": value for layer, value in best.layers.items()}
    row |= {"label": result.weights_label, "done": len(result.history), "stopped": result.stopped}
    return row | {"seconds": result.seconds, "peak_mb": peak}, result


def flat(recipe: Recipe) -> dict[str, int | float | str]:
    """Return a recipe's fields as numbers and text, lists and layers as on the command line."""
    found: dict[str, Any] = {}
    for name, value in recipe.to_dict().items():
        if isinstance(value, dict):
            value = "+".join(f"{layer}:{weight:g}" for layer, weight in value.items())
        elif isinstance(value, list):
            plain = all(isinstance(entry, int | float) for entry in value)
            value = ",".join(map(str, value)) if plain else json.dumps(value)
        found[name] = value
    return found


def trials(
    pairs: Iterable[tuple[Any, Any]],
    arms: Mapping[str, Iterable[Recipe]],
    judges: Judges | None = None,
    *,
    keep: Path | None = None,
) -> tuple[pd.DataFrame, dict[int, Image.Image]]:
    """Paint every pair by every recipe, under a progress bar.

    Parameters
    ----------
    pairs : iterable of (content, style)
        Pictures.
    arms : mapping of str to iterable of Recipe
        By name, the recipes that make up an arm, for instance several ``beta`` and seeds.
    judges, keep
        As for `trial`.

    Returns
    -------
    runs : DataFrame
        A row a run: ``arm``, then the columns of `trial`.
    pictures : dict of int to PIL.Image.Image
        The paintings, by row.
    """
    todo = [(pair, arm, recipe) for pair in pairs for arm in arms for recipe in arms[arm]]
    rows, pictures, untouched = [], {}, {}
    bar = tqdm(todo, unit="run", file=notebook_stream())
    for pair, arm, recipe in bar:
        bar.set_description(f"{arm}: {pair[0]} x {pair[1]}", refresh=False)
        known = untouched.setdefault((*map(str, pair), recipe.size), {})
        row, result = trial(*pair, recipe, judges, keep=keep, untouched=known)
        if result is not None:
            pictures[len(rows)] = result.image
        rows.append({"arm": arm} | row)
    return pd.DataFrame(rows), pictures


def level_beta(content: Any, style: Any, recipe: Recipe, like: Recipe) -> Recipe:
    """Return a recipe whose style weighs at the start as much as another recipe's does there.

    A ``beta`` means something else for every loss, Gram variant and set of layers; after this,
    ``beta`` times the style loss of the first picture is the same for both.

    Parameters
    ----------
    content, style
        As for `transfer.stylize`.
    recipe : Recipe
        To be leveled; its ``beta`` is replaced.
    like : Recipe
        To be matched.

    Raises
    ------
    NSTError
        As `transfer.stylize`; also where the start has no style loss at all.
    """
    wanted, own = (
        stylize(content, style, r.replace(scales=r.scales[:1], steps=1, schedule=())).history[0]
        for r in (like, recipe)
    )
    if not own.style > 0:
        raise RecipeError("the start has no style loss, so no beta can level it")
    return recipe.replace(beta=like.beta * wanted.style / own.style)


def cost(content: Any, style: Any, recipe: Recipe, steps: int = 4) -> dict[str, float]:
    """Measure what a recipe costs on this machine, in a process of its own.

    Parameters
    ----------
    content, style
        As for `transfer.stylize`; paths or names of samples.
    recipe : Recipe
        Measured at its last scale, where it spends most of its time.
    steps : int
        Steps to time; one more before them warms up.

    Returns
    -------
    dict of str to float
        ``seconds_per_step``, and ``peak_mb`` of the whole process.
    """
    last = recipe.replace(scales=recipe.scales[-1:], steps=steps + 1, schedule=())
    return apart(_cost, content, style, last)


def _cost(content: Any, style: Any, recipe: Recipe) -> dict[str, float]:
    with PeakMemory() as memory:
        result = stylize(content, style, recipe)
    first, last = result.history[0].seconds, result.history[-1].seconds
    return {
        "seconds_per_step": (last - first) / (len(result.history) - 1),
        "peak_mb": memory.mb,
    }
