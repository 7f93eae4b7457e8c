"""Finished runs, kept so that a figure can be drawn again, in another language, without painting.

A run is known by everything that decides it: the recipe, both pictures' and the weights'
checksums, and the code that paints. Nothing is kept unless a folder is named.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from ..images.io import ImageError, read_image
from ..images.png import read_provenance
from ..images.samples import open_picture
from ..images.tensors import to_tensor
from ..networks.weights import find_weights
from ..transfer.config import Recipe
from ..transfer.progress import Watch
from ..transfer.result import Result, StepRecord
from ..transfer.run import stylize

PACKAGE = Path(__file__).parent.parent
_DECIDING = ("images", "networks", "transfer")
"""Folders whose code decides a picture: a change in one makes every key new."""

Frames = Sequence[tuple[StepRecord, Image.Image]]


@lru_cache
def code_hash(*more: str) -> str:
    """Return a hash of every source that decides a picture, and of more files of the package."""
    names = [path for folder in _DECIDING for path in sorted((PACKAGE / folder).rglob("*.py"))]
    texts = [path.read_bytes() for path in (*names, *(PACKAGE / name for name in more))]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


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
        From the archive its tensor has 8 bits a channel.
    frames : list of (StepRecord, PIL.Image.Image)
        As `progress.Watch` keeps them.
    """
    place = CachedRun(keep, content, style, recipe, show_every)
    if found := place.load():
        return found
    with Watch(sum(recipe.steps), show_every=show_every) as watch:
        result = stylize(content, style, recipe, on_step=watch)
    place.save(result, watch.frames)
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
        self, keep: Path | None, content: Any, style: Any, recipe: Recipe, show_every: int = 0
    ) -> None:
        self.folder = None
        if keep is not None and recipe.start in ("content", "style", "noise"):
            parts = [
                recipe.to_json(),
                code_hash(),
                find_weights(recipe.backbone, recipe.weights).sha256,
                *(open_picture(picture).info["sha256"] for picture in (content, style)),
                str(show_every),
            ]
            self.folder = keep / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]

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
        half = self.folder.with_suffix(f".{os.getpid()}")
        half.mkdir(parents=True)
        result.save(half / "painting.png")
        history = [
            {name: value for name, value in vars(record).items() if not name.startswith("_")}
            for record in result.history
        ]
        (half / "history.json").write_text(json.dumps(history), encoding="utf-8")
        for record, image in frames:
            image.save(half / f"step-{record.step:06}.png")
        shutil.rmtree(self.folder, ignore_errors=True)
        half.rename(self.folder)


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
