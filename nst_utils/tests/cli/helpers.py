"""What the tests of the command line share."""

from click.testing import CliRunner

from nst_utils.cli.main import main


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
