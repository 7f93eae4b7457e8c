"""Finished runs, kept so that a figure can be drawn again, in another language, without painting.

A run is known by everything that decides it: the recipe, both pictures' and the weights'
checksums, and the code that paints. Nothing is kept unless a folder is named.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from .. import paths
from ..atomic import replacing
from ..images.inputs import InputPicture
from ..images.io import ImageError, read_image
from ..images.png import read_provenance
from ..images.tensors import to_tensor
from ..networks.weights import find_weights
from ..transfer.config import Recipe
from ..transfer.progress import Watch
from ..transfer.result import Result, StepRecord
from ..transfer.run import stylize

_DECIDING = ("images", "networks", "transfer")
"""Folders whose code decides a picture; a change there makes every key new."""

Frames = Sequence[tuple[StepRecord, Image.Image]]


@lru_cache
def code_hash(*more: str) -> str:
    """Return a hash of every source that decides a picture, and of more files of the package."""
    names = [
        path for folder in _DECIDING for path in sorted((paths.PACKAGE / folder).rglob("*.py"))
    ]
    texts = [path.read_bytes() for path in (*names, *(paths.PACKAGE / name for name in more))]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def run_key(recipe: Recipe, weights: str, pictures: Iterable[str], *more: str) -> str:
    """Return the key of a run: a hash of all that decides it.

    Parameters
    ----------
    recipe : Recipe
        What is run.
    weights : str
        SHA-256 of the weights file.
    pictures : iterable of str
        SHA-256 of each input.
    *more : str
        What else tells one run from another; the code, by `code_hash`, among it.
    """
    parts = [recipe.to_json(), weights, *pictures, *more]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def paint(
    content: Any,
    style: Any,
    recipe: Recipe,
    *,
    show_every: int = 0,
    keep: Path | None = None,
) -> tuple[Result, Frames]:
    """Paint with a progress bar, or take the finished run if it is kept.

    Parameters
    ----------
    content, style
        As for `run.stylize`.
    recipe : Recipe
        What to do.
    show_every : int
        Steps between two kept pictures; 0 keeps none.
    keep : Path, optional
        Folder of finished runs to look in and to add to; without it the run is made, and not
        kept.

    Returns
    -------
    result : Result
        From the cache its tensor has 8 bits a channel.
    frames : list of (StepRecord, PIL.Image.Image)
        As `progress.Watch` keeps them.
    """
    pictures = [InputPicture.open(source, 2 * recipe.size) for source in (content, style)]
    cached = CachedRun(keep, *pictures, recipe, show_every)
    if kept := cached.load():
        return kept
    with Watch(sum(recipe.steps), show_every=show_every) as watch:
        result = stylize(*pictures, recipe, on_step=watch)
    cached.save(result, watch.frames)
    return result, watch.frames


class CachedRun:
    """Where one run is kept, if it is.

    Parameters
    ----------
    keep : Path or None
        Folder of finished runs; with None nothing is kept and nothing is found.
    content, style, recipe, show_every
        What decides the run. One that starts from a file is not kept: the file may change.
    """

    def __init__(
        self,
        keep: Path | None,
        content: InputPicture,
        style: InputPicture,
        recipe: Recipe,
        show_every: int = 0,
    ) -> None:
        self.folder = None
        if keep is not None and recipe.start in ("content", "style", "noise"):
            weights = find_weights(recipe.backbone, recipe.weights).sha256
            pictures = content.sha256, style.sha256
            key = run_key(recipe, weights, pictures, code_hash(), str(show_every))
            self.folder = keep / key

    def load(self) -> tuple[Result, Frames] | None:
        """Return the run, or None where it is not kept or cannot be read."""
        if self.folder is None:
            return None
        try:
            return _load(self.folder)
        except (OSError, ValueError, KeyError, TypeError, ImageError):
            return None

    def save(self, result: Result, frames: Frames = ()) -> None:
        """Keep a finished run: written beside its place, then moved, so that it is whole."""
        if self.folder is None or result.stopped != "finished":
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder, folder=True) as draft:
            result.save(draft / "painting.png")
            history = json.dumps([dataclasses.asdict(record) for record in result.history])
            (draft / "history.json").write_text(history, encoding="utf-8")
            for record, image in frames:
                image.save(draft / f"step-{record.step:06}.png")


def _load(folder: Path) -> tuple[Result, Frames]:
    record = read_provenance(folder / "painting.png")
    history = [
        StepRecord(**step) for step in json.loads((folder / "history.json").read_text("utf-8"))
    ]
    by_step = {step.step: step for step in history}
    frames = [
        (by_step[int(path.stem.removeprefix("step-"))], Image.open(path).convert("RGB"))
        for path in sorted(folder.glob("step-*.png"))
    ]
    result = Result(
        tensor=to_tensor(read_image(folder / "painting.png")),
        history=history,
        recipe=Recipe.from_json(json.dumps(record["recipe"])),
        seconds=record["seconds"],
        stopped=record["stopped"],
        weights_label=record["weights"]["label"],
        provenance=record,
    )
    return result, frames
