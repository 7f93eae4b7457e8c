"""What is checked of an output before a run."""

import os
from collections.abc import Callable
from pathlib import Path

import click

from .. import paths
from ..errors import NSTError, one_line


def checked_output(
    name: str,
    *inputs: str,
    check: Callable[[str], Path] | None = None,
    depth: int = 8,
    alpha: bool = False,
) -> Path:
    """Check before a run that its painting can be saved, and over no input.

    `check` looks at the name; when left out, it is that of a picture with `depth` bits a channel.
    """
    from ..images.io import ImageError
    from ..images.outputs import FORMATS, check_format
    from ..images.png import check_output, read_provenance

    try:
        if check is None:
            path = check_output(name, FORMATS)
            check_format(path, depth, alpha)
        else:
            path = check(name)
    except NSTError as error:
        raise click.UsageError(one_line(error)) from None
    try:
        empty = not any(path.iterdir()) if paths.is_folder(path) else path.stat().st_size == 0
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
