import pytest

from nst_utils.errors import NSTError
from nst_utils.experiments import reproduce
from nst_utils.transfer import run as transfer_run

from .helpers import one_sentence, run

SETUP = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && "


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


def test_options_in_the_wrong_place_are_not_ignored(tmp_path):
    for words in (["--content", "coffee", "backbones"], ["recipes", "--backbone", "resnet50"],
                  ["samples", "--download", "--sheet"]):  # fmt: skip
        one_sentence(run(*words), 2)
    (tmp_path / "file").write_text("in the way")
    found = run("--size", "32", "--steps", "1", "--out", tmp_path / "file" / "x")
    assert "no folder can be made" in one_sentence(found, 2)


def test_arguments_in_a_message_are_shown_as_options(tmp_path, monkeypatch):
    def refuse(_):
        raise NSTError("give trust=True or content=a.jpg, not http://host/x; size=3 stays")

    monkeypatch.setattr(reproduce, "read_record", refuse)
    told = "give --trust or --content a.jpg, not http://host/x; size=3 stays"
    assert one_sentence(run("rerun", "--from", tmp_path / "x.png"), 1) == f"Error: {told}"


def test_options_of_the_other_use_of_rerun_are_refused(tmp_path):
    for words in (("-o", "b.png", "a.ipynb"), ("--from", "a.png", "--jobs", "1")):
        assert "goes with" in one_sentence(run("rerun", *words), 2)


def test_unexpected_errors_are_one_sentence_too(tiny, pictures, tmp_path, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(transfer_run._Run, "_start", broken)
    words = ["stylize", *pictures, "--output", tmp_path / "out.png"]
    assert "unexpected ZeroDivisionError" in one_sentence(run(*words), 1)
    monkeypatch.setenv("NST_DEBUG", "1")
    assert isinstance(run(*words).exception, ZeroDivisionError)


def test_a_file_that_may_not_be_opened_is_one_sentence(monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied", "/locked/a.png")

    monkeypatch.setattr(reproduce, "read_record", refuse)
    said = one_sentence(run("rerun", "--from", __file__), 1)
    assert "/locked/a.png: cannot be read or written (Permission denied)" in said
