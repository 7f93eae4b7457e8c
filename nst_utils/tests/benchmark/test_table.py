import pytest
from matplotlib.figure import Figure

from nst_utils.benchmark import table
from nst_utils.benchmark.common import (
    BenchError,
    Exhibit,
    ratio_row,
    value_row,
)
from nst_utils.benchmark.table import line
from nst_utils.errors import UnknownNameError


def test_a_line_shows_what_was_missed():
    assert "MISSED" in line(value_row("a", 2.0, 1.0)) and "0.25" in line(
        ratio_row("a", 1.0, 4.0, 1)
    )


def test_the_table_takes_its_place_on_the_page():
    page = "before\n{}\nold\n{}\nafter\n".format(*table.MARKS)
    rows = [value_row("a figure", 2.0, 1.0), ratio_row("another", 1.0, 4.0, 1)]
    text = table.with_table(page, "On a machine:", rows)
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "| a figure | 2 |  |  | 1 or less: **missed** |" in text
    assert "| another | 1 | 4 | 0.25 | ratio 1 or less: met |" in text
    assert table.with_table(text, "On a machine:", rows) == text
    with pytest.raises(BenchError, match="once each"):
        table.with_table("no marks", "", rows)


def test_what_is_drawn_is_shown_and_not_counted(monkeypatch):
    exhibit = Exhibit("name", Figure(), "caption", {})
    monkeypatch.setitem(table.FIGURES, "levers", lambda: iter([value_row("a", 1.0, 2.0), exhibit]))
    shown = []
    assert len(list(table.run_benchmark(["levers"], shown.append))) == 1
    assert shown == [exhibit]
    assert len(list(table.run_benchmark(["levers"]))) == 1


def test_an_unknown_figure_is_refused_before_anything_is_measured():
    with pytest.raises(UnknownNameError, match="startup"):
        next(table.run_benchmark(["startup", "start"]))
