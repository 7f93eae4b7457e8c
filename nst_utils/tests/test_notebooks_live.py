"""Each notebook paints under other parameters; nbval compares the stored outputs."""

import functools
import logging
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image

from nst_utils.benchmark import leaderboard_table
from nst_utils.experiments import metrics, statistics, style_classifier, sweeps
from nst_utils.experiments.notebooks import check_parameters
from nst_utils.networks.backbone import load_backbone
from nst_utils.paths import ROOT
from nst_utils.plotting import album
from nst_utils.transfer import proposals, run
from nst_utils.transfer.feedforward import training
from nst_utils.wikiart import miniature

from .conftest import tiny_backbone

LEAST = {"content": "coffee", "size": 32, "steps": 1}
# Where a run has two scales; its short side is rounded up, a photo to the nearest.
SMALL = {"content": "coffee", "size": 50, "steps": 2}
LIVE = {
    "00_background": {"size": 32, "seeds": 1, "folds": 2, "epochs": 1},
    "01_wikiart_data": {"size": 32},
    "02_vgg19": LEAST | {"lengths": [1, 2], "path_steps": 2},
    "03_resnet50": LEAST | {"style": "mosaic", "steps_balanced": 2, "weights": "random"},
    "04_comparison": LEAST | {"beta": [1.0, 30.0], "weights": "random"},
    "05_layer_ablation": LEAST,
    "06_weight_ablation": LEAST | {"beta": [1.0, 10.0], "tv": [0.0, 1.0]},
    "07_real_photos": SMALL | {"own": "rocket"},
    "08_studio": {"content": "coffee", "size": 32, "before": 2, "after": 2},
    "09_controls": SMALL,
    "10_methods": {"content": "coffee", "size": 32, "painting_size": 32, "painting_steps": 1},
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


@functools.cache
def load(name, *words, **options):
    """Return a network, the same for all notebooks."""
    return tiny_backbone() if name == "vgg19" else load_backbone(name, *words, **options)


@pytest.fixture
def quickly(jobs_here, monkeypatch, tmp_path):
    """Run jobs here, paint by a tiny VGG19, draw no figure: nbval tries the real ones."""
    for module in (run, training, metrics, proposals):
        monkeypatch.setattr(module, "load_backbone", load)
    monkeypatch.setattr(sweeps, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(album, "render_figure", lambda *_: Image.new("RGB", (8, 8)))
    for module in (leaderboard_table, statistics, style_classifier):
        monkeypatch.setattr(module, "DRAWS", 50)


@pytest.mark.slow
@pytest.mark.parametrize("name", LIVE)
def test_it_paints_under_other_parameters(name, quickly, monkeypatch, tmp_path):
    parameters = dict(LIVE[name])
    if "folds" in parameters:
        monkeypatch.setattr(miniature, "PICTURES", 1)
        parameters["root"] = str(miniature.make_practice_set(tmp_path / "styles"))
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
    shell.displayhook.flush = lambda: None  # it would look for garbage, half a second each time
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
