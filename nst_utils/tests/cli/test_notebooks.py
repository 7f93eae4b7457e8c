from nst_utils import paths
from nst_utils.cli import notebooks as cli_notebooks
from nst_utils.experiments import notebooks
from nst_utils.transfer.config import Recipe

from ..experiments.test_notebooks import notebook
from .helpers import run

SETUP = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && "


def test_figures_runs_every_notebook_for_a_report(tiny, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setenv("NST_FIGURES", "")  # and as it was, after the test
    settings = Recipe(size=48, scales=(32, 48), steps=(4, 3), weights="random")
    monkeypatch.setattr(cli_notebooks, "build_recipe", lambda name: settings)
    (tmp_path / "notebooks").mkdir()
    code = "import os; print(os.environ['NST_FIGURES'], language)"
    for name in "ab":
        parameters = "language = 'en'  # labels"
        notebook(tmp_path / "notebooks" / f"{name}.ipynb", code, parameters=parameters)
    found = run("figures", "--language", "vi")
    assert found.exit_code == 0, found.output
    assert (paths.FIGURES / "quickstart_vi.png").is_file()
    page = (paths.FIGURES / "README.md").read_text(encoding="utf-8")
    assert "theo phong cách của" in page
    for name in "ab":
        [copy] = paths.RUNS.rglob(f"{name}.ipynb")
        assert "1 vi" in copy.read_text(encoding="utf-8")
    assert run("figures", "--language", "fr").exit_code == 2


def test_fresh_asks_a_notebook_to_paint_again_what_is_stored(monkeypatch):
    asked = []
    told = [notebooks.NotebookOutcome("09_controls", 1.0, "", 0, paths.RUNS / "copy.ipynb")]
    monkeypatch.setattr(notebooks, "run_notebooks", lambda *a, **_: asked.append(a[1]) or told)
    folder = paths.ROOT / "notebooks"
    assert run("rerun", folder / "09_controls.ipynb", "--fresh").exit_code == 0
    assert asked == [{"fresh": True}]
    found = run("rerun", folder / "00_background.ipynb", "--fresh")
    assert found.exit_code and "fresh" in found.output
