"""The studio's gallery of saved paintings, whose pictures and recipes can be loaded again."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import ipywidgets as widgets

from ..errors import NSTError
from ..images.samples import open_picture
from ..transfer.config import Recipe
from ..untrusted import DataError, read_json
from .controller import Controller, studio_recipe
from .pickers import BUTTON, Thumbnail, ThumbnailStrip, name_pair
from .replay import from_json
from .toolbar import make_button

MOST = 24
"""Paintings that are shown, the newest first."""

_RECIPE = "_recipe.json"


@dataclass(frozen=True)
class SavedPainting:
    """A painting that a studio saved.

    Attributes
    ----------
    path : Path
        The painting.
    content : str
    styles : tuple of str
        Sources, as `samples.open_picture` takes them.
    passages : tuple of Recipe
        The recipes that led to it.
    """

    path: Path
    content: str
    styles: tuple[str, ...]
    passages: tuple[Recipe, ...]

    @property
    def recipe(self) -> Recipe:
        """The recipe in effect when it was saved, without the changes before."""
        last = self.passages[-1]
        end = min(sum(last.steps), last.finish_begins) - 1
        return last.at(end).replace(start=self.passages[0].start)


def read_saved(path: Path) -> SavedPainting:
    """Read the record that `export.save_painting` left beside a painting.

    Raises
    ------
    DataError, NSTError
        If it is no such record; it may be anybody's file.
    """
    record = read_json(path, "a saved recipe")
    if not isinstance(record, dict) or not isinstance(record.get("content"), str):
        raise DataError(f"{path} is no recipe that a studio saved")
    style = record.get("style")
    styles = [style] if isinstance(style, str) else style
    if not isinstance(styles, list) or not styles or not all(isinstance(s, str) for s in styles):
        raise DataError(f"{path} names no style")
    passages = from_json(json.dumps(record.get("passages")))
    painting = path.with_name(path.name.removesuffix(_RECIPE) + ".png")
    return SavedPainting(painting, record["content"], tuple(styles), tuple(passages))


def list_saved(folder: Path) -> list[SavedPainting]:
    """Return the paintings saved below a folder, the newest first; skip other files."""
    saved = []
    times = {path: path.stat().st_mtime for path in folder.rglob(f"painting_*{_RECIPE}")}
    for path in sorted(times, key=times.get, reverse=True):
        try:
            painting = read_saved(path)
        except NSTError:
            continue
        if painting.path.is_file():
            saved.append(painting)
        if len(saved) == MOST:
            break
    return saved


def load_saved(controller: Controller, saved: SavedPainting) -> None:
    """Take a saved painting's pictures and recipe; painting begins anew, coarse to fine.

    Raises
    ------
    NSTError
        If a picture is gone, or the recipe is not valid any more; then nothing was changed.
    """
    first, *others = saved.styles
    ladder = studio_recipe(saved.recipe.size)
    recipe = saved.recipe.replace(scales=ladder.scales, steps=ladder.steps)
    with controller.one_move():
        controller.choose(content=saved.content, style=first, others=others)
        controller.set(**{name: getattr(recipe, name) for name in recipe.to_dict()})


class Gallery:
    """The paintings saved below a folder as buttons: pressing one calls `load` with it."""

    def __init__(
        self, say: Callable[[str], str], folder: Path, load: Callable[[SavedPainting], None]
    ) -> None:
        self._say, self._folder, self._load = say, folder, load
        self._strip = ThumbnailStrip()
        self._strip.row.layout = widgets.Layout(flex_flow="row wrap")
        self.note = widgets.HTML()
        again = make_button(say("look again"), "", self.refresh, icon="refresh")
        head = widgets.HBox([again, self.note])
        self.box = widgets.VBox([head, self._strip.row, self._strip.style])
        self.refresh()

    def refresh(self) -> None:
        """Look for saved paintings."""
        shown = []
        for saved in list_saved(self._folder):
            try:
                image = open_picture(saved.path, max(BUTTON))
            except NSTError:
                continue
            pair = name_pair(saved.content, list(saved.styles))
            label = str(sum(sum(passage.steps) for passage in saved.passages))
            help = f"{pair} · beta {saved.recipe.beta:g}"
            shown.append(Thumbnail(image, label, help, partial(self._load, saved)))
        self.note.value = self._say("gallery help" if shown else "gallery empty")
        self._strip.show(shown)
