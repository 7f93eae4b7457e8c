import io

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from nst_utils import paths, plotting


def test_a_table_of_the_large_run_is_read_back():
    table = pd.DataFrame({"gap_%": [0.123456, 2]}, index=["a", "b"])
    plotting.Album("x", profile="report").add_table(table, "runs", "every run")
    assert plotting.finished_table("x_runs", index_col=0).equals(table)
    assert plotting.finished_table("y") is None


def test_a_figure_of_the_large_run_is_shown_small_with_its_caption():
    plotting.Album("x", profile="report").add(Figure((9, 2)), "wide", "what it shows")
    with Image.open(paths.FIGURES / "x_wide.png") as whole:
        assert whole.width == 1800
    shown = plotting.finished_figure("x_wide")
    assert Image.open(io.BytesIO(shown.data)).size == (840, 187)
    assert shown.alt == "what it shows"
    assert plotting.finished_figure("x_narrow") is None


def test_a_picture_that_somebody_put_there_is_named_by_its_file():
    paths.FIGURES.mkdir()
    Image.new("RGB", (4, 3)).save(paths.FIGURES / "mine.png")
    assert plotting.finished_figure("mine").alt == "mine"
