"""Figures for a report, written: PNG, PDF, caption and record; the only writer to ``figures/``.

`plots` draws; here is decided where a figure goes, what is recorded with it, and the page that
lists them all.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from .images import save_png
from .plots import DPI
from .registry import NSTError

MAX_BYTES = 1_000_000


class ReportError(NSTError, OSError):
    """A figure that cannot be written."""


def save_figure(
    figure: Figure,
    path: str | os.PathLike,
    record: Mapping[str, Any],
    *,
    caption: str = "",
    command: str = "",
) -> Path:
    """Save a figure as PNG at 200 dpi and as PDF, its record beside it, and list it in the folder.

    Above `MAX_BYTES` the PNG is brought to 256 colors, chosen for it and dithered, and the PDF's
    pictures to fewer dots: a figure full of brush strokes would else be too large for a report.

    Parameters
    ----------
    figure : Figure
        As `plots` draws it.
    path : path
        PNG file to write; PDF and JSON get the same name.
    record : mapping
        JSON values that tell how the figure was made.
    caption : str
        What it shows, for the folder's page.
    command : str
        What makes it again.

    Returns
    -------
    Path
        The PNG file.

    Raises
    ------
    ReportError
        If the folder cannot be made or written to.
    """
    path = Path(path)
    made = {"caption": caption, "command": command, **record}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image = rendered(figure)
        save_png(image, path, made, dpi=(DPI, DPI), optimize=True)
        if path.stat().st_size > MAX_BYTES:
            palette = image.quantize(256)
            reduced = image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
            save_png(reduced, path, made, dpi=(DPI, DPI), optimize=True)
        for dpi in (DPI, 150, 110, 80):
            figure.savefig(path.with_suffix(".pdf"), dpi=dpi, metadata={"CreationDate": None})
            if path.with_suffix(".pdf").stat().st_size <= MAX_BYTES:
                break
        text = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
        path.with_suffix(".json").write_text(text, encoding="utf-8")
        write_index(path.parent)
    except OSError as error:
        raise ReportError(f"{path}: cannot be written ({error.strerror or error})") from None
    return path


def rendered(figure: Figure, dpi: int = DPI) -> Image.Image:
    """Return a figure as an RGB picture."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def write_index(folder: Path) -> Path:
    """Write the folder's page: every figure, its caption, and the command that makes it again."""
    lines = [
        "# Figures",
        "",
        "Generated with the figures, from the record beside each; do not edit.",
        "",
        "| figure | shows | made again by |",
        "|---|---|---|",
    ]
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record, dict) or not record.get("caption"):
            continue
        files = f"[{path.stem}]({path.stem}.png)"
        if path.with_suffix(".pdf").is_file():
            files += f", [PDF]({path.stem}.pdf)"
        lines.append(f"| {files} | {record['caption']} | `{record['command']}` |")
    page = folder / "README.md"
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return page
