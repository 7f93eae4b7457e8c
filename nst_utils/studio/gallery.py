"""What a studio saves: a painting with its record, its figure and recipe; a film.

The gallery shows the saved paintings; their pictures and recipes can be loaded again.
"""

import json
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

import ipywidgets as widgets

from ..errors import NSTError, one_line
from ..images.clip_files import write_steps
from ..images.clips import ClipError
from ..images.formats import ImageError
from ..images.samples import open_picture
from ..paths import claim_file, newest_first, public_source, write_text
from ..plotting.album import save_quickstart
from ..transfer.config import Recipe
from ..untrusted import DataError, read_json
from .controller import Controller, studio_recipe
from .going_on import KeptPainting
from .history import StudioError
from .pickers import BUTTON, Thumbnail, ThumbnailStrip, name_pair
from .replay import from_json, public_style, to_json
from .toolbar import make_button

MOST = 24
"""Paintings that are shown, the newest first."""

_RECIPE = "_recipe.json"


class SaveError(NSTError, OSError):
    """A painting that cannot be saved; nothing is lost, it is still in the studio."""


def painting_file(controller: Controller) -> tuple[str, bytes]:
    """Return a painting as a PNG file, its record inside: a name, and the bytes.

    Raises
    ------
    StudioError
        If nothing was painted yet.
    """
    result, passages = controller.result(), controller.passages()
    steps = sum(sum(passage.steps) for passage in passages)
    with tempfile.TemporaryDirectory() as folder:
        path = result.save(Path(folder) / f"painting_{steps:04}.png")
        return path.name, path.read_bytes()


def save_film(controller: Controller) -> Path:
    """Save how a painting came about, as an MP4 film beside the paintings, its record inside.

    Raises
    ------
    StudioError
        If there are fewer than two frames.
    SaveError
        If the folder cannot be written to.
    """
    with controller.thread.changed:
        frames = list(controller.thread.film.frames)
    if len(frames) < 2:
        raise StudioError("a film needs two steps or more: press start first")
    record = controller.result().provenance
    try:
        path = claim_file(controller.folder, f"film_{frames[-1][0]:04}.mp4")
        return write_steps(path, [picture for _, picture in frames], record)
    except (OSError, ClipError) as error:
        raise _unwritable(controller, error) from None


def _unwritable(controller: Controller, error: Exception) -> SaveError:
    reason = getattr(error, "strerror", None) or one_line(error)
    return SaveError(
        f"{controller.folder} cannot be written to ({reason}): free some space or give Studio "
        "another folder"
    )


def save_painting(controller: Controller, language: str = "en") -> list[Path]:
    """Save what is on a studio's screen into its folder, under a name that is free.

    Parameters
    ----------
    controller : Controller
        Whose painting; it may be running.
    language : {"en", "vi"}
        Of the figure.

    Returns
    -------
    list of Path
        The painting (PNG, provenance inside), the figure (PNG, with PDF and record beside it),
        and the recipe: JSON with both pictures and the passages, as `replay.to_json` writes
        them.

    Raises
    ------
    StudioError
        If nothing was painted yet.
    SaveError
        If the folder cannot be written to.
    FigureError
        If the figure cannot be written; the painting and the recipe are saved by then.
    ImageError
        If the content or style picture cannot be opened any more for the figure; likewise.
    """
    result, passages = controller.result(), controller.passages()
    content, style = controller.pictures
    name = f"painting_{sum(sum(passage.steps) for passage in passages):04}"
    try:
        painting = claim_file(controller.folder, f"{name}.png")
        name = painting.stem
        result.save(painting)
        recipe = controller.folder / f"{name}_recipe.json"
        record = {
            "content": public_source(content),
            "style": public_style(style),
            "passages": json.loads(to_json(passages)),
        }
        write_text(recipe, json.dumps(record, indent=1) + "\n")
    except (OSError, ImageError) as error:
        raise _unwritable(controller, error) from None
    shown = (content, controller.style)
    pictures = [open_picture(source, 2 * max(result.image.size)) for source in shown]
    figure = save_quickstart(
        *pictures,
        result,
        controller.folder / f"{name}_figure.png",
        language=language,
        command=f"painted in the studio; {recipe.name} holds the recipe",
    )
    return [painting, figure, recipe]


class SavedPainting(KeptPainting):
    """A painting that a studio saved."""

    @property
    def files(self) -> list[Path]:
        """The painting first, then its figure and its recipe, as far as they are there."""
        stem = self.path.stem
        others = sorted(self.path.parent.glob(f"{stem}_*"))
        return [self.path, *(path for path in others if path.is_file())]

    @property
    def recipe(self) -> Recipe:
        """The recipe in effect when it was saved, without the changes before."""
        last = self.passages[-1]
        end = min(sum(last.steps), last.finish_begins) - 1
        return last.at(end).replace(start=self.passages[0].start)


def read_saved(path: Path) -> SavedPainting:
    """Read the record that `save_painting` left beside a painting.

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
    for path in newest_first(folder.rglob(f"painting_*{_RECIPE}")):
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
    """The paintings saved below a folder: one that is pressed can be loaded or deleted.

    `chosen` is that one; `show` gets its files, and `load` is called with it. `ask` asks a question
    with an action for each answer, `attempt` does an action and says where it cannot be done.
    """

    def __init__(
        self,
        say: Callable[[str], str],
        folder: Path,
        show: Callable[[list[Path]], None],
        load: Callable[[SavedPainting], None],
        ask: Callable[[str, Mapping[str, Callable[[], object]]], None],
        attempt: Callable[[Callable[[], object]], None],
    ) -> None:
        self._say, self._folder, self._show = say, folder, show
        self._ask, self._attempt = ask, attempt
        self.chosen: SavedPainting | None = None
        self._strip = ThumbnailStrip()
        self._strip.row.layout = widgets.Layout(flex_flow="row wrap")
        self.note = widgets.HTML()
        again = make_button(say("look again"), "", self.refresh, icon="refresh")
        self.load = make_button(
            say("load"), say("load help"), lambda: load(self.chosen), icon="folder-open"
        )
        self.delete = make_button(say("delete"), say("delete help"), self._delete, icon="trash")
        buttons = [again, self.load, self.delete, self.note]
        head = widgets.HBox(buttons, layout={"flex_flow": "row wrap"})
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
            when = datetime.fromtimestamp(saved.path.stat().st_mtime).strftime("%Y-%m-%d %H:%M")
            steps = sum(sum(passage.steps) for passage in saved.passages)
            help = f"{pair} · beta {saved.recipe.beta:g} · {steps} {self._say('steps')} · {when}"
            strength = saved.recipe.beta / max(saved.recipe.alpha, 1e-9)
            label = f"{pair}\n{self._say('strength')} {strength:.3g}\n{when[5:]}"
            press, chosen = partial(self._choose, saved), saved == self.chosen
            shown.append(Thumbnail(image, label, help, press, chosen))
        self.note.value = self._say("gallery help" if shown else "gallery empty")
        self.load.disabled = self.delete.disabled = self.chosen is None
        self._strip.show(shown)

    def _choose(self, saved: SavedPainting) -> None:
        self.chosen = saved
        self._attempt(partial(self._show, saved.files))
        self.refresh()

    def _delete(self) -> None:
        saved = self.chosen

        def gone() -> None:
            self.chosen = None
            for path in saved.files:
                path.unlink(missing_ok=True)
            self.refresh()

        when = datetime.fromtimestamp(saved.path.stat().st_mtime).strftime("%m-%d %H:%M")
        named = f"{name_pair(saved.content, list(saved.styles))}, {when}"
        question = self._say("delete now").format(named)
        self._ask(question, {"delete it": partial(self._attempt, gone), "delete not": lambda: None})
