"""Painting from the command line: the quickstart, ``stylize``, ``provenance``."""

import json
import os
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import paths
from ..images.mask_forms import MASK_FORMS
from ..networks.registry import BACKBONES
from ..paths import short_path
from ..transfer.config import Recipe
from ..transfer.fields import MAX_SIZE
from .errors import say
from .network import (
    LARGEST,
    check_network_options,
    given,
    network_option,
    paint_by_network,
    tell_folder,
)
from .outputs import Name, check_named, checked_output, save_or_rescue
from .recipe_options import build_recipe, recipe_options, style_options
from .region_options import part_to_keep, with_regions

if TYPE_CHECKING:
    from PIL import Image

    from ..experiments.forecasts import Forecast
    from ..transfer.result import Result

QUICK_CONTENT, QUICK_STYLE = "chelsea", "nocturne"

FILM_FRAMES = 80
"""Most pictures of a film of how a painting came about."""

ANY_SIZE = 10**6
"""Pixels on the long side, more than any picture has: it is read at its full size."""


def quickstart(
    settings: Recipe,
    content: str,
    style: str,
    out: Path | None,
    language: str,
) -> None:
    """Paint a pair, leave the painting and its figure in a folder, and sum up the run."""
    from ..experiments.trials import paint
    from ..images.inputs import InputPicture
    from ..plotting.album import check_figure, save_quickstart

    out = paths.user_path(out or paths.FIGURES)
    try:
        paths.make_folder(out)
    except paths.FolderError as error:
        raise click.UsageError(str(error)) from None
    painting = checked_output(str(out / "quickstart_painting.png"))
    figure = out / ("quickstart.png" if language == "en" else f"quickstart_{language}.png")
    check_figure(figure)
    # Opened once, for the run and for the figure, and as large as the run can use.
    pictures = [InputPicture.open(source, 2 * settings.size) for source in (content, style)]
    result, _ = paint(*pictures, settings)
    path = save_or_rescue(result, painting)
    figure = save_quickstart(
        *(picture.image for picture in pictures),
        result,
        figure,
        language=language,
        command="python -m nst_utils" + ("" if language == "en" else f" --language {language}"),
    )
    summarize(result, [figure, path])


def summarize(result: "Result", written: list[Path], beside: Sequence[str] = ()) -> None:
    """Print how a run went and what it left; `beside` are words that --resume needs again."""
    record, now = result.provenance, result.recipe
    size = " x ".join(map(str, result.image.size))
    counts = Counter(step.scale for step in result.history)
    scales = ", ".join(f"{count} at {scale} px" for scale, count in counts.items())
    first = next(step for step in result.history if step.scale == result.best.scale)
    trained = record["weights"]["trained"]
    lines = [
        ("content", record["content"]["source"]),
        *((role, record[role]["source"]) for role in record if role.startswith("style")),
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
        kept = result.checkpoint
        command = f"stylize {shlex.join([*beside, '--resume', str(kept)])} --output FILE"
        more = f"; go on with {command}" if kept else ""
        raise click.ClickException(f"{result.stopped}; the best picture so far was saved{more}")


def check_trained(settings: Recipe) -> None:
    """Refuse untrained weights where --backbone was given without --weights random."""
    from ..networks.weights import find_weights

    if not find_weights(settings.backbone, settings.weights).trained:
        raise click.ClickException(
            f"{settings.backbone} was asked for, but no trained weights could be found; see "
            "python -m nst_utils backbones, give --weights FILE, or ask for --weights random"
        )


@click.command()
@click.argument("content", required=False, type=Name())
@click.argument("styles", nargs=-1, type=Name(), metavar="[STYLE]...")
# fmt: off
@click.option(
    "--output",
    "-o",
    type=Name(),
    metavar="FILE",
    help="File to write, .png, .tif, .jpg or .webp; a folder where CONTENT or STYLE is one.",
)
@style_options
@click.option(
    "--region",
    "texts",
    multiple=True,
    metavar="MASK=STYLE",
    help=f"Where a style goes; may be repeated. MASK: {MASK_FORMS}. STYLE: a picture; "
    "PICTURE@MASK for a part of it; or none, to keep the photo there.",
)
@click.option(
    "--keep",
    metavar="PART",
    help="Share of the photo's structure to keep, between 0 and 1: "
    "beta is found for it. Or faces, which stay as in the photo.",
)
@click.option(
    "--depth",
    type=click.Choice(["8", "16"]),
    default="8",
    show_default=True,
    help="Bits a channel of a .png or .tif.",
)
@click.option(
    "--alpha",
    type=click.Choice(["white", "keep"]),
    default="white",
    show_default=True,
    help="What becomes of the photo's transparency: white, or kept as it was.",
)
@click.option("--dry-run", is_flag=True, help="Forecast seconds, memory and size; paint nothing.")
@click.option(
    "--pairs",
    type=click.Choice(["all", "zip"]),
    default="all",
    show_default=True,
    help="Of two folders: every pair, or one by one.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes for folders.")
@click.option("--scheduler", help="Dask scheduler for folders, tcp://host:8786.")
@click.option(
    "--checkpoint",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File for the run's state, to go on from.  [default: below data/runs]",
)
@click.option(
    "--checkpoint-every",
    metavar="SECONDS",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="How often the state is saved.",
)
@click.option(
    "--resume",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Go on with the run of a checkpoint; pictures and recipe are in it.",
)
@click.option(
    "--film",
    type=Name(),
    metavar="FILE",
    help="Also show how it came about: .mp4, .mov, .webm, .gif, .webp.",
)
@network_option
@recipe_options
@click.pass_context
# fmt: on
def stylize(
    context: click.Context,
    content: str | None,
    styles: tuple[str, ...],
    output: str | None,
    name: str,
    changes: tuple[str, ...],
    texts: tuple[str, ...],
    keep: str | None,
    depth: str,
    alpha: str,
    dry_run: bool,
    pairs: str,
    workers: int | None,
    scheduler: str | None,
    checkpoint: Path | None,
    checkpoint_every: float,
    resume: Path | None,
    film: str | None,
    network: str | None,
    **options: str,
) -> None:
    """Paint CONTENT in the manner of STYLE, or of several styles.

    Each is a path, an http(s) address, or the name of a sample. Where CONTENT or STYLE is a folder,
    every pair is painted. A run that was interrupted goes on with --resume.
    """
    if content is None and resume is None:
        raise click.UsageError("name a CONTENT and a STYLE, or a checkpoint with --resume")
    check_named(output, dry_run)
    saving = {"depth": int(depth), "alpha": _alpha_of(content, alpha)}
    if resume is not None:
        _check_resume_options(context)
        path = checked_output(output, depth=int(depth), alpha=alpha == "keep")
        paint_on(resume, content, styles, path, checkpoint_every, saving)
        return
    check_folders(content, *styles)
    if (options["size"] or "").lower() == "full":
        options["size"] = full_size(content, MAX_SIZE if network is None else LARGEST)
    if network is not None:
        beside = {"content", "output", "size", "network", "depth", "alpha", "workers", "scheduler"}
        check_network_options(context, beside)
        if paths.is_folder(paths.user_path(content)):
            _check_folder_options(context, [network])
            _check_folder_output(output)
        spread = {"workers": workers, "scheduler": scheduler}
        paint_by_network(content, network, output, options["size"], saving, **spread)
        return
    from ..experiments.batch import input_files

    settings = build_recipe(name, changes, **options)
    styles, settings = with_regions(list(styles), texts, keep, settings)
    if options["backbone"] and settings.weights == "auto":
        check_trained(settings)
    if any(paths.is_folder(paths.user_path(source)) for source in (content, *styles)):
        _check_folder_options(context, styles)
        _check_folder_output(output)
        from ..experiments.folders import paint_folder

        out, spread = paths.user_path(output), {"workers": workers, "scheduler": scheduler}
        zipped = pairs == "zip"
        tell_folder(paint_folder(content, styles[0], out, settings, zipped=zipped, **spread), out)
        return
    if dry_run:
        print_forecast(content, styles, settings, keep)
        return
    if len(styles) > 1 and (
        output.endswith(("/", os.sep)) or paths.is_folder(paths.user_path(output))
    ):
        raise click.UsageError(
            f"{output}: of several pictures the first is the photo and the others are styles to "
            "blend in one PNG file; to paint many photos, name their folder: stylize photos/ "
            "style.jpg --output paintings/"
        )
    path = checked_output(
        output, *input_files(content, styles, settings), depth=int(depth), alpha=alpha == "keep"
    )
    options = keep, film, checkpoint, checkpoint_every, saving
    paint_one(content, styles, settings, path, *options)


def _alpha_of(content: str | None, alpha: str) -> "Image.Image | None":
    from ..images.io import read_alpha

    if alpha != "keep":
        return None
    if content is None:
        raise click.UsageError(
            "--alpha keep reads the photo, which --resume alone does not name: name CONTENT and "
            "STYLE, too"
        )
    return read_alpha(content)


def full_size(content: str, most: int) -> str:
    """Return the long side of a photo, upright, as a value of --size; refuse one above `most`."""
    from ..images.inputs import open_input

    if paths.is_folder(paths.user_path(content)):
        raise click.UsageError("--size full takes one photo: those of a folder differ in size")
    width, height = open_input(content, ANY_SIZE).size
    if max(width, height) > most:
        raise click.UsageError(
            f"--size full takes a photo of at most {most} pixels a side, not of {width} x "
            f"{height}; choose --size {most} or less"
        )
    return str(max(width, height))


def check_folders(*sources: str) -> None:
    """Refuse a name that is written as that of a folder and names none."""
    for source in sources:
        if source.endswith(("/", os.sep)) and not paths.is_address(source):
            path = paths.user_path(source)
            if not paths.is_folder(path):
                raise click.UsageError(f"{source}: there is no such folder; check the path")


def _check_folder_options(context: click.Context, styles: list[str]) -> None:
    single = {"--region", "--keep", "--dry-run", "--checkpoint", "--depth", "--alpha", "--film"}
    if len(styles) != 1:
        raise click.UsageError(f"folders take one STYLE, not {len(styles)}")
    for option in given(context):
        if asked := {*option.opts} & single:
            raise click.UsageError(
                f"{asked.pop()} goes with one picture, and CONTENT or STYLE is a folder: leave it "
                "out, or name a picture"
            )


def _check_folder_output(output: str) -> None:
    """Refuse the name of a picture where a folder of paintings is to be written."""
    from ..images.outputs import FORMATS

    path = paths.user_path(output)
    if path.suffix.lower() in FORMATS and not paths.is_folder(path):
        raise click.UsageError(
            f"{output}: CONTENT or STYLE is a folder, so --output names one, too, and not a picture"
        )


def _check_resume_options(context: click.Context) -> None:
    """Refuse options beside --resume that would change the run: its file holds them."""
    free = {"content", "styles", "output", "resume", "checkpoint_every", "depth", "alpha"}
    for option in given(context):
        if option.name not in free:
            raise click.UsageError(
                f"{max(option.opts, key=len)} does not go with --resume: the checkpoint holds "
                "pictures and recipe; leave it out"
            )


def paint_one(
    content: str,
    styles: list[str],
    settings: Recipe,
    path: Path,
    keep: str | None,
    film: str | None,
    checkpoint: Path | None,
    every: float,
    saving: dict[str, Any],
) -> None:
    """Paint one picture, after a look at the memory, and sum up the run."""
    from ..experiments.forecasts import check_disk
    from ..images.clip_files import check_clip_output, write_steps
    from ..transfer.pictures import open_pair
    from ..transfer.progress import Watch
    from ..transfer.run import stylize as run

    part = part_to_keep(keep)
    if part is not None and (checkpoint or film):
        raise click.UsageError("--keep makes several runs: leave --checkpoint and --film out")
    film = film and checked_output(film, content, *styles, str(path), check=check_clip_output)
    opened = open_pair(content, styles, settings)
    check_disk(path, opened[0], settings, saving["depth"])
    if part is None:
        steps = sum(settings.steps)
        with Watch(steps, show_every=-(-steps // FILM_FRAMES) if film else 0) as watch:
            result = run(
                *opened, settings, on_step=watch, checkpoint=checkpoint, checkpoint_every=every
            )
        written = [save_or_rescue(result, path, **saving)]
        if film:
            pictures = [picture for _, picture in watch.frames] + [result.image]
            written.append(write_steps(film, pictures, result.provenance))
        summarize(result, written, _words_again(content, styles, saving))
        return
    from ..experiments.structure_search import keep_structure

    kept = keep_structure(*opened, settings, part)
    saved = save_or_rescue(kept.result, path, **saving)
    if kept.stopped:
        raise click.ClickException(
            f"{kept.stopped}: the nearest painting so far, which keeps {kept.kept:.2f} of the "
            f"structure, is in {short_path(saved)}"
        )
    summarize(kept.result, [saved])
    say(f"{'kept':9} {kept.kept:.2f} of the structure, {part:g} was asked, at beta "
        f"{kept.result.recipe.beta:.3g}")  # fmt: skip
    say(f"{'search':9} {kept.short} short and {kept.whole} whole runs, {kept.seconds:.1f} s in all")


def paint_on(
    checkpoint: Path,
    content: str | None,
    styles: tuple[str, ...],
    path: Path,
    every: float,
    saving: dict[str, Any],
) -> None:
    """Go on with the run of a checkpoint, and sum it up."""
    from ..transfer.progress import Watch
    from ..transfer.run import resume
    from ..transfer.state import load_checkpoint

    state = load_checkpoint(checkpoint).state
    with Watch(sum(state.recipe.steps), done=len(state.history)) as watch:
        result = resume(
            checkpoint, content=content, style=list(styles) or None, on_step=watch,
            checkpoint_every=every,
        )  # fmt: skip
    written = [save_or_rescue(result, path, **saving)]
    summarize(result, written, _words_again(content, styles, saving))


def _words_again(
    content: str | None, styles: Sequence[str], saving: Mapping[str, Any]
) -> list[str]:
    """Return what a checkpoint does not hold: how the painting is to be saved."""
    words = [] if saving["alpha"] is None else [content, *styles, "--alpha", "keep"]
    return words if saving["depth"] == 8 else [*words, "--depth", str(saving["depth"])]


def print_forecast(content: str, styles: list[str], settings: Recipe, keep: str | None) -> None:
    """Print what a run would take."""
    from ..experiments.forecasts import forecast
    from ..experiments.structure_search import search_cost
    from ..transfer.memory import check_memory

    part = part_to_keep(keep)
    told = forecast(content, styles, settings)
    say(f"{'size':9} {told.width} x {told.height} pixels")
    say(f"{'steps':9} {sum(settings.steps)} at {', '.join(map(str, settings.scales))} px")
    if told.tile:
        say(f"{'tiles':9} of about {told.tile} pixels a side, which do not change the picture")
    say(f"{'seconds':9} about {told.seconds:.0f}")
    if part is not None:
        low, high = (told.seconds * times for times in search_cost(settings))
        say(f"{'search':9} about {low:.0f} to {high:.0f} seconds in all, until beta is found")
    say_memory(told)
    check_memory((told.width, told.height), settings)


def say_memory(told: "Forecast") -> None:
    """Print what a run needs of the memory."""
    from ..transfer.memory import in_bytes

    needed, free = (in_bytes(1e6 * size) for size in (told.megabytes, told.free_megabytes))
    say(f"{'memory':9} about {needed}, {free} are free")


@click.command()
@click.argument("image", type=Name())
def provenance(image: str) -> None:
    """Print how IMAGE, a painting, a film or a network, was made: the record inside it."""
    from ..images.png import read_provenance
    from ..transfer.feedforward.network_file import SUFFIX, load_network

    network = image.lower().endswith(SUFFIX)
    record = load_network(image).record if network else read_provenance(image)
    if record is None:
        raise click.ClickException(f"{image}: no record of nst_utils is stored in this file")
    say(json.dumps(record, indent=1))
