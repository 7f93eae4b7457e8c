"""Paint a film again, from the record inside it, and compare."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..images.clip_files import kind_of_output
from ..images.clips import Clip
from ..paths import make_run_folder
from ..transfer.config import Recipe
from ..transfer.fields import STARTS
from ..transfer.pictures import mask_files
from ..transfer.video.painter import Stillness
from ..transfer.video.sample import sample_clip
from ..untrusted import DataError, check_schema
from .film_runs import Film, film, open_film
from .reproduce import (
    ROLE,
    RepeatError,
    changed_since,
    find_input,
    read_record,
    with_weights,
)

_SECONDS = {"type": ["number", "null"], "minimum": 0, "maximum": 1e6}
FILM = {
    "type": "object",
    "required": ["frames", "frames_sha256", "steps", "temporal", "difference", "schedule"],
    "properties": {
        "frames": {"type": "integer", "minimum": 1},
        "frames_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "start": _SECONDS,
        "end": _SECONDS,
        "every": {"type": "integer", "minimum": 1, "maximum": 1000},
        "steps": {"type": "integer", "minimum": 1, "maximum": 10_000},
        "temporal": {"type": "number", "minimum": 0},
        "difference": {"type": "number", "minimum": 0},
        "schedule": {"type": "array", "maxItems": 1000},
    },
}
"""Schema of what a record says of a film."""


@dataclass(frozen=True)
class FilmComparison:
    """A film and the same film painted again.

    Attributes
    ----------
    film : Film
        The new one.
    identical : bool
        Whether every pixel of every frame agrees, before frames were compressed.
    changed : dict
        Versions and settings that differ: name to ``(then, now)``.
    """

    film: Film
    identical: bool
    changed: dict[str, tuple[str, str]]

    def __str__(self) -> str:
        """Say in one sentence whether the two agree."""
        if self.identical:
            return f"identical: every pixel agrees, in each frame ({self.film.frames} in all)"
        cause = ", ".join(f"{name} {then} -> {now}" for name, (then, now) in self.changed.items())
        return "not identical" + (f"; changed since: {cause}" if cause else "")


def repeat_film(
    path: Path,
    *,
    output: Any = None,
    content: Any = None,
    style: Any = None,
    inputs: Mapping[str, Any] | None = None,
    trust: bool = False,
) -> FilmComparison:
    """Paint a film again from the record inside it.

    Parameters
    ----------
    path : Path
        A film written by `film_runs.film`.
    output : path, optional
        Where the new one goes; below ``data/runs`` when left out.
    content, style, inputs, trust
        As for `reproduce.repeat_run`; the content is the clip.

    Raises
    ------
    RepeatError
        If there is no sound record of a finished film, or an input is missing or another one.
    """
    record = read_record(path)
    try:
        check_schema(record.get("film"), FILM, "the record of a film")
    except DataError as error:
        raise RepeatError(f"{path}: {error}") from None
    of_film = record["film"]
    recipe = with_weights(Recipe.from_json(json.dumps(record["recipe"])), record, path, trust)
    given = {"style": style} | dict(inputs or {})
    if recipe.start not in STARTS:
        raise RepeatError(f"{path}: it began with a file, which a film's record does not hold")
    roles = [r for r in record if r.startswith("style") and ROLE.fullmatch(r)]
    masks = {}
    for number, form in enumerate(mask_files(recipe), 1):
        role = f"mask {number}"
        if role not in record:
            raise RepeatError(f"{path}: its record names a {role} picture without a checksum")
        masks[form] = find_input(record[role], role, given.get(role), path, trust)
    made = film(
        _clip(record["content"], content, path, trust),
        [find_input(record[role], role, given.get(role), path, trust) for role in roles],
        recipe,
        output=output or make_run_folder("repeated") / f"film{kind_of_output(path) or '.mp4'}",
        start=of_film.get("start"),
        end=of_film.get("end"),
        every=of_film.get("every", 1),
        masks=masks,
        still=Stillness(of_film["steps"], of_film["temporal"], of_film["difference"]),
        schedule=of_film["schedule"],
        measured=False,
    )
    same = made.record["film"]["frames_sha256"] == of_film["frames_sha256"]
    return FilmComparison(made, same, changed_since(record, made.record))


def _clip(entry: Mapping[str, str], given: Any, film: Path, trust: bool) -> Clip:
    """Find the clip by its checksum."""
    if entry["source"] == sample_clip().source and given is None:
        return sample_clip()
    found = find_input(entry, "content", given, film, trust, lambda p: open_film(p).sha256)
    return open_film(found)
