"""Repeat the run that made a picture, from the record inside it, and compare."""

import base64
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..download import sha256
from ..errors import NSTError, brief, ignoring, one_line, unknown
from ..images.decode import open_undecoded
from ..images.deep import read_deep
from ..images.inputs import InputPicture
from ..images.io import read_alpha, read_image
from ..images.outputs import as_samples
from ..images.png import read_provenance
from ..images.samples import SOURCE, list_samples
from ..networks.spec import is_weights_name
from ..networks.weights import find_moved, find_weights
from ..networks.weights_file import WeightsError
from ..paths import is_address, is_folder, is_regular, user_path
from ..transfer.config import Recipe
from ..transfer.feedforward.network_file import SUFFIX
from ..transfer.fields import STARTS
from ..transfer.losses.term import Term
from ..transfer.pictures import mask_files
from ..transfer.result import MASK_BYTES, Result
from ..transfer.run import OnStep, stylize
from ..untrusted import DataError, check_schema
from ..wikiart.names import safe_path
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
        Versions, device, number format or threads that differ: name to ``(then, now)``.
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


_TEXT = {"type": "string", "maxLength": 4096}
_NUMBER = {"type": "number"}
_SUM = {"type": "string", "pattern": "^[0-9a-f]{0,64}$"}
_ENTRY = {
    "type": "object",
    "required": ["source", "sha256"],
    "properties": {
        "source": _TEXT,
        "sha256": _SUM,
        "png": {"type": "string", "maxLength": 2 * MASK_BYTES},
    },
}
ROLE = re.compile(r"content|style|start|(style|mask) [0-9]{1,2}")
RECORD = {
    "type": "object",
    "required": ["recipe", "weights", "content", "style", "stopped", "versions"],
    "properties": {
        "recipe": {"type": "object"},
        "weights": {
            "type": "object",
            "required": ["label", "sha256"],
            "properties": {"label": _TEXT, "sha256": _SUM, "file": {"type": ["string", "null"]}},
        },
        "content": _ENTRY,
        "style": _ENTRY,
        "start": _ENTRY,
        "stopped": _TEXT,
        "own_terms": {"type": "object", "maxProperties": 64, "additionalProperties": _NUMBER},
        "steps": {"type": "integer", "minimum": 0, "maximum": 10**9},
        "device": _TEXT,
        "precision": _TEXT,
        "threads": {"type": "integer", "minimum": 1, "maximum": 10**5},
        "versions": {"type": "object", "additionalProperties": _TEXT},
    },
    "patternProperties": {"^(style|mask) [0-9]{1,2}$": _ENTRY},
}
"""Schema of the record of a run, as far as a run is repeated from it."""


def read_record(image: Path) -> dict[str, Any]:
    """Read and check the record of a finished run inside a picture.

    Raises
    ------
    RepeatError
        If there is no record or it is damaged, if the run did not finish, or if the picture is a
        figure or was painted by a network of one style.
    """
    record = read_provenance(image)
    if record and "network" in record:
        raise RepeatError(
            f"{image}: painted by a network of one style, which no record holds; paint it again "
            "with --network FILE"
        )
    if record is None or "recipe" not in record:
        raise RepeatError(f"{image}: no record of a run is stored in this file")
    if "caption" in record:
        raise RepeatError(f"{image}: this is a figure; name the painting itself")
    try:
        check_schema(record, RECORD, "the record of a run")
    except DataError as error:
        raise RepeatError(f"{image}: {error}") from None
    if record["stopped"] != "finished":
        raise RepeatError(f"{image}: its run did not finish ({record['stopped']})")
    return record


def repeat_run(
    image: Any,
    *,
    content: Any = None,
    style: Any = None,
    inputs: Mapping[str, Any] | None = None,
    trust: bool = False,
    terms: Sequence[Term] = (),
    on_step: OnStep | None = None,
) -> Comparison:
    """Repeat the run that made a picture, from the record inside it.

    A picture may come from anybody: of what its record names, only samples and files beside the
    picture or in the working directory are opened, each by its checksum.

    Parameters
    ----------
    image : path
        A picture saved by `Result.save`.
    content, style : optional
        The content and the style picture, in any form that `run.stylize` takes. They are needed if
        the files that the record names are neither beside the picture nor in the working directory.
    inputs : mapping of str to path or picture, optional
        Any input by its role in the record: ``"style 2"``, ``"mask 1"``, ``"start"``.
    trust : bool
        Also open the addresses and the other paths that the record names.
    terms : sequence of Term
        The terms of the run's own, which no record can hold.
    on_step : callable, optional
        As for `run.stylize`.

    Raises
    ------
    RepeatError
        If the picture has no sound record of a finished run, an input is missing, or the checksum
        of an input or of the weights is another.
    """
    image = user_path(image)
    record = read_record(image)
    if "film" in record:
        raise RepeatError(f"{image}: this is a film; repeat it with film_runs.repeat_film")
    recipe = Recipe.from_json(json.dumps(record["recipe"]))
    recipe = with_weights(recipe, record, image, trust)
    missing = sorted({*record.get("own_terms", {})} - {term.name for term in terms})
    if missing:
        raise RepeatError(
            f"{image}: painted with {', '.join(map(brief, missing))}, losses of a user's own; no "
            "record holds them, so repeat it in Python with repeat_run(image, terms=[…])"
        )
    given = {"content": content, "style": style} | dict(inputs or {})
    masks = mask_files(recipe)
    roles = [role for role in record if ROLE.fullmatch(role)]
    for role in given.keys() - {"content", "style", *roles}:
        raise unknown("input", role, roles)
    needed = [f"mask {i}" for i in range(1, len(masks) + 1)]
    if recipe.start not in STARTS or recipe.start == "given":
        needed.append("start")
    for role in needed:
        if role not in record:
            raise RepeatError(f"{image}: its record names a {role} picture without a checksum")
    found = {role: find_input(record[role], role, given.get(role), image, trust) for role in roles}
    result = stylize(
        found["content"],
        [found[role] for role in roles if role.startswith("style")],
        recipe,
        masks={form: found[role] for form, role in zip(masks, needed, strict=False)},
        start=found.get("start"),
        terms=terms,
        on_step=on_step,
    )
    then = _saved_pixels(image)
    now = np.asarray(result.image)
    if image.suffix.lower() in (".jpg", ".jpeg", ".webp"):  # as it is when it is compressed
        with tempfile.TemporaryDirectory() as folder:
            again = Path(folder) / f"again{image.suffix}"
            now = _saved_pixels(result.save(again, alpha=read_alpha(image)))
    if read_deep(image) is not None:  # what 8 bits hold of it are the upper ones
        now = as_samples(result.tensor, 16) // 256
    if then.shape != now.shape:
        raise RepeatError(f"{image}: the picture has another size than its record makes")
    gap = np.abs(then.astype(float) - now)
    return Comparison(
        result=result,
        identical=not gap.any(),
        worst=float(gap.max()),
        mean=float(gap.mean()),
        similarity=ssim(result.image, Image.fromarray(then)),
        changed=changed_since(record, result.provenance),
    )


def _saved_pixels(image: Path) -> np.ndarray:
    """Return the colors of a painting as they were saved, (H, W, 3), without its transparency."""
    if read_alpha(image) is None:
        return np.asarray(read_image(image))
    with image.open("rb") as file, ignoring():
        return np.asarray(open_undecoded(file).convert("RGB"))


def with_weights(recipe: Recipe, record: Mapping[str, Any], image: Path, trust: bool) -> Recipe:
    """Return the recipe with the weights that the record names, wherever they are by now."""
    named, digest = record["weights"], record["weights"]["sha256"]
    found = "which were not found here"
    # A path out of a record is not opened, but looked for by its checksum.
    if trust or not is_weights_name(recipe.weights):
        try:
            file = find_weights(recipe.backbone, recipe.weights)
        except WeightsError as error:
            found = f"which were not found here ({one_line(error, 200)})"
        else:
            if file.sha256 == digest:
                return recipe
            found = f"but {file.label} is what {brief(recipe.weights)} finds here"
    moved = find_moved(named.get("file") or recipe.weights, digest) if digest else None
    if moved is not None:
        return recipe.replace(weights=str(moved))
    raise RepeatError(
        f"{image}: painted with {named['label']}, {found}; set NST_WEIGHTS_DIR to the folder of "
        f"{named.get('file') or 'that file'}"
    )


def input_sha256(place: Any) -> str:
    """Return the checksum of an input: of a network's file that of its bytes."""
    if isinstance(place, str | Path) and Path(place).suffix.lower() == SUFFIX:
        return sha256(user_path(place))
    return InputPicture.open(place, 64).sha256


def find_input(
    entry: Mapping[str, str],
    role: str,
    given: Any,
    image: Path,
    trust: bool,
    digest_of: Callable[[Any], str] = input_sha256,
) -> Any:
    """Find an input: inside its record, or by its checksum at the places where it may be."""
    name, wanted = entry["source"], entry["sha256"]
    if given is None and "png" in entry:
        try:
            return InputPicture(read_image(base64.b64decode(entry["png"])), name, wanted)
        except (ValueError, NSTError) as error:
            raise RepeatError(f"{image}: the {role} in its record is damaged ({error})") from None
    places: list[Any] = [given]
    if given is None:
        places = places_of(name, role, image, trust)
    others = []
    for place in places:
        try:
            digest = digest_of(place)
        except (NSTError, OSError) as error:
            if len(places) == 1:
                raise RepeatError(
                    f"{role} cannot be read ({error}); name it with {named_as(role)}"
                ) from None
            continue
        if digest == wanted:
            return place
        others.append((place, digest))
    if others:
        place, digest = others[0]
        raise RepeatError(
            f"{role} {place} is another file than the record names: its SHA-256 starts with "
            f"{digest[:16]}, not with {wanted[:16]}; name the right one with {named_as(role)}"
        )
    raise RepeatError(
        f"{role} {brief(name)} is neither beside {image} nor in the working directory; "
        f"name it with {named_as(role)}"
    )


def named_as(role: str) -> str:
    """Return how an input is named: ``content=FILE``, or by its role among ``inputs``."""
    return f"{role}=FILE" if role in ("content", "style") else f'inputs={{"{role}": FILE}}'


def places_of(name: str, role: str, image: Path, trust: bool) -> list[Any]:
    """Return the places where a recorded input may be: samples, and files beside the picture.

    The working directory counts too. An address, or a path that leads elsewhere, raises
    `RepeatError`, except with `trust`.
    """
    if name.startswith(SOURCE):
        return [name.removeprefix(SOURCE)] if name.removeprefix(SOURCE) in list_samples() else []
    far = is_address(name) or name.startswith(("~", "file:")) or not safe_path(name)
    if far:
        if trust:
            return [name]
        raise RepeatError(
            f"{role}: the record names {brief(name)}, which is opened only with trust=True; or "
            f"name the picture with {named_as(role)}"
        )
    files = [folder / name for folder in (image.parent, Path.cwd())]
    return [path for path in files if is_regular(path) or is_folder(path)]


def changed_since(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return what differs in versions, device, number format and threads, where both are known."""
    pairs = {
        name: (str(then[name]), str(now[name]))
        for name in ("device", "precision", "threads")
        if name in then
    }
    pairs |= {
        name: (str(then["versions"].get(name)), str(version))
        for name, version in now["versions"].items()
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
