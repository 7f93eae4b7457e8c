from click.testing import CliRunner

from nst_utils import paths
from nst_utils.cli.main import main
from nst_utils.wikiart.miniature import make_miniature


def run(*words, **options):
    return CliRunner().invoke(main, ["wikiart", *map(str, words)], **options)


def test_index_stats_and_verify_on_the_miniature(tmp_path):
    folder = make_miniature(tmp_path / "mini")
    found = run("index", folder)
    assert found.exit_code == 0, found.output
    assert "128 files, 27 styles" in found.stdout
    assert "1  row without file" in found.stdout
    stats = run("stats", folder, "--top", 3).stdout
    assert "80,020" in stats and "share of Impressionism" in stats
    verified = run("verify", folder)
    assert verified.exit_code == 0
    assert "5 of 128 files cannot be used" in verified.stdout
    assert "empty file" in verified.stdout


def test_a_wrong_folder_is_one_sentence(tmp_path):
    found = run("index", tmp_path / "none")
    assert found.exit_code == 1
    assert found.stderr.startswith("Error: ") and "no such folder" in found.stderr
    assert found.stderr.count("\n") == 1


def test_download_says_size_and_license_and_asks(monkeypatch):
    found = run("download", input="n\n")
    assert found.exit_code == 1
    assert "non-commercial research only" in found.stdout and "34 GB" in found.stdout
    assert "nothing was downloaded" in found.stderr
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    found = run("download", "--source", "huggingface", "--count", 3, "--yes")
    assert found.exit_code == 1
    assert "pip install datasets" in found.stderr


def test_mini_and_scale(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "DATA", tmp_path)
    monkeypatch.setattr("nst_utils.wikiart.miniature.make_miniature", lambda: tmp_path / "mini")
    assert "ready in" in run("mini").stdout
    found = run("scale", "--files", 54)
    assert found.exit_code == 0, found.output
    assert found.stdout.splitlines()[1].split()[0] == "54"
