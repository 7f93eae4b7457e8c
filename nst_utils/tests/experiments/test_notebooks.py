import dataclasses
import json

import nbformat
import pytest
from click.testing import CliRunner

from nst_utils import paths
from nst_utils.cli.main import main
from nst_utils.errors import UnknownNameError
from nst_utils.experiments.notebooks import NotebookError, check_parameters, run_notebooks
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
    good = notebook(tmp_path / "good.ipynb", "import os; print(name, beta * 2, os.getcwd())")
    bad = notebook(tmp_path / "bad.ipynb", "1 / 0", "print('never')")
    words = ["rerun", str(bad), str(good), "-p", "beta", "1e4", "-p", "name", "rocket"]
    found = CliRunner().invoke(main, [*words, "--jobs", "2"])
    assert found.exit_code == 1
    assert "ZeroDivisionError: division by zero" in found.stderr
    assert "1 of 2 notebooks failed" in found.stderr
    rows = [line.split() for line in found.stdout.splitlines()]
    assert [row[2] for row in rows[1:3]] == ["failed", "ok"]
    [copy] = paths.RUNS.rglob("good.ipynb")
    outputs = json.loads(copy.read_text(encoding="utf-8"))["cells"][-1]["outputs"]
    assert "rocket 20000.0" in "".join(outputs[0]["text"])
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
