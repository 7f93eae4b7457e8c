import pandas as pd

from nst_utils.benchmark import leaderboard
from nst_utils.benchmark.leaderboard_table import METHODS

from .helpers import run


def test_pairs_are_two_numbers_and_folders_hold_pictures(tmp_path):
    found = run("leaderboard", "--pairs", "many")
    assert found.exit_code == 2 and "two numbers, as 10,20" in found.stderr
    found = run("leaderboard", "--own-steps", "--equal-seconds")
    assert found.exit_code == 2 and "not both" in found.stderr
    (tmp_path / "notes.txt").write_text("no picture")
    found = run("leaderboard", "--contents", tmp_path)
    assert found.exit_code == 1 and "no pictures there" in found.stderr


def test_the_options_reach_the_run_and_its_tables_are_printed(tmp_path, monkeypatch):
    asked = {}

    def paint_nothing(contents, styles, methods, **options):
        asked.update(contents=contents, styles=styles, methods=methods, **options)
        row = {"content": contents[0], "size": 64, "factor": 1.0, "seed": 0, "seconds": 1.0,
               "peak_mb": 9.0, "ssim": 0.5, "color": 0.4, "texture": 0.2, "error": ""}  # fmt: skip
        rows = [row | {"method": m, "style": s} for m in ("quick", "photo") for s in styles]
        table = pd.DataFrame(rows)
        table.to_csv(options["out"] / "leaderboard.csv", index=False)
        return table

    monkeypatch.setattr(leaderboard, "run_leaderboard", paint_nothing)
    found = run("leaderboard", "--pairs", "1,3", "--size", 64, "--out", tmp_path)
    assert found.exit_code == 0, found.output
    assert asked["contents"] == ["astronaut"] and len(asked["styles"]) == 3
    assert asked["methods"] == METHODS and asked["size"] == 64
    assert "Methods over 3 pairs at 64 px" in found.stdout and "quick" in found.stdout
    again = run("leaderboard", "--show", "--out", tmp_path)
    assert again.stdout == found.stdout
    stored = run("leaderboard", "--show", "--publish", "--out", tmp_path)
    assert stored.exit_code == 1 and "name no pictures" in stored.stderr
    missing = run("leaderboard", "--show", "--out", tmp_path / "none")
    assert missing.exit_code == 1 and "without --show" in missing.stderr
