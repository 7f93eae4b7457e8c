"""What the last run under ``profile="report"`` left in ``figures/``, shown beside a small run.

A notebook's defaults must run in seconds, so its own pictures are small and its runs few. What it
says is read off the large run, whose tables and figures are files of the clone.
"""

import io
from typing import Any

import pandas as pd
from IPython import display

from .. import paths
from ..images.png import read_provenance
from ..images.samples import open_picture

SIDE = 840  # of a preview, pixels: about what a notebook page shows


def finished_table(name: str, **options: Any) -> pd.DataFrame | None:
    """Return a table of ``figures/`` as it was last made under ``profile="report"``.

    Parameters
    ----------
    name : str
        File name without ``.csv``.
    **options
        As for `pandas.read_csv`.

    Returns
    -------
    DataFrame or None
        None where there is none.
    """
    path = paths.FIGURES / f"{name}.csv"
    return pd.read_csv(path, **options) if path.is_file() else None


def finished_figure(name: str) -> display.Image | None:
    """Return a figure of ``figures/`` as it was last made under ``profile="report"``.

    Parameters
    ----------
    name : str
        File name without ``.png``.

    Returns
    -------
    IPython.display.Image or None
        A preview, its caption for whom it is read out; None where there is no such figure.

    Raises
    ------
    ImageError
        If the file is no readable picture.
    """
    path = paths.FIGURES / f"{name}.png"
    if not path.is_file():
        return None
    caption = (read_provenance(path) or {}).get("caption", name)
    picture = open_picture(path)
    picture.thumbnail((SIDE, 2 * SIDE))
    preview = io.BytesIO()
    picture.save(preview, "JPEG", quality=64)
    return display.Image(preview.getvalue(), format="jpeg", alt=str(caption))
