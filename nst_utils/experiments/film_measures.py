"""How much a painted film flickers, and how near it is to its style."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ..images.inputs import InputPicture
from ..transfer.video.flow import is_cut, motion, warp
from .metrics import measure

FRAMES = 5
"""Frames of a film whose gap to the style is measured."""

CONTRAST_SIDE = 384
"""Long side at which a style's contrast is taken, pixels."""

FLICKER_OF_CONTRAST = 20.0, 1.1
"""Factor and exponent of ``factor * contrast ** exponent``, which predicts a style's warping error
divided by the mean of the ten sample styles. Fitted to ``data/results/12_film/styles.csv``."""


@dataclass(frozen=True)
class Flicker:
    """Warping errors, squared differences of RGB in [0, 1].

    Attributes
    ----------
    painted : dict of int to float
        Of the painted film, by the index of a pair's second frame.
    floor : dict of int to float
        Of the film itself: noise, light, and what the flow misses.
    """

    painted: dict[int, float]
    floor: dict[int, float]

    def mean(self) -> dict[str, float]:
        """Return the means: ``warping_error`` and ``floor``; 0 where there is no pair."""
        pairs = {"warping_error": self.painted, "floor": self.floor}
        return {name: float(np.mean([*of.values()] or [0.0])) for name, of in pairs.items()}


def warping_error(one: np.ndarray, two: np.ndarray, flow: np.ndarray, seen: np.ndarray) -> float:
    """Return the warping error of two frames: the second one is warped to the first.

    Parameters
    ----------
    one, two : ndarray, shape (h, w, 3), uint8
        Frames, one after the other.
    flow : ndarray, shape (h, w, 2)
        From the first to the second, found in the film and not in the painting.
    seen : ndarray, shape (h, w)
        1 where a pixel of the first is visible in the second.

    References
    ----------
    Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018.

    Examples
    --------
    >>> picture = np.full((4, 4, 3), 51, np.uint8)
    >>> round(warping_error(picture, picture * 0, np.zeros((4, 4, 2)), np.ones((4, 4))), 3)
    0.04
    """
    gap = (warp(two, flow.astype(np.float32)).clip(0, 255) - one) / 255
    return float((seen * np.square(gap).mean(-1)).sum() / max(1.0, seen.sum()))


def flicker(pairs: Iterable[tuple[Image.Image, Image.Image]]) -> Flicker:
    """Measure a film's flicker from its frames and their paintings, of one size, in order.

    Between two scenes nothing is measured.
    """
    painted, floor, last = {}, {}, None
    for index, pair in enumerate(pairs):
        film, painting = map(np.asarray, pair)
        if last is not None:
            move = motion(last[0], film)
            if not is_cut(last[0], film, move):
                floor[index] = warping_error(last[0], film, move.flow, move.seen)
                painted[index] = warping_error(last[1], painting, move.flow, move.seen)
        last = film, painting
    return Flicker(painted, floor)


def expected_flicker(style: InputPicture) -> float:
    """Return how much a style flickers by itself; 1 is the mean of the ten samples.

    Styles of strong contrast flicker most: for ten samples, painted frame by frame at 96 pixels,
    the logarithms of contrast (the variance of RGB in [0, 1]) and of the warping error correlate by
    0.9, and the forecast for a sample that is left out is right within a factor of two. The trace
    of the style's Gram matrix correlates as well: Gupta et al., "Characterizing and Improving
    Stability in Neural Style Transfer", ICCV 2017, find styles of a large trace less stable.
    """
    factor, exponent = FLICKER_OF_CONTRAST
    contrast = style.at(CONTRAST_SIDE).flatten(2).var(dim=2, unbiased=False).mean().item()
    return factor * contrast**exponent


def style_gap(
    pairs: Iterator[tuple[Image.Image, Image.Image]], count: int, style: Image.Image
) -> dict[str, Any]:
    """Return the means of `metrics.measure` over at most `FRAMES` frames, evenly spread."""
    wanted = {round(place) for place in np.linspace(0, count - 1, min(count, FRAMES))}
    rows = [
        measure(painting, film, style)
        for index, (film, painting) in enumerate(pairs)
        if index in wanted
    ]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} if rows else {}
