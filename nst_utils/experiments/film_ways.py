"""One clip painted in several ways, measured alike: stored results are read, others are painted."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd
from PIL import Image

from .. import paths
from ..download import sha256
from ..errors import NSTError
from ..images.clips import Clip, open_clip
from ..images.inputs import InputPicture
from ..paths import make_folder, make_run_folder, replacing, utc_now
from ..transfer.config import Recipe
from ..transfer.run import stylize
from ..transfer.video.painter import Stillness
from .batch import run_key
from .film_measures import flicker, style_gap
from .film_runs import film

TABLE = "ways.csv"

ANIMATION = {"quality": 75, "method": 6, "loop": 0}
"""How frames are kept; they are measured before."""


@dataclass(frozen=True)
class PaintedWay:
    """A clip as it was painted in one way.

    Attributes
    ----------
    frames : list of PIL.Image.Image
    measures : dict of str to float
        ``seconds`` a frame, ``warping_error``, ``floor``, and the gaps of `metrics.measure`.
    """

    frames: list[Image.Image]
    measures: dict[str, float]


def paint_ways(
    ways: Mapping[str, Stillness | Path | None],
    clip: Clip,
    style: Any,
    recipe: Recipe,
    *,
    stored: str,
    fresh: bool = False,
) -> dict[str, PaintedWay]:
    """Paint a clip in several ways, and measure flicker and style of each.

    Parameters
    ----------
    ways : mapping of str to way
        A `Stillness`: by `film_runs.film`. A path: by this network of one style. None: each frame
        by itself, as if it were the only one.
    clip : Clip
    style : path, address, sample name or picture
    recipe : Recipe
    stored : str
        Folder below ``data/results`` whose results are read. What is not there, or is asked for
        `fresh`, is painted and kept in the folder of this name below ``data/runs/results``.
    fresh : bool
        Paint also what is stored.

    Returns
    -------
    dict of str to PaintedWay
        By the names of `ways`.

    Raises
    ------
    NSTError
        If a stored table cannot be read, a film was interrupted, or painting fails as
        `run.stylize` and `film_runs.film` say.
    """
    picture = InputPicture.open(style, 2 * recipe.size)
    part = (clip.source, clip.sha256, clip.size, clip.start, clip.end, clip.every, clip.count)
    own, films = paths.RUNS / "results" / stored, {}
    for name, way in ways.items():
        told = sha256(way) if isinstance(way, Path) else str(way)
        key = run_key(recipe, "", [picture.sha256], str(part), told)
        places = [own] if fresh else [paths.RESULTS / stored, own]
        known = None if fresh else _find(places, key)
        films[name] = known or _keep(own, key, name, _paint(way, clip, picture, recipe))
    return films


def _paint(way: Any, clip: Clip, style: InputPicture, recipe: Recipe) -> PaintedWay:
    began = perf_counter()
    if way is None:
        frames = [stylize(f.image, style, recipe).image for f in clip.frames(recipe.size)]
    else:
        folder = make_run_folder("film")
        options = {"still": way} if isinstance(way, Stillness) else {"network": way}
        made = film(clip, style, recipe, output=folder, measured=False, **options)
        if made.stopped != "finished":
            raise NSTError(f"the film was {made.stopped}; the same call goes on")
        frames = [frame.image for frame in open_clip(folder).frames()]
    seconds = (perf_counter() - began) / len(frames)
    return PaintedWay(frames, {"seconds": seconds} | measure_film(clip, frames, style.image))


def measure_film(clip: Clip, frames: list[Image.Image], style: Image.Image) -> dict[str, float]:
    """Return the warping error of a painted clip, its floor, and its gaps to the style."""
    photos = [frame.image for frame in clip.frames(max(frames[0].size))]
    gaps = style_gap(zip(photos, frames, strict=True), len(frames), style)
    return flicker(zip(photos, frames, strict=True)).mean() | gaps


def _find(folders: list[Path], key: str) -> PaintedWay | None:
    for folder in folders:
        path = folder / TABLE
        if not path.is_file():
            continue
        try:
            table = pd.read_csv(path).set_index("key")
            row = table.drop(columns=["way", "date"]).astype(float)
        except (OSError, ValueError, KeyError) as error:
            raise NSTError(f"{path}: not a table of painted films ({error})") from None
        if key in row.index:
            frames = [frame.image for frame in open_clip(folder / f"{key}.webp").frames()]
            return PaintedWay(frames, row.loc[key].to_dict())
    return None


def _keep(folder: Path, key: str, name: str, made: PaintedWay) -> PaintedWay:
    path = make_folder(folder) / TABLE
    first, *others = made.frames
    with replacing(folder / f"{key}.webp") as draft:
        first.save(draft, "WEBP", save_all=True, append_images=others, **ANIMATION)
    rounded = {measure: round(value, 6) for measure, value in made.measures.items()}
    row = {"key": key, "way": name, "date": utc_now(), **rounded}
    rows = pd.read_csv(path).to_dict("records") if path.is_file() else []
    rows = [old for old in rows if old["key"] != key] + [row]
    with replacing(path) as draft:
        pd.DataFrame(rows).to_csv(draft, index=False)
    return made
