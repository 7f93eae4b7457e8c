"""Each notebook paints under other parameters; nbval compares the stored outputs."""

import logging
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from nst_utils.experiments import sweeps, trials
from nst_utils.experiments.notebooks import check_parameters
from nst_utils.paths import ROOT
from nst_utils.wikiart import practice_set

SMALL = {"content": "coffee", "size": 48, "steps": 2}
LEAST = {"content": "coffee", "size": 32, "steps": 1}
LIVE = {
    "00_background": {"size": 32, "seeds": 1, "folds": 2, "epochs": 1},
    "01_wikiart_data": {"size": 32},
    "02_vgg19": LEAST | {"lengths": [1, 2]},
    "03_resnet50": SMALL | {"style": "mosaic", "steps_balanced": 2, "weights": "random"},
    "04_comparison": SMALL | {"content": "coffee rocket", "weights": "random"},
    "05_layer_ablation": LEAST | {"steps_noise": 1},
    "06_weight_ablation": LEAST | {"beta": [1.0, 10.0], "tv": [0.0, 1.0]},
    "07_real_photos": SMALL | {"own": "rocket"},
    "08_studio": {"content": "coffee", "size": 32, "before": 2, "after": 2},
    "09_controls": SMALL,
    "10_methods": {"content": "coffee", "size": 32},
    "11_audit": {"content": "coffee", "size": 48},
    "12_film": {
        "style": "nocturne",
        "seconds": 0.2,
        "size": 32,
        "steps": 2,
        "frame_steps": 1,
        "training_steps": 2,
    },
}
"""Every notebook, with parameters under which it takes seconds."""


def test_every_notebook_is_run():
    assert set(LIVE) == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}


@pytest.fixture
def in_this_process(jobs_here, monkeypatch, tmp_path):
    """Run here what has a process of its own: it would load torch once more for each."""
    monkeypatch.setattr(sweeps, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(trials, "run_in_fresh_process", lambda function, *given: function(*given))


@pytest.mark.slow
@pytest.mark.parametrize("name", LIVE)
def test_it_paints_under_other_parameters(name, in_this_process, monkeypatch, tmp_path):
    parameters = dict(LIVE[name])
    if "folds" in parameters:
        monkeypatch.setattr(practice_set, "PICTURES", 1)
        parameters["root"] = str(practice_set.make_practice_set(tmp_path / "styles"))
    for line in run_cells(ROOT / "notebooks" / f"{name}.ipynb", parameters, monkeypatch):
        assert line is None, line


def run_cells(path: Path, parameters: dict, monkeypatch):
    """Run a notebook as papermill does, but in this process; yield what went wrong in a cell."""
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    check_parameters(path, parameters)
    monkeypatch.chdir(path.parent)
    logging.getLogger("papermill").setLevel(logging.ERROR)
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = parameterize_notebook(load_notebook_node(str(path)), parameters)
            for i, cell in enumerate(book.cells):
                if cell.cell_type == "code":
                    with capture_output():
                        done = shell.run_cell(cell.source)
                    error = done.error_in_exec or done.error_before_exec
                    yield f"cell {i}: {error!r}\n{cell.source}" if error else None
    finally:
        InteractiveShell.clear_instance()
        plt.close("all")
