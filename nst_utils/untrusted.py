"""Read JSON that is not trusted: bounded in size and depth, and checked against a schema.

This holds for records in pictures, recipes, notebooks, rows of a sweep and kept runs.
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from .errors import NSTError, brief, one_line
from .paths import is_regular

MOST_BYTES = 64 * 2**20
"""Largest size of a text in bytes; the largest notebook of this project has one million."""

MOST_TABLE = 512 * 2**20
"""Largest size of a csv file in bytes; that of WikiArt has 20 million."""

DEEPEST = 40
"""Deepest nesting; a notebook with widgets has about ten levels."""


class DataError(NSTError, ValueError):
    """Data that cannot be used; the message says what was expected and what came."""


def parse_json(text: str | bytes, what: str) -> Any:
    """Read JSON from a text.

    Parameters
    ----------
    text : str or bytes
        JSON; bytes in UTF-8.
    what : str
        What was expected, for the message: ``"a recipe"``.

    Raises
    ------
    DataError
        If it is too long, not JSON, or nested too deeply.
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


def check_table(path: Path) -> Path:
    """Return the path of a table; raise `DataError` for a pipe, a device, or a huge file."""
    if path.exists() and not is_regular(path):
        raise DataError(f"{path}: this is a pipe or a device; expected a csv file")
    size = path.stat().st_size  # an OSError where there is none
    if size > MOST_TABLE:
        raise DataError(f"{path}: expected at most {MOST_TABLE >> 20} MB, not {size >> 20}")
    return path


def read_json(path: Path, what: str) -> Any:
    """Read JSON from a file; see `parse_json`.

    Raises
    ------
    DataError
        As for `parse_json`, and if it is not a regular file or cannot be read.
    """
    if not is_regular(path):
        raise DataError(f"{path}: no such file, or a folder or a device; expected {what}")
    try:
        with open(path, "rb") as file:
            return parse_json(file.read(MOST_BYTES + 1), what)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def check_schema(value: Any, schema: Mapping[str, Any], what: str) -> None:
    """Check a value against a JSON schema.

    Raises
    ------
    DataError
        If it does not fit; the message names the place and what was expected there.
    """
    from fastjsonschema import JsonSchemaValueException

    try:
        _checker(json.dumps(schema))(value)
    except JsonSchemaValueException as error:
        place, expected = ".".join(error.path[1:]), error.message.removeprefix(error.name).strip()
        raise DataError(
            f"not {what}: {one_line(place or 'it', 60)} {one_line(expected, 150)},"
            f" not {one_line(brief(error.value), 60)}"
        ) from None


@lru_cache
def _checker(schema: str) -> Callable[[Any], Any]:
    """Return a schema as a function; jsonschema would take two seconds to import."""
    from fastjsonschema import compile

    return compile(json.loads(schema), use_default=False)


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
