"""Coarse to fine: the ladder of scales, and steps split over it."""

import math
from collections.abc import Sequence

SCALE_STEP = 2.4
"""How many times more steps a scale gets than the next finer one, where a recipe does not say."""


def ladder(size: int) -> tuple[int, ...]:
    """Return the long sides of a coarse-to-fine run: `size` and its halves, down to about 256.

    Large brush strokes appear only at a small scale. From 128 pixels up there are therefore at
    least two scales, even if the coarser one is then far below 256. Below 128 pixels there is one.

    Examples
    --------
    >>> ladder(512), ladder(256), ladder(1024), ladder(96)
    ((256, 512), (128, 256), (256, 512, 1024), (96,))
    """
    levels = max(2, round(math.log2(size / 256)) + 1) if size >= 128 else 1
    return tuple(round(size / 2**k) for k in reversed(range(levels)))


def split_steps(
    total: int, scales: Sequence[int], shares: Sequence[float]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Split a total over the scales; scales that would get no step at all are dropped.

    ``shares[i]`` is the ratio of the steps of scale i to those of scale i + 1; the last one given
    is repeated for the finer scales.
    """
    scales = tuple(scales)[-total:]
    weights = [1.0]
    for i in range(len(scales) - 1):
        weights.append(weights[-1] / shares[min(i, len(shares) - 1)])
    unit = total / sum(weights)
    steps = [max(1, round(weight * unit)) for weight in weights]
    # Rounding may miss the total by a little: the largest entry absorbs the difference.
    steps[steps.index(max(steps))] += total - sum(steps)
    return scales, tuple(steps)


def fit_steps(steps: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Carry steps over to another number of scales: extend geometrically, or merge the coarse."""
    if count < len(steps):
        kept = steps[len(steps) - count :]
        return (sum(steps) - sum(kept[1:]), *kept[1:])
    ratio = steps[-2] / steps[-1] if len(steps) > 1 else SCALE_STEP
    while len(steps) < count:
        steps = (*steps, max(1, round(steps[-1] / ratio)))
    return steps
