"""Results kept in the clone: what the notebooks' experiments gave, a row and a picture a run.

``data/results/NAME/`` holds ``runs.csv`` and ``pictures/KEY.jpg``. A sweep reads a row that is
stored for the same recipe, pictures and weights, and paints the others. The clone is to stay small.
So of seeds beyond the first, of points of a curve, and of pairs that no notebook shows, only the
row is stored.
"""

import json
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from .. import paths
from ..errors import NSTError
from ..images.io import read_image
from ..paths import make_folder, replacing
from ..untrusted import DataError, check_table
from .batch import PICTURES, ROWS, read_row

TABLE = "runs.csv"
QUALITY = 90  # of JPEG, with the colors at full resolution

OWN = (
    "key", "inputs", "setting", "content", "style", "recipe", "label", "done", "stopped", "curve",
    "seconds", "peak_mb", "picture", "code", "machine", "date",
)  # fmt: skip
"""Columns of a stored row beside its measures and losses."""


class StoredResults:
    """The stored rows of one experiment.

    Parameters
    ----------
    name : str
        Folder below ``data/results``. One that does not exist has no rows.
    """

    def __init__(self, name: str) -> None:
        self.folder = paths.RESULTS / name
        path = self.folder / TABLE
        try:
            self.table = pd.read_csv(check_table(path), keep_default_na=False, na_values=[""])
            self._by = {c: self.table.drop_duplicates(c).set_index(c) for c in ("key", "inputs")}
        except FileNotFoundError:
            self.table, self._by = pd.DataFrame(), {}
        except (OSError, ValueError, KeyError) as error:
            raise NSTError(f"{path}: not a table of stored results ({error})") from None

    def find(self, key: str, inputs: str, any_weights: bool) -> dict[str, Any] | None:
        """Return a run's row, or None if it is not stored.

        Parameters
        ----------
        key : str
            The run's key; see `batch.run_key`.
        inputs : str
            The same without the weights.
        any_weights : bool
            Also take a row of other weights. A clone without the trained weights that the stored
            runs were made with can read them in this way, but not paint them.
        """
        for column, value in [("key", key), ("inputs", inputs)][: 1 + any_weights]:
            if column in self._by and value in self._by[column].index:
                row = self._by[column].loc[value].dropna().to_dict()
                # Only a name: a table may come from anybody.
                name = Path(str(row.get("picture", ""))).name
                kept = name and "\0" not in name
                return row | {"file": str(self.folder / PICTURES / name) if kept else ""}
        return None


def store_results(name: str, out: Path, shown: Container[str] | None = None) -> int:
    """Copy a sweep's finished rows into the stored results, with their pictures as JPEG.

    A row that is stored under the same key is replaced.

    Parameters
    ----------
    name : str
        Folder below ``data/results``.
    out : Path
        The sweep's folder.
    shown : container of str, optional
        Keys of the runs whose picture is kept; by default all of the first seed.

    Returns
    -------
    int
        Rows copied.
    """
    folder = make_folder(paths.RESULTS / name / PICTURES).parent
    table = StoredResults(name).table
    rows = {} if table.empty else {row["key"]: row for row in table.to_dict("records")}
    done = 0
    for path in sorted((out / ROWS).glob("*.json")):
        try:
            row = read_row(path)
        except DataError:
            continue
        if row["error"] or not (out / row["picture"]).is_file():
            continue
        seeded = json.loads(row["recipe"]).get("seed", 0)
        kept = row["key"] in shown if shown is not None else not seeded
        picture = f"{PICTURES}/{row['key']}.jpg"
        if kept:
            with replacing(folder / picture) as draft:
                draft.write_bytes(_compact_jpeg(read_image(out / row["picture"])))
        else:
            (folder / picture).unlink(missing_ok=True)
        measures = {k: v for k, v in row.items() if isinstance(v, float) and k not in OWN}
        own = {k: row[k] for k in OWN if k in row} | {"picture": picture if kept else ""}
        rows[row["key"]] = own | {k: round(v, 5) for k, v in measures.items()}
        done += 1
    with replacing(folder / TABLE) as draft:
        pd.DataFrame(rows.values()).to_csv(draft, index=False)
    return done


def _compact_jpeg(image: Image.Image) -> bytes:
    """Return a progressive JPEG, by OpenCV: Pillow's buffer is too small for some pictures."""
    import cv2

    options = {
        cv2.IMWRITE_JPEG_QUALITY: QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        cv2.IMWRITE_JPEG_OPTIMIZE: 1,
        cv2.IMWRITE_JPEG_PROGRESSIVE: 1,
    }
    pixels = np.asarray(image.convert("RGB"))[..., ::-1]  # OpenCV wants blue first
    return cv2.imencode(".jpg", pixels, [n for pair in options.items() for n in pair])[1].tobytes()


def open_paintings(runs: pd.DataFrame) -> dict[int, Image.Image]:
    """Return the paintings of a sweep's rows, by row; failed runs have none.

    Parameters
    ----------
    runs : DataFrame
        As `sweeps.sweep` returns it.

    Raises
    ------
    NSTError
        If a row is stored without its picture.
    """
    files = runs.loc[runs["error"] == "", "file"]
    if (files == "").any():
        raise NSTError(
            "some of these stored runs have no picture: only those that a notebook shows have one; "
            "take these rows, or paint all again by sweep(..., fresh=True)"
        )
    return {place: read_image(file) for place, file in files.items()}


def read_curve(row: pd.Series) -> pd.DataFrame:
    """Return the loss curve of a row: weighted terms and their sum ``total``, by step."""
    terms = pd.DataFrame(json.loads(row["curve"])).set_index("step")
    terms = terms.drop(columns="total", errors="ignore")  # rows of earlier versions store the sum
    return terms.assign(total=terms.sum(axis=1))


def read_share(row: pd.Series, term: str) -> float:
    """Return the share of a weighted term, for example ``tv``, in a row's final loss."""
    last = read_curve(row).iloc[-1]
    return last[term] / last["total"]


def read_fall(row: pd.Series, steps: int) -> float:
    """Return by what part of itself the total loss of a row fell in its last steps, about.

    A stored curve has a point every few steps: the first one of the last `steps` is taken.
    """
    total = read_curve(row)["total"]
    late = total[total.index >= total.index[-1] - steps]
    return 1 - late.iloc[-1] / late.iloc[0]
