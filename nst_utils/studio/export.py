"""What a studio saves: the painting with its record, a figure for a report, the recipe."""

import json
import tempfile
from pathlib import Path

from ..errors import NSTError, one_line
from ..images.clip_files import write_steps
from ..images.clips import ClipError
from ..images.formats import ImageError
from ..images.samples import open_picture
from ..paths import claim_file, public_source, write_text
from ..plotting.album import save_quickstart
from .controller import Controller
from .history import StudioError
from .replay import public_style, to_json


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
