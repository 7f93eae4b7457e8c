"""The commands ``rerun`` and ``figures``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import paths
from ..paths import is_regular, short_path
from .errors import say
from .network import given
from .outputs import Name, checked_output, save_or_rescue
from .paint import QUICK_CONTENT, QUICK_STYLE, quickstart
from .recipe_options import build_recipe

if TYPE_CHECKING:
    from ..experiments.notebooks import NotebookOutcome

FOR_NOTEBOOKS = {"parameters", "fresh", "jobs", "scheduler"}
FOR_PICTURES = {"content", "style", "inputs", "output", "trust"}
"""Parameters of ``rerun`` that go with one of its two uses."""


@click.command()
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
@click.option("--fresh", is_flag=True, help="Paint again what is stored; as -p fresh True.")
@click.option(
    "--jobs", default=1, show_default=True, type=click.IntRange(min=1), help="Notebooks at a time."
)
@click.option("--scheduler", help="Dask scheduler, tcp://host:8786, to run them on.")
@click.option(
    "--from",
    "image",
    type=click.Path(path_type=Path),
    help="Repeat the run that made this picture or film.",
)
@click.option("--content", type=Name(), help="With --from: where the content picture is now.")
@click.option("--style", type=Name(), help="With --from: where the style picture is now.")
@click.option(
    "--input", "inputs", nargs=2, multiple=True, metavar="ROLE FILE",
    help='With --from: where another input is now, by its role: "style 2", "mask 1", start.',
)  # fmt: skip
@click.option(
    "--output",
    "-o",
    type=Name(),
    metavar="FILE",
    help="With --from: save the new picture or film here.",
)
@click.option(
    "--trust",
    is_flag=True,
    help="With --from: also open the addresses and far paths that its record names.",
)
@click.pass_context
def rerun(
    context: click.Context,
    notebooks: tuple[Path, ...],
    parameters: tuple[tuple[str, str], ...],
    fresh: bool,
    jobs: int,
    scheduler: str | None,
    image: Path | None,
    content: str | None,
    style: str | None,
    inputs: tuple[tuple[str, str], ...],
    output: str | None,
    trust: bool,
) -> None:
    """Run NOTEBOOKS with papermill under new parameters, or repeat a picture's run."""
    if bool(notebooks) == bool(image):
        raise click.UsageError("name notebooks to run, or a picture or film with --from")
    other = FOR_NOTEBOOKS if image else FOR_PICTURES
    for option in given(context):
        if option.name in other:
            with_what = "notebooks, not with --from" if image else "--from, not with notebooks"
            raise click.UsageError(f"{max(option.opts, key=len)} goes with {with_what}")
    if image:
        _repeat(image, output, content=content, style=style, inputs=dict(inputs), trust=trust)
        return
    for path in notebooks:
        if not is_regular(path):
            raise click.UsageError(f"{path}: no such notebook; check the path")
    if fresh:
        parameters += (("fresh", "True"),)
    from ..experiments.notebooks import parse_parameter
    from ..experiments.notebooks import run_notebooks as run

    read = [{name: parse_parameter(path, name, text) for name, text in parameters}
            for path in notebooks]  # fmt: skip
    if any(values != read[0] for values in read):
        raise click.UsageError(
            "these notebooks' defaults for a parameter differ in type; run the notebooks one by one"
        )
    # A notebook runs in its own folder: a file named from here must still be found there.
    values = {
        name: str(paths.user_path(value).absolute()) if _is_file(value) else value
        for name, value in read[0].items()
    }
    _show_outcomes(run(notebooks, values, jobs=jobs, scheduler=scheduler))


def _show_outcomes(outcomes: list["NotebookOutcome"]) -> None:
    """Print a row for each notebook, then the failing cells' own errors; fail if any did."""
    width = max(len(outcome.notebook) for outcome in outcomes)
    say(f"{'notebook':{width}}  seconds  status  figures")
    for outcome in outcomes:
        status = "failed" if outcome.error else "ok"
        say(f"{outcome.notebook:{width}}  {outcome.seconds:7.1f}  {status:6}  {outcome.figures:7}")
    say(f"copies in {short_path(outcomes[0].copy.parent)}")
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        say(f"{outcome.notebook}, {outcome.error}", err=True)
    if failed:
        raise click.ClickException(f"{len(failed)} of {len(outcomes)} notebooks failed")


@click.command()
@click.option(
    "--language", default="en", show_default=True, help="Language of the labels: en or vi."
)
@click.option(
    "--jobs", default=1, show_default=True, type=click.IntRange(min=1), help="Notebooks at a time."
)
def figures(language: str, jobs: int) -> None:
    """Make all of a report's figures again.

    Runs the quickstart and every notebook, with PDFs beside the pictures, and lists what is in
    figures/. Runs that are stored in data/results are read and not painted again.
    """
    from ..experiments.notebooks import run_notebooks as run
    from ..plotting.translations import translator

    translator(language)
    notebooks = sorted((paths.ROOT / "notebooks").glob("*.ipynb"))
    if not notebooks:
        raise click.ClickException("there are no notebooks here: figures are made in a clone")
    quickstart(build_recipe("quick"), QUICK_CONTENT, QUICK_STYLE, paths.FIGURES, language)
    os.environ["NST_FIGURES"] = "1"  # albums write to figures/
    _show_outcomes(run(notebooks, {"language": language}, jobs=jobs))
    say(f"all figures are listed in {short_path(paths.FIGURES / 'README.md')}")


def _is_file(value: Any) -> bool:
    return isinstance(value, str) and paths.is_regular(paths.user_path(value))


def _repeat(image: Path, output: str | None, **options: Any) -> None:
    from ..experiments.reproduce import read_record, repeat_run
    from ..transfer.feedforward.network_file import SUFFIX
    from ..transfer.progress import Watch

    image = paths.user_path(image)
    if image.suffix.lower() == SUFFIX:
        raise click.UsageError(
            f"{image}: this is a network, and a training is not repeated; see provenance for how "
            "it was trained"
        )
    record = read_record(image)
    if "film" in record:
        _repeat_film(image, output, **options)
        return
    path = checked_output(output, str(image)) if output else None
    with Watch(record.get("steps", 0)) as watch:
        comparison = repeat_run(image, **options, on_step=watch)
    say(str(comparison))
    result, told = comparison.result, ""
    if path:
        told = f"written {short_path(save_or_rescue(result, path, **_form_of(image, path)))}"
        say(told)
    if result.stopped.startswith("interrupted"):
        if not path:
            place = paths.save_elsewhere(result.save, "painting.png")
            told = f"the best picture so far is in {place}"
        raise click.ClickException(f"{result.stopped}; {told}")


def _form_of(image: Path, path: Path) -> dict[str, Any]:
    """Return the bits a channel and the transparency of a painting, where the new file holds them.

    A record does not name them.
    """
    from ..images.deep import read_deep
    from ..images.io import read_alpha
    from ..images.outputs import DEEP

    suffix = path.suffix.lower()
    deep = suffix in DEEP and read_deep(image) is not None
    alpha = read_alpha(image) if suffix in (*DEEP, ".webp") else None
    return {"depth": 16 if deep else 8, "alpha": alpha}


def _repeat_film(film: Path, output: str | None, **options: Any) -> None:
    from ..experiments.film_runs import repeat_film
    from ..images.clip_files import check_clip_output

    if output:
        checked_output(output, str(film), check=check_clip_output)
    comparison = repeat_film(film, output=output, **options)  # with its slash, if it is a folder
    say(str(comparison))
    say(f"written {short_path(comparison.film.path)}")
    if comparison.film.stopped != "finished":
        raise click.ClickException(f"{comparison.film.stopped}; the same command goes on")
