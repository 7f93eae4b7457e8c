import json
import re
import shlex
import subprocess
import sys

import pytest
from click.testing import CliRunner
from PIL import Image

from nst_utils import paths
from nst_utils.cli import notebooks as cli_notebooks
from nst_utils.cli.main import main
from nst_utils.cli.recipe_options import build_recipe
from nst_utils.images.png import read_provenance
from nst_utils.transfer import run as transfer_run
from nst_utils.transfer.config import Recipe
from nst_utils.wikiart import miniature
from nst_utils.wikiart.miniature import make_miniature

from ..experiments.test_notebooks import notebook
from ..images.test_io import declared, jpeg


def run(*words, **options):
    return CliRunner().invoke(main, [str(word) for word in words], **options)


def one_sentence(found, status):
    """The error that a command ends with: one line, no traceback, the right status."""
    assert found.exit_code == status, found.output
    lines = found.stderr.strip().splitlines()
    assert lines[-1].startswith("Error: ")
    assert "Traceback" not in found.output
    assert sum(line.startswith("Error") for line in lines) == 1
    return lines[-1]


def test_stylize_writes_a_picture_that_tells_how(tiny, pictures, tmp_path):
    out = tmp_path / "out.png"
    found = run(
        "stylize", *pictures, "--output", out, "--size", "48", "--steps", "4",
        "--weights", "random", "--set", "beta=1e3", "--set", "style_layers=relu1_1:1+relu2_1:0.75",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    record = read_provenance(out)
    assert record["recipe"]["beta"] == 1000
    assert record["recipe"]["style_layers"] == {"relu1_1": 1.0, "relu2_1": 0.75}
    for word in ("backbone", "weights", "size", "steps", "seconds", "loss", "written", "random"):
        assert word in found.stdout
    assert "painting at 48 px" in found.stderr  # the progress bar


def test_quickstart_leaves_two_files(tiny, tmp_path):
    found = run("--size", "64", "--steps", "3", "--out", tmp_path)
    assert found.exit_code == 0, found.output
    assert (tmp_path / "quickstart.json").is_file()
    record = read_provenance(tmp_path / "quickstart_painting.png")
    assert record["content"]["source"] == "sample chelsea"
    assert read_provenance(tmp_path / "quickstart.png").items() >= record.items()


def test_an_interrupt_saves_the_best_picture(tiny, pictures, tmp_path, monkeypatch):
    original = transfer_run._Run._report

    def interrupt(self, *words):
        original(self, *words)
        if words[0] == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(transfer_run._Run, "_report", interrupt)
    out = tmp_path / "out.png"
    found = run("stylize", *pictures, "--output", out, "--size", "64", "--steps", "9")
    assert "interrupted after 3 of 9 steps" in one_sentence(found, 1)
    assert read_provenance(out)["steps"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--size", "-5"], "size must be a whole number of at least 1"),
        (["--size", "0"], "at least 1"),
        (["--size", "big"], "size cannot be 'big': expected a whole number, for example 512"),
        (["--size", "100000"], "size must be at most 8192 pixels"),
        (["--steps", "0"], "steps must be whole numbers of at least 1"),
        (["--recipe", "quik"], "did you mean 'quick'"),
        (["--backbone", "VGG19"], "did you mean 'vgg19'"),
        (["--weights", "oxfrod"], "did you mean 'oxford'"),
        (["--set", "content_layer=conv4_9"], "did you mean 'conv4_"),
        (["--set", "bta=3"], "did you mean 'beta'"),
        (["--set", "beta"], "FIELD=VALUE"),
        (["--set", "style_layers=relu1_1:x"], "style_layers cannot be"),
        (["--set", "device=toaster"], "unknown device 'toaster'"),
        (["--set", "device=cuda:77"], "'cuda:77' is not on this machine"),
        (["--set", "seed=99999999999999999999"], "seed must be a whole number"),
        (["--set", "schedule=[["], "schedule cannot be"),
        (["--sizes", "3"], "No such option"),
    ],
)
def test_usage_that_is_refused(pictures, tmp_path, words, message):
    found = run("stylize", *pictures, "--output", tmp_path / "out.png", *words)
    assert message in one_sentence(found, 2)
    assert not (tmp_path / "out.png").exists()


def test_outputs_that_are_refused(pictures, tmp_path):
    found = run("stylize", *pictures, "--output", tmp_path / "no" / "out.png")
    assert "does not exist" in one_sentence(found, 2)
    found = run("stylize", *pictures, "--output", tmp_path / "out.jpg")
    assert "must end in .png" in one_sentence(found, 2)
    before = pictures[0].read_bytes()
    found = run("stylize", *pictures, "--output", pictures[0])
    assert "was not painted here" in one_sentence(found, 2)
    assert pictures[0].read_bytes() == before


def test_a_painting_may_be_painted_over_but_not_by_a_run_that_reads_it(tiny, pictures, tmp_path):
    out = tmp_path / "out.png"
    words = ["--size", "32", "--steps", "1"]
    for _ in range(2):
        assert run("stylize", *pictures, "-o", out, *words).exit_code == 0
    found = run("stylize", out, pictures[1], "-o", out, *words)
    assert "would overwrite an input" in one_sentence(found, 2)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.png", None, "no such file"),
        ("text.jpg", b"just text", "not a picture"),
        ("cut.jpg", jpeg(Image.effect_noise((300, 200), 50))[:4000], "damaged or cut short"),
        ("empty.png", b"", "empty"),
        ("bomb.png", declared(20_000, 20_000), "89,478,485"),
    ],
)
@pytest.mark.parametrize("role", [0, 1])
def test_pictures_that_cannot_be_read(pictures, tmp_path, name, content, message, role):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    pair = list(pictures)
    pair[role] = tmp_path / name
    found = run("stylize", *pair, "--output", tmp_path / "out.png")
    line = one_sentence(found, 1)
    assert name in line
    assert message in line


def test_other_inputs_that_cannot_be_used(pictures, tmp_path, monkeypatch):
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    out = ["--output", tmp_path / "out.png"]
    found = run("stylize", tmp_path / "dot.png", pictures[1], *out)
    assert "dot.png: only 1 x 1 pixels" in one_sentence(found, 1)
    found = run("stylize", "http://127.0.0.1:9/x.jpg", pictures[1], *out)
    assert "no answer" in one_sentence(found, 1)
    found = run("stylize", "file:///etc/hostname", pictures[1], *out)
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


def test_options_in_the_wrong_place_are_not_ignored(tmp_path):
    for words in (["--content", "coffee", "backbones"], ["recipes", "--backbone", "resnet50"],
                  ["samples", "--download", "--sheet"]):  # fmt: skip
        one_sentence(run(*words), 2)
    (tmp_path / "file").write_text("in the way")
    found = run("--size", "32", "--steps", "1", "--out", tmp_path / "file" / "x")
    assert "no folder can be made" in one_sentence(found, 2)


def test_a_painting_that_cannot_be_saved_is_rescued(tiny, pictures, tmp_path, monkeypatch):
    from nst_utils.images.io import ImageError
    from nst_utils.images.png import save_png
    from nst_utils.transfer import result as transfer_result

    def full(image, path, *words):
        if paths.RUNS not in path.parents:
            raise ImageError(f"{path}: no space left")
        return save_png(image, path, *words)

    monkeypatch.setattr(transfer_result, "save_png", full)
    words = ["--output", tmp_path / "out.png", "--size", "32", "--steps", "1"]
    line = one_sentence(run("stylize", *pictures, *words), 1)
    assert "no space left; the painting is in" in line
    assert len(list(paths.RUNS.rglob("*out.png"))) == 1


def test_file_names_may_hold_anything(tiny, pictures, tmp_path):
    odd = tmp_path / "a$^$b {}%.png"
    pictures[0].rename(odd)
    words = ["--content", odd, "--style", pictures[1], "--size", "32", "--steps", "2"]
    found = run(*words, "--out", tmp_path)
    assert found.exit_code == 0, found.output
    assert one_sentence(run("stylize", "x" * 300, "mosaic", "--output", tmp_path / "o.png"), 1)


def test_unexpected_errors_are_one_sentence_too(tiny, pictures, tmp_path, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(transfer_run._Run, "_start", broken)
    words = ["stylize", *pictures, "--output", tmp_path / "out.png"]
    assert "unexpected ZeroDivisionError" in one_sentence(run(*words), 1)
    monkeypatch.setenv("NST_DEBUG", "1")
    assert isinstance(run(*words).exception, ZeroDivisionError)


def test_untrained_is_said_everywhere(tmp_path):
    out = tmp_path / "out.png"
    found = run("stylize", "coffee", "mosaic", "--output", out, "--backbone", "resnet50", "--size",
                "32", "--steps", "1")  # fmt: skip
    assert found.exit_code == 0, found.output
    assert "\rWarning: no trained weights for resnet50" in found.stderr
    assert "cannot be downloaded" in found.stderr  # and why
    assert "ResNet-50 (untrained)" in found.stdout
    assert read_provenance(out)["weights"]["trained"] is False


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
    assert (paths.FIGURES / "samples.png").is_file()


def test_download_that_fails_has_status_1(monkeypatch):
    from nst_utils.images import samples

    painting = samples.list_samples()["starry-night"]
    monkeypatch.setattr(samples, "download_paintings", lambda: iter([(painting, "no answer")]))
    found = run("samples", "--download")
    assert "1 of 1 paintings are missing" in one_sentence(found, 1)


def test_provenance(tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "plain.png")
    found = run("provenance", tmp_path / "plain.png")
    assert "no record" in one_sentence(found, 1)
    assert "no such file" in one_sentence(run("provenance", tmp_path / "no.png"), 1)


def test_build_recipe_reads_every_option():
    made = build_recipe("report", ("tv=0.5", "seed=7"), size="96", steps="10", backbone=None)
    assert (made.size, made.steps, made.tv, made.seed) == (96, (10,), 0.5, 7)


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


def readme_commands():
    text = (paths.ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:sh|bash)\n(.*?)```", text, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


SETUP = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && "


def test_readme_gives_the_two_commands_and_ci_runs_the_second():
    commands = readme_commands()
    assert f"{SETUP}.venv/bin/python -m nst_utils" in commands
    assert f"{SETUP}.venv/bin/pytest" in commands
    script = (paths.ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert script.strip().splitlines()[-1] == f"{SETUP}.venv/bin/pytest"


def test_readme_python_runs(tmp_path, monkeypatch):
    """As it stands, but for the size and the number of steps."""
    text = (paths.ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        miniature, "make_miniature", lambda folder=None: make_miniature(tmp_path / "mini")
    )
    space = {}
    for block in blocks:
        small = block.replace("size=256", "size=32, steps=34")
        exec(small, space)
    assert read_provenance(tmp_path / "cat.png")["recipe"]["beta"] == 30
    assert len(space["watch"].frames) == 3
    assert space["steered"].recipe.schedule == ((31, "beta", 100.0),)


@pytest.mark.parametrize("command", readme_commands())
def test_readme_commands_run(command, tmp_path, monkeypatch):
    """Each at its smallest size; set-up, downloads and servers only as far as options exist."""
    words = shlex.split(command.removeprefix(SETUP), comments=True)
    while words and "=" in words[0]:
        name, value = words.pop(0).split("=", 1)
        monkeypatch.setenv(name, str(tmp_path))
        assert value
    program = words.pop(0).removeprefix(".venv/bin/")
    if program in ("jupyter", "pytest"):
        help_text = subprocess.run(
            [sys.executable, "-m", program, *words[:1], "--help"], capture_output=True, text=True
        )
        assert help_text.returncode == 0
        return
    if program == "conda":
        assert words[:2] == ["env", "create"] or words[0] == "activate"
        return
    assert program == "python" and words[:2] == ["-m", "nst_utils"]
    words = words[2:]
    if words[:1] == ["rerun"] and "--from" not in words:
        # nbval runs the notebook itself; here only that its parameters are those of the README.
        from nst_utils.experiments.notebooks import check_parameters

        check_parameters(paths.ROOT / words[1], dict(zip(words[3::3], words[4::3], strict=True)))
        return
    monkeypatch.chdir(tmp_path)
    for name in ("photo.jpg", "painting.jpg"):
        Image.effect_noise((60, 40), 60).convert("RGB").save(name)
    if "stylize" in words:
        assert run(*words[: words.index("stylize") + 1], "--help").exit_code == 0
        words += ["--size", "32", "--steps", "1"]
        (tmp_path / "figures").mkdir()
    elif not words or words[0].startswith("--"):
        words += ["--size", "32", "--steps", "1", "--out", tmp_path]
    elif words[0] == "provenance" or "--from" in words:
        out = ["--output", words[-1], "--size", "32", "--steps", "1"]
        assert run("stylize", "photo.jpg", "painting.jpg", *out).exit_code == 0
    elif "--download" in words or words[0] in ("wikiart", "figures", "sweep", "bench"):
        words.append("--help")
    found = run(*words)
    assert found.exit_code == 0, found.output
    if words[0] == "provenance":
        assert json.loads(found.stdout)["recipe"]


def test_figures_runs_every_notebook_for_a_report(tiny, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    settings = Recipe(size=48, scales=(32, 48), steps=(4, 3), weights="random")
    monkeypatch.setattr(cli_notebooks, "build_recipe", lambda name: settings)
    (tmp_path / "notebooks").mkdir()
    parameters = "profile = 'default'  # sizes\nlanguage = 'en'  # labels\nbeta = 1  # weight"
    notebook(tmp_path / "notebooks" / "a.ipynb", "print(profile, language)", parameters=parameters)
    found = run("figures", "--language", "vi")
    assert found.exit_code == 0, found.output
    assert (paths.FIGURES / "quickstart_vi.png").is_file()
    page = (paths.FIGURES / "README.md").read_text(encoding="utf-8")
    assert "theo phong cách của" in page
    [copy] = paths.RUNS.rglob("a.ipynb")
    assert "report vi" in copy.read_text(encoding="utf-8")
    kept = list((paths.RUNS / "finished").rglob("painting.png"))
    assert len(kept) == 1
    assert run("figures", "--language", "fr").exit_code == 2
