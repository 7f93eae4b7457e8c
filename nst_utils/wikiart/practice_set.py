"""A practice set for style classification: ten painted samples as styles, four painters of each.

The style names of the miniature mean nothing; here they are right. Each style is one sample. Each
painter is a quarter of it, with hues of its own. A held-out painter therefore shows brushwork that
a classifier has not seen, and color alone does not give the style away.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from skimage import color

from .. import paths
from ..errors import ignoring
from ..images.samples import list_samples, open_sample
from .miniature import DONE, SIDE, find_wikiart

PAINTERS = 4
"""Painters of each style."""

PICTURES = 4
"""Pictures of each painter."""


def make_practice_set(folder: Path | None = None) -> Path:
    """Make the practice set, the same on every machine, unless it exists; return its folder.

    The folder is ``data/styles_mini`` by default. `WikiArt` reads it: it has one subfolder per
    style, with files ``<painter>_<title>.jpg``.
    """
    folder = folder or paths.DATA / "styles_mini"
    if (folder / DONE).is_file():
        return folder
    styles = [sample.name for sample in list_samples().values() if sample.kind == "style"]
    rng = np.random.default_rng(2)
    for style in styles:
        whole = open_sample(style, 1024)
        (folder / style).mkdir(parents=True, exist_ok=True)
        for painter in range(PAINTERS):
            quarter, turn = _quarter(whole, painter), rng.uniform(-1, 1, 2)
            for i in range(PICTURES):
                picture = _palette(_cut(quarter, rng), turn)
                name = f"{style.replace('_', '-')}-painter-{painter + 1}_picture-{i + 1}.jpg"
                picture.save(folder / style / name, "JPEG", quality=90)
    (folder / DONE).touch()
    return folder


def find_styles(root: str = "") -> Path:
    """Return `root` if given, else a downloaded WikiArt, else the practice set."""
    if root:
        return Path(root)
    place = find_wikiart()
    return make_practice_set() if place == paths.DATA / "wikiart_mini" else place


def _quarter(whole: Image.Image, number: int) -> Image.Image:
    """Return the upper left, upper right, lower left or lower right quarter of a picture."""
    width, height = whole.width // 2, whole.height // 2
    x, y = width * (number % 2), height * (number // 2)
    return whole.crop((x, y, x + width, y + height))


def _cut(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a random square of 0.4 to 0.8 of the shorter side, half of them mirrored."""
    side = int(min(picture.size) * rng.uniform(0.4, 0.8))
    x, y = (int(rng.integers(0, whole - side + 1)) for whole in picture.size)
    part = picture.crop((x, y, x + side, y + side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part


def _palette(picture: Image.Image, turn: np.ndarray) -> Image.Image:
    """Turn a picture's hues by up to 120 degrees either way and change its lightness a little."""
    lab = color.rgb2lab(np.asarray(picture))
    angle = turn[0] * 2 * np.pi / 3
    cosine, sine = np.cos(angle), np.sin(angle)
    lab[..., 1:] = lab[..., 1:] @ np.array([[cosine, sine], [-sine, cosine]])
    lab[..., 0] = np.clip(lab[..., 0] + 12 * turn[1], 0, 100)
    with ignoring(UserWarning):  # colors outside RGB are clipped on purpose
        rgb = np.clip(color.lab2rgb(lab), 0, 1)
    return Image.fromarray((255 * rgb).round().astype(np.uint8))
