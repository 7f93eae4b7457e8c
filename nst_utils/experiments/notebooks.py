"""Run notebooks with new parameters: by papermill, on the workers of `parallel`.

Free of torch.
"""

import ast
import contextlib
import itertools
import logging
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from traitlets.config import Config

from .. import paths
from ..errors import NSTError, brief, check_choice, one_line
from ..parallel import count_cores, map_jobs
from ..untrusted import DataError, check_schema, parse_json, read_json

_NOTEBOOK = {
    "type": "object",
    "required": ["cells"],
    "properties": {
        "cells": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "metadata": {
                        "type": "object",
                        "properties": {"tags": {"type": "array", "items": {"type": "string"}}},
                    },
                    "source": {"type": ["string", "array"], "items": {"type": "string"}},
                },
            },
        }
    },
}


def _kernel(folder: str) -> Config:
    """Return a kernel's transport: sockets in a folder that only the user can open."""
    if os.name == "nt":
        return Config()
    return Config({"KernelManager": {"transport": "ipc", "ip": str(Path(folder) / "kernel")}})


class NotebookError(NSTError, RuntimeError):
    """A notebook that cannot be run."""


@dataclass(frozen=True)
class NotebookOutcome:
    """The outcome of one notebook's run.

    Attributes
    ----------
    notebook : str
        File name.
    seconds : float
        How long it took.
    error : str
        The failing cell's error in one line; empty if there was none.
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


def read_parameters(notebook: Path) -> dict[str, Any]:
    """Return the parameters of a notebook and their defaults, from its ``parameters`` cell.

    The cell is parsed as Python and never run.

    Returns
    -------
    dict of str to object
        A default that is not a literal is None.

    Raises
    ------
    NotebookError
        If the file is not a notebook, or the cell is not Python.
    """
    try:
        book = read_json(notebook, "a notebook")
        check_schema(book, _NOTEBOOK, "a notebook")
    except DataError as error:
        raise NotebookError(f"{notebook}: not a readable notebook ({error})") from None
    parameters: dict[str, Any] = {}
    for cell in book["cells"]:
        if "parameters" not in cell.get("metadata", {}).get("tags", []):
            continue
        source = cell.get("source", "")
        lines = (source if isinstance(source, str) else "".join(source)).splitlines()
        # Magics are IPython's own; the rest of the cell is Python.
        plain = "\n".join("" if line.lstrip()[:1] in ("%", "!") else line for line in lines)
        try:
            tree = ast.parse(plain)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise NotebookError(
                f"{notebook}: its parameters cell is not Python ({one_line(error, 100)})"
            ) from None
        for node in tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            for target in targets:
                if isinstance(target, ast.Name):
                    parameters[target.id] = None
                    with contextlib.suppress(ValueError, TypeError, RecursionError, MemoryError):
                        parameters[target.id] = ast.literal_eval(node.value)
    return parameters


def check_parameters(notebook: Path, parameters: Mapping[str, Any]) -> None:
    """Refuse a parameter that the notebook's ``parameters`` cell does not have.

    Raises
    ------
    NotebookError
        If the notebook cannot be read.
    UnknownNameError
        If it has no such parameter; the message names the nearest one.
    """
    known = read_parameters(notebook)
    for name in parameters:
        check_choice(f"parameter of {notebook.name}", name, known)


def parse_parameter(notebook: Path, name: str, text: str) -> Any:
    """Read a parameter's value as written on a command line.

    If the notebook's default is a string, the value is one, too (``1.10``, ``NaN``, ``007``).
    Otherwise it is read as JSON or as Python's True, False and None, and if it is neither, it is a
    string.

    Raises
    ------
    NotebookError
        If the notebook cannot be read.
    UnknownNameError
        If it has no such parameter.
    """
    known = read_parameters(notebook)
    check_choice(f"parameter of {notebook.name}", name, known)
    if isinstance(known[name], str):
        return text
    words = {"True": True, "False": False, "None": None}
    if text in words:
        return words[text]
    try:
        return parse_json(text, "a parameter")
    except DataError as error:
        if text[:1] in ("[", "{") and "nested" in str(error):
            raise NotebookError(f"parameter {name}: {error}") from None
        return text


def _copies(notebooks: Sequence[Path], folder: Path) -> list[Path]:
    """Return where each executed copy goes; notebooks of the same name get different ones."""
    copies: list[Path] = []
    taken: set[str] = set()
    for notebook in notebooks:
        for count in itertools.count(1):
            name = notebook.name if count == 1 else f"{notebook.stem}-{count}{notebook.suffix}"
            if name.casefold() not in taken:
                break
        taken.add(name.casefold())
        copies.append(folder / name)
    return copies


def run_notebooks(
    notebooks: Sequence[Path],
    parameters: Mapping[str, Any] | None = None,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    progress: bool = True,
) -> list[NotebookOutcome]:
    """Execute notebooks with papermill; a failure stops only its notebook.

    The executed copies are kept in ``data/runs/<time>``.

    Parameters
    ----------
    notebooks : sequence of Path
        Files to execute; each runs in its own folder, as in JupyterLab.
    parameters : mapping, optional
        Replaces defaults in each notebook's ``parameters`` cell; all are checked first.
    jobs : int
        Notebooks at a time, each in a kernel of its own.
    scheduler : str, optional
        Address of a Dask scheduler, as for `parallel.map_jobs`.
    progress : bool
        Show a bar over the notebooks, and one over the cells of each that runs.

    Returns
    -------
    list of NotebookOutcome
        In the order of `notebooks`.

    Raises
    ------
    NotebookError, UnknownNameError
        As for `check_parameters`, before anything runs.
    """
    parameters = dict(parameters or {})
    for notebook in notebooks:
        check_parameters(notebook, parameters)
    copies = _copies(notebooks, paths.make_run_folder().absolute())
    execute = partial(
        _execute,
        parameters=parameters,
        progress=progress,
        figures=(paths.FIGURES, paths.RUNS),
    )
    todo = [
        (path.absolute(), copy, 1 + i % jobs)  # the line of its bar
        for i, (path, copy) in enumerate(zip(notebooks, copies, strict=True))
    ]
    outcomes: dict[int, NotebookOutcome] = {}
    answers = map_jobs(
        execute, todo, workers=jobs, scheduler=scheduler, title="notebooks", progress=progress
    )
    try:
        for i, outcome in answers:
            if isinstance(outcome, Exception):  # its worker died
                reason = f"worker lost: {one_line(repr(outcome), 200)}"
                outcome = NotebookOutcome(notebooks[i].name, 0.0, reason, 0, copies[i])
            outcomes[i] = outcome
    except KeyboardInterrupt:
        raise NotebookError(
            f"interrupted with {len(outcomes)} of {len(notebooks)} notebooks run; the executed "
            f"copies, whole or in part, are in {copies[0].parent}"
        ) from None
    return [outcomes[i] for i in range(len(notebooks))]


def _execute(
    job: tuple[Path, Path, int],
    threads: int | None,
    *,
    parameters: dict[str, Any],
    progress: bool,
    figures: Sequence[Path],
) -> NotebookOutcome:
    """Execute one notebook on a worker, and count the figures that it wrote."""
    notebook, copy, place = job
    # The kernel that starts here may use its share of the cores.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.pop(name, None)
        if threads and threads < count_cores():
            os.environ[name] = str(threads)
    import papermill
    from papermill.exceptions import PapermillException

    # papermill logs every cell; the bar tells enough.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    began, error = time.time(), ""
    try:
        # Of each kernel's own: two in one folder would take each other's messages.
        with tempfile.TemporaryDirectory(prefix="nst-") as sockets:
            papermill.execute_notebook(
                # papermill formats paths as templates, so braces are doubled.
                *(str(path).replace("{", "{{").replace("}", "}}") for path in (notebook, copy)),
                parameters,
                kernel_name="python3",
                cwd=str(notebook.parent),
                progress_bar=progress
                and {"desc": notebook.stem, "position": place, "leave": False},
                config=_kernel(sockets),
            )
    except PapermillException as failure:
        error = f"{getattr(failure, 'ename', 'Error')}: {getattr(failure, 'evalue', failure)}"
        error = f"cell {getattr(failure, 'exec_count', '?')}: {one_line(error)}"
    except Exception as failure:  # the kernel died or did not start, or this is not a notebook
        error = one_line(f"{type(failure).__name__}: {failure}")
    else:
        _say_parameters(copy, parameters)
    written = [
        path
        for place in figures
        for path in place.rglob(f"{notebook.stem}*")
        if path.suffix in (".png", ".jpg") and path.stat().st_mtime >= began
    ]
    return NotebookOutcome(notebook.name, time.time() - began, error, len(written), copy)


def _say_parameters(copy: Path, parameters: Mapping[str, Any]) -> None:
    """Say under the title that the text speaks of another run."""
    import nbformat

    told = ", ".join(f"`{name} = {brief(value)}`" for name, value in parameters.items())
    if not told:
        return
    book = nbformat.read(copy, as_version=4)
    line = f"> Run with {told}. The text speaks of the stored run, which has the defaults."
    book.cells.insert(1, nbformat.v4.new_markdown_cell(line))
    nbformat.write(book, copy)
