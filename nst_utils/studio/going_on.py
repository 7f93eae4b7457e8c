"""What a studio keeps so that a painting can go on after its kernel was restarted.

Beside the checkpoint of the run stands a small JSON file: the pictures, the settings, and the
passages before this run. Free of torch.
"""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from ..errors import NSTError
from ..paths import is_address, make_folder, newest_first, public_source, user_path, write_text
from ..transfer.config import Recipe
from ..untrusted import check_schema, read_json
from .replay import from_json, to_json

if TYPE_CHECKING:
    from ..transfer.state import RunState
    from .history import History

CHECKPOINT, RECORD = "unfinished.safetensors", "unfinished.json"
MOST = 3
"""Unfinished paintings that are kept, the newest."""

_TEXT = {"type": "string", "minLength": 1, "maxLength": 4096}
SCHEMA = {
    "type": "object",
    "required": ["content", "styles", "passages", "process"],
    "properties": {
        "content": _TEXT,
        "styles": {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 16},
        "process": {"type": "integer", "minimum": 0},
        "started": {"type": "number"},
        "passages": {"type": "array", "maxItems": 1000, "items": {"type": "object"}},
    },
    "additionalProperties": False,
}


@dataclass(frozen=True)
class KeptPainting:
    """A painting on disk: its file, its sources, and the recipes that led to it."""

    path: Path
    content: str
    styles: tuple[str, ...]
    passages: tuple[Recipe, ...]


class Unfinished(KeptPainting):
    """A painting that a kernel left unfinished: a checkpoint, and the passages before it."""

    def wanted(self, state: "RunState") -> Recipe:
        """Return the settings when the state was saved."""
        now = state.recipe.at(max(0, len(state.history)))
        return now.replace(start=self.passages[0].start if self.passages else now.start)


def keep_going(history: "History", folder: Path) -> Path | None:
    """Write what a restarted kernel needs besides the run's state; return the file for that state.

    None where the folder cannot be written to: the painting goes on without it.
    """
    record = {
        "content": _absolute(history.content),
        "styles": [_absolute(source) for source in (history.style, *history.others)],
        **_this_process(),
        "passages": json.loads(to_json(history.passages)) if history.passages else [],
    }
    try:
        write_text(make_folder(folder) / RECORD, json.dumps(record))
    except (OSError, NSTError):
        return None
    return folder / CHECKPOINT


def list_unfinished(folder: Path) -> list[Unfinished]:
    """Return the unfinished paintings below a folder, the newest first, at most `MOST`.

    Older ones, and those whose record cannot be read, are removed. A painting whose process still
    runs is left out.
    """
    found = []
    for path in newest_first(folder.glob(f"**/{CHECKPOINT}")):
        with contextlib.suppress(NSTError):
            record = read_json(path.with_name(RECORD), "an unfinished painting")
            check_schema(record, SCHEMA, "an unfinished painting")
            if _runs(record):
                continue
            told = record["passages"]
            passages = tuple(from_json(json.dumps(told))) if told else ()
            if len(found) < MOST:
                styles = tuple(record["styles"])
                found.append(Unfinished(path, record["content"], styles, passages))
                continue
        forget(path.parent)
    return found


def take_over(unfinished: Unfinished) -> None:
    """Write that this process goes on with a painting, so that it is offered to no other.

    Raises
    ------
    NSTError
        If another process has taken it over, or it is gone.
    """
    place = unfinished.path.with_name(RECORD)
    record = read_json(place, "an unfinished painting")
    check_schema(record, SCHEMA, "an unfinished painting")
    if _runs(record):
        raise NSTError("another panel goes on with this painting")
    with contextlib.suppress(OSError):
        write_text(place, json.dumps(record | _this_process()))


def forget(folder: Path) -> None:
    """Remove what was kept of an unfinished painting."""
    for name in (CHECKPOINT, RECORD):
        with contextlib.suppress(OSError):
            (folder / name).unlink(missing_ok=True)


def _this_process() -> dict[str, float]:
    return {"process": os.getpid(), "started": psutil.Process().create_time()}


def _runs(record: dict) -> bool:
    """Tell whether a record's process still runs; in a container its number is soon another's."""
    try:
        started = psutil.Process(record["process"]).create_time()
    except psutil.Error:
        return False
    return abs(started - record.get("started", started)) < 2


def _absolute(source: str) -> str:
    """Return a source as another kernel finds it, without the secrets of an address."""
    if is_address(source):
        return public_source(source)
    path = user_path(source)
    return str(path.absolute()) if path.exists() else source
