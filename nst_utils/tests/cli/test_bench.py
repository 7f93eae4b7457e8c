import json

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure

from nst_utils import paths
from nst_utils.benchmark import reference, table
from nst_utils.benchmark.common import Exhibit, Row
from nst_utils.cli.main import main


@pytest.fixture
def figures(monkeypatch):
    def good():
        yield Row("steps", 1.0, 4.0, 0.25, "ratio 0.5 or less", True)

    def bad():
        # As measures come: scalars of numpy.
        yield Row("bytes", np.float32(3), None, None, "2 or less", np.bool_(False))
        yield Exhibit("bench_time", Figure(), "A caption.", {"table": [1]})

    monkeypatch.setattr(table, "FIGURES", {"good": good, "bad": bad, "studio": good})


def run(*words):
    return CliRunner().invoke(main, ["bench", *map(str, words)])


def test_a_table_and_json_with_the_agreed_names(figures, tmp_path):
    found = run("--only", "good", "--json", tmp_path / "rows.json")
    assert found.exit_code == 0, found.output
    assert "ratio 0.5 or less: met" in found.output and "threads" in found.output
    [row] = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert list(row) == ["figure", "ours", "theirs", "ratio", "target", "met"]


def test_status_1_when_a_target_is_missed_and_the_json_is_written_all_the_same(figures, tmp_path):
    found = run("--json", tmp_path / "rows.json")
    assert found.exit_code == 1 and "MISSED" in found.output
    assert "1 of 2 targets missed" in found.output
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert [row["met"] for row in rows] == [True, False] and rows[1]["ours"] == 3


def test_studio_alone_or_beside_the_others(figures):
    assert run("--only", "studio").output.count("steps") == 1
    assert run("--studio", "--only", "good").output.count("steps") == 2
    everything = run("--studio").output
    assert everything.count("steps") == 2 and "bytes" in everything


def test_recording_is_a_command_of_its_own(figures, monkeypatch, tmp_path):
    monkeypatch.setattr(
        reference, "record_end_points", lambda machine, tell: tell(machine) or tmp_path
    )
    found = run("--record")
    assert found.exit_code == 0 and "threads" in found.output and "written" in found.output
    assert run("--record", "--studio").exit_code == 2


def test_bad_words_are_one_sentence(figures, tmp_path):
    found = run("--only", "god")
    assert found.exit_code != 0 and "good" in found.output
    found = run("--json", tmp_path / "no" / "rows.json")
    assert found.exit_code == 1 and "no such folder" in found.output


def test_publishing_writes_the_readmes_table_and_the_figures(figures, monkeypatch, tmp_path):
    page = tmp_path / "README.md"
    page.write_text("top\n{}\n{}\nend\n".format(*table.MARKS), encoding="utf-8")
    monkeypatch.setattr(paths, "BENCHMARK_PAGE", page)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    found = run("--publish")
    assert found.exit_code == 1 and "1 of 2 targets missed" in found.output
    text = page.read_text(encoding="utf-8")
    assert "| bytes | 3 |" in text and "threads" in text and text.endswith("\nend\n")
    record = json.loads((tmp_path / "figures" / "bench_time.json").read_text(encoding="utf-8"))
    assert record["table"] == [1] and "threads" in record["machine"]
    assert (tmp_path / "figures" / "bench_time.png").is_file()


def test_publishing_is_for_the_whole_table_in_a_clone(figures, monkeypatch, tmp_path):
    assert run("--publish", "--only", "good").exit_code == 2
    monkeypatch.setattr(paths, "BENCHMARK_PAGE", tmp_path / "README.md")
    found = run("--publish")
    assert found.exit_code == 1 and "no page to write here" in found.output
    (tmp_path / "README.md").write_text("no marks", encoding="utf-8")
    found = run("--publish")  # said before anything is measured
    assert found.exit_code == 1 and "once each" in found.output and "steps" not in found.output
