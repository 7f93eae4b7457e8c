"""Write figures for a report: PNG, PDF, caption and record.

`pictures` draws figures. This module decides where a figure goes and what is recorded with it, and
writes the page that lists all figures of a folder.
"""

import base64
import contextlib
import html
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from IPython import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from .. import __version__, paths
from ..errors import NSTError
from ..experiments.notebooks import read_parameters
from ..images.io import ImageError
from ..images.outputs import record_exif
from ..images.png import save_png
from ..networks.backbone import Backbone
from ..paths import make_folder, write_text
from ..transfer.result import Result
from ..untrusted import DataError, read_json
from .pictures import quickstart_figure, source_name
from .style import DPI, own_look
from .translations import setting_translator, translate_figure, translator

PREVIEW_DPI = 132

MOST_PREVIEW_DPI = 154
"""Of a figure that is narrower than others, as a contact sheet."""

PREVIEW_PIXELS = 924
"""Width of a preview: three pictures in a row have 300 each. Narrow figures have fewer."""

ANIMATION_DPI = 100

MAX_BYTES = 100_000
"""Of a PNG. A larger one is full of brush strokes and becomes a JPEG."""

JPEG = {"quality": 58, "optimize": True, "progressive": True}

PDF_BYTES = 1_000_000
"""Of a PDF. Pictures in a larger one get fewer dots per inch."""


class FigureError(NSTError, OSError):
    """A figure that cannot be written."""


@own_look()
def save_figure(
    figure: Figure,
    path: str | os.PathLike,
    record: Mapping[str, Any],
    *,
    caption: str = "",
    command: str = "",
    small: bool = False,
) -> Path:
    """Save a figure at 200 dpi and as PDF, its record beside it, and list it in the folder.

    The PDF has about `PDF_BYTES` at most, so that a report does not grow too large.

    Parameters
    ----------
    figure : Figure
        Figure to save.
    path : path
        PNG file to write; JPEG, PDF and JSON get the same name.
    record : mapping
        JSON values that tell how the figure was made.
    caption : str
        What the figure shows; it goes into the folder's page.
    command : str
        Command that makes the figure again.
    small : bool
        Save a chart in 256 colors, and write a JPEG where the PNG would have more than `MAX_BYTES`:
        for figures in the clone.

    Returns
    -------
    Path
        The PNG or the JPEG file.

    Raises
    ------
    FigureError
        If the folder or a file in it cannot be written.
    """
    path = Path(path)
    made = {"caption": caption, "command": command, **record}
    with _told(path):
        make_folder(path.parent)
        image = render_figure(figure)
        if small:
            image = _in_palette(image)
        save_png(image, path, made, dpi=(DPI, DPI), optimize=small)  # takes seconds
        if small:
            path = _smaller(image, path, made)
        for dpi in (DPI, 150, 110, 80, 60):
            figure.savefig(path.with_suffix(".pdf"), dpi=dpi, metadata={"CreationDate": None})
            if path.with_suffix(".pdf").stat().st_size <= PDF_BYTES:
                break
        _write_record(path, made)
    return path


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into one sentence that names the file."""
    try:
        yield
    except (OSError, ImageError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FigureError(f"{path}: the file cannot be written ({reason})") from None


def _in_palette(image: Image.Image) -> Image.Image:
    """Return a chart in a palette of 256 colors: half the bytes; a picture stays as it is.

    A chart has few colors, and looks the same: at most one pixel in 500 moves by more than 8 of 255
    levels.
    """
    if image.getcolors(8000) is None:
        return image
    few = image.quantize(256, dither=Image.Dither.NONE)
    moved = np.abs(np.asarray(few.convert("RGB"), int) - np.asarray(image, int)).max(axis=-1)
    return few if (moved > 8).mean() <= 0.002 else image


def _smaller(image: Image.Image, path: Path, made: Mapping[str, Any]) -> Path:
    """Put a JPEG in the place of a large PNG; return the file that is left."""
    smaller = path.with_suffix(".jpg")
    smaller.unlink(missing_ok=True)
    if path.stat().st_size <= MAX_BYTES:
        return path
    path.unlink()
    options = dict(JPEG)
    with contextlib.suppress(ImageError):  # too long: the record stands beside the figure
        options["exif"] = record_exif(made, ".jpg")
    image.convert("RGB").save(smaller, "JPEG", dpi=(DPI, DPI), **options)
    return smaller


def save_quickstart(
    content: Image.Image,
    style: Image.Image,
    result: Result,
    path: str | os.PathLike,
    *,
    language: str = "en",
    command: str = "",
) -> Path:
    """Save a figure of one painting: content, style, result, and the loss curve below.

    Parameters
    ----------
    content, style : PIL.Image.Image
        The pictures it was made from.
    result : Result
        The painting; its provenance becomes the figure's record.
    path, command
        As for `save_figure`.
    language : {"en", "vi"}
        Language of labels and caption.
    """
    names = (source_name(result, role) for role in ("content", "style"))
    caption = translator(language)("{} in the style of {}, and the losses of the run")
    return save_figure(
        quickstart_figure(content, style, result, language=language),
        path,
        result.provenance,
        caption=caption.format(*names),
        command=command,
    )


def _write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write the record beside a figure or a table, and list it in the folder's page."""
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    write_text(path.with_suffix(".json"), text)
    write_index(path.parent)


@own_look()
def render_figure(figure: Figure, dpi: int = DPI) -> Image.Image:
    """Return a figure as an RGB picture."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def write_index(folder: Path) -> Path:
    """Write the folder's page: every figure, its caption, and the command that makes it again.

    A page of the user's own stays as it is.
    """
    lines = [
        "# Figures",
        "",
        "Generated with the figures, from the record beside each; do not edit.",
        "",
        "| figure | shows | made again by |",
        "|---|---|---|",
    ]
    for path in sorted(folder.glob("*.json")):
        try:
            record = read_json(path, "a figure's record")
        except DataError:  # somebody's own file, or one that is being written
            continue
        if not isinstance(record, dict) or not record.get("caption"):
            continue
        kinds = [
            kind
            for kind in ("png", "jpg", "webp", "csv", "tex", "pdf")
            if path.with_suffix(f".{kind}").is_file()
        ]
        if not kinds:
            continue
        files = f"[{path.stem}]({path.stem}.{kinds[0]})"
        files += "".join(f", [{kind.upper()}]({path.stem}.{kind})" for kind in kinds[1:])
        told = [str(record.get(name, "")).replace("|", "\\|") for name in ("caption", "command")]
        lines.append(f"| {files} | {told[0]} | `{told[1]}` |")
    page, first = folder / "README.md", "\n".join(lines[:3])
    with contextlib.suppress(OSError):
        if not page.read_text(encoding="utf-8", errors="replace").startswith(first):
            return page  # somebody's own
    write_text(page, "\n".join(lines) + "\n")
    return page


def check_figure(path: Path) -> Path:
    """Check before a run that no picture is lost where its figure is saved.

    Raises
    ------
    FigureError
        If there is a picture without the record of a figure.
    """
    if path.exists():
        record = None
        with contextlib.suppress(DataError):
            record = read_json(path.with_suffix(".json"), "a figure's record")
        if not isinstance(record, dict) or not record.get("caption"):
            raise FigureError(
                f"{path}: this picture was not made here and would be lost; choose another folder"
            )
    return path


def banner(*backbones: Backbone) -> display.Markdown:
    """Return a notebook's line about its weights: a warning in bold if a network is untrained."""
    text = "Weights: " + ", ".join(backbone.weights_label for backbone in backbones) + "."
    if not all(backbone.trained for backbone in backbones):
        text = (
            f"> **Untrained network. {text} What follows was not computed with a trained "
            "network, and the text below describes runs with one.** Put a weights file into "
            "`data/weights/`, or name its folder in `NST_WEIGHTS_DIR`."
        )
    return display.Markdown(text)


class Album:
    """Save a notebook's figures and tables with their records, and return previews.

    Parameters
    ----------
    notebook : str
        The notebook's name, for example ``"02_vgg19"``; every figure's name begins with it.
    language : {"en", "vi"}
        Language of the labels.
    parameters : mapping
        The notebook's parameters, recorded with every figure.

    Attributes
    ----------
    final : bool
        Whether figures go to ``figures/``, with PDFs, and not as drafts below ``data/runs/``. The
        command ``figures`` asks for it by setting ``NST_FIGURES``.
    folder : Path
        Where figures are written.

    Raises
    ------
    UnknownNameError
        If the language is unknown.
    FigureError
        If the name is no text.
    """

    def __init__(
        self,
        notebook: str,
        *,
        language: str = "en",
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        translator(language)
        if not isinstance(notebook, str):
            raise FigureError(f"an album needs a notebook's name, such as '02', not {notebook!r}")
        self.notebook, self.language = notebook, language
        self.parameters = dict(parameters or {})
        self.final = bool(os.environ.get("NST_FIGURES"))
        self.folder = paths.FIGURES if self.final else paths.RUNS / "figures" / notebook

    def add(
        self, figure: Figure, name: str, caption: str, *results: Result, vi: str = ""
    ) -> display.Image:
        """Save a figure and return a preview for the notebook.

        Parameters
        ----------
        figure : Figure
            Figure to save.
        name : str
            Short name; the file is ``<notebook>_<name>.png``, with ``_vi`` added for Vietnamese.
        caption : str
            What the figure shows, in English.
        *results : Result
            The runs it shows; their provenance is recorded with it.
        vi : str
            The caption in Vietnamese, unless `translations` has it.

        Returns
        -------
        IPython.display.Image
            Small enough for the notebook, a JPEG or, of a chart, a PNG, with its caption as
            alternative text.
        """
        path, made = self._path(name, ".png"), self._made(caption, vi, *results)
        translate_figure(figure, self.language)
        dpi = round(np.clip(PREVIEW_PIXELS / figure.get_figwidth(), PREVIEW_DPI, MOST_PREVIEW_DPI))
        preview, file = render_figure(figure, dpi), io.BytesIO()
        if self.final:
            save_figure(figure, path, made, small=True)
        else:  # no PDF, which takes as long as some paintings
            with _told(path):
                make_folder(path.parent)
                save_png(preview, path, made, dpi=(dpi, dpi), compress_level=1)
                _write_record(path, made)
        preview.save(file, "JPEG", **JPEG | {"quality": 60})
        kind, chart, few = "jpeg", _in_palette(preview), io.BytesIO()
        if chart.mode == "P":
            chart.save(few, "PNG", optimize=True)
            if len(few.getvalue()) < len(file.getvalue()):
                kind, file = "png", few
        return display.Image(file.getvalue(), format=kind, alt=made["caption"])

    def add_animation(
        self, figures: Sequence[Figure], name: str, caption: str, *, rate: float = 12, vi: str = ""
    ) -> display.HTML:
        """Save figures of one size as an animated WebP, and return it for the notebook.

        It is returned as HTML, because a notebook that is exported shows no WebP by itself.

        Parameters
        ----------
        figures : sequence of Figure
            One for each frame.
        rate : float
            Frames a second.
        name, caption, vi : str
            As for `add`.
        """
        path, made = self._path(name, ".webp"), self._made(caption, vi)
        first, *others = (render_figure(figure, ANIMATION_DPI) for figure in figures)
        with _told(path):
            make_folder(path.parent)
            options = {"quality": 38, "method": 5, "loop": 0, "duration": round(1000 / rate)}
            first.save(path, "WEBP", save_all=True, append_images=others, **options)
            _write_record(path, made)
            shown = base64.b64encode(path.read_bytes()).decode()
            alt = html.escape(made["caption"])
            return display.HTML(f'<img alt="{alt}" src="data:image/webp;base64,{shown}">')

    def add_table(
        self, table: pd.DataFrame, name: str, caption: str, *, vi: str = ""
    ) -> pd.DataFrame:
        """Save a table as CSV and as LaTeX, with its record, and return it.

        Parameters
        ----------
        table : DataFrame
            The CSV has full precision, the LaTeX two decimals.
        name : str
            Short name; the files are ``<notebook>_<name>.csv`` and ``.tex``.
        caption, vi : str
            What the table shows, as for `add`.
        """
        path, made = self._path(name, ".csv"), self._made(caption, vi)
        with _told(path):
            make_folder(path.parent)
            say = setting_translator(self.language)
            told = table.rename(index=say, columns=say)
            told.to_csv(path)
            latex = told.to_latex(float_format="%.2f", caption=made["caption"], escape=True)
            path.with_suffix(".tex").write_text(latex, encoding="utf-8")
            _write_record(path, made)
        return table

    @property
    def as_stored(self) -> bool:
        """Whether the parameters are the notebook's own, so that its text speaks of this run."""
        own = read_parameters(paths.ROOT / "notebooks" / f"{self.notebook}.ipynb")
        return all(own[name] == value for name, value in self.parameters.items() if name in own)

    def _path(self, name: str, kind: str) -> Path:
        suffix = "" if self.language == "en" else f"_{self.language}"
        return self.folder / f"{self.notebook}_{name}{suffix}{kind}"

    def _made(self, caption: str, vi: str, *results: Result) -> dict[str, Any]:
        """Return the record of a figure or a table."""
        extra = "" if self.language == "en" else f" -p language {self.language}"
        return {
            "caption": vi if vi and self.language == "vi" else translator(self.language)(caption),
            "command": f"python -m nst_utils rerun notebooks/{self.notebook}.ipynb{extra}",
            "notebook": self.notebook,
            "parameters": self.parameters,
            "runs": [result.provenance for result in results],
            "date": paths.utc_now(),
            "versions": {"nst_utils": __version__},
        }
