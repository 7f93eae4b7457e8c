"""``python -m nst_utils wikiart``: get, index, count and verify the dataset."""

from pathlib import Path

import click

from .. import paths
from .errors import say

_FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


@click.group()
def wikiart() -> None:
    """Get WikiArt, index it, count it, find what is damaged."""


@wikiart.command()
@click.option(
    "--source",
    type=click.Choice(["kaggle", "huggingface"]),
    default="kaggle",
    show_default=True,
    help="kaggle: all 81,444 files; huggingface: a stream of some.",
)
@click.option("--count", default=500, show_default=True, help="With huggingface: pictures to keep.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def download(source: str, count: int, yes: bool) -> None:
    """Show the size and license of the dataset, ask, and download it."""
    from ..wikiart.catalog import LICENSE
    from ..wikiart.download import SOURCES, download_kaggle, stream_huggingface

    name, size = SOURCES[source]
    say(LICENSE)
    if source == "kaggle":
        say(f"{name} from Kaggle: about {size / 1e9:.0f} GB, and as much to unpack it.")
    else:
        say(f"{name} from Hugging Face: {count:,} pictures, about {count * 0.4:,.0f} MB.")
    if not yes and not click.confirm("Go on?"):
        raise click.ClickException("nothing was downloaded")
    if source == "kaggle":
        say(f"ready in {download_kaggle()}")
    else:
        folder = paths.DATA / "wikiart_hf"
        say(f"{stream_huggingface(folder, count)} new pictures in {folder}")


@wikiart.command()
@_FOLDER
@click.option("--refresh", is_flag=True, help="Build the index anew.")
def index(folder: Path, refresh: bool) -> None:
    """Index DIR, or load its index, and count what is inconsistent."""
    from ..wikiart.catalog import WikiArt

    dataset = WikiArt(folder, refresh=refresh)
    say(repr(dataset).strip("<>"))
    kinds = dataset.findings()["kind"].value_counts()
    for kind, count in kinds.items():
        say(f"{count:8,}  {kind}")


@wikiart.command()
@_FOLDER
@click.option("--top", default=10, show_default=True, help="Rows of each list.")
def stats(folder: Path, top: int) -> None:
    """Count DIR: the report's numbers beside the real ones, then styles and artists."""
    from ..wikiart.catalog import WikiArt

    dataset = WikiArt(folder)
    say(dataset.statistics().to_string())
    for column in ("style", "artist", "subset"):
        counts = dataset.catalog[column].value_counts()
        say(f"\n{column}: {(counts > 0).sum():,}")
        for name, count in counts[counts > 0].head(top).items():
            say(f"{count:8,}  {100 * count / len(dataset):5.1f} %  {name or '(none)'}")


@wikiart.command()
@_FOLDER
def verify(folder: Path) -> None:
    """Decode every file of DIR and list those that cannot be used; nothing is changed."""
    from ..wikiart.catalog import WikiArt

    dataset = WikiArt(folder)
    bad = dataset.verify()
    for path, problem in bad.itertuples(index=False):
        say(f"{path}: {problem}")
    say(f"{len(bad):,} of {len(dataset):,} files cannot be used")


@wikiart.command()
def mini() -> None:
    """Make a miniature in data/wikiart_mini with the layout and defects of WikiArt."""
    from ..wikiart.miniature import make_miniature

    say(f"ready in {make_miniature()}")


@wikiart.command()
@click.option("--no-csv", is_flag=True, help="Without csv files, so that every header is read.")
@click.option(
    "--files",
    "counts",
    multiple=True,
    type=click.IntRange(min=27),
    help="Files in a tree; may be repeated.",
)
def scale(no_csv: bool, counts: tuple[int, ...]) -> None:
    """Measure indexing on generated trees of 1,000, 10,000 and 81,444 files."""
    from ..benchmark.wikiart_index import COUNTS, measure_growth

    say("   files  first s  later s  peak MB")
    for row in measure_growth(counts or COUNTS, csv_files=not no_csv):
        say(f"{row['files']:8,}  {row['first']:7.2f}  {row['later']:7.2f}  {row['mb']:7.0f}")
