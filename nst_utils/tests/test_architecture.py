"""What holds for the whole tree: imports, layout, one truth per fact, lint, spelling."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from nst_utils.registry import ROOT

PACKAGE = ROOT / "nst_utils"

# A module imports only from strictly lower ranks: the order tells the data flow.
RANKS = {
    "registry": 0,
    "values": 1,
    "fetch": 1,
    "config": 2,
    "images": 2,
    "losses": 2,
    "winograd": 1,
    "kernels": 2,
    "weights": 2,
    "features": 3,
    "samples": 3,
    "objective": 4,
    "result": 4,
    "metrics": 4,
    "movers": 5,
    "watch": 5,
    "transfer": 6,
    "labels": 0,
    "turns": 0,
    "words": 1,
    "curves": 2,
    "tables": 5,
    "compare": 1,
    "naming": 1,
    "scan": 1,
    "indexing": 2,
    "getting": 3,
    "wikiart": 4,
    "miniature": 4,
    "dataset": 5,
    "scale": 5,
    "cluster": 1,
    "sweep": 9,
    "cli_sweep": 10,
    "cli_wikiart": 9,
    "archive": 7,
    "plots": 7,
    "charts": 8,
    "report": 8,
    "trials": 8,
    "rerun": 2,
    "repeat": 9,
    "passages": 7,
    "pickers": 8,
    "controller": 8,
    "portfolio": 9,
    "studio": 10,
    "rivals": 6,
    "records": 7,
    "yardstick": 9,
    "levers": 10,
    "bench": 11,
    "cli_bench": 12,
    "cli": 13,
    "__main__": 14,
}
TORCH_FREE = (
    "registry",
    "values",
    "fetch",
    "words",
    "compare",
    "naming",
    "scan",
    "cluster",
    "cli_sweep",
    "cli_bench",
    "indexing",
    "getting",
    "wikiart",
    "scale",
    "cli_wikiart",
    "config",
    "rerun",
    "labels",
    "turns",
    "passages",
    "controller",
    "cli",
)
TOP_LEVEL = {
    "notebooks",
    "nst_utils",
    "data",
    "figures",
    "environment.yml",
    "requirements.txt",
    "README.md",
    "pyproject.toml",
}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git checkout: nothing to list")
    return [path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()]


def imports(path: Path) -> tuple[set[str], set[str]]:
    """Return the package's own modules that a file imports, and the others."""
    own, others = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            own |= {node.module} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            others.add(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
    return own, others


def test_every_module_has_a_rank_and_a_test():
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert modules == set(RANKS)
    tests = {path.stem.removeprefix("test_") for path in (PACKAGE / "tests").glob("test_*.py")}
    assert modules - {"__main__"} <= tests


@pytest.mark.parametrize("module", RANKS)
def test_imports_point_one_way(module):
    own, _ = imports(PACKAGE / f"{module}.py")
    assert all(RANKS[name] < RANKS[module] for name in own), own


@pytest.mark.parametrize("module", TORCH_FREE)
def test_these_modules_do_not_import_torch(module):
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in top for alias in node.names}
    names |= {node.module or "" for node in top if isinstance(node, ast.ImportFrom)}
    assert not any(name.startswith(("torch", "matplotlib", "skimage")) for name in names)


def test_importing_the_package_is_light():
    code = (
        "import sys, nst_utils, nst_utils.cli; nst_utils.Recipe();"
        "heavy = {'torch', 'matplotlib', 'PIL', 'skimage', 'pandas'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_public_names_are_reachable():
    import nst_utils

    for name in nst_utils.__all__:
        assert getattr(nst_utils, name) is not None


def test_top_level_is_exactly_the_layout():
    names = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {name for name in names if not name.startswith(".")} == TOP_LEVEL


def test_readme_shows_the_real_layout():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"## Layout\n.*?```text\n(.*?)```", readme, re.DOTALL)[1]
    shown = {line.split()[0].rstrip("/") for line in block.splitlines() if line.strip()}
    modules = {f"{name}.py" for name in RANKS if name != "__main__"}
    assert shown == TOP_LEVEL | modules | {"tests"}


def test_one_list_of_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    required = [line for line in lines if line and not line.startswith("#")]
    assert required[0] == "-e ."
    assert required[1:] == project["dependencies"]
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda, pip = environment["dependencies"][:-1], environment["dependencies"][-1]["pip"]
    assert pip == ["-r requirements.txt"]
    assert f"python{project['requires-python']}" in conda
    from nst_utils.registry import VERSION

    assert project["version"] == VERSION


def test_every_import_is_a_dependency():
    names = {"PIL": "pillow", "skimage": "scikit-image", "yaml": "papermill", "nbformat": "nbval"}
    names |= {"IPython": "jupyterlab", "distributed": "dask[distributed]"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"].values()
    lines = [*project["dependencies"], *(line for extra in optional for line in extra)]
    known = {re.split(r"[=<>]", line)[0] for line in lines}
    for path in PACKAGE.rglob("*.py"):
        for name in imports(path)[1] - set(sys.stdlib_module_names) - {"nst_utils"}:
            assert names.get(name, name) in known, f"{path.name} imports {name}"


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_ruff(command):
    found = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "."], cwd=ROOT, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout + found.stderr


# Written with brackets, so that this file does not find itself.
BRITISH = re.compile(
    r"colo[u]r|normali[s]|optimi[s][ei]|styli[s]|neighbo[u]r|labell[e]d|licenc[e]|gre[y]|cent[r]e",
    re.IGNORECASE,
)
MACHINE = re.compile(r"/(?:home/[a-z]|Users/|work/|tmp/)")


def readable(path: Path) -> str:
    """A file's text without stored pictures: base64 may hold any word."""
    return re.sub(r'"image/(?:jpeg|png)": "[^"]*"', "", path.read_text(encoding="utf-8"))


def test_spelling_is_american():
    for path in tracked():
        if path.suffix in (".py", ".md", ".toml", ".yml", ".json", ".ipynb"):
            found = BRITISH.search(readable(path))
            assert found is None, f"{path.relative_to(ROOT)}: {found[0]}"


def test_no_large_files_and_no_paths_of_a_machine():
    for path in tracked():
        assert path.stat().st_size < 1_500_000, path
        if path.suffix in (".py", ".md", ".toml", ".yml", ".json", ".ipynb", ".txt"):
            assert not MACHINE.search(readable(path)), path
