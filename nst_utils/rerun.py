"""Notebooks run again under new parameters, with papermill; free of torch.

Each runs in a process of its own, so that kernels, sockets and event loops end with it.
"""

import datetime
import logging
import multiprocessing
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from . import registry
from .registry import NSTError, unknown


class RerunError(NSTError, RuntimeError):
    """Something that cannot be run again."""


@dataclass(frozen=True)
class Outcome:
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
        raise RerunError(f"{notebook}: not a readable notebook ({error!r:.120})") from None
    for name in parameters:
        if name not in known:
            raise unknown(f"parameter of {notebook.name}", name, known)


def rerun(
    notebooks: Sequence[Path],
    parameters: Mapping[str, Any] | None = None,
    *,
    jobs: int = 1,
    folder: Path | None = None,
    progress: bool = True,
) -> list[Outcome]:
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
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    folder = folder or registry.RUNS / stamp
    folder.mkdir(parents=True, exist_ok=True)

    execute = partial(
        _execute,
        folder=folder,
        parameters=parameters,
        progress=progress,
        figures=(registry.FIGURES, registry.RUNS),
    )
    spawn = multiprocessing.get_context("spawn")
    places = [1 + i % jobs for i in range(len(notebooks))]  # lines for the bars over cells
    with ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
        outcomes = pool.map(execute, notebooks, places)
        bar = tqdm(
            outcomes, "notebooks", len(notebooks), unit="notebook", disable=not progress, position=0
        )
        return list(bar)


def _execute(
    notebook: Path,
    place: int,
    *,
    folder: Path,
    parameters: dict[str, Any],
    progress: bool,
    figures: Sequence[Path],
) -> Outcome:
    """Execute one notebook, in a process of its own, and count the figures that it wrote."""
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
    return Outcome(notebook.name, time.time() - began, error, len(written), copy)
