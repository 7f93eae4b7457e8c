"""The command ``film``."""

from typing import Any

import click

from ..paths import short_path
from ..transfer.config import Recipe
from ..untrusted import parse_json
from .errors import say
from .network import check_network_options, network_option
from .outputs import Name, check_named, checked_output
from .paint import check_trained, say_memory
from .recipe_options import build_recipe, recipe_options, style_options
from .region_options import with_regions

BESIDE_NETWORK = {"clip", "output", "start", "end", "every", "network", "no_measures", "size"}
"""Parameters that go with a network."""


class Seconds(click.ParamType):
    """A time: seconds, minutes and seconds as 1:07.5, or hours as well as 1:02:07.5."""

    name = "time"

    def convert(self, value: Any, param: Any, context: Any) -> float:
        """Read a time."""
        try:
            parts = [float(part) for part in str(value).split(":")]
            if not 1 <= len(parts) <= 3 or any(not 0 <= part < 1e6 for part in parts):
                raise ValueError
        except ValueError:
            self.fail(f"expected a time such as 3.5 or 0:03.5, not {value!r}", param, context)
        return sum(part * 60**i for i, part in enumerate(reversed(parts)))


@click.command()
@click.argument("clip", type=Name())
@click.argument("styles", nargs=-1, type=Name(), metavar="[STYLE]...")
# fmt: off
@click.option(
    "--output",
    "-o",
    type=Name(),
    metavar="FILE",
    help=".mp4, .mov, .webm, .gif, .webp, or a folder for frames.",
)
@click.option("--from", "start", type=Seconds(), help="Begin there: seconds, or 0:03.5.")
@click.option("--to", "end", type=Seconds(), help="End before that time.")
@click.option(
    "--every",
    default=1,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Paint one frame of so many.",
)
@click.option(
    "--frame-steps",
    type=click.IntRange(1, 10_000),
    help="Steps of a frame that follows another one.",
)
@click.option(
    "--temporal",
    type=click.FloatRange(min=0),
    help="Weight of the temporal loss: the difference to the last paintings, warped.",
)
@click.option(
    "--difference", type=click.FloatRange(min=0), help="Weight of the change from frame to frame."
)
@click.option(
    "--schedule",
    metavar="JSON",
    help='Changes on the way: [[0, "beta", 1], [2, "beta", 8]], in seconds from its first frame.',
)
@style_options
@click.option(
    "--region",
    "texts",
    multiple=True,
    metavar="MASK=STYLE",
    help="Where a style goes, as for stylize; may be repeated.",
)
@network_option
@click.option("--dry-run", is_flag=True, help="Forecast seconds and memory; paint nothing.")
@click.option("--no-measures", is_flag=True, help="Do not measure flicker and style.")
@recipe_options
@click.pass_context
# fmt: on
def film(
    context: click.Context,
    clip: str,
    styles: tuple[str, ...],
    output: str | None,
    start: float | None,
    end: float | None,
    every: int,
    frame_steps: int | None,
    temporal: float | None,
    difference: float | None,
    schedule: str | None,
    texts: tuple[str, ...],
    network: str | None,
    dry_run: bool,
    no_measures: bool,
    name: str,
    changes: tuple[str, ...],
    **options: str | None,
) -> None:
    """Paint the film CLIP in the style of STYLE, with little flicker.

    CLIP is a film, a GIF, an animated WebP, a folder of frames, or the word sample for a made-up
    clip. Each frame is kept as soon as it is painted: after an interruption give the same command.
    """
    from ..experiments.film_runs import SIZE, open_film
    from ..experiments.film_runs import film as run
    from ..images.clip_files import check_clip_output
    from ..transfer.video.painter import Stillness, checked_changes

    check_named(output, dry_run)
    options["size"] = options["size"] or str(SIZE)
    settings = build_recipe(name, changes, **options)
    if network is None:
        styles, settings = with_regions(list(styles), texts, None, settings)
    else:
        check_network_options(context, BESIDE_NETWORK)
    if not dry_run:
        checked_output(output, clip, *styles, check=check_clip_output)
    if options["backbone"] and settings.weights == "auto":
        check_trained(settings)
    given = {"steps": frame_steps, "temporal": temporal, "difference": difference}
    still = Stillness(**{field: value for field, value in given.items() if value is not None})
    on_the_way = () if schedule is None else parse_json(schedule, "a schedule")
    checked_changes(settings, on_the_way)
    if network is None and styles:
        print_flicker(styles)
    if dry_run:
        print_forecast(open_film(clip).part(start, end, every), styles, settings, still.steps)
        return
    made = run(
        clip,
        list(styles) or None,
        settings,
        output=output,  # with its slash, if it is a folder
        network=network,
        start=start,
        end=end,
        every=every,
        still=still,
        schedule=on_the_way,
        measured=not no_measures,
    )
    summarize_film(made)


def print_flicker(styles: list[str]) -> None:
    """Print how much the first style flickers by itself."""
    from ..experiments.film_measures import CONTRAST_SIDE, expected_flicker
    from ..images.inputs import open_input

    told = expected_flicker(open_input(styles[0], 2 * CONTRAST_SIDE))
    say(f"{'flicker':9} this style by itself: about {told:.1f} times the mean of the ten samples "
        "(0.2 to 2.2), by its contrast")  # fmt: skip


def print_forecast(clip: Any, styles: list[str], settings: Recipe, steps: int) -> None:
    """Print what a film would take."""
    from ..experiments.forecasts import forecast_film

    told = forecast_film(clip, styles, settings, steps)
    whole = f"{told.seconds / 60:.0f} minutes" if told.seconds > 100 else f"{told.seconds:.0f} s"
    say(f"{'size':9} {told.width} x {told.height} pixels")
    say(f"{'frames':9} about {clip.count} at {clip.rate} a second")
    say(f"{'time':9} about {whole}, {told.seconds / clip.count:.1f} s a frame")
    say_memory(told)


def summarize_film(made: Any) -> None:
    """Print what came out."""
    record, of_film = made.record, made.record["film"]
    lines = [
        ("clip", record["content"]["source"]),
        *((role, record[role]["source"]) for role in record if role.startswith("style")),
        *([("network", record["network"]["style"]["source"])] if "network" in record else ()),
        ("size", f"{of_film['size'][0]} x {of_film['size'][1]} pixels"),
        ("frames", f"{made.frames} at {of_film['rate']} a second"),
        *_measures(record.get("measures", {})),
        ("written", short_path(made.path)),
    ]
    for name, value in lines:
        say(f"{name:9} {value}")
    if made.stopped != "finished":
        # The same command goes on where it was stopped, and not where the clip itself ends.
        goes_on = ", and the same command goes on" if "interrupted" in made.stopped else ""
        raise click.ClickException(f"{made.stopped}; the frames so far were saved{goes_on}")


def _measures(measures: dict[str, Any]) -> list[tuple[str, str]]:
    lines = []
    if "warping_error" in measures:
        lines.append(("flicker", _flicker(measures)))
    if "style" in measures:
        gaps = ", ".join(f"{name} {value:.2f}" for name, value in measures["style"].items())
        lines.append(("style", gaps))
    return lines


def _flicker(measures: dict[str, Any]) -> str:
    flicker = f"warping error {measures['warping_error']:.5f}, of the clip {measures['floor']:.5f}"
    if "ceiling" in measures:
        flicker += (
            f"; first two frames {measures['of_that_pair']:.5f}, and {measures['ceiling']:.5f} "
            "where the second is painted by itself"
        )
    return flicker
