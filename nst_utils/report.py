"""Figures for a report, written: PNG, PDF, caption and record; the only writer to ``figures/``.

`plots` draws; here is decided where a figure goes, what is recorded with it, and the page that
lists them all.
"""

import datetime
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from IPython import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from . import registry
from .images import ImageError, save_png
from .plots import DPI
from .registry import NSTError, unknown
from .result import Result
from .words import words

PREVIEW_DPI = 110
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
    except (OSError, ImageError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ReportError(f"{path}: the figure cannot be written ({reason})") from None
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


class Album:
    """Where a notebook's figures go, what is recorded with them, and how they are shown.

    Parameters
    ----------
    notebook : str
        The notebook's name, for example ``"02_vgg19"``; every figure's name begins with it.
    profile : {"default", "report"}
        Only ``report`` writes to ``figures/``; else figures go below ``data/runs/``.
    language : {"en", "vi"}
        Of the labels.
    parameters : mapping
        The notebook's parameters, recorded with every figure.

    Raises
    ------
    UnknownNameError
        For another profile or language.
    """

    def __init__(
        self,
        notebook: str,
        *,
        profile: str = "default",
        language: str = "en",
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        if profile not in ("default", "report"):
            raise unknown("profile", profile, ("default", "report"))
        words(language)
        self.notebook, self.profile, self.language = notebook, profile, language
        self.parameters = dict(parameters or {})
        self.folder = registry.RUNS / "figures" / notebook
        if profile == "report":
            self.folder = registry.FIGURES

    def add(self, figure: Figure, name: str, caption: str, *results: Result) -> display.Image:
        """Save a figure and return a preview for the notebook.

        Parameters
        ----------
        figure : Figure
            As `plots` draws it.
        name : str
            Short name; the file is ``<notebook>_<name>.png``.
        caption : str
            What the figure shows.
        *results : Result
            The runs it shows; their provenance is recorded with it.

        Returns
        -------
        IPython.display.Image
            A JPEG, small enough to be stored in the notebook.
        """
        extra = "" if self.language == "en" else f" -p language {self.language}"
        save_figure(
            figure,
            self.folder / f"{self.notebook}_{name}.png",
            {
                "notebook": self.notebook,
                "parameters": self.parameters,
                "runs": [result.provenance for result in results],
                "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "versions": {"nst_utils": registry.VERSION},
            },
            caption=caption,
            command=f"python -m nst_utils rerun notebooks/{self.notebook}.ipynb "
            f"--profile {self.profile}{extra}",
        )
        preview = io.BytesIO()
        rendered(figure, PREVIEW_DPI).save(preview, "JPEG", quality=82)
        return display.Image(preview.getvalue(), format="jpeg")
