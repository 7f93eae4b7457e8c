"""What is checked of an output before a run."""

import os
from collections.abc import Callable
from pathlib import Path

import click

from .. import paths
from ..errors import NSTError, one_line


def checked_output(name: str, *inputs: str, check: Callable[[str], Path] | None = None) -> Path:
    """Check before a run that its painting can be saved, and over no input.

    `check` looks at the name; for a PNG when left out.
    """
    from ..images.io import ImageError
    from ..images.png import check_output, read_provenance

    try:
        path = (check or check_output)(name)
    except NSTError as error:
        raise click.UsageError(one_line(error)) from None
    try:
        empty = not any(path.iterdir()) if path.is_dir() else path.stat().st_size == 0
        mine = empty or read_provenance(path) is not None
    except FileNotFoundError:
        mine = True
    except ImageError:
        mine = False
    if not mine:
        raise click.UsageError(
            f"{name}: this picture was not painted here and would be lost; choose another name"
        )
    for source in inputs:
        given = paths.user_path(source)
        if paths.is_regular(given) and path.exists() and os.path.samefile(given, path):
            raise click.UsageError(f"{name}: the output would overwrite an input picture")
    return path
