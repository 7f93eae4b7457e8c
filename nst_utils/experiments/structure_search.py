"""Paint so that a given share of the photo's structure is kept: find the ``beta`` that does it.

Structural similarity to the photo falls as ``beta`` rises. Short runs at the coarse scale find a
``beta`` by the secant method on its logarithm. Then the whole recipe is run. Its fine scales may
keep more or less than the coarse one. If the result is not near enough, the whole recipe is run
again. The next ``beta`` follows from the slope of the short runs. As soon as two whole runs enclose
the wanted value, it follows from the whole runs alone.
"""

import math
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator
from tqdm import tqdm

from ..errors import NSTError, NSTWarning
from ..parallel import bar_options
from ..signals import watching_signals
from ..transfer.config import Recipe
from ..transfer.memory import check_memory
from ..transfer.pictures import open_pair
from ..transfer.progress import Watch
from ..transfer.result import Result
from ..transfer.run import stylize
from .metrics import ssim

TOLERANCE = 0.03
"""How near to what was asked the structural similarity is to come."""

LOWEST, HIGHEST = 1e-2, 1e4
"""Between which ``beta`` is looked for."""

SHORT = 25
"""Steps of a run at the coarse scale, at most."""

USUAL_SLOPE = -0.1
"""Assumed change of structural similarity when log(``beta``) grows by 1, until two runs measure
it."""

LONGEST = 4.0
"""Largest step in log(``beta``)."""

MOST_SHORT, MOST_WHOLE = 8, 5
"""Runs of either kind, at most."""

FEW_SHORT = 3
"""Short runs of a search that soon finds what it looks for."""


@dataclass(frozen=True)
class Kept:
    """A painting and how much structure it kept.

    Attributes
    ----------
    result : Result
        The painting; its recipe has the ``beta`` that was found.
    wanted, kept : float
        Structural similarity to the photo.
    short, whole : int
        Runs that were made.
    seconds : float
        All of them together.
    stopped : str
        Why the search ended early; mostly empty.
    """

    result: Result
    wanted: float
    kept: float
    short: int
    whole: int
    seconds: float
    stopped: str = ""

    @property
    def reached(self) -> bool:
        """Whether it came as near as `TOLERANCE`."""
        return abs(self.kept - self.wanted) <= TOLERANCE


def keep_structure(
    content: Any,
    style: Any,
    recipe: Recipe,
    keep: float,
    *,
    masks: Mapping[str, Any] | None = None,
    progress: bool = True,
) -> Kept:
    """Paint so that a given share of the photo's structure is kept.

    Parameters
    ----------
    content, style, recipe, masks
        As for `run.stylize`; the search begins at the recipe's ``beta``.
    keep : float
        Structural similarity (see `metrics.ssim`) that the painting should have, between 0 and 1.
    progress : bool
        Show bars.

    Returns
    -------
    Kept
        If `keep` is out of reach, the nearest painting that is reachable, with a warning.

    Raises
    ------
    NSTError
        If `keep` is no number between 0 and 1, if nothing is weighed against the style (``nnst``
        has no content term), or as `run.stylize`.
    """
    _check_keep(keep, recipe)
    began = time.perf_counter()
    opened, styles = open_pair(content, style, recipe)
    check_memory(opened.size, recipe)  # the short runs alone would fit

    short_runs: list[tuple[Result, float]] = []
    whole_runs: list[tuple[Result, float]] = []

    def paint(settings: Recipe, made: list, watch: Any = None) -> tuple[Result, float]:
        result = stylize(opened, styles, settings, masks=masks, on_step=watch)
        made.append((result, ssim(result.image, opened.image)))
        if result.stopped.startswith("interrupted"):
            raise KeyboardInterrupt(result.stopped)
        return made[-1]

    coarse = recipe.scales[0]
    short = recipe.replace(scales=(coarse,), steps=min(SHORT, recipe.steps[0]), schedule=())
    # With one scale and few steps, a short run is a whole one, and is not made again.
    runs = whole_runs if short == recipe else short_runs
    bar = tqdm(
        desc="looking for beta", total=MOST_SHORT, unit="run", leave=False,
        **bar_options(progress),
    )  # fmt: skip

    def at_coarse(beta: float) -> float:
        kept = paint(short.replace(beta=beta), runs)[1]
        bar.update()
        bar.set_postfix(beta=f"{beta:.3g}", kept=f"{kept:.2f}")
        return kept

    def at_full_size(beta: float) -> tuple[Result, float]:
        settings = recipe.replace(beta=beta)
        if bar_options(progress)["disable"]:
            return paint(settings, whole_runs)
        with Watch(sum(settings.steps)) as watch:
            return paint(settings, whole_runs, watch)

    search, stopped = Secant(at_coarse, recipe.beta), ""
    try:
        with bar, watching_signals():
            first = search.find(keep)
            if all(abs(kept - keep) > TOLERANCE for _, kept in whole_runs):
                # Short runs keep more, and may never get down to what was asked where whole ones
                # do.
                low, high = (recipe.beta * math.exp(sign * LONGEST) for sign in (-1, 1))
                _whole_runs(at_full_size, search, keep, min(max(first, low), high))
    except KeyboardInterrupt as interruption:
        if not short_runs and not whole_runs:
            raise
        stopped = str(interruption) or "interrupted"
    result, kept = min(whole_runs or short_runs, key=lambda run: abs(run[1] - keep))
    if not stopped and abs(kept - keep) > TOLERANCE:
        warnings.warn(
            f"keep={keep:g} is out of reach for this pair: the nearest is {kept:.2f}, at beta "
            f"{result.recipe.beta:.3g}; "
            + ("color=free keeps more" if kept < keep else "start=noise keeps less"),
            NSTWarning,
            stacklevel=2,
        )
    seconds = time.perf_counter() - began
    return Kept(result, keep, kept, len(short_runs), len(whole_runs), seconds, stopped)


def search_cost(recipe: Recipe) -> tuple[float, float]:
    """Return what a search takes at least and at most, as a multiple of one run's seconds."""
    pairs = list(zip(recipe.scales, recipe.steps, strict=True))
    whole = sum(steps * scale**2 for scale, steps in pairs)
    short = min(SHORT, recipe.steps[0]) * recipe.scales[0] ** 2 / whole
    return 1 + FEW_SHORT * short, MOST_WHOLE + MOST_SHORT * short


def _check_keep(keep: Any, recipe: Recipe) -> None:
    """Refuse a share that is none, and a recipe that weighs nothing against the style."""
    if isinstance(keep, bool) or not isinstance(keep, int | float) or not 0 < keep < 1:
        raise NSTError(f"keep must be a number between 0 and 1, for example 0.5, not {keep!r:.40}")
    if not recipe.alpha > 0 or not recipe.beta > 0:
        raise NSTError(
            "keep finds the beta that weighs the style against the content: alpha and beta must be "
            f"above 0, for example alpha=1, not alpha={recipe.alpha:g} and beta={recipe.beta:g}"
        )


def _whole_runs(
    paint: Callable[[float], tuple[Result, float]], search: "Secant", keep: float, beta: float
) -> None:
    """Paint whole runs until one keeps what was asked."""
    whole = Secant(search.measure, beta)
    while len(whole.points) < MOST_WHOLE:
        kept = paint(beta)[1]
        whole.points[math.log(beta)] = kept
        if abs(kept - keep) <= TOLERANCE:
            break
        if whole.brackets(keep):
            beta = whole.solve(keep)
        else:
            beta = whole.further(search.solve(keep - kept + search.predict(beta)), kept > keep)
        if any(abs(math.log(beta) - known) < 0.02 for known in whole.points):
            break


class Secant:
    """Find where a falling function of the logarithm of ``beta`` takes a value.

    `measure` returns the function at a ``beta``; `start` is the first one. `points` holds what was
    measured, by the logarithm of ``beta``.
    """

    def __init__(self, measure: Callable[[float], float], start: float) -> None:
        self.measure = measure
        self.points: dict[float, float] = {}
        self._start = min(max(start, LOWEST), HIGHEST)

    def find(self, value: float) -> float:
        """Return the ``beta`` at which the value is expected after some measurements."""
        place = math.log(self._start)
        for _ in range(MOST_SHORT):
            self.points[place] = self.measure(math.exp(place))
            if abs(self.points[place] - value) <= TOLERANCE / 3:
                return math.exp(place)
            place = math.log(self.solve(value))
            if any(abs(place - known) < 0.02 for known in self.points):
                break
        return math.exp(place)

    def solve(self, value: float) -> float:
        """Return the ``beta`` at which the points predict the value.

        Between a point above the value and one below it, a falling curve through all points
        predicts it. Elsewhere it is a line through the nearest two, in steps that are neither tiny
        nor huge.
        """
        if self.brackets(value):
            a = max(place for place, y in self.points.items() if y >= value)
            b = min(place for place, y in self.points.items() if y < value)
            places = np.array(sorted(self.points))
            falling = np.minimum.accumulate([self.points[place] for place in places])
            values, firsts = np.unique(falling, return_index=True)
            between = float(PchipInterpolator(values, places[firsts])(value))
            return math.exp(min(max(between, a + 0.1 * (b - a)), b - 0.1 * (b - a)))
        slope, (place, known) = self._slope(lambda point: abs(point[1] - value))
        step = (value - known) / slope
        step = math.copysign(min(max(abs(step), 0.3), LONGEST), known - value)
        return _beta_at(place + step)

    def brackets(self, value: float) -> bool:
        """Tell whether a value lies between two points, the higher one at the lower ``beta``."""
        above = [place for place, y in self.points.items() if y >= value]
        below = [place for place, y in self.points.items() if y < value]
        return bool(above and below) and max(above) < min(below)

    def further(self, beta: float, up: bool) -> float:
        """Return a ``beta`` outside all points, as near to the given one as a fair step allows."""
        sign = 1 if up else -1
        edge = sign * max(sign * place for place in self.points)
        step = min(max(sign * (math.log(beta) - edge), 1.0), LONGEST)
        return _beta_at(edge + sign * step)

    def predict(self, beta: float) -> float:
        """Return the value expected at a ``beta``."""
        place = math.log(beta)
        slope, (nearest, known) = self._slope(lambda point: abs(point[0] - place))
        return known + (place - nearest) * slope

    def _slope(
        self, distance: Callable[[tuple[float, float]], float]
    ) -> tuple[float, tuple[float, float]]:
        """Return the slope between the two nearest points, and the nearest one."""
        known = sorted(self.points.items(), key=distance)
        if len(known) == 1:
            return USUAL_SLOPE, known[0]
        (a, x), (b, y) = known[:2]
        return min((y - x) / (b - a), -1e-3), (a, x)


def _beta_at(place: float) -> float:
    return min(max(math.exp(place), LOWEST), HIGHEST)
