import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nst_utils.benchmark import recorded_leaderboard as recorded
from nst_utils.benchmark.leaderboard_table import LeaderboardError, read_leaderboard


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A leaderboard of plain pictures, and a folder to store it in."""
    monkeypatch.setattr(recorded, "FOLDER", tmp_path / "recorded")
    (tmp_path / "pictures").mkdir()
    rows = []
    for content, style in recorded.SHOWN_STYLES.items():
        for place, method in enumerate(recorded.SHOWN_METHODS):
            name = f"pictures/{method}-{content}.png"
            Image.new("RGB", (60, 40), (40 * place, 0, 0)).save(tmp_path / name)
            rows.append(
                {"method": method, "content": content, "style": style, "size": 60, "factor": 1.0,
                 "seed": 0, "error": "", "ssim": 0.123456, "color": 0.5, "seconds": 1.0,
                 "peak_mb": 100.0, "key": "k", "picture": name}
            )  # fmt: skip
    return pd.DataFrame(rows), tmp_path


def test_rows_and_pictures_are_stored_and_read_again(finished):
    rows, out = finished
    written = recorded.record_leaderboard(rows, out)
    table = read_leaderboard(written[0])
    assert len(table) == len(rows) and table["ssim"].eq(0.1235).all()
    assert not {"key", "picture"} & set(table)
    shown = recorded.recorded_pictures("rocket", "camera")
    titles = [title for _, title in shown]
    names = [("rocket", "expressionism"), ("camera", "watercolor")]
    assert titles == [title for pair in names for title in (*pair, *recorded.SHOWN_METHODS)]
    last = shown[7][0]
    center = last.getpixel((last.width // 2, last.height // 2))
    assert center[0] == pytest.approx(200, abs=4) and max(center[1:]) < 8


def test_what_is_not_whole_is_not_stored(finished):
    rows, out = finished
    broken = rows.assign(error=["no memory", *[""] * (len(rows) - 1)])
    with pytest.raises(LeaderboardError, match="1 of 48 pictures failed"):
        recorded.record_leaderboard(broken, out)
    with pytest.raises(LeaderboardError, match="no picture of astronaut x woodblock by quick"):
        recorded.record_leaderboard(rows.iloc[1:], out)
    assert not recorded.FOLDER.exists()


def test_pictures_are_read_from_the_leaderboards_folder_only(finished):
    rows, out = finished
    elsewhere = rows.assign(picture=[f"../../{name}" for name in rows["picture"]])
    assert recorded.picture_grid(elsewhere, out).size == (1500, 900)


def test_the_stored_one_has_all_its_pairs():
    rows = read_leaderboard(recorded.FOLDER / "leaderboard.csv")
    shown = [picture for picture, _ in recorded.recorded_pictures(*recorded.SHOWN_STYLES)]
    assert len(shown) == 60
    # Without the white that fills the squares.
    assert all(np.asarray(picture)[[0, -1]].mean() < 250 for picture in shown)
    assert set(recorded.SHOWN_METHODS) <= set(rows["method"])
