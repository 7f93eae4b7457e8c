"""Finished runs, kept so that a figure can be drawn again, in another language, without painting.

A run is known by everything that decides it: the recipe, both pictures' and the weights'
checksums, and the code that paints. Nothing is kept unless a folder is named.
"""

import dataclasses
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import NSTError, NSTWarning, one_line
from ..images.inputs import InputPicture
from ..images.io import read_image
from ..images.png import read_provenance
from ..images.tensors import to_tensor
from ..networks.weights import find_weights
from ..paths import make_folder, replacing
from ..transfer.config import Recipe
from ..transfer.fields import STARTS
from ..transfer.pictures import mask_files, style_bound
from ..transfer.progress import Watch
from ..transfer.result import Result, StepRecord, read_step
from ..transfer.run import stylize
from ..transfer.state import code_version
from ..untrusted import read_json
from .batch import run_key

Frames = Sequence[tuple[StepRecord, Image.Image]]


def paint(
    content: Any,
    style: Any,
    recipe: Recipe,
    *,
    masks: Mapping[str, Any] | None = None,
    show_every: int = 0,
    keep: Path | None = None,
) -> tuple[Result, Frames]:
    """Paint with a progress bar, or take the finished run if it is kept.

    Parameters
    ----------
    content, style, masks
        As for `run.stylize`. A run with masks is not kept: their files may change.
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
    content, styles = open_pair(content, style, recipe)
    cached = CachedRun(keep, content, styles, recipe, show_every)
    if kept := cached.load():
        return kept
    with Watch(sum(recipe.steps), show_every=show_every) as watch:
        result = stylize(content, styles, recipe, masks=masks, on_step=watch)
    cached.save(result, watch.frames)
    return result, watch.frames


def open_pair(content: Any, style: Any, recipe: Recipe) -> tuple[InputPicture, list[InputPicture]]:
    """Open a content and one or several style pictures once, as large as a run can use them."""
    styles = style if isinstance(style, list | tuple) else [style]
    opened = [InputPicture.open(source, style_bound(recipe)) for source in styles]
    return InputPicture.open(content, 2 * recipe.size), opened


class CachedRun:
    """Where one run is kept, if it is.

    Parameters
    ----------
    keep : Path or None
        Folder of finished runs; with None nothing is kept and nothing is found.
    content, styles, recipe, show_every
        What decides the run. One that reads another file is not kept: the file may change.
    """

    def __init__(
        self,
        keep: Path | None,
        content: InputPicture,
        styles: Sequence[InputPicture],
        recipe: Recipe,
        show_every: int = 0,
    ) -> None:
        self.folder = None
        if keep is not None and recipe.start in STARTS and not mask_files(recipe):
            weights = find_weights(recipe.backbone, recipe.weights).sha256
            pictures = content.sha256, *(style.sha256 for style in styles)
            key = run_key(recipe, weights, pictures, code_version(), str(show_every))
            self.folder = keep / key

    def load(self) -> tuple[Result, Frames] | None:
        """Return the run, or None where it is not kept or cannot be read."""
        if self.folder is None:
            return None
        # What is kept may be of any age and origin: whatever is wrong with it, it is made anew.
        try:
            return _load(self.folder)
        except Exception:
            return None

    def save(self, result: Result, frames: Frames = ()) -> None:
        """Keep a finished run, whole or not at all; where it cannot be kept, say so and go on."""
        if self.folder is None or result.stopped != "finished":
            return
        try:
            make_folder(self.folder.parent)
            with replacing(self.folder, folder=True) as draft:
                result.save(draft / "painting.png")
                history = json.dumps([dataclasses.asdict(record) for record in result.history])
                (draft / "history.json").write_text(history, encoding="utf-8")
                for record, image in frames:
                    image.save(draft / f"step-{record.step:06}.png")
        except (OSError, NSTError) as error:
            warnings.warn(
                f"the finished run could not be kept ({one_line(error, 120)})",
                NSTWarning,
                stacklevel=3,
            )


def _load(folder: Path) -> tuple[Result, Frames]:
    record = read_provenance(folder / "painting.png")
    recipe = Recipe.from_json(json.dumps(record["recipe"]))
    entries = read_json(folder / "history.json", "a history")
    history = [read_step(entry, recipe) for entry in entries]
    by_step = {step.step: step for step in history}
    frames = [
        (by_step[int(path.stem.removeprefix("step-"))], read_image(path))
        for path in sorted(folder.glob("step-*.png"))
    ]
    result = Result(
        tensor=to_tensor(read_image(folder / "painting.png")),
        history=history,
        recipe=recipe,
        seconds=record["seconds"],
        stopped=record["stopped"],
        weights_label=record["weights"]["label"],
        provenance=record,
    )
    return result, frames
