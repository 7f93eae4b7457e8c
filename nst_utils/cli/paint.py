"""Painting from the command line: the quickstart, ``stylize``, ``provenance``."""

import contextlib
import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import paths
from ..errors import one_line
from ..networks.registry import BACKBONES
from ..paths import short_path
from ..signals import defer
from ..transfer.config import Recipe
from .errors import say
from .recipe_options import build_recipe, recipe_options

if TYPE_CHECKING:
    from ..transfer.result import Result

QUICK_CONTENT, QUICK_STYLE = "chelsea", "nocturne"


def quickstart(
    settings: Recipe,
    content: str,
    style: str,
    out: Path | None,
    language: str,
    keep: Path | None = None,
) -> None:
    """Paint a pair, leave the painting and its figure in a folder, and sum up the run."""
    from ..experiments.run_cache import paint
    from ..images.inputs import InputPicture
    from ..plotting.album import save_quickstart

    out = paths.user_path(out or paths.FIGURES)
    try:
        paths.make_folder(out)
    except paths.FolderError as error:
        raise click.UsageError(str(error)) from None
    painting = checked_output(str(out / "quickstart_painting.png"))
    # Opened once, for the run and for the figure, and as large as the run can use.
    pictures = [InputPicture.open(source, 2 * settings.size) for source in (content, style)]
    result, _ = paint(*pictures, settings, keep=keep)
    path = save_or_rescue(result, painting)
    figure = save_quickstart(
        *(picture.image for picture in pictures),
        result,
        out / ("quickstart.png" if language == "en" else f"quickstart_{language}.png"),
        language=language,
        command="python -m nst_utils" + ("" if language == "en" else f" --language {language}"),
    )
    summarize(result, [figure, path])


def checked_output(name: str, *inputs: str) -> Path:
    """Check before a run that its painting can be saved, and over no input."""
    from ..images.io import ImageError
    from ..images.png import check_output, read_provenance

    try:
        path = check_output(name)
    except ImageError as error:
        raise click.UsageError(one_line(error)) from None
    try:
        mine = path.stat().st_size == 0 or read_provenance(path) is not None
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


def save_or_rescue(result: "Result", path: Path) -> Path:
    """Save a painting; where that fails, below ``data/runs/``, so that the work is not lost."""
    from ..images.io import ImageError

    defer()  # nobody who asks this process to end wants the painting lost
    try:
        saved = result.save(path)
    except ImageError as error:
        raise click.ClickException(
            f"{one_line(error)}; the painting is in {short_path(_rescue(result))}"
        ) from None
    if result.checkpoint is not None:  # what the run saved by itself is no longer needed
        result.checkpoint.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            result.checkpoint.parent.rmdir()
    return saved


def _rescue(result: "Result") -> Path:
    """Save a painting below ``data/runs/``, or where that cannot be, for temporary files."""
    try:
        folder = paths.make_run_folder("rescued")
    except paths.FolderError:
        folder = Path(tempfile.mkdtemp(prefix="nst_rescued"))
    return result.save(folder / "painting.png")


def summarize(result: "Result", written: list[Path]) -> None:
    """Print how a run went and what it left."""
    record, now = result.provenance, result.recipe
    size = " x ".join(map(str, result.image.size))
    counts = Counter(step.scale for step in result.history)
    scales = ", ".join(f"{count} at {scale} px" for scale, count in counts.items())
    first = next(step for step in result.history if step.scale == result.best.scale)
    trained = record["weights"]["trained"]
    lines = [
        ("content", record["content"]["source"]),
        ("style", record["style"]["source"]),
        ("backbone", BACKBONES[now.backbone].title),
        ("weights", result.weights_label + ("" if trained else ": random, nothing was learned")),
        ("size", f"{size} pixels"),
        ("steps", f"{record['steps']} ({scales}), {now.optimizer}"),
        ("computed", f"in {record['format']} on {record['device']}"),
        ("seconds", f"{result.seconds:.1f}"),
        ("loss", f"{result.history[0].total:.4g} first, {result.history[-1].total:.4g} last; "
                 f"at {first.scale} px {first.total:.4g} first, {result.best.total:.4g} best"),
        *((("stopped", result.stopped),) if result.stopped != "finished" else ()),
        *(("written", short_path(path)) for path in written),
    ]  # fmt: skip
    for name, value in lines:
        say(f"{name:9} {value}")
    if result.stopped.startswith("interrupted"):
        raise click.ClickException(f"{result.stopped}; the best picture so far was saved")


def check_trained(settings: Recipe) -> None:
    """Refuse to go on untrained where the network was named and random weights were not."""
    from ..networks.weights import find_weights

    if not find_weights(settings.backbone, settings.weights).trained:
        raise click.ClickException(
            f"{settings.backbone} was asked for, but no trained weights are here and none could be "
            "downloaded; see python -m nst_utils backbones, or ask for --weights random"
        )


@click.command()
@click.argument("content")
@click.argument("style")
@click.option("--output", "-o", required=True, metavar="FILE", help="PNG file to write.")
@recipe_options
def stylize(
    content: str, style: str, output: str, name: str, changes: tuple[str, ...], **options: str
) -> None:
    """Paint CONTENT in the manner of STYLE.

    Both are a path, an http(s) address, or the name of a sample.
    """
    from ..experiments.run_cache import paint

    settings = build_recipe(name, changes, **options)
    path = checked_output(output, content, style)
    if options["backbone"] and settings.weights == "auto":
        check_trained(settings)
    result, _ = paint(content, style, settings)
    summarize(result, [save_or_rescue(result, path)])


@click.command()
@click.argument("image")
def provenance(image: str) -> None:
    """Print how IMAGE was made, from the record inside it."""
    from ..images.png import read_provenance

    record = read_provenance(image)
    if record is None:
        raise click.ClickException(f"{image}: no record of nst_utils is stored in this picture")
    say(json.dumps(record, indent=1))
