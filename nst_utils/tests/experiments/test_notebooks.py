import dataclasses
import json
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from nst_utils import paths
from nst_utils.cli.main import main
from nst_utils.errors import UnknownNameError
from nst_utils.experiments.notebooks import (
    NotebookError,
    _copies,
    check_parameters,
    parse_parameter,
    read_parameters,
    run_notebooks,
)
from nst_utils.transfer.config import Recipe

QUICK = Recipe(size=48, scales=(32, 48), steps=(4, 3), weights="random")


def notebook(path, *cells, parameters="beta = 20.0  # weight\nname = 'coffee'  # photo"):
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    parameters = nbformat.v4.new_code_cell(parameters)
    parameters.metadata["tags"] = ["parameters"]
    made = nbformat.v4.new_notebook(
        cells=[parameters, *map(nbformat.v4.new_code_cell, cells)],
        metadata={"kernelspec": kernel, "language_info": {"name": "python"}},
    )
    nbformat.write(made, path)
    return path


def test_unknown_parameters_are_refused_before_anything_runs(tmp_path):
    path = notebook(tmp_path / "a.ipynb", "print(beta)")
    check_parameters(path, {"beta": 3, "name": "x"})
    with pytest.raises(UnknownNameError, match="did you mean 'beta'"):
        run_notebooks([path], {"beata": 3})
    (tmp_path / "b.ipynb").write_text("nothing")
    with pytest.raises(NotebookError, match="not a readable notebook"):
        check_parameters(tmp_path / "b.ipynb", {})
    assert not paths.RUNS.exists()


def test_notebooks_run_with_parameters_and_a_failure_stops_only_its_own(tmp_path):
    folder = tmp_path / "a {beta} {b"  # no template
    folder.mkdir()
    good = notebook(folder / "good.ipynb", "import os; print(name, beta * 2, os.getcwd())")
    bad = notebook(tmp_path / "bad.ipynb", "1 / 0", "print('never')")
    words = ["rerun", str(bad), str(good), "-p", "beta", "1e4", "-p", "name", "rocket"]
    found = CliRunner().invoke(main, [*words, "--jobs", "2"])
    assert found.exit_code == 1
    assert "ZeroDivisionError: division by zero" in found.stderr
    assert "1 of 2 notebooks failed" in found.stderr
    rows = [line.split() for line in found.stdout.splitlines()]
    assert [row[2] for row in rows[1:3]] == ["failed", "ok"]
    [copy] = paths.RUNS.rglob("good.ipynb")
    cells = json.loads(copy.read_text(encoding="utf-8"))["cells"]
    outputs = cells[-1]["outputs"]
    assert "rocket 20000.0" in "".join(outputs[0]["text"])
    assert "Run with `beta = 10000.0`, `name = 'rocket'`. The text speaks of" in "".join(
        "".join(cell["source"]) for cell in cells
    )
    # As in JupyterLab, a notebook runs in its own folder; the original stays as it was.
    assert str(tmp_path) in "".join(outputs[0]["text"])
    assert not json.loads(good.read_text(encoding="utf-8"))["cells"][-1]["outputs"]


def test_outcomes_are_plain_data(tmp_path):
    from nst_utils.experiments.notebooks import NotebookOutcome

    outcome = NotebookOutcome("a.ipynb", 1.0, "", 2, tmp_path)
    assert dataclasses.asdict(outcome)["figures"] == 2


def test_a_file_named_from_here_is_found_from_the_notebooks_folder(tmp_path, monkeypatch):
    (tmp_path / "books").mkdir()
    path = notebook(tmp_path / "books" / "a.ipynb", "print(open(name).read())")
    (tmp_path / "photo.txt").write_text("the file")
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(main, ["rerun", str(path), "-p", "name", "photo.txt"])
    assert found.exit_code == 0, found.output
    [copy] = paths.RUNS.rglob("a.ipynb")
    assert "the file" in copy.read_text(encoding="utf-8")


CELL = """
# the parameters
seed: int | None = None  # of the noise
source = 'http://example.org/x.jpg?width=320'  # picture = one
label: str = "a = b"
%matplotlib inline
share = 1 / 3
size: int
beta = 2.0; tv = 1
"""


def test_parameters_are_read_as_python_reads_them(tmp_path):
    path = notebook(tmp_path / "a.ipynb", parameters=CELL)
    assert read_parameters(path) == {
        "seed": None, "source": "http://example.org/x.jpg?width=320", "label": "a = b",
        "share": None, "size": None, "beta": 2.0, "tv": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("label", "1.10", "1.10"), ("label", "NaN", "NaN"), ("label", "007", "007"),
     ("label", "true", "true"), ("beta", "1.10", 1.1), ("seed", "3", 3), ("seed", "None", None),
     ("share", "[1, 2]", [1, 2]), ("seed", "coffee", "coffee"), ("beta", "007", "007")],
)  # fmt: skip
def test_a_text_parameter_stays_text(tmp_path, name, text, value):
    path = notebook(tmp_path / "a.ipynb", parameters=CELL)
    assert parse_parameter(path, name, text) == value


@pytest.mark.parametrize(
    "text",
    ['{"cells": 5}', '{"cells": [5]}', "[]", "{", "[" * 100_000,
     '{"cells": [{"metadata": {"tags": "parameters"}}]}'],
)  # fmt: skip
def test_what_is_no_notebook_is_one_sentence(tmp_path, text):
    (tmp_path / "a.ipynb").write_text(text)
    found = CliRunner().invoke(main, ["rerun", str(tmp_path / "a.ipynb"), "-p", "x", "1"])
    assert found.exit_code == 1 and found.stderr.count("\n") == 1
    assert "not a readable notebook" in found.stderr


def test_a_cell_that_is_no_python_and_nested_values_are_one_sentence(tmp_path):
    path = notebook(tmp_path / "a.ipynb", parameters="x = = 1")
    with pytest.raises(NotebookError, match="is not Python"):
        read_parameters(path)
    path = notebook(tmp_path / "b.ipynb", parameters="x = 1")
    with pytest.raises(NotebookError, match="nested"):
        parse_parameter(path, "x", "[" * 50_000)


def test_notebooks_of_one_name_keep_a_copy_each(tmp_path):
    names = [Path("a/book.ipynb"), Path("b/book.ipynb"), Path("c/Book.ipynb"), Path("d/x.ipynb")]
    assert [path.name for path in _copies(names, tmp_path)] == [
        "book.ipynb", "book-2.ipynb", "Book-3.ipynb", "x.ipynb"
    ]  # fmt: skip


def test_two_kernels_share_no_sockets(tmp_path):
    """In one folder they would take each other's messages."""
    books = tmp_path / "books"
    books.mkdir()
    for name in ("one", "two"):
        kernel = {"name": "python3", "display_name": "Python"}
        book = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
        book.cells = [nbformat.v4.new_code_cell("import time; time.sleep(1)")]
        nbformat.write(book, books / f"{name}.ipynb")
    before = set(books.iterdir())
    found = run_notebooks(sorted(before), jobs=2, progress=False)
    assert [outcome.error for outcome in found] == ["", ""] and set(books.iterdir()) == before
