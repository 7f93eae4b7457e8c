"""The wheel: built from the clone, installed elsewhere, and used there without the clone."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from nst_utils.paths import ROOT

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def run(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, with nothing in its environment that leads to the clone."""
    world = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, env=world)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = run(*PIP, "wheel", "--no-deps", "--wheel-dir", folder, ROOT, folder=folder)
    if "No matching distribution found for hatchling" in built.stderr:
        pytest.skip("pip cannot reach an index that has hatchling, which builds the wheel")
    assert built.returncode == 0, built.stderr
    [path] = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_it_holds_the_samples_and_no_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if "tests" in name.split("/")]
    samples = {path.name for path in (ROOT / "data" / "samples").iterdir()}
    assert {name.split("/")[-1] for name in names if "/data/samples/" in name} == samples


@pytest.mark.slow
def test_it_paints_outside_the_clone(wheel, tmp_path):
    made = run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    scripts = sysconfig.get_path("scripts", "venv", vars={"base": str(tmp_path / "venv")})
    python = Path(scripts, Path(sys.executable).name)
    pip = [*PIP, "--python", python, "install", "--no-deps", "--no-index"]
    installed = run(*pip, wheel, folder=tmp_path)
    assert installed.returncode == 0, installed.stderr
    # The dependencies are borrowed from this environment, which comes last in the search path.
    own = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(tmp_path / "venv")}))
    shared = [place for place in sys.path if place.endswith(("site-packages", "dist-packages"))]
    (own / "shared.pth").write_text("\n".join(shared), encoding="utf-8")
    code = "import nst_utils; print(nst_utils.__file__)"
    found = run(python, "-c", code, folder=tmp_path)
    assert Path(found.stdout.strip()) == own / "nst_utils" / "__init__.py", found.stderr
    words = "stylize coffee mosaic --size 64 --steps 2 --output x.png".split()
    painted = run(Path(scripts, "nst"), *words, folder=tmp_path)
    assert painted.returncode == 0, painted.stderr
    assert (tmp_path / "x.png").is_file()
