"""Tools of the painters: noise, color ramps, soft masks, strokes, bristle marks, raking light.

Pictures are float arrays (h, w, 3) in [0, 1]; coordinates run from 0 to 1; directions are angles
in radians, clockwise from the x axis as rows grow downward.
"""

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw
from scipy import ndimage

Array = np.ndarray
FINER = 2
"""Strokes and outlines are drawn this much larger and scaled down: smooth edges."""


def noise(rng: Generator, h: int, w: int, cell: float, octaves: int = 3) -> Array:
    """Smooth noise of shape (h, w), about -1 to 1, its largest blots `cell` pixels wide."""
    total, amplitude = np.zeros((h, w), np.float32), 1.0
    for _ in range(octaves):
        shape = (max(2, round(w / cell) + 2), max(2, round(h / cell) + 2))
        coarse = rng.normal(size=shape[::-1]).astype(np.float32)
        total += amplitude * np.asarray(
            Image.fromarray(coarse).resize((w, h), Image.Resampling.BICUBIC)
        )
        cell, amplitude = cell / 2, amplitude / 2
    return np.tanh(total / 1.4)


def rgb(*codes: str) -> Array:
    """Colors written as hex digits, as floats (n, 3) in [0, 1]."""
    return np.array([[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in codes]) / 255


def ramp(t: Array, *codes: str) -> Array:
    """Colors along a row of hex codes at positions `t` in [0, 1]; adds a last axis of 3."""
    colors = rgb(*codes)
    places = np.linspace(0, 1, len(colors))
    return np.stack([np.interp(t, places, colors[:, i]) for i in range(3)], axis=-1)


def grid(h: int, w: int) -> tuple[Array, Array]:
    """Coordinates y and x of every pixel, both 0 to 1."""
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    return y / (h - 1), x / (w - 1)


def mix(below: Array, above: Array, mask: Array) -> Array:
    """Lay one color over another through a mask in [0, 1]."""
    return below + (above - below) * np.clip(mask, 0, 1)[..., None]


def passage(value: Array, soft: float = 0.01) -> Array:
    """Return 0 where a value is negative and 1 where it is positive, with a soft passage."""
    return 1 / (1 + np.exp(-np.clip(value / soft, -30, 30)))


def to_image(colors: Array) -> Image.Image:
    """Turn floats (h, w, 3) into an 8-bit picture; values are clipped."""
    return Image.fromarray((np.clip(colors, 0, 1) * 255).round().astype(np.uint8))


def to_floats(image: Image.Image) -> Array:
    """Turn an 8-bit picture into floats (h, w, 3) in [0, 1]."""
    return np.asarray(image, np.float32) / 255


def hairs(rng: Generator, angle: Array, length: int = 14) -> Array:
    """Bristle marks along a field of directions: noise smeared along it (Cabral, Leedom 1993)."""
    h, w = angle.shape
    seed = ndimage.gaussian_filter(rng.normal(size=(h, w)).astype(np.float32), 0.6)
    dy, dx = np.sin(angle), np.cos(angle)
    total = seed.copy()
    for sign in (1, -1):
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        for _ in range(length):
            iy = np.clip(y.round().astype(int), 0, h - 1)
            ix = np.clip(x.round().astype(int), 0, w - 1)
            y, x = y + sign * dy[iy, ix], x + sign * dx[iy, ix]
            total += seed[
                np.clip(y.round().astype(int), 0, h - 1), np.clip(x.round().astype(int), 0, w - 1)
            ]
    return total / total.std()


def light(colors: Array, height: Array, strength: float) -> Array:
    """Rake light from the upper left over paint of the given height."""
    slope_y, slope_x = np.gradient(ndimage.gaussian_filter(height, 0.7))
    shade = -(slope_x + slope_y)
    return np.clip(colors * (1 + strength * shade / (shade.std() + 1e-6))[..., None], 0, 1)


def strokes(
    rng: Generator,
    picture: Array,
    angle: Array,
    layers: tuple[tuple[int, float, int], ...],
    *,
    jitter: float = 0.06,
    ground: str | None = None,
) -> Array:
    """Paint a picture again with strokes along a field of directions.

    Each layer is ``(width, density, points)``: width in pixels, how many times the layer covers
    the canvas, and points of a stroke, each a width apart.
    """
    h, w = angle.shape
    canvas = to_image(picture if ground is None else np.broadcast_to(rgb(ground)[0], picture.shape))
    canvas = canvas.resize((w * FINER, h * FINER), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(canvas)
    for width, density, points in layers:
        count = int(density * h * w / (width * width * points))
        y, x = rng.uniform(0, h, count), rng.uniform(0, w, count)
        start = (y.astype(int), x.astype(int))
        # Lightness varies more than hue, as between two dips into the same paint.
        colors = picture[start] + rng.normal(size=(count, 1)) * jitter
        colors = colors + rng.normal(size=(count, 3)) * jitter * 0.5
        colors = (np.clip(colors, 0, 1) * 255).astype(np.uint8)
        path = [(y, x)]
        for _ in range(points):
            iy = np.clip(y, 0, h - 1).astype(int)
            ix = np.clip(x, 0, w - 1).astype(int)
            y = y + np.sin(angle[iy, ix]) * width
            x = x + np.cos(angle[iy, ix]) * width
            path.append((y, x))
        lines = np.stack([np.stack(p[::-1], axis=-1) for p in path], axis=1) * FINER
        breadths = np.maximum(1, rng.normal(width, width * 0.25, count) * FINER).astype(int)
        for line, color, breadth in zip(lines, colors, breadths, strict=True):
            draw.line(list(map(tuple, line)), tuple(map(int, color)), int(breadth), "curve")
    return to_floats(canvas.resize((w, h), Image.Resampling.LANCZOS))
