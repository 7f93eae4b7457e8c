from click.testing import CliRunner

from nst_utils.cli.main import main
from nst_utils.cli.recipe_options import build_recipe

SETUP = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && "


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


def test_build_recipe_reads_every_option():
    made = build_recipe("report", ("tv=0.5", "seed=7"), size="96", steps="10", backbone=None)
    assert (made.size, made.steps, made.tv, made.seed) == (96, (10,), 0.5, 7)
