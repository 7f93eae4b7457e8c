"""Tries the lowest version of every dependency, all together, in a folder.

``python -m nst_utils.benchmark.lower_bounds FOLDER`` installs, imports and paints.

A bound in ``pyproject.toml`` is a promise: with just these versions a picture is read and painted.
"""

import argparse
import subprocess
import sys
import tomllib
from pathlib import Path

from .. import paths

TRIES = (
    ("--size", "64", "--steps", "2", "--out", "quick"),
    ("stylize", "coffee", "mosaic", "--size", "64", "--steps", "2", "--output", "painting.tif"),
    ("film", "sample", "mosaic", "--size", "64", "--to", "0.2", "--output", "film.mp4"),
    ("sweep", "--grid", "beta=1,2", "--size", "48", "--steps", "2", "--out", "sweep"),
)
"""Commands that reach most dependencies."""

IMPORTS = """
import importlib, pkgutil, nst_utils
for module in pkgutil.walk_packages(nst_utils.__path__, "nst_utils."):
    if ".tests" not in module.name and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def lowest_versions(torch: bool = False) -> list[str]:
    """Return each dependency of the package at its lowest version, as pip takes it.

    Parameters
    ----------
    torch : bool
        Also torch and torchvision, whose old builds are large; else any version of them.
    """
    page = tomllib.loads((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = page["project"]["dependencies"]
    return [
        line if line.startswith("torch") and not torch else line.replace(">=", "==")
        for line in wanted
    ]


def try_lowest(folder: Path, torch: bool = False) -> None:
    """Make an environment of the lowest versions in a folder, and paint in it.

    Raises
    ------
    subprocess.CalledProcessError
        If a version does not exist or something fails with it.
    """
    subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    python = folder / "env" / "bin" / "python"
    versions = lowest_versions(torch)
    subprocess.run([python, "-m", "pip", "install", "-q", *versions], check=True)
    environment = {"PYTHONPATH": str(paths.ROOT), "NST_HOME": str(folder), "PATH": ""}
    for words in (("-c", IMPORTS), *(("-m", "nst_utils", *words) for words in TRIES)):
        subprocess.run([python, *words], cwd=folder, env=environment, check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--torch", action="store_true", help="torch and torchvision too")
    given = parser.parse_args()
    try_lowest(given.folder.absolute(), given.torch)
