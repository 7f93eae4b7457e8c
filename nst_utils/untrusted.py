"""JSON from elsewhere: bounded in size and depth, checked against a schema, never trusted.

Records in pictures, recipes, notebooks, rows of a sweep and kept runs are read here.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import NSTError, one_line
from .paths import is_regular

MOST_BYTES = 64 * 2**20
"""Bytes that a text may have; the largest notebook of this project has one million."""

DEEPEST = 40
"""Levels of nesting; a notebook with widgets has about ten."""


class DataError(NSTError, ValueError):
    """Data that cannot be used; the message says what was expected and what came."""


def parse_json(text: str | bytes, what: str) -> Any:
    """Read JSON from a text.

    Parameters
    ----------
    text : str or bytes
        In UTF-8.
    what : str
        What it should be, for the message: ``"a recipe"``.

    Raises
    ------
    DataError
        If it is too long, no JSON, or nested too deeply.
    """
    if not isinstance(text, str | bytes | bytearray):
        raise DataError(f"expected {what} as JSON text, not {type(text).__name__}")
    if len(text) > MOST_BYTES:
        raise DataError(
            f"expected {what} of at most {MOST_BYTES >> 20} MB, not {len(text):,} bytes"
        )
    try:
        value = json.loads(text)
    except RecursionError:
        raise DataError(f"expected {what}, not JSON nested {DEEPEST} levels or more") from None
    except (ValueError, UnicodeError) as error:
        raise DataError(f"expected {what} as JSON text: {one_line(error, 120)}") from None
    if _is_deep(value):
        raise DataError(f"expected {what}, not JSON nested {DEEPEST} levels or more")
    return value


def read_json(path: Path, what: str) -> Any:
    """Read JSON from a file; see `parse_json`.

    Raises
    ------
    DataError
        As there, and if it is no regular file or cannot be read.
    """
    if not is_regular(path):
        raise DataError(f"{path}: no such file; expected {what}")
    try:
        with open(path, "rb") as file:
            return parse_json(file.read(MOST_BYTES + 1), what)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def check_schema(value: Any, schema: Mapping[str, Any], what: str) -> None:
    """Check a value against a JSON schema, as jsonschema reads it.

    Raises
    ------
    DataError
        With the place where it does not fit, and what was expected there.
    """
    import jsonschema  # 0.1 s that only a reader of records should cost

    error = next(jsonschema.Draft202012Validator(schema).iter_errors(value), None)
    if error is not None:
        place = ".".join(map(str, error.absolute_path)) or "as a whole"
        raise DataError(f"not {what}: {one_line(place, 60)}: {one_line(error.message, 150)}")


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True
