"""Repeat the run that made a picture, from the record inside it, and compare."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import NSTError
from ..images.io import ImageError, read_image
from ..images.png import read_provenance
from ..images.samples import SOURCE, open_picture
from ..networks.weights import find_weights
from ..transfer.config import Recipe
from ..transfer.result import Result
from ..transfer.run import OnStep, stylize
from .metrics import ssim


class RepeatError(NSTError, RuntimeError):
    """A run that cannot be repeated: no record, a missing input, or another one."""


@dataclass(frozen=True)
class Comparison:
    """A picture and the same run made again.

    Attributes
    ----------
    result : Result
        The new run.
    identical : bool
        Whether every pixel agrees.
    worst, mean : float
        Largest and mean difference, in gray levels of 255.
    similarity : float
        Structural similarity of the two.
    changed : dict
        Versions, device or number format that differ: name to ``(then, now)``.
    """

    result: Result
    identical: bool
    worst: float
    mean: float
    similarity: float
    changed: dict[str, tuple[str, str]]

    def __str__(self) -> str:
        """Say in one sentence whether the two agree."""
        if self.identical:
            return "identical: every pixel agrees"
        cause = ", ".join(f"{name} {then} -> {now}" for name, (then, now) in self.changed.items())
        return (
            f"not identical: mean difference {self.mean:.2f} of 255, largest {self.worst:.0f}, "
            f"ssim {self.similarity:.3f}" + (f"; changed since: {cause}" if cause else "")
        )


def repeat_run(
    image: Path,
    *,
    content: Any = None,
    style: Any = None,
    on_step: OnStep | None = None,
) -> Comparison:
    """Repeat the run that made a picture, from the record inside it.

    Parameters
    ----------
    image : Path
        A PNG saved by `Result.save`.
    content, style : optional
        The inputs, where the record names files that are not found beside the picture or in the
        working directory.
    on_step : callable, optional
        As for `run.stylize`.

    Raises
    ------
    RepeatError
        If the picture has no record of a finished run, an input is missing, or the checksum of an
        input or of the weights is another.
    """
    record = read_provenance(image)
    if record is None or "recipe" not in record:
        raise RepeatError(f"{image}: no record of a run is stored in this picture")
    if record.get("stopped") != "finished":
        raise RepeatError(f"{image}: its run did not finish ({record.get('stopped')})")
    if "caption" in record:
        raise RepeatError(f"{image}: this is a figure; name the painting itself")
    recipe = Recipe.from_json(json.dumps(record["recipe"]))
    found = find_weights(recipe.backbone, recipe.weights)
    if found.sha256 != record["weights"]["sha256"]:
        raise RepeatError(
            f"{image}: painted with {record['weights']['label']} "
            f"({record['weights']['file']}), but {found.label} is what {recipe.weights!r} finds "
            "here; set NST_WEIGHTS_DIR to the folder of that file"
        )
    given = {"content": content, "style": style}
    inputs = {role: _input(record[role], role, given[role], image) for role in given}
    if "start" in record:
        start = _input(record["start"], "start", None, image)
        recipe = recipe.replace(start=str(start))
    result = stylize(inputs["content"], inputs["style"], recipe, on_step=on_step)
    then, now = (np.asarray(p, np.float64) for p in (read_image(image), result.image))
    if then.shape != now.shape:
        raise RepeatError(f"{image}: the picture has another size than its record makes")
    gap = np.abs(then - now)
    return Comparison(
        result=result,
        identical=not gap.any(),
        worst=float(gap.max()),
        mean=float(gap.mean()),
        similarity=ssim(result.image, read_image(image)),
        changed=_changed(record, result.provenance),
    )


def _input(entry: Mapping[str, str], role: str, given: Any, image: Path) -> Any:
    """Find an input by its record and check that it is the same picture."""
    source = given
    if source is None:
        name = entry["source"]
        places = [image.parent / name, Path(name)]
        source = name.removeprefix(SOURCE) if name.startswith(SOURCE) else name
        if "://" not in name and not name.startswith(SOURCE):
            source = next((place for place in places if place.is_file()), None)
        if source is None:
            raise RepeatError(
                f"{role} {name!r} is neither beside {image} nor in the working directory; "
                f"name it with --{role}"
            )
    try:
        found = open_picture(source).info["sha256"]
    except ImageError as error:
        raise RepeatError(f"{role} cannot be read ({error}); name it with --{role}") from None
    if found != entry["sha256"]:
        raise RepeatError(
            f"{role} {source} is another picture than the record names: its SHA-256 starts with "
            f"{found[:16]}, not with {entry['sha256'][:16]}"
        )
    return source


def _changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return what differs in versions, device and number format."""
    pairs = {name: (str(then.get(name)), str(now[name])) for name in ("device", "precision")}
    pairs |= {
        name: (str(then["versions"].get(name)), str(version))
        for name, version in now["versions"].items()
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
