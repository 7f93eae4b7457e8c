"""A practice set for telling styles apart: ten painted samples, four made-up painters of each.

The miniature has the defects of WikiArt, but its folders' names mean nothing. Here they do: each
folder is one sample, each painter a quarter of it that no other painter shares, with a palette of
their own. So a painter who is held out shows brushwork that was never seen, and color alone tells
less than in the sample.
"""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import color

from .. import paths
from ..images.samples import list_samples, open_sample
from .miniature import find_wikiart

PAINTERS = 4
PICTURES = 6
"""Painters of a style, and pictures of a painter."""

_SIDE = 160
_DONE = ".complete"


def make_practice_set(folder: Path | None = None) -> Path:
    """Make the practice set, unless it is there already; the same on every machine.

    Parameters
    ----------
    folder : Path, optional
        Where to; ``data/styles_mini`` when left out.

    Returns
    -------
    Path
        The folder: a folder for each style, ``<painter>_<title>.jpg`` in it, as `WikiArt` reads.
    """
    folder = folder or paths.DATA / "styles_mini"
    if (folder / _DONE).is_file():
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
    (folder / _DONE).touch()
    return folder


def find_styles(root: str = "") -> Path:
    """Return the folder named, else WikiArt where it was downloaded, else the practice set."""
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
    """Return a random square of 0.4 to 0.8 of the shorter side, mirrored as often as not."""
    side = int(min(picture.size) * rng.uniform(0.4, 0.8))
    x, y = (int(rng.integers(0, whole - side + 1)) for whole in picture.size)
    part = picture.crop((x, y, x + side, y + side)).resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part


def _palette(picture: Image.Image, turn: np.ndarray) -> Image.Image:
    """Turn a picture's hues by up to 120 degrees either way and change its lightness a little."""
    lab = color.rgb2lab(np.asarray(picture))
    angle = turn[0] * 2 * np.pi / 3
    cosine, sine = np.cos(angle), np.sin(angle)
    lab[..., 1:] = lab[..., 1:] @ np.array([[cosine, sine], [-sine, cosine]])
    lab[..., 0] = np.clip(lab[..., 0] + 12 * turn[1], 0, 100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what leaves RGB is clipped, as it should
        rgb = np.clip(color.lab2rgb(lab), 0, 1)
    return Image.fromarray((255 * rgb).round().astype(np.uint8))
