"""Folders of the project; never the working directory, since notebooks run in ``notebooks/``."""

from pathlib import Path

PACKAGE = Path(__file__).absolute().parent
ROOT = PACKAGE.parent
README = ROOT / "README.md"

DATA = ROOT / "data"
WEIGHTS = DATA / "weights"
RUNS = DATA / "runs"
PAINTINGS = DATA / "paintings"
FIGURES = ROOT / "figures"

_PACKED = PACKAGE / "data" / "samples"
SAMPLES = _PACKED if _PACKED.is_dir() else DATA / "samples"
"""Sample pictures: in a clone beside the package, in an installed wheel inside it."""
