"""Two stand-ins for WikiArt, made in seconds out of the samples; none of their pictures is from it.

The miniature has the layout, csv files, 27 styles and defects of the real one. A title says which
sample the picture was cut from. The artists are made up, but two show how WikiArt misspells names.
Its styles fit where they are `FITTING`; those of the practice set do all: ten painted samples, four
painters of each.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageEnhance

from .. import paths
from ..errors import ignoring
from ..images.samples import list_samples, open_sample
from .files import phash
from .names import STYLES

ARTISTS = ("painter one", "painter two", "painter three", "arnold böcklin", "joaquín sorolla")
SIDE = 160
PAINTERS, PICTURES = 4, 4
"""Of the practice set: painters of each style, and pictures of each painter."""
DONE = ".complete-4"
"""Empty file that marks a folder that was made to the end; its number rises with the contents."""
FITTING = {
    "Abstract_Expressionism": "drip", "Action_painting": "drip", "Analytical_Cubism": "cubism",
    "Cubism": "cubism", "Expressionism": "expressionism", "Impressionism": "watercolor",
    "Pointillism": "pointillism", "Pop_Art": "popart", "Post_Impressionism": "nocturne",
    "Synthetic_Cubism": "cubism", "Ukiyo_e": "woodblock",
}  # fmt: skip
"""Styles for which a painted sample fits, with its name."""


def make_miniature(folder: Path | None = None) -> Path:
    """Make the miniature, the same on every machine, unless it exists already; return its folder.

    The folder is ``data/wikiart_mini`` by default.

    Notes
    -----
    Its defects: mojibake in two artists' names, a doubled underscore, files with two tags or one
    tag twice, a hostile tag cell and two hostile file names in the csv, a row without a file, a
    file without a row, a truncated and an empty file, gray and CMYK files, a duplicate in another
    style folder, and a name with ``(1)``.
    """
    own = paths.DATA / "wikiart_mini"
    folder = folder or own
    mark = folder / DONE
    if mark.is_file():
        return folder
    if folder == own and any(folder.glob(".complete-*")):  # by an older version, with other names
        shutil.rmtree(folder)
    # Pictures are cut out of sources of this size.
    sources, photos = (
        {s.name: open_sample(s.name, 640) for s in list_samples().values() if s.kind == kind}
        for kind in ("style", "content")
    )
    rng = np.random.default_rng(1)
    rows = []
    for code, style in enumerate(STYLES):
        (folder / style).mkdir(parents=True, exist_ok=True)
        # Styles differ in size on purpose, so that their shares are worth counting.
        for i in range(3 + code % 4 + 3 * (style in ("Impressionism", "Realism"))):
            if style == "Realism":
                name, source = [*photos.items()][i % 4]
            else:
                name = FITTING.get(style) or [*sources][(code + i) % len(sources)]
                source = sources[name]
            rows.append(_painting(folder, style, code, i, name, _cut(source, rng)))
    _spoil(folder, rows)
    _write_csv(folder, rows)
    mark.touch()
    return folder


def find_wikiart(root: str | os.PathLike = "") -> Path:
    """Return the folder of WikiArt: `root` if given, else a downloaded one, else the miniature.

    Downloads are looked for in ``data/wikiart``, then in ``data/wikiart_hf``.
    """
    if root:
        return Path(root)
    for folder in (paths.DATA / "wikiart", paths.DATA / "wikiart_hf"):
        # A download that failed may have left an empty folder.
        if folder.is_dir() and any(path.is_dir() for path in folder.iterdir()):
            return folder
    return make_miniature()


def make_practice_set(folder: Path | None = None) -> Path:
    """Make the practice set, the same on every machine, unless it exists; return its folder.

    The folder is ``data/styles_mini`` by default. `WikiArt` reads it: it has one subfolder per
    style, with files ``<painter>_<title>.jpg``.

    Notes
    -----
    Each style is one sample. Each painter is a quarter of it, with hues of its own. A held-out
    painter therefore shows brushwork that a classifier has not seen, and color alone does not give
    the style away.
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
                picture = _palette(_square(quarter, rng), turn)
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


def _cut(source: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Cut a random part out of a picture and shift its colors a little."""
    share = rng.uniform(0.45, 0.8)
    width, height = (max(1, round(side * share)) for side in source.size)
    x, y = (
        int(rng.integers(0, a - b + 1)) for a, b in zip(source.size, (width, height), strict=True)
    )
    image = source.crop((x, y, x + width, y + height))
    image.thumbnail((SIDE + int(rng.integers(0, 64)),) * 2, Image.Resampling.LANCZOS)
    image = ImageEnhance.Color(image).enhance(rng.uniform(0.7, 1.3))
    return ImageEnhance.Brightness(image).enhance(rng.uniform(0.85, 1.15))


def _mojibake(text: str) -> str:
    """Misspell a text as the dataset does: read its UTF-8 as Latin-1, in lower case."""
    return text.encode("utf8").decode("latin1").lower()


def _painting(
    folder: Path, style: str, code: int, i: int, sample: str, image: Image.Image
) -> dict[str, str]:
    artist = ARTISTS[(code + i) % len(ARTISTS)]
    year = f"-{1650 + 13 * code + i}" if i % 3 else ""
    title = f"part-of-{sample.replace('_', '-')}-{code + 1}-{i + 1}{year}"
    name = f"{style}/{_mojibake(artist.replace(' ', '-'))}_{title}.jpg"
    image.save(folder / name, "JPEG", quality=90)
    return {
        "filename": name,
        "artist": _mojibake(artist),
        "genre": str([style.replace("_", " ")]),
        "description": title,
        "phash": phash(image),
        "width": str(image.width),
        "height": str(image.height),
        "genre_count": "1",
        "subset": "test" if (code + i) % 5 == 0 else "train",
    }


def _spoil(folder: Path, rows: list[dict[str, str]]) -> None:
    """Give the miniature the defects of the real data."""
    by_style = {row["filename"].split("/")[0]: row for row in rows}

    damaged = folder / by_style["Post_Impressionism"]["filename"]
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    (folder / by_style["Baroque"]["filename"]).write_bytes(b"")
    for style, mode in (("Minimalism", "L"), ("Pop_Art", "CMYK")):
        path = folder / by_style[style]["filename"]
        with Image.open(path) as image:
            converted = image.convert(mode)
        converted.save(path, "JPEG", quality=90)

    twice = by_style["Symbolism"]
    copy = twice["filename"].replace("Symbolism/", "Expressionism/")
    (folder / copy).write_bytes((folder / twice["filename"]).read_bytes())
    rows.append(twice | {"filename": copy, "genre": "['Symbolism', 'Expressionism']"})
    by_style["Impressionism"]["genre"] = "['Impressionism', 'Impressionism']"
    by_style["Realism"]["genre_count"] = "2"
    by_style["Realism"]["genre"] = "['Realism', 'Impressionism']"

    for style, change in (
        ("Rococo", lambda name: name.replace("_", "__", 1)),
        ("Fauvism", lambda name: name.replace(".jpg", "(1).jpg")),
    ):
        row = by_style[style]
        new = f"{style}/{change(row['filename'].split('/')[1])}"
        os.replace(folder / row["filename"], folder / new)
        row["filename"] = new

    alone = folder / "Cubism" / "painter-one_without-a-row.jpg"
    alone.write_bytes((folder / by_style["Cubism"]["filename"]).read_bytes())
    with Image.open(alone) as image:
        turned = image.transpose(Image.Transpose.ROTATE_180)
    turned.save(alone, "JPEG", quality=90)
    spare = {"artist": "painter two", "description": "gone", "width": "1400", "height": "1400"}
    for name, genre in (
        ("Cubism/painter-two_gone.jpg", "['Cubism']"),
        ("../../etc/passwd", "['Cubism']"),
        ("/etc/hostname", "__import__('os').system('true')"),
    ):
        rows.append(rows[0] | spare | {"filename": name, "genre": genre})


def _write_csv(folder: Path, rows: list[dict[str, str]]) -> None:
    pd.DataFrame(rows).to_csv(folder / "classes.csv", index=False, lineterminator="\r\n")
    coded = []
    for i, row in enumerate(rows):
        style = row["filename"].split("/")[0]
        if style in STYLES:
            artist = ARTISTS.index(row["artist"]) + 1 if row["artist"] in ARTISTS else 0
            coded.append((row["filename"], artist, 129 + i % 11, 140 + STYLES.index(style)))
    table = pd.DataFrame(coded, columns=["file", "artist", "genre", "style"])
    table.to_csv(folder / "wclasses.csv", index=False, lineterminator="\r\n")


def _quarter(whole: Image.Image, number: int) -> Image.Image:
    """Return the upper left, upper right, lower left or lower right quarter of a picture."""
    width, height = whole.width // 2, whole.height // 2
    x, y = width * (number % 2), height * (number // 2)
    return whole.crop((x, y, x + width, y + height))


def _square(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a random square of 0.4 to 0.8 of the shorter side, half of them mirrored."""
    side = int(min(picture.size) * rng.uniform(0.4, 0.8))
    x, y = (int(rng.integers(0, whole - side + 1)) for whole in picture.size)
    part = picture.crop((x, y, x + side, y + side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part


def _palette(picture: Image.Image, turn: np.ndarray) -> Image.Image:
    """Turn a picture's hues by up to 120 degrees either way and change its lightness a little."""
    from skimage import color

    lab = color.rgb2lab(np.asarray(picture))
    angle = turn[0] * 2 * np.pi / 3
    cosine, sine = np.cos(angle), np.sin(angle)
    lab[..., 1:] = lab[..., 1:] @ np.array([[cosine, sine], [-sine, cosine]])
    lab[..., 0] = np.clip(lab[..., 0] + 12 * turn[1], 0, 100)
    with ignoring(UserWarning):  # colors outside RGB are clipped on purpose
        rgb = np.clip(color.lab2rgb(lab), 0, 1)
    return Image.fromarray((255 * rgb).round().astype(np.uint8))
