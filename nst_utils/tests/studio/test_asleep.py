"""What stands in a notebook for a widget whose kernel has gone."""

import base64
import json
import re

import nbformat
import pytest
from IPython import display as shown

from nst_utils.paths import ROOT
from nst_utils.studio import asleep
from nst_utils.studio.asleep import VIEW
from nst_utils.studio.kernel_explorer import KernelExplorer

NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))


@pytest.fixture
def outputs(monkeypatch):
    """The outputs of a cell, as a notebook keeps them."""
    kept = []

    class Place:
        def __init__(self, number):
            self._number = number

        def update(self, data, raw):
            assert raw
            kept[self._number] = data

    def display(data, raw, display_id=False):
        kept.append(data)
        return Place(len(kept) - 1) if display_id else None

    monkeypatch.setattr(shown, "display", display)
    monkeypatch.setattr(asleep, "_in_notebook", lambda: True)
    return kept


def picture_in(output) -> bytes:
    return base64.b64decode(re.search(r"base64,([^\"]+)", output["text/html"])[1])


def test_the_last_picture_and_a_line_are_left_wherever_it_was_displayed(outputs):
    explorer = KernelExplorer("chelsea")
    explorer._ipython_display_()
    explorer._ipython_display_()
    assert [VIEW in output for output in outputs] == [True, False, True, False]
    before = picture_in(outputs[1])
    explorer.kernel.value = "spots"
    for left in outputs[1::2]:
        assert picture_in(left) == explorer.picture.value != before
        assert "spots: 0 1 0; 1 -4 1; 0 1 0. Run this cell" in left["text/html"]
        assert left["text/plain"] == repr(explorer)
    assert "nst-awake" in explorer._dom_classes
    explorer.close()


def test_no_stored_notebook_holds_a_dead_widget_in_place_of_its_picture():
    """The state of widgets in a notebook's metadata would show them, and nothing would move."""
    views = 0
    for path in NOTEBOOKS:
        book = nbformat.read(path, 4)
        assert "widgets" not in book.metadata, f"{path}: remove metadata.widgets"
        for cell in book.cells:
            stored = [o.get("data", {}) for o in cell.get("outputs", [])]
            live = sum(VIEW in data for data in stored)
            left = sum("nst-asleep" in json.dumps(data) for data in stored)
            assert live == left, f"{path}: {cell.source}"
            views += live
    assert views >= 2
