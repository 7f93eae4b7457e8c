"""What becomes of faces, in one word, and how much of the photo is to stay."""

import math
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ..errors import NSTWarning, ignoring
from ..transfer.config import Recipe

KINDS = ("painted", "recognizable", "photo")
"""What becomes of faces, in this order: they are painted like the rest; they are painted with more
weight on the content loss; they stay as in the photo."""

_LOOKER = ThreadPoolExecutor(1, thread_name_prefix="nst-faces")


def look_for_faces(content: str) -> "Future[bool]":
    """Tell, in a while, whether there is a face in a photo."""
    return _LOOKER.submit(_has_face, content)


def _has_face(content: str) -> bool:
    from .parts import face_mask

    return face_mask(content) is not None


def kind_of(recipe: Recipe) -> str:
    """Return what a recipe does with faces, one of `KINDS`."""
    if any(form == "faces" for form, *_ in recipe.regions):
        return "photo"
    return "recognizable" if recipe.content_mask == "faces" else "painted"


def fields_for(recipe: Recipe, kind: str) -> dict[str, Any]:
    """Return the fields by which a recipe comes to do something else with faces.

    Examples
    --------
    >>> fields_for(Recipe(), "photo")
    {'content_mask': 'faces', 'regions': (('faces', 0, ''), ('rest', 1, ''))}
    >>> fields_for(Recipe(), "painted")
    {'content_mask': 'none', 'regions': ()}
    """
    regions = tuple(entry for entry in recipe.regions if entry[0] != "faces")
    if kind == "photo":
        regions = (("faces", 0, ""), *(regions or (("rest", 1, ""),)))
    elif [form for form, *_ in regions] == ["rest"]:
        regions = ()
    fields = {"content_mask": "none" if kind == "painted" else "faces", "regions": regions}
    return fields | ({"blend": ()} if regions and recipe.blend else {})


def find_strength(
    content: str, style: Any, recipe: Recipe, keep: float, stopped: Any
) -> tuple[float, float]:
    """Return the ``beta`` at which a given share of the photo's structure stays, and that share.

    Short runs at the coarse scale look for it; the fine scales may keep more or less. Where the
    share is out of reach, it is the nearest that was found.

    Parameters
    ----------
    content, style, recipe
        As for `run.stylize`.
    keep : float
        Structural similarity to the photo, between 0 and 1; see `experiments.structure_search`.
    stopped : callable
        Tells whether nobody waits for it any more; then the search ends early.
    """
    from ..experiments.metrics import ssim
    from ..experiments.structure_search import SHORT, Secant
    from ..transfer.pictures import open_pair
    from ..transfer.run import StopRun, stylize
    from .painting_thread import ENGINE_LOCK

    opened, styles = open_pair(content, style, recipe)
    steps = min(SHORT, recipe.steps[0])
    short = recipe.replace(scales=recipe.scales[:1], steps=steps, schedule=())

    def take_turns(_: Any) -> None:
        if stopped():
            raise StopRun
        ENGINE_LOCK.pass_on()

    def measure(beta: float) -> float:
        with ENGINE_LOCK, ignoring(NSTWarning):  # too weak a style moves nothing
            result = stylize(opened, styles, short.replace(beta=beta), on_step=take_turns)
        return ssim(result.image, opened.image)

    search = Secant(measure, recipe.beta)
    beta = search.find(keep)
    if not search.brackets(keep):
        place, keep = min(search.points.items(), key=lambda point: abs(point[1] - keep))
        beta = math.exp(place)
    return float(f"{beta:.3g}"), keep
