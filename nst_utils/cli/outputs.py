"""What is checked of an output before a run, and how it is saved after it."""

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import paths
from ..errors import NSTError, NSTWarning, one_line
from ..paths import short_path
from ..signals import defer

if TYPE_CHECKING:
    from ..transfer.feedforward.network_file import Painting
    from ..transfer.result import Result


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
    from ..images.outputs import FORMATS, check_format
    from ..images.png import check_lost, check_output

    try:
        if check is None:
            path = check_output(name, FORMATS)
            check_format(path, depth, alpha)
        else:
            path = check(name)
        check_lost(path, *inputs)
    except NSTError as error:
        raise click.UsageError(one_line(error)) from None
    return path


class Name(click.ParamType):
    """A name of a file, an address or a sample, which is not empty."""

    name = "text"

    def convert(self, value: Any, param: Any, context: Any) -> str:
        """Return the name as it is."""
        if not str(value).strip():
            self.fail("it is empty; name a file or a folder", param, context)
        return str(value)


def check_named(output: str | None, dry_run: bool) -> None:
    """Ask for an output where something is painted."""
    if output is None and not dry_run:
        raise click.UsageError("name the file to write: --output FILE")


def save_or_rescue(result: "Result | Painting", path: Path, **options: Any) -> Path:
    """Save a painting; where that fails, below ``data/runs/``, so that the work is not lost.

    An interrupted run's painting goes there, too, where the file holds a finished one. The options
    are those of `outputs.save_painting`.
    """
    from ..images.io import ImageError
    from ..images.png import holds_finished

    defer()  # nobody who asks this process to end wants the painting lost
    if result.stopped != "finished" and holds_finished(path):
        place = paths.save_elsewhere(partial(result.save, **options), "painting.png")
        warnings.warn(
            f"{short_path(path)} holds a finished painting and stays as it was",
            NSTWarning,
            stacklevel=2,
        )
        return place
    try:
        saved = result.save(path, **options)
    except ImageError as error:
        place = paths.save_elsewhere(partial(result.save, **options), "painting.png")
        raise click.ClickException(
            f"{one_line(error)}; the painting is in {short_path(place)}"
        ) from None
    own = result.checkpoint is not None and paths.RUNS in result.checkpoint.parents
    if own and result.stopped == "finished":  # what the run saved by itself is no longer needed
        paths.remove_run_file(result.checkpoint)
    return saved
