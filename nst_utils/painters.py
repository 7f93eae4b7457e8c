"""Pictures painted by procedure, each in an unmistakable manner, deterministic from a seed.

They stand in for paintings wherever there is no network. Every painter is a function of a random
generator and a canvas size and returns RGB; `paint` looks them up by name.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import cKDTree

from .brushes import (
    FINER,
    Array,
    grid,
    hairs,
    light,
    mix,
    noise,
    passage,
    ramp,
    rgb,
    strokes,
    to_floats,
    to_image,
)
from .registry import unknown


def _nocturne(rng: Generator, h: int, w: int) -> Array:
    y, x = grid(h, w)
    aspect = w / h
    # A sky that flows to the right, and vortices that turn it.
    flow_x = 1.0 + 0.5 * np.sin(7 * y + 3 * x)
    flow_y = 0.45 * np.cos(6 * x * aspect + 2 * y)
    sky = ramp(np.clip(y * 1.4 + 0.13 * noise(rng, h, w, w / 5), 0, 1), "0b1a4f", "16338c",
                "2f63b5", "6fa3c4", "bcd0b0")  # fmt: skip
    vortices = [(0.30, 0.46, 0.20, 1), (0.43, 0.70, 0.13, -1), (0.16, 0.15, 0.10, 1)]
    stars = [
        (0.13, 0.88, 0.105), (0.16, 0.15, 0.060), (0.33, 0.27, 0.050), (0.10, 0.52, 0.050),
        (0.48, 0.90, 0.050), (0.50, 0.43, 0.035), (0.24, 0.68, 0.040), (0.55, 0.16, 0.045),
    ]  # fmt: skip
    for cy, cx, radius, spin in vortices + [(cy, cx, r * 1.3, 1) for cy, cx, r in stars]:
        dy, dx = y - cy, (x - cx) * aspect
        near = np.exp(-(dy**2 + dx**2) / radius**2)
        flow_x += -spin * dy / radius * near * 6
        flow_y += spin * dx / radius * near * 6
    for cy, cx, radius, _ in vortices:
        distance = np.hypot(y - cy, (x - cx) * aspect)
        around = np.arctan2(y - cy, x - cx)
        bands = 0.5 + 0.5 * np.sin(distance * 75 - 2 * around)
        sky = mix(sky, ramp(bands, "1d4aa8", "d9e3c0"), 0.75 * np.exp(-((distance / radius) ** 2)))
    for cy, cx, radius in stars:
        distance = np.hypot(y - cy, (x - cx) * aspect) / radius
        rings = 0.75 + 0.25 * np.cos(distance * 9)
        sky = mix(sky, rgb("f1d35a")[0], 1.1 * np.exp(-(distance**2)) * rings)
        sky = mix(sky, rgb("fff6c4")[0], passage(0.42 - distance, 0.06))
    hill = 0.70 + 0.07 * np.sin(4.2 * x + 0.6) - 0.08 * x + 0.01 * noise(rng, h, w, w / 12)
    land = ramp(np.clip((y - hill) * 3.2 + 0.25 * noise(rng, h, w, w / 16), 0, 1), "27528c",
                 "1d3c5e", "24463f", "13261f")  # fmt: skip
    ground = passage(y - hill, 0.004)
    colors = mix(sky, land, ground)
    for _ in range(26):
        cx, cy = rng.uniform(0.3, 0.98), rng.uniform(0.82, 0.97)
        size = rng.uniform(0.012, 0.026)
        house = passage(size - np.maximum(abs(x - cx) * aspect, abs(y - cy)), 0.002)
        roof = passage(size * 1.2 - (abs(x - cx) * aspect + (cy - y - 0.2 * size)), 0.002)
        roof = roof * passage(cy - size - y, 0.002)
        wall = rgb("31507e", "4a6a86", "8a8f6e", "1d2f52")[rng.integers(4)]
        colors = mix(colors, wall, house)
        colors = mix(colors, rgb("6b3d2e", "2b2440")[rng.integers(2)], roof)
        if rng.random() < 0.8:
            window = passage(size * 0.35 - np.maximum(abs(x - cx) * aspect, abs(y - cy)), 0.002)
            colors = mix(colors, rgb("ffd84d")[0], window)
    width = 0.075 * np.clip((y - 0.12) / 0.85, 0, 1) ** 0.7 * (1 + 0.25 * np.sin(26 * y))
    tree = passage(width - abs(x - 0.085 - 0.012 * np.sin(11 * y)) * aspect, 0.004) * (y > 0.12)
    colors = mix(colors, ramp(0.5 + 0.5 * noise(rng, h, w, w / 30), "0d1a16", "1e3324",
                                "5a4a25"), tree)  # fmt: skip
    flow_x = flow_x * (1 - ground) + ground * (1 + 0 * x)
    flow_y = flow_y * (1 - ground) + ground * (0.3 * np.cos(4.2 * x + 0.6) - 0.08)
    angle = np.arctan2(flow_y, flow_x)
    angle = np.where(tree > 0.5, np.pi / 2 + 0.35 * np.sin(18 * y + 9 * x), angle)
    painted = strokes(rng, colors, angle, ((9, 1.6, 5), (6, 1.8, 6), (4, 1.6, 6)), jitter=0.075)
    height = hairs(rng, angle) * 0.5 + painted.mean(-1) * 5
    return light(painted, height, 0.12)


def _pointillism(rng: Generator, h: int, w: int) -> Array:
    y, x = grid(h, w)
    wobble = noise(rng, h, w, w / 6)
    colors = ramp(np.clip(y / 0.36, 0, 1), "8fb6dd", "c9d9e6", "f2e3c3")
    shore = 0.40 + 0.02 * np.sin(7 * x) + 0.01 * wobble
    water = ramp(np.clip((y - 0.38) * 3 + 0.25 * noise(rng, h, w, w / 4), 0, 1), "a9c3d8",
                  "5f93c4", "3f6fae")  # fmt: skip
    colors = mix(colors, ramp(0.5 + 0.5 * wobble, "6f86a8", "a9b3a0"), passage(y - 0.31 - 0.03
                  * np.sin(5 * x + 1), 0.01))  # fmt: skip
    colors = mix(colors, water, passage(y - shore))
    lawn = 0.62 - 0.30 * (x - 0.25) + 0.015 * np.sin(14 * x)
    sun = ramp(np.clip(0.5 + 0.6 * noise(rng, h, w, w / 5), 0, 1), "4f8f3c", "9fbf4a", "dfd35c")
    colors = mix(colors, sun, passage(y - lawn))
    shade = passage(y - 0.83 + 0.05 * np.sin(6 * x + 2) + 0.03 * wobble, 0.02)
    colors = mix(colors, ramp(0.5 + 0.5 * wobble, "1f4f46", "2f5d8a"), 0.85 * shade)
    for cx, cy, size in ((0.10, 0.22, 0.20), (0.30, 0.16, 0.15), (0.90, 0.20, 0.22)):
        trunk = passage(0.012 - abs(x - cx - 0.02 * np.sin(5 * y)), 0.002) * (y > cy) * (y < 0.78)
        colors = mix(colors, rgb("5c3a4f")[0], trunk)
        crown = size * (1 + 0.35 * noise(rng, h, w, w / 10)) - np.hypot((x - cx), (y - cy) * 0.8)
        leaf = ramp(np.clip(0.5 - (x - cx - (y - cy)) * 2.2 + 0.4 * wobble, 0, 1), "1e5a3a",
                     "4f8f3c", "c7c552")  # fmt: skip
        colors = mix(colors, leaf, passage(crown, 0.01))
    people = (
        (0.42, 0.70, "7a2f5e", "d8442e"),
        (0.52, 0.74, "2f3f86", "f2efe2"),
        (0.74, 0.80, "c64a2b", "f0c23b"),
        (0.66, 0.66, "f0e6d8", "3b4f9a"),
    )
    for cx, cy, dress, hat in people:
        body = 0.035 + 0.22 * np.clip(y - cy, 0, 0.2) - abs(x - cx) * 1.4
        colors = mix(colors, rgb(dress)[0], passage(body, 0.004) * (y > cy) * (y < cy + 0.17))
        parasol = 0.065 - np.hypot(x - cx - 0.01, (y - cy + 0.02) * 1.2)
        colors = mix(colors, rgb(hat)[0], passage(parasol, 0.003) * (y < cy - 0.02))
    for cx, cy in ((0.55, 0.44), (0.70, 0.41), (0.36, 0.46)):
        sail = passage(0.06 - (cy - y) - abs(x - cx) * 2.6, 0.004) * (y < cy)
        colors = mix(colors, rgb("fbf3df")[0], sail * (y > cy - 0.075))
    canvas = to_image(np.broadcast_to(rgb("e9dfc6")[0], colors.shape).copy())
    canvas = canvas.resize((w * FINER, h * FINER))
    draw = ImageDraw.Draw(canvas)
    for radius, density in ((5.2, 2.6), (4.2, 1.6), (3.1, 0.7)):
        count = int(density * h * w / (radius * radius * 2.2))
        py, px = rng.uniform(0, h, count), rng.uniform(0, w, count)
        base = colors[py.astype(int), px.astype(int)]
        gray = base.mean(-1, keepdims=True)
        # Divided color: purer than the motif, and now and then its complement beside it.
        dots = gray + (base - gray) * rng.uniform(1.0, 1.6, (count, 1))
        dots = np.where(rng.random((count, 1)) < 0.13, gray + (gray - base) * 0.9 + 0.05, dots)
        dots = np.clip(dots + rng.normal(size=(count, 3)) * 0.06, 0, 1) * 255
        radii = rng.normal(radius, 0.35, count) * FINER
        for cy, cx, r, color in zip(py * FINER, px * FINER, radii, dots.astype(int), strict=True):
            draw.ellipse((cx - r, cy - r, cx + r, cy + r), tuple(map(int, color)))
    painted = to_floats(canvas.resize((w, h), Image.Resampling.LANCZOS))
    return light(painted, painted.mean(-1) * 4, 0.05)


def _cubism(rng: Generator, h: int, w: int) -> Array:
    y, x = grid(h, w)
    aspect = w / h
    tones = rgb("2b2320", "5a4632", "8a6d44", "b8965a", "d9c08a", "8c8f86", "5d6a6b", "ece0bf")
    colors = ramp(np.clip(np.hypot(x - 0.5, y - 0.5) * 1.3, 0, 1), "c9ab6e", "8a744d", "3f362c")
    outline = np.zeros((h, w), np.float32)
    directions = np.deg2rad([0, 28, 62, 90, 118, 152])
    for i in range(190):
        size = rng.uniform(0.10, 0.30) * (1 - 0.6 * i / 190)
        cx, cy = 0.5 + rng.normal() * 0.28, 0.5 + rng.normal() * 0.26
        turn = rng.choice(directions) + rng.normal() * 0.05
        edges = turn + np.array([0, np.pi / 2, np.pi, 3 * np.pi / 2]) + rng.normal(0, 0.28, 4)
        reaches = size * rng.uniform(0.45, 1.0, 4)
        corners = 4 if i % 3 else 3
        # Only the window that the facet can reach.
        top, bottom = (int(np.clip((cy + k * 2 * size) * h, 0, h)) for k in (-1, 1))
        left, right = (int(np.clip((cx + k * 2 * size / aspect) * w, 0, w)) for k in (-1, 1))
        if bottom - top < 4 or right - left < 4:
            continue
        window = (slice(top, bottom), slice(left, right))
        dx, dy = (x[window] - cx) * aspect, y[window] - cy
        along = [
            reach - (dx * np.cos(edge) + dy * np.sin(edge))
            for reach, edge in zip(reaches[:corners], edges, strict=False)
        ]
        inside = np.minimum(np.min(along, axis=0), 1.9 * size - np.hypot(dx, dy))
        shade = np.clip(along[0] / (2 * size), 0, 1)
        mask = passage(inside, 0.0015)
        dark, bright = tones[[0, 1, 2, 6][rng.integers(4)]], tones[rng.integers(3, 8)]
        facet = dark + (bright - dark) * shade[..., None] ** 0.8
        colors[window] = mix(colors[window], facet, mask * (0.5 + 0.5 * shade))
        line = np.exp(-((inside / 0.003) ** 2)) * passage(shade - rng.uniform(0, 0.5), 0.1)
        outline[window] = np.maximum(outline[window] * (1 - 0.7 * mask), line)
    # A guitar, taken apart: sound hole, strings, a curved side; a bottle's neck.
    for cx, cy, radius, gap in ((0.46, 0.56, 0.075, 0.2), (0.47, 0.57, 0.05, 2.5),
                                (0.62, 0.42, 0.21, 1.2), (0.35, 0.66, 0.24, 4.0)):  # fmt: skip
        distance = np.hypot((x - cx) * aspect, y - cy)
        around = np.mod(np.arctan2(y - cy, (x - cx) * aspect) + gap, 2 * np.pi)
        arc = np.exp(-(((distance - radius) / 0.005) ** 2)) * (around < 4.2)
        outline = np.maximum(outline, arc)
    hole = passage(0.07 - np.hypot((x - 0.46) * aspect, y - 0.56), 0.004)
    colors = mix(colors, rgb("241c18")[0], hole * passage(x - 0.445, 0.02))
    for k in range(6):
        line = (y - 0.2) - (x - 0.60 + 0.012 * k) * -2.6
        outline = np.maximum(
            outline, 0.9 * np.exp(-((line / 0.007) ** 2)) * (y > 0.12) * (y < 0.62)
        )
    # Short level dabs, as the analytic years have them.
    angle = 0.25 * noise(rng, h, w, w / 4) + np.where(noise(rng, h, w, w / 3) > 0.2, 1.2, 0.1)
    painted = strokes(rng, colors, angle, ((5, 0.9, 3), (3, 0.9, 3)), jitter=0.05)
    painted = 0.6 * painted + 0.4 * colors
    painted = mix(painted, rgb("1d1713")[0], outline * 0.9)
    return light(painted, hairs(rng, angle, 8) + painted.mean(-1) * 5, 0.07)


def _woodblock(rng: Generator, h: int, w: int) -> Array:
    canvas = Image.new("RGB", (w * FINER, h * FINER), "#efe3c6")
    draw = ImageDraw.Draw(canvas)
    wide, tall = canvas.size
    unit = tall / 480
    ink, deep, mid, pale, foam = "#14264d", "#1f4e8c", "#4f87b5", "#a9c7cf", "#f6efdc"
    for i in range(tall // 2):  # bokashi: a wiped gradient at the top of the sky
        t = min(1, i / (tall * 0.42))
        draw.line((0, i, wide, i), tuple(map(int, ramp(t, "56799b", "d9c9a3", "efe3c6") * 255)))
    sun = (0.70 * wide, 0.16 * tall, 0.085 * tall)
    draw.ellipse((sun[0] - sun[2], sun[1] - sun[2], sun[0] + sun[2], sun[1] + sun[2]), "#c8472f")
    t = np.linspace(-1, 1, 81)
    slope = 0.58 * tall - 0.25 * tall * np.exp(-3.2 * np.abs(t)) * 1.05
    mountain = np.stack([0.56 * wide + t * 0.40 * wide, slope], axis=-1)
    draw.polygon([*map(tuple, mountain), (wide, tall), (0, tall)], "#6d7f97")
    cap = [p for p in mountain if p[1] < 0.42 * tall]
    teeth = [(p[0], p[1] + 0.045 * tall * (1 + (i % 3))) for i, p in enumerate(cap[::-1])]
    draw.polygon([*map(tuple, cap), *teeth], foam)
    draw.line(list(map(tuple, mountain)), ink, int(2.5 * unit), "curve")
    rows = 7
    for row in range(rows):
        depth = row / (rows - 1)
        base = tall * (0.58 + 0.50 * depth)
        height = tall * (0.035 + 0.085 * depth)
        length = wide * (0.13 + 0.17 * depth)
        phase = rng.uniform(0, 2 * np.pi)
        s = np.linspace(-2 * np.pi, 2 * np.pi * (wide / length + 2), 1400)
        rise = np.cos(s + phase)
        # A trochoid whose crests lean and curl over to the left.
        xs = s / (2 * np.pi) * length - 0.16 * length * np.sin(s + phase)
        xs = xs - 0.20 * length * np.clip(rise, 0, 1) ** 2
        ys = base - height * (rise + 0.15 * np.sin(2.3 * s))
        crest = np.stack([xs, ys], axis=-1)
        fill = (deep, mid, pale)[row % 3] if row < rows - 1 else deep
        draw.polygon([*map(tuple, crest), (2 * wide, 2 * tall), (-wide, 2 * tall)], fill)
        stripe = (pale, foam, deep)[row % 3]
        for k in range(1, 9):  # stripes that follow the wave down its body
            lower = crest + [0.10 * k * height, k * height * 0.34]
            part = (rise > -0.55 + 0.10 * k).astype(int)
            for cut in np.split(np.arange(len(s)), np.flatnonzero(np.diff(part)) + 1):
                if part[cut[0]] and len(cut) > 3:
                    draw.line(list(map(tuple, lower[cut])), stripe, max(2, int(2.6 * unit)))
        draw.line(list(map(tuple, crest)), ink, int((2.2 + 1.8 * depth) * unit), "curve")
        # Foam: claws along the crest, white with an ink outline.
        for i in np.flatnonzero(rise > 0.55)[::5]:
            for _ in range(2):
                r = height * rng.uniform(0.06, 0.17)
                cx = xs[i] - rng.uniform(-0.2, 0.55) * height
                cy = ys[i] + rng.uniform(-0.12, 0.30) * height
                edge = 1.7 * unit
                draw.ellipse((cx - r - edge, cy - r - edge, cx + r + edge, cy + r + edge), ink)
                draw.ellipse((cx - r, cy - r, cx + r, cy + r), foam)
        for _ in range(int(26 * depth)):
            i = rng.choice(np.flatnonzero(rise > 0.5))
            cx = xs[i] + rng.normal(-0.3, 0.6) * height
            cy = ys[i] - abs(rng.normal(0, 0.55)) * height
            r = rng.uniform(1.0, 3.2) * unit
            draw.ellipse((cx - r, cy - r, cx + r, cy + r), foam)
    colors = to_floats(canvas.resize((w, h), Image.Resampling.LANCZOS))
    # The cherry block's grain, and the paper's fibers.
    y, x = grid(h, w)
    grain = np.sin(140 * (y + 0.05 * noise(rng, h, w, w / 3)) + 2 * noise(rng, h, w, w / 8))
    fibers = hairs(rng, 0.5 * noise(rng, h, w, 30), 6)
    return np.clip(colors * (1 + 0.028 * grain + 0.016 * fibers)[..., None], 0, 1)


def _popart(rng: Generator, h: int, w: int) -> Array:
    wide, tall = w * FINER, h * FINER
    y, x = np.mgrid[0:tall, 0:wide].astype(np.float32) / tall
    aspect = wide / tall
    colors = np.broadcast_to(rgb("f7f1de")[0], (tall, wide, 3)).astype(np.float32).copy()

    def dots(pitch: float, tilt: float, tone: Array) -> Array:
        """Ben-Day dots: a tilted lattice whose dots grow with the tone."""
        u = (x * np.cos(tilt) + y * np.sin(tilt)) / pitch
        v = (y * np.cos(tilt) - x * np.sin(tilt)) / pitch
        distance = np.hypot(u - np.round(u), v - np.round(v))
        return passage(0.72 * np.sqrt(np.clip(tone, 0, 1)) - distance, 0.03)

    colors = mix(colors, rgb("2a6fc9")[0], dots(0.022, 0.55, 0.75 - 0.7 * y))
    cx, cy = 0.60 * aspect, 0.42
    around, distance = np.arctan2(y - cy, x - cx), np.hypot(x - cx, y - cy)
    rays = passage(np.sin(around * 14 + 0.3), 0.03)
    colors = mix(colors, rgb("f7d21e")[0], rays)
    spikes = 11
    angle = np.mod(around / (2 * np.pi) * spikes, 1)
    lengths = rng.uniform(0.30, 0.42, spikes)[
        np.clip((np.mod(around, 2 * np.pi) / (2 * np.pi) * spikes).astype(int), 0, spikes - 1)
    ]
    star = 0.20 + (lengths - 0.20) * (1 - abs(2 * angle - 1)) - distance
    black = rgb("121212")[0]
    colors = mix(colors, black, passage(star + 0.017, 0.002))
    colors = mix(colors, rgb("e3262b")[0], passage(star, 0.002))
    colors = mix(colors, rgb("fbf6e6")[0], passage(star - 0.055, 0.002))
    tone = 0.85 - 3.2 * (star - 0.055)
    colors = mix(colors, rgb("e3262b")[0], dots(0.015, 0.26, tone) * passage(star - 0.055, 0.002))
    # Great brush strokes with black contours sweep through the lower half.
    for k, (color, level, swing) in enumerate(
        (("f7d21e", 0.84, 0.07), ("e3262b", 0.93, 0.06), ("2a6fc9", 0.72, 0.05))
    ):
        phase = rng.uniform(0, 6)
        middle = level + swing * np.sin(2.3 * x + phase) + 0.02 * np.sin(6 * x + k)
        band = 0.055 + 0.018 * np.sin(1.7 * x + phase) - abs(y - middle)
        colors = mix(colors, black, passage(band + 0.011, 0.002))
        colors = mix(colors, rgb(color)[0], passage(band, 0.002))
        for j in range(-2, 3):
            hair = abs(y - middle - 0.019 * j - 0.006 * np.sin(9 * x + j)) - 0.0034
            ends = np.sin(3.1 * x + 1.7 * j + phase) > -0.35
            colors = mix(colors, black, passage(-hair, 0.001) * ends * passage(band - 0.008, 0.002))
    # A speech bubble with halftone shade and lettering strokes.
    bx, by = 0.24 * aspect, 0.25
    bubble = 1 - np.hypot((x - bx) / 0.27, (y - by) / 0.16)
    tail = np.minimum(
        0.045 - abs(x - bx - 0.9 * (y - by - 0.1)), np.minimum(y - by, 0.30 - (y - by))
    )
    tail = np.where(y > by, tail - 0.15 * np.clip(y - by, 0, 1), -1)
    colors = mix(
        colors, black, np.maximum(passage(bubble + 0.06, 0.008), passage(tail + 0.011, 0.002))
    )
    inside = np.maximum(passage(bubble, 0.008), passage(tail, 0.002))
    colors = mix(colors, rgb("ffffff")[0], inside)
    colors = mix(colors, rgb("38b6c9")[0], dots(0.013, 0.9, 2.4 * (y - by)) * inside * 0.9)
    for k in range(4):
        stroke = np.maximum(abs(x - bx + 0.135 - 0.09 * k) - 0.028, abs(y - by + 0.02) - 0.062)
        bar = np.maximum(stroke, -abs(np.mod(x * 17 + y * (5 if k % 2 else -7), 1) - 0.5) + 0.17)
        colors = mix(colors, black, passage(-bar, 0.002))
    frame = np.minimum(np.minimum(x, aspect - x), np.minimum(y, 1 - y)) - 0.012
    colors = mix(colors, black, passage(-frame, 0.001))
    printed = to_floats(to_image(colors).resize((w, h), Image.Resampling.LANCZOS))
    return np.clip(printed * (1 + 0.012 * rng.normal(size=(h, w, 1))), 0, 1)


def _destijl(rng: Generator, h: int, w: int) -> Array:
    colors = np.broadcast_to(rgb("efe9dc")[0], (h, w, 3)).astype(np.float32).copy()
    angle = np.zeros((h, w), np.float32)
    bars: list[tuple[int, int, int, int]] = []
    # Dealt like cards, so that no picture misses a primary color.
    deck = ["efe9dc", "c8201c", "efe9dc", "1d3f94", "dcd8cc", "f0c31c", "efe9dc"]
    dealt = iter([code for _ in range(20) for code in rng.permutation(deck)])

    def split(top: int, left: int, bottom: int, right: int, depth: int) -> None:
        tall, wide = bottom - top, right - left
        least = h // 9
        if depth == 0 or max(tall, wide) < 2.4 * least or (depth < 3 and rng.random() < 0.18):
            tone = rgb(next(dealt))[0]
            colors[top:bottom, left:right] = tone + rng.normal() * 0.012
            angle[top:bottom, left:right] = 0 if wide > tall else np.pi / 2
            return
        bar = int(rng.choice([h // 70, h // 55, h // 36]))
        if wide * rng.uniform(0.7, 1.3) > tall:
            cut = left + int(wide * rng.choice([0.22, 0.36, 0.5, 0.64, 0.78]))
            split(top, left, bottom, cut, depth - 1)
            split(top, cut, bottom, right, depth - 1)
            bars.append((top, cut - bar // 2, bottom, cut + bar - bar // 2))
        else:
            cut = top + int(tall * rng.choice([0.22, 0.36, 0.5, 0.64, 0.78]))
            split(top, left, cut, right, depth - 1)
            split(cut, left, bottom, right, depth - 1)
            bars.append((cut - bar // 2, left, cut + bar - bar // 2, right))

    split(0, 0, h, w, 5)
    for top, left, bottom, right in bars:
        colors[max(0, top) : bottom, max(0, left) : right] = rgb("161514")[0]
        angle[max(0, top) : bottom, max(0, left) : right] = (
            0 if right - left > bottom - top else 1.571
        )
    # Brushed by hand: streaks along each field, a little craquelure across all.
    streaks = hairs(rng, angle + 0.05 * noise(rng, h, w, 40), 18)
    cracks = np.exp(-((noise(rng, h, w, w / 14, 4) / 0.012) ** 2))
    colors = colors * (1 - 0.10 * cracks)[..., None]
    return light(ndimage.gaussian_filter(colors, (0.6, 0.6, 0)), streaks, 0.028)


def _drip(rng: Generator, h: int, w: int) -> Array:
    canvas = Image.new("RGB", (w * FINER, h * FINER), "#cdb892")
    height = Image.new("L", canvas.size, 0)
    draw, relief = ImageDraw.Draw(canvas), ImageDraw.Draw(height)
    wide, tall = canvas.size
    unit = tall / 960
    layers = [("2a2724", 46), ("e9e4d8", 34), ("8a8f90", 20), ("b0522d", 14), ("d3a62f", 12),
              ("1b1918", 52), ("365a66", 10), ("efeadf", 30), ("151312", 26)]  # fmt: skip
    for level, (code, count) in enumerate(layers):
        color = "#" + code
        for _ in range(count):
            steps = int(rng.uniform(60, 220))
            heading = rng.uniform(0, 2 * np.pi)
            # An arm swings: long arcs that turn over, with a loop now and then.
            swing = ndimage.gaussian_filter1d(rng.normal(size=steps), rng.uniform(5, 14))
            bend = swing / (abs(swing).max() + 1e-6) * rng.uniform(0.05, 0.24)
            heading = heading + np.cumsum(bend)
            speed = unit * (11 + 5 * np.sin(np.linspace(0, rng.uniform(4, 16), steps)))
            px = rng.uniform(-0.1, 1.1) * wide + np.cumsum(np.cos(heading) * speed)
            py = rng.uniform(-0.1, 1.1) * tall + np.cumsum(np.sin(heading) * speed)
            thick = rng.uniform(1.2, 6.0) * unit * (14 * unit / speed) ** 1.1
            thick = thick * (1 + 0.35 * np.sin(np.linspace(0, 25, steps)))
            for i in range(steps - 1):
                segment = (px[i], py[i], px[i + 1], py[i + 1])
                draw.line(segment, color, max(1, round(thick[i])))
                relief.line(segment, 70 + 20 * level, max(1, round(thick[i])))
                if thick[i] > 3:  # round joints where the pour is thick
                    r = thick[i] / 2
                    draw.ellipse((px[i] - r, py[i] - r, px[i] + r, py[i] + r), color)
            for i in rng.integers(0, steps, rng.integers(2, 14)):  # what flies off the stick
                r = min(16, rng.pareto(1.8) + 0.8) * unit * 1.3
                cx, cy = px[i] + rng.normal() * 34 * unit, py[i] + rng.normal() * 34 * unit
                draw.ellipse((cx - r, cy - r, cx + r, cy + r), color)
                relief.ellipse((cx - r, cy - r, cx + r, cy + r), 70 + 20 * level)
    colors = to_floats(canvas.resize((w, h), Image.Resampling.LANCZOS))
    raised = to_floats(height.resize((w, h), Image.Resampling.LANCZOS))
    y, x = np.mgrid[0:h, 0:w]
    weave = np.sin(x * 1.9) * np.sin(y * 1.9) * (raised < 0.1)
    return light(colors, raised * 3 + 0.06 * weave, 0.05)


def _watercolor(rng: Generator, h: int, w: int) -> Array:
    y, x = grid(h, w)
    aspect = w / h
    paper = ndimage.gaussian_filter(rng.normal(size=(h, w)), 0.9)
    paper = paper / paper.std()
    white = rgb("fdfaf2")[0]
    colors = np.broadcast_to(white, (h, w, 3)).astype(np.float32).copy()
    ragged = [noise(rng, h, w, w / 9, 5) for _ in range(4)]
    pools = [noise(rng, h, w, w / 4, 4) for _ in range(4)]

    def wash(field: Array, code: str, strength: float, soft: float = 0.0016) -> None:
        """Lay one transparent wash where `field` is positive; pigment gathers at its edge."""
        nonlocal colors
        k = rng.integers(4)
        edge = field + 0.011 * ragged[k] + 0.0016 * paper
        inside = passage(edge, soft)
        rim = np.exp(-(((edge - 0.003) / 0.0045) ** 2)) * inside
        density = strength * inside * (0.62 + 0.42 * pools[k] + 0.6 * rim + 0.07 * paper)
        density = np.clip(density, 0, 1.5)[..., None]
        colors = colors * np.exp(density * np.log(np.clip(rgb(code)[0], 0.02, 1)))

    wash(0.30 - y + 0.20 * ragged[0], "5f9fd6", 0.75, 0.03)
    wash(0.20 - y + 0.24 * ragged[1], "7f7fcf", 0.65)
    wash(0.10 - abs(y - 0.14 - 0.2 * pools[0]) + 0.05 * ragged[2], "4f8fd0", 0.45)
    wash(0.075 - abs(y - 0.40) + 0.03 * ragged[2], "f5b48a", 0.6, 0.02)
    wash(0.058 - np.hypot((x - 0.68) * aspect, y - 0.31), "f2803f", 0.8)
    ridges = ((0.40, "9fb2d2", 0.6), (0.45, "7a97bd", 0.6), (0.51, "5f9a98", 0.65),
              (0.57, "6a9a52", 0.7))  # fmt: skip
    for level, code, strength in ridges:
        ridge = (
            level + 0.06 * noise(rng, h, w, w / 3, 5)[h // 2] - 0.03 * np.sin(5 * x + 20 * level)
        )
        wash(np.minimum(y - ridge, 0.64 + 0.01 * np.sin(9 * x) - y), code, strength)
    wash(np.minimum(y - 0.645, 0.86 - y + 0.03 * np.sin(4 * x)), "8cc4dd", 0.6)
    for _ in range(22):
        cx, cy, long = rng.random(), rng.uniform(0.66, 0.85), rng.uniform(0.05, 0.3)
        streak = 0.012 - abs(y - cy - 0.004 * np.sin(25 * x)) - 0.012 * abs((x - cx) / long) ** 2
        wash(streak, ["4f86b0", "5f9a98", "f2a06b", "7f7fcf"][rng.integers(4)], 0.5)
    wash(y - 0.82 - 0.05 * np.sin(3 * x + 1), "b4cc5a", 0.8)
    wash(y - 0.89 - 0.04 * np.sin(5 * x), "6f9a3f", 0.65)
    for _ in range(24):  # trees: wet blots, each with a darker drop let in
        cx, cy = rng.uniform(0.0, 1.0), rng.uniform(0.53, 0.63)
        r = rng.uniform(0.02, 0.06)
        blot = r - np.hypot((x - cx) * aspect, (y - cy) * 0.75)
        wash(blot, ["7fae5a", "4f8f7a", "c9b64f", "d98a4f"][rng.integers(4)], 0.55)
        wash(blot - r * 0.5, ["3f6f5a", "5a6fa0", "a05a3f"][rng.integers(3)], 0.45)
    for _ in range(80):  # flowers and splashes in front
        cx, cy = rng.random(), rng.uniform(0.82, 1.0)
        spot = rng.uniform(0.006, 0.022) - np.hypot((x - cx) * aspect, y - cy)
        wash(spot, ["e0406a", "f0893a", "9a5ad4", "f7cf3f"][rng.integers(4)], 0.9)
    for _ in range(10):  # blooms: clean water pushes the pigment aside
        cx, cy, r = rng.random(), rng.uniform(0.05, 0.9), rng.uniform(0.02, 0.05)
        distance = np.hypot((x - cx) * aspect, y - cy) + 0.014 * ragged[rng.integers(4)]
        colors = mix(colors, white, 0.35 * passage(r - distance, 0.003))
        wash(0.0035 - abs(distance - r), "7fa0c0", 0.4)
    return np.clip(colors * (1 + 0.018 * paper)[..., None], 0, 1)


def _expressionism(rng: Generator, h: int, w: int) -> Array:
    y, x = grid(h, w)
    wave = (
        y
        + 0.045 * np.sin(7 * x + 5 * y)
        + 0.03 * np.sin(3 * x - 1)
        + 0.02 * noise(rng, h, w, w / 4)
    )
    bands = np.mod(wave * 8.5 + 0.25 * noise(rng, h, w, w / 6), 1)
    colors = ramp(bands, "b8321f", "e2571f", "f2a11f", "f5d04f", "e07a26", "a3271f")
    colors = mix(colors, rgb("7fa6b8")[0], 0.75 * passage(np.sin(wave * 40) - 0.86, 0.05))
    shore = 0.42 + 0.05 * np.sin(4 * x + 2) + 0.05 * (x - 0.5)
    swirl = np.hypot((x - 0.72) * 1.3, (y - 0.60)) + 0.03 * noise(rng, h, w, w / 6)
    fjord = ramp(0.5 + 0.5 * np.sin(swirl * 62), "0f2238", "1f4763", "3f7f8f", "17324f")
    fjord = mix(fjord, rgb("d9b04f")[0], 0.8 * np.exp(-((swirl / 0.085) ** 2)))
    colors = mix(colors, fjord, passage(y - shore, 0.006))
    land = ramp(0.5 + 0.5 * np.sin(22 * x + 30 * y + 3 * noise(rng, h, w, w / 5)), "1d2b1f",
                 "4a5a2c", "7a4a22")  # fmt: skip
    colors = mix(
        colors, land, passage(y - 0.60 - 0.5 * (x - 0.55), 0.006) * passage(x - 0.52, 0.01)
    )
    bridge = y - 0.36 - 0.62 * x
    planks = ramp(np.mod(bridge * 9 + 0.06 * noise(rng, h, w, w / 9), 1), "5a2f1c", "a3622d",
                   "c98a45", "6d3a22")  # fmt: skip
    deck = passage(bridge - 0.06, 0.004) * passage(0.62 - x + 0.3 * y, 0.01)
    colors = mix(colors, planks, deck)
    for rail in (-0.02, 0.045):
        colors = mix(
            colors, rgb("3a1a14")[0], passage(0.013 - abs(bridge - rail), 0.003) * (x < 0.9)
        )
    level = np.where(y < shore, wave, np.where(deck > 0.5, bridge * 1.1, swirl * 1.2))
    gy, gx = np.gradient(ndimage.gaussian_filter(level, 3))
    angle = np.arctan2(gx, -gy)  # along the bands, not across them
    painted = strokes(rng, colors, angle, ((8, 1.4, 9), (5, 1.6, 12), (3, 1.0, 14)), jitter=0.055)
    return light(painted, hairs(rng, angle, 20) + painted.mean(-1) * 3, 0.09)


def _mosaic(rng: Generator, h: int, w: int) -> Array:
    y, x = grid(h, w)
    aspect = w / h
    distance = np.hypot((x - 0.5) * aspect, y - 0.46)
    around = np.arctan2(y - 0.46, (x - 0.5) * aspect)
    gold = ramp(0.5 + 0.5 * noise(rng, h, w, w / 10), "8f6a1f", "c99a2e", "f0cf6a")
    colors = mix(gold, rgb("7a1f1f")[0], passage(0.012 - abs(distance - 0.415), 0.002))
    rays = passage(np.sin(around * 16) * 0.5 + 0.1, 0.05)
    colors = mix(colors, mix(rgb("1f3f86")[0] + 0 * colors, rgb("2f8f86")[0], rays),
                  passage(0.40 - distance, 0.002))  # fmt: skip
    petals = 0.20 + 0.075 * np.cos(around * 8) - distance
    colors = mix(colors, rgb("efe3c4")[0], passage(petals + 0.02, 0.002))
    colors = mix(colors, ramp(np.clip(petals * 6, 0, 1), "b8322a", "e08a3a", "f2d24f"),
                  passage(petals, 0.002))  # fmt: skip
    colors = mix(colors, rgb("143a5c")[0], passage(0.055 - distance, 0.002))
    colors = mix(colors, rgb("efe3c4")[0], passage(0.025 - distance, 0.002))
    border = np.minimum(np.minimum(x * aspect, (1 - x) * aspect), np.minimum(y, 1 - y))
    braid = 0.5 + 0.5 * np.sin(np.where(abs(y - 0.5) * aspect > abs(x - 0.5) * aspect, x * aspect,
                                        y) * 60 + border * 50)  # fmt: skip
    colors = mix(colors, ramp(braid, "1c4f4a", "efe3c4", "9f2f28"), passage(0.085 - border, 0.002))
    colors = mix(colors, rgb("241a17")[0], passage(0.006 - abs(border - 0.085), 0.001))
    # Tesserae: cells around points of a lattice that bends around the center.
    pitch = h / 62
    points = []
    for ring in np.arange(pitch, np.hypot(h, w) / 2 + pitch, pitch):
        count = max(6, int(2 * np.pi * ring / pitch))
        theta = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.uniform(0, 2 * np.pi)
        points.append(np.stack([0.46 * h + ring * np.sin(theta), w / 2 + ring * np.cos(theta)], -1))
    places = np.concatenate(points) + rng.normal(0, pitch * 0.11, (sum(map(len, points)), 2))
    pixels = np.stack(np.mgrid[0:h, 0:w], axis=-1).reshape(-1, 2)
    near, cell = cKDTree(places).query(pixels, k=2)
    gap = ((near[:, 1] - near[:, 0]) / pitch).reshape(h, w)
    spot = np.clip(places.round().astype(int), 0, [h - 1, w - 1])
    tones = colors[spot[:, 0], spot[:, 1]] * (1 + rng.normal(0, 0.13, (len(places), 1)))
    tones = tones + rng.normal(0, 0.02, (len(places), 3))
    tiles = tones[cell[:, 0]].reshape(h, w, 3)
    tilt = rng.normal(0, 1, (len(places), 2))[cell[:, 0]]
    offset = (pixels - places[cell[:, 0]]) / pitch
    tiles = tiles * (1 + 0.14 * (tilt * offset).sum(-1).reshape(h, w))[..., None]
    return np.clip(mix(rgb("3b322b")[0] + 0 * tiles, tiles, passage(gap - 0.13, 0.035)), 0, 1)


PAINTERS: dict[str, tuple[Callable[[Generator, int, int], Array], str]] = {
    "nocturne": (_nocturne, "a swirling night sky in oriented strokes"),
    "pointillism": (_pointillism, "a park by the water in dots of divided color"),
    "cubism": (_cubism, "a guitar taken apart into ochre and gray facets"),
    "woodblock": (_woodblock, "flat waves with ink contours, after ukiyo-e prints"),
    "popart": (_popart, "a comic burst in Ben-Day dots and primary colors"),
    "destijl": (_destijl, "a grid of black bars, red, blue, yellow and white"),
    "drip": (_drip, "poured and spattered paint on raw canvas"),
    "watercolor": (_watercolor, "a lake in transparent washes on rough paper"),
    "expressionism": (_expressionism, "a burning sky in long undulating strokes"),
    "mosaic": (_mosaic, "glass and gold tesserae around a flower"),
}
"""Every manner of painting: its painter and one line that describes it."""


def paint(name: str, size: int = 640, seed: int = 0) -> Image.Image:
    """Paint a picture in one manner.

    Parameters
    ----------
    name : str
        One of `PAINTERS`.
    size : int
        Long side in pixels; the picture is 5 wide and 4 tall.
    seed : int
        Another seed paints another picture in the same manner.

    Returns
    -------
    PIL.Image.Image
        RGB; the same for the same arguments and library versions.

    Raises
    ------
    UnknownNameError
        If the manner does not exist.
    """
    if name not in PAINTERS:
        raise unknown("style sample", name, PAINTERS)
    # The name joins the seed, so that one seed does not place things alike in all manners.
    rng = np.random.default_rng([seed, *name.encode()])
    return to_image(PAINTERS[name][0](rng, round(size * 0.8), size))
