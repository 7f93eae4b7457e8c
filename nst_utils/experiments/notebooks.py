"""Notebooks run again under new parameters, with papermill, on the workers of `parallel`.

Free of torch.
"""

import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .. import paths
from ..errors import NSTError, unknown
from ..parallel import count_cores, map_jobs


class NotebookError(NSTError, RuntimeError):
    """Something that cannot be run again."""


@dataclass(frozen=True)
class NotebookOutcome:
    """How one notebook's run went.

    Attributes
    ----------
    notebook : str
        File name.
    seconds : float
        How long it took.
    error : str
        The failing cell's own error in one line; empty when all went well.
    figures : int
        Figures that it wrote.
    copy : Path
        The executed copy.
    """

    notebook: str
    seconds: float
    error: str
    figures: int
    copy: Path


def check_parameters(notebook: Path, parameters: Mapping[str, Any]) -> None:
    """Refuse a parameter that the notebook's ``parameters`` cell does not have.

    Raises
    ------
    RerunError
        If the notebook cannot be read.
    UnknownNameError
        With the nearest name.
    """
    import papermill

    try:
        known = papermill.inspect_notebook(str(notebook))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise NotebookError(f"{notebook}: not a readable notebook ({error!r:.120})") from None
    for name in parameters:
        if name not in known:
            raise unknown(f"parameter of {notebook.name}", name, known)


def run_notebooks(
    notebooks: Sequence[Path],
    parameters: Mapping[str, Any] | None = None,
    *,
    jobs: int = 1,
    folder: Path | None = None,
    scheduler: str | None = None,
    progress: bool = True,
) -> list[NotebookOutcome]:
    """Execute notebooks with papermill and keep the executed copies; a failure stops only its own.

    Parameters
    ----------
    notebooks : sequence of Path
        Files to execute; each runs in its own folder, as in JupyterLab.
    parameters : mapping, optional
        Replaces defaults in each notebook's ``parameters`` cell; all are checked first.
    jobs : int
        Notebooks at a time, each in a kernel of its own.
    folder : Path, optional
        For the copies; ``data/runs/<time>`` when left out.
    scheduler : str, optional
        Of a Dask cluster, as for `parallel.map_jobs`: notebooks scale out as sweeps do.
    progress : bool
        Show a bar over the notebooks, and one over the cells of each that runs.

    Returns
    -------
    list of Outcome
        In the order of `notebooks`.

    Raises
    ------
    RerunError, UnknownNameError
        Before anything runs, as `check_parameters`.
    """
    parameters = dict(parameters or {})
    for notebook in notebooks:
        check_parameters(notebook, parameters)
    if folder is None:
        folder = paths.make_run_folder()
    folder.mkdir(parents=True, exist_ok=True)

    execute = partial(
        _execute,
        folder=folder.absolute(),
        parameters=parameters,
        progress=progress,
        figures=(paths.FIGURES, paths.RUNS),
    )
    todo = [(path.absolute(), 1 + i % jobs) for i, path in enumerate(notebooks)]  # lines for bars
    outcomes: dict[int, NotebookOutcome] = {}
    for i, found in map_jobs(
        execute, todo, workers=jobs, scheduler=scheduler, title="notebooks", progress=progress
    ):
        if isinstance(found, Exception):  # the worker died with it
            copy = folder / notebooks[i].name
            found = NotebookOutcome(notebooks[i].name, 0.0, f"worker lost: {found!r:.200}", 0, copy)
        outcomes[i] = found
    return [outcomes[i] for i in range(len(notebooks))]


def _execute(
    job: tuple[Path, int],
    threads: int | None,
    *,
    folder: Path,
    parameters: dict[str, Any],
    progress: bool,
    figures: Sequence[Path],
) -> NotebookOutcome:
    """Execute one notebook on a worker, and count the figures that it wrote."""
    notebook, place = job
    # Dask allows its workers one thread each; the kernel that starts here is to have its share.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.pop(name, None)
        if threads and threads < count_cores():
            os.environ[name] = str(threads)
    import papermill
    from papermill.exceptions import PapermillException

    # papermill logs every cell; the bar tells enough.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    began, error, copy = time.time(), "", folder / notebook.name
    try:
        papermill.execute_notebook(
            str(notebook),
            str(copy),
            parameters,
            kernel_name="python3",
            cwd=str(notebook.parent),
            progress_bar=progress
            and {"desc": notebook.stem, "position": place, "leave": False, "file": sys.stderr},
        )
    except PapermillException as failure:
        error = f"{getattr(failure, 'ename', 'Error')}: {getattr(failure, 'evalue', failure)}"
        error = f"cell {getattr(failure, 'exec_count', '?')}: {' '.join(error.split())}"
    except (RuntimeError, OSError, ValueError) as failure:  # the kernel died or never came up
        error = " ".join(f"{type(failure).__name__}: {failure}".split())
    written = [
        path
        for place in figures
        for path in place.rglob(f"{notebook.stem}*.png")
        if path.stat().st_mtime >= began
    ]
    return NotebookOutcome(notebook.name, time.time() - began, error, len(written), copy)
