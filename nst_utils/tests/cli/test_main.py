import json
import re
import shlex
import shutil
import subprocess
import sys
from fractions import Fraction

import pytest
from PIL import Image

from nst_utils import paths
from nst_utils.images.png import read_provenance
from nst_utils.transfer.config import Recipe
from nst_utils.wikiart import miniature
from nst_utils.wikiart.miniature import make_miniature

from ..images.clip_helpers import film as make_clip
from .helpers import one_sentence, run

SETUP = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && "
HELP_ONLY = ("wikiart", "figures", "sweep", "bench", "leaderboard")


def readme_commands():
    text = (paths.ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:sh|bash)\n(.*?)```", text, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def test_other_inputs_that_cannot_be_used(pictures, tmp_path, monkeypatch):
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    out = ["--output", tmp_path / "out.png"]
    found = run("stylize", tmp_path / "dot.png", pictures[1], *out)
    assert "dot.png: only 1 x 1 pixels" in one_sentence(found, 1)
    found = run("stylize", "http://127.0.0.1:9/x.jpg", pictures[1], *out)
    assert "no answer" in one_sentence(found, 1)
    found = run("stylize", "ftp://host/x.jpg", pictures[1], *out)
    assert "only http and https" in one_sentence(found, 1)
    found = run("stylize", "cofee", "mosaic", *out)
    assert "did you mean 'coffee'" in one_sentence(found, 1)
    found = run("stylize", "coffee", "mosaic", *out, "--weights", "nothing.pt")
    assert "not found" in one_sentence(found, 1)
    found = run("stylize", "coffee", "mosaic", *out, "--backbone", "resnet50",
                "--weights", "torchvision")  # fmt: skip
    assert "cannot be downloaded" in one_sentence(found, 1)
    paths.WEIGHTS.mkdir(exist_ok=True)
    (paths.WEIGHTS / "resnet50-0676ba61.pth").write_bytes(b"wrong")
    found = run("stylize", "coffee", "mosaic", *out, "--backbone", "resnet50",
                "--weights", "torchvision")  # fmt: skip
    assert "wrong checksum" in one_sentence(found, 1)
    assert not (tmp_path / "out.png").exists()


def test_lists():
    found = run("recipes")
    assert all(name in found.stdout for name in ("quick", "report-as-run", "gatys2016"))
    found = run("recipes", "report", "--backbone", "resnet50")
    assert Recipe.from_json(found.stdout).content_layer == "layer4"
    assert "total variation" in run("recipes", "--fields").stdout
    assert "did you mean 'report'" in one_sentence(run("recipes", "raport"), 2)
    found = run("backbones").stdout
    assert "VGG19 (Oxford): available" in found
    assert "ResNet-50 (torchvision): not here; one download of 103 MB" in found
    assert "layer3.5" in found
    found = run("samples").stdout
    assert all(name in found for name in ("astronaut", "nocturne", "starry-night"))


def test_a_brought_file_is_listed(monkeypatch, tmp_path):
    (tmp_path / "resnet50_mine.pt").write_bytes(b"x")
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(tmp_path))
    assert "resnet50_mine.pt: available" in run("backbones").stdout


def test_samples_sheet_and_download(server):
    found = run("samples", "--sheet")
    assert found.exit_code == 0, found.output
    assert (paths.FIGURES / "samples.jpg").is_file()


def test_download_that_fails_has_status_1(monkeypatch):
    from nst_utils.images import samples

    painting = samples.list_samples()["starry-night"]
    monkeypatch.setattr(samples, "download_paintings", lambda: iter([(painting, "no answer")]))
    found = run("samples", "--download")
    assert "1 of 1 paintings are missing" in one_sentence(found, 1)


def test_help_and_version_as_a_process():
    for words in (["--help"], ["stylize", "--help"], ["--version"], ["provenance", "-h"]):
        found = subprocess.run(
            [sys.executable, "-m", "nst_utils", *words], capture_output=True, text=True
        )
        assert found.returncode == 0
        assert found.stdout
    found = subprocess.run(
        [sys.executable, "-m", "nst_utils", "nonsense"], capture_output=True, text=True
    )
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.count("\n") == 1


def test_readme_gives_the_two_commands_and_ci_runs_the_second():
    commands = readme_commands()
    assert f"{SETUP}.venv/bin/python -m nst_utils" in commands
    assert f"{SETUP}.venv/bin/pytest" in commands
    script = (paths.ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert script.strip().splitlines()[-1] == f"{SETUP}.venv/bin/pytest"


def test_readme_python_runs(tmp_path, monkeypatch):
    """As it stands, but for the size and the number of steps."""
    pages = [paths.ROOT / "README.md", paths.PACKAGE / "transfer" / "README.md"]
    found = [
        re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        for page in pages
    ]
    blocks = [*found[0], *(block for block in found[1] if "on_step=" in block)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        miniature, "make_miniature", lambda folder=None: make_miniature(tmp_path / "mini")
    )
    space = {}
    for block in blocks:
        small = block.replace("size=256", "size=32, steps=34")
        exec(small, space)
    assert read_provenance(tmp_path / "cat.png")["recipe"]["beta"] == 4
    assert len(space["watch"].frames) == 3
    assert space["steered"].recipe.schedule == ((31, "beta", 15.0),)


@pytest.mark.parametrize("command", readme_commands())
def test_readme_commands_run(command, tmp_path, monkeypatch):
    """Each at its smallest size; set-up, downloads and servers only as far as options exist."""
    words = shlex.split(command.removeprefix(SETUP), comments=True)
    while words and "=" in words[0]:
        name, value = words.pop(0).split("=", 1)
        monkeypatch.setenv(name, str(tmp_path))
        assert value
    program = words.pop(0).removeprefix(".venv/bin/")
    if program != "python":
        check_other_program(program, words)
        return
    assert words[:2] == ["-m", "nst_utils"]
    words = words[2:]
    if words[:1] == ["rerun"] and "--from" not in words:
        # nbval runs the notebook itself; here only that its parameters are those of the README.
        from nst_utils.experiments.notebooks import check_parameters

        check_parameters(paths.ROOT / words[1], dict(zip(words[3::3], words[4::3], strict=True)))
        return
    monkeypatch.chdir(tmp_path)
    for name in ("photo.jpg", "painting.jpg"):
        Image.effect_noise((60, 40), 60).convert("RGB").save(name)
    words = made_small(words, tmp_path)
    found = run(*words)
    assert found.exit_code == 0, found.output
    if words[0] == "provenance":
        assert json.loads(found.stdout)["recipe"]


def check_other_program(program, words):
    if program == "pytest":  # which runs this
        assert not words or (paths.ROOT / words[0]).exists()
    elif program == "jupyter":
        command = [sys.executable, "-m", program, *words[:1], "--help"]
        assert subprocess.run(command, capture_output=True).returncode == 0
    elif program == "pip":
        assert words == ["install", "-e", ".[judges]"]
    else:
        assert program == "conda"
        assert words[:2] == ["env", "create"] or words[0] == "activate"


def made_small(words, folder):
    """Make what a command needs; return the command at its smallest size, or its help."""
    small = ["--size", "32", "--steps", "1"]
    quick = ["--steps", "1", "--side", "32", "--batch", "1", "--style-size", "48"]
    if words[:1] == ["export"]:
        for package in ("onnx", "onnxscript"):
            pytest.importorskip(package, reason=f"needs the extra onnx: pip install {package}")
        assert run("train", "painting.jpg", "--output", words[1], *quick).exit_code == 0
        return words
    if "--network" in words:
        (folder / "photos").mkdir()
        shutil.copy("photo.jpg", folder / "photos")
        network = words[words.index("--network") + 1]
        assert run("train", "painting.jpg", "--output", network, *quick).exit_code == 0
        return words
    if "stylize" in words:
        assert run(*words[: words.index("stylize") + 1], "--help").exit_code == 0
        (folder / "figures").mkdir()
        weights = ["--weights", "random"] if "resnet50" in words else []  # none are here
        return [*words, *small, *weights]
    if words[:1] == ["film"]:
        make_clip(folder / "clip.mp4", 5, rate=Fraction(1))  # one frame a second
        return [*words, *small, "--frame-steps", "1", "--no-measures"]
    if words[:1] == ["train"]:
        return [*words, *quick]
    if not words or words[0].startswith("--"):
        return [*words, *small, "--out", folder]
    if words[0] == "provenance" or "--from" in words:
        made = run("stylize", "photo.jpg", "painting.jpg", "--output", words[-1], *small)
        assert made.exit_code == 0
    elif "--download" in words or words[0] in HELP_ONLY:
        return [*words, "--help"]
    return words
