"""``python -m nst_utils sweep``: a grid of recipes over pairs and seeds."""

from pathlib import Path
from typing import Any

import click

from ..transfer.config import Recipe
from ..transfer.fields import RecipeError
from ..transfer.presets import RECIPES
from .errors import say
from .recipe_options import build_recipe, parse_value


def parse_grid(texts: tuple[str, ...]) -> dict[str, list[Any]]:
    """Read ``FIELD=V1,V2`` texts into fields and their values.

    Lists themselves (``scales``, ``steps``, ``blend``, ``style_scale``) are written with ``+``:
    ``scales=128+256,256``; layers as everywhere: ``style_layers=relu1_1:1+relu2_1:0.5,relu3_1``.
    Regions hold commas of their own and are parted by ``;``.

    Raises
    ------
    RecipeError, UnknownNameError
        If a text has another form, or a field or value does not exist.

    Examples
    --------
    >>> parse_grid(("beta=1e2,1e3", "scales=64+128,128"))
    {'beta': [100.0, 1000.0], 'scales': [(64, 128), (128,)]}
    """
    grid: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip()
        if not equals or not values:
            raise RecipeError(f"--grid takes FIELD=V1,V2, not {text!r}")
        if name in grid:
            raise RecipeError(f"--grid names {name} twice; write all its values behind one")
        lists = name in ("scales", "steps", "blend", "style_scale")
        grid[name] = [
            parse_value(name, value.replace("+", ",") if lists else value)
            for value in values.split(";" if name == "regions" else ",")
        ]
    return grid


@click.command()
@click.option(
    "--grid",
    "grids",
    multiple=True,
    required=True,
    metavar="FIELD=V1,V2",
    help="Values of a recipe field; may be repeated. Every combination is run.",
)
@click.option("--pairs", default=1, show_default=True, help="Pairs of samples to run it on.")
@click.option("--content", help="One content picture of your own, with --style.")
@click.option(
    "--style",
    "styles",
    multiple=True,
    help="A style picture of your own, with --content; repeat it to blend several, or to give "
    "each its region.",
)
@click.option("--seeds", default=1, show_default=True, help="Seeds a combination.")
@click.option(
    "--recipe", "name", default="quick", show_default=True, help=f"Base: {', '.join(RECIPES)}."
)
@click.option("--backbone", help="Network of the base.")
@click.option("--size", help="Long side, pixels.")
@click.option("--steps", help="Steps in all, or one number per scale: 60,25.")
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change the base.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the table.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes.  [default: cores]")
@click.option("--scheduler", help="Dask scheduler, tcp://host:8786.")
def sweep(
    grids: tuple[str, ...],
    pairs: int,
    content: str | None,
    styles: tuple[str, ...],
    seeds: int,
    name: str,
    changes: tuple[str, ...],
    out: Path,
    workers: int | None,
    scheduler: str | None,
    **options: str | None,
) -> None:
    """Run a grid of recipes over pairs and seeds; one table in the end.

    What is done already is not run again: call it anew after an interruption.
    """
    from ..experiments.sweeps import sweep as run

    if bool(content) != bool(styles):
        raise click.UsageError("give --content and --style together")
    base = build_recipe(name, changes, **options)
    grid = parse_grid(grids)
    table = run(
        grid,
        base=base,
        pairs=[(content, styles)] if content else pairs,
        seeds=seeds,
        out=out,
        workers=workers,
        scheduler=scheduler,
    )
    failed = table[table["error"] != ""]
    measures = ["ssim", "color", "texture"]
    if len(failed) < len(table):
        done = table[table["error"] == ""]
        # In the table the measure color has taken the place of the field.
        asked = done["recipe"].map(lambda text: Recipe.from_json(text).color).rename("color=")
        keys = [asked if name == "color" else name for name in grid]
        means = done.groupby(keys)[[*measures, "seconds"]].mean()
        say(means.round(3).to_string())
    if seeds > 1 and not base.start_noise and (table["start_noise"] == 0.05).all():
        say("start_noise was set to 0.05: without it a seed changes nothing")
    say(f"{len(table) - len(failed)} of {len(table)} runs done; {out / 'runs.parquet'}")
    for reason, count in failed["error"].value_counts().items():
        say(f"{count} failed: {reason}", err=True)
    if len(failed):
        raise click.ClickException(f"{len(failed)} of {len(table)} runs failed")
