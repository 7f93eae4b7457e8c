"""Folders of the project; never the working directory, since notebooks run in ``notebooks/``."""

import contextlib
import datetime
import itertools
from pathlib import Path

PACKAGE = Path(__file__).absolute().parent
ROOT = PACKAGE.parent
BENCHMARK_PAGE = PACKAGE / "benchmark" / "README.md"
DATA = ROOT / "data"
WEIGHTS = DATA / "weights"
RUNS = DATA / "runs"
PAINTINGS = DATA / "paintings"
FIGURES = ROOT / "figures"
_PACKED = PACKAGE / "data" / "samples"
SAMPLES = _PACKED if _PACKED.is_dir() else DATA / "samples"
"""Sample pictures: in a clone beside the package, in an installed wheel inside it."""


def make_run_folder(*parts: str) -> Path:
    """Make a new folder below ``data/runs``, named by the time; nobody else gets the same one.

    Parameters
    ----------
    *parts : str
        Folders in between, for example ``"studio"``.
    """
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    parent = RUNS.joinpath(*parts)
    parent.mkdir(parents=True, exist_ok=True)
    for count in itertools.count(1):
        folder = parent / (stamp if count == 1 else f"{stamp}-{count}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise AssertionError("counting does not end")


def utc_now() -> str:
    """Return the time for a record, in seconds, UTC, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def short_path(path: Path) -> str:
    """Return a path relative to the working directory, or to the project, where it lies inside."""
    for base in (Path.cwd(), ROOT):
        with contextlib.suppress(ValueError):
            return str(Path(path).absolute().relative_to(base))
    return str(path)
