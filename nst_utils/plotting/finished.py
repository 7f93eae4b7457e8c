"""Read tables and figures of the last run under ``profile="report"`` from ``figures/``.

A notebook's defaults must run in seconds, so its own pictures are small and its runs few. Its text
speaks of the large run, whose tables and figures are part of the repository.
"""

import io
from typing import Any

import pandas as pd
from IPython import display

from .. import paths
from ..images.samples import open_picture
from ..untrusted import DataError, read_json

SIDE = 840  # of a preview, pixels: about the width of a notebook page


def finished_table(name: str, **options: Any) -> pd.DataFrame | None:
    """Return a table that the last run under ``profile="report"`` wrote to ``figures/``.

    Parameters
    ----------
    name : str
        File name without ``.csv``.
    **options
        As for `pandas.read_csv`.

    Returns
    -------
    DataFrame or None
        None if there is no such table.
    """
    path = paths.FIGURES / f"{name}.csv"
    return pd.read_csv(path, **options) if path.is_file() else None


def finished_figure(name: str) -> display.Image | None:
    """Return a figure that the last run under ``profile="report"`` wrote to ``figures/``.

    Parameters
    ----------
    name : str
        File name without its suffix.

    Returns
    -------
    IPython.display.Image or None
        A preview with its caption as alternative text; None if there is no such figure.

    Raises
    ------
    ImageError
        If the file is not a readable picture.
    """
    files = [paths.FIGURES / f"{name}.{suffix}" for suffix in ("jpg", "png")]
    path = next((path for path in files if path.is_file()), None)
    if path is None:
        return None
    try:
        record = read_json(path.with_suffix(".json"), "a figure's record")
    except DataError:
        record = {}
    caption = record.get("caption", name)
    picture = open_picture(path)
    picture.thumbnail((SIDE, 2 * SIDE))
    preview = io.BytesIO()
    picture.save(preview, "JPEG", quality=64)
    return display.Image(preview.getvalue(), format="jpeg", alt=str(caption))
