"""The command ``train``, and painting by a network that it made."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import paths
from ..errors import NSTError
from ..paths import short_path
from .errors import say
from .outputs import Name, checked_output, save_or_rescue

if TYPE_CHECKING:
    import pandas as pd


LARGEST = 16_384
"""Pixels of the long side of what a network paints, at most."""

network_option = click.option(
    "--network",
    type=Name(),
    metavar="FILE",
    help="A network made by train paints, without STYLE.",
)
"""The option of the commands that paint."""


def given(context: click.Context) -> list[click.Parameter]:
    """Return what the command line names, of a command's arguments and options."""
    line = click.core.ParameterSource.COMMANDLINE
    return [one for one in context.command.params if context.get_parameter_source(one.name) == line]


def check_network_options(context: click.Context, beside: set[str]) -> None:
    """Refuse options beside --network that change an optimization: the network is trained."""
    for option in given(context):
        if option.name not in beside:
            name = "STYLE" if isinstance(option, click.Argument) else max(option.opts, key=len)
            many = "; to paint many photos, name their folder" if name == "STYLE" else ""
            raise click.UsageError(
                f"{name} does not go with --network: its style and losses are trained already{many}"
            )


@click.command()
@click.argument("style", type=Name())
@click.option(
    "--output", "-o", required=True, type=Name(), metavar="FILE", help="File, .safetensors."
)
@click.option(
    "--photos",
    type=Name(),
    metavar="PATH",
    help="A folder of photos, or a clip, to train on.  [default: the sample photos]",
)
@click.option(
    "--minutes",
    default=10.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="How long to train.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Train so many steps instead.")
@click.option("--beta", type=click.FloatRange(min=0), help="Weight of the style.")
@click.option("--side", type=int, help="Side of the crops, pixels.")
@click.option("--batch", type=int, help="Crops a step.")
@click.option("--style-size", type=int, help="Long side of the style picture, pixels.")
@click.option("--steady", type=float, help="Weight of the loss against flicker; 100 is strong.")
@click.option("--seed", type=int, help="Seed of weights and crops.")
@click.option("--weights", help="Weights of VGG19: auto, a source, random, or a file.")
def train(
    style: str,
    output: str,
    photos: str | None,
    minutes: float,
    steps: int | None,
    beta: float | None,
    weights: str | None,
    **given: Any,
) -> None:
    """Train a small network that paints any photo in the manner of STYLE at once.

    Ctrl-C keeps the network as far as it is trained; the same command goes on. Paint with
    stylize --network and film --network.
    """
    from ..transfer.feedforward.training import Settings, training_recipe
    from ..transfer.feedforward.training import train as run

    changes = {"beta": beta, "weights": weights}
    network = run(
        style,
        output=output,
        photos=photos,
        minutes=minutes,
        steps=steps,
        losses=training_recipe(**{name: v for name, v in changes.items() if v is not None}),
        settings=Settings(**{name: value for name, value in given.items() if value is not None}),
    )
    record, path = network.record, paths.user_path(output)
    if record["stopped"] != "finished" and not _is_in(path, record):
        there = "is not written yet"
        if path.exists():
            there = "holds a network whose training ended, and stays as it was"
        raise click.ClickException(
            f"{record['stopped']}; {short_path(path)} {there}; the same command goes on"
        )
    lines = [
        ("style", record["style"]["source"]),
        ("photos", f"{record['photos']} from {record['photos_source']}"),
        ("steps", f"{record['steps']} in {record['seconds']:.0f} s"),
        ("loss", f"{record['losses']['first']:.3g} first, {record['losses']['last']:.3g} last"),
        ("weights", f"{sum(p.numel() for p in network.generator.parameters()):,}"),
        ("written", short_path(path)),
    ]
    for name, value in lines:
        say(f"{name:9} {value}")
    if record["stopped"] != "finished":
        raise click.ClickException(
            f"{record['stopped']}; the network so far was saved, and the same command goes on"
        )


def _is_in(path: Path, record: dict[str, Any]) -> bool:
    """Tell whether a file holds the network of a record."""
    from ..transfer.feedforward.network_file import load_network

    with contextlib.suppress(NSTError):
        there = load_network(path).record
        return all(there.get(name) == record[name] for name in ("style", "steps", "date"))
    return False


def paint_by_network(
    content: str,
    network: str,
    output: str,
    size: str | None,
    saving: dict[str, Any],
    **options: Any,
) -> None:
    """Paint a photo, or every photo of a folder, by a network.

    `saving` holds the depth and the alpha channel of a single painting, `options` are those of
    `folders.paint_folder`.
    """
    from ..transfer.feedforward.network_file import load_network

    side = None if size is None else _side(size)
    if paths.is_folder(paths.user_path(content)):
        from ..experiments.folders import paint_folder_by

        out, file = paths.user_path(output), paths.user_path(network)
        tell_folder(paint_folder_by(content, file, out, side, **options), out)
        return
    path = checked_output(output, content, depth=saving["depth"], alpha=bool(saving["alpha"]))
    painting = load_network(network).paint_file(content, side)
    say(f"{'written':9} {short_path(save_or_rescue(painting, path, **saving))}")


def _side(size: str) -> int:
    if not size.isdecimal() or not 16 <= int(size) <= LARGEST:
        raise click.UsageError(f"--size takes 16 to {LARGEST} pixels, not {size!r}")
    return int(size)


def tell_folder(rows: "pd.DataFrame", out: Path) -> None:
    """Say how many paintings of a folder there are, and which failed."""
    counts = rows["state"].value_counts()
    say(", ".join(f"{counts.get(state, 0)} {state}" for state in ("painted", "there already")))
    say(f"{'written':9} {short_path(out)}")
    failed = rows[rows["state"] == "failed"]
    for row in failed.itertuples():
        say(f"failed: {row.content} x {row.style}: {row.error}", err=True)
    if len(failed):
        raise click.ClickException(f"{len(failed)} of {len(rows)} paintings failed")


@click.command()
@click.argument("network", type=Name())
@click.option("--output", "-o", required=True, type=Name(), metavar="FILE", help="File, .onnx.")
def export(network: str, output: str) -> None:
    """Write NETWORK, which train made, as an ONNX file for other programs.

    Its input "photo" and its output "painting" have the shape (1, 3, height, width) and values
    from 0 to 1. It needs the packages onnx and onnxscript.
    """
    from ..transfer.feedforward.network_file import load_network
    from ..transfer.feedforward.onnx_file import export_network

    say(f"{'written':9} {short_path(export_network(load_network(network), output))}")
