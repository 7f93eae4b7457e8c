"""How indexing time and memory grow with the number of files, measured on a generated tree."""

import csv
import io
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from ..experiments.peak_memory import PeakMemory
from ..parallel import run_in_fresh_process
from ..wikiart.names import STYLES

COUNTS = (1_000, 10_000, 81_444)


def make_tree(folder: Path, count: int, *, csv_files: bool = True) -> None:
    """Write a tree of `count` tiny pictures with the real layout, names and csv columns.

    Without `csv_files`, which hold the sizes, every header must be read.
    """
    buffer = io.BytesIO()
    Image.new("RGB", (16, 12), "gray").save(buffer, "JPEG")
    picture = buffer.getvalue()
    names = []
    for i in range(count):
        style = STYLES[i * len(STYLES) // count]
        artist = "arnold-bã¶cklin" if i % 115 == 0 else f"artist-{i % 1119}"
        names.append(f"{style}/{artist}_work-{i}-{1500 + i % 450}.jpg")
    for style in STYLES:
        (folder / style).mkdir(parents=True, exist_ok=True)
    for name in tqdm(names, "writing files", disable=count < 5_000):
        (folder / name).write_bytes(picture)
    if not csv_files:
        return
    with (folder / "classes.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(
            ("filename artist genre description phash width height genre_count subset").split()
        )
        for i, name in enumerate(names):
            style, _, base = name.partition("/")
            artist, _, title = base.removesuffix(".jpg").partition("_")
            tags, subset = str([style.replace("_", " ")]), "test" if i % 5 == 0 else "train"
            size = (1381 + i % 900, 1381 + i % 700)
            rows.writerow(
                [name, artist.replace("-", " "), tags, title, f"{i:016x}", *size, 1, subset]
            )
    with (folder / "wclasses.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "artist", "genre", "style"])
        rows.writerows([name, 0, 129 + i % 11, 140] for i, name in enumerate(names))


def index_once(folder: str) -> tuple[float, float]:
    """Return seconds and peak megabytes (10^6 bytes) of indexing a folder in this process."""
    from ..wikiart.catalog import WikiArt

    began = time.perf_counter()
    with PeakMemory() as peak:
        WikiArt(folder, progress=False)
    return time.perf_counter() - began, peak.mb


def measure_growth(
    counts: Iterable[int] = COUNTS, *, csv_files: bool = True
) -> Iterator[dict[str, float]]:
    """Measure the first index and a later load for growing trees, each in a fresh process.

    Yields
    ------
    dict of str to float
        ``files``; the seconds of the ``first`` and of a ``later`` call, without starting the
        process; ``mb``, the peak memory of the first.
    """
    for count in counts:
        with tempfile.TemporaryDirectory() as place:
            make_tree(Path(place), count, csv_files=csv_files)
            runs = [run_in_fresh_process(index_once, place) for _ in range(2)]
        yield {"files": count, "first": runs[0][0], "later": runs[1][0], "mb": runs[0][1]}
