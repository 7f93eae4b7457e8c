"""What stands in a notebook for a widget whose kernel has gone."""

import base64
import io
import re

import nbformat
import pytest
from IPython import display as shown
from PIL import Image

from nst_utils.paths import ROOT
from nst_utils.studio import asleep
from nst_utils.studio.asleep import VIEW
from nst_utils.studio.kernel_explorer import KernelExplorer

from .browser_page import until


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


def test_stored_panels_have_a_picture_and_no_state_that_would_show_them_dead():
    """The state of widgets in a notebook's metadata would show a panel, and nothing would move."""
    for name, maker in (("00_background", "KernelExplorer("), ("08_studio", "studio = Studio(")):
        book = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4)
        assert "widgets" not in book.metadata, f"{name}: remove metadata.widgets"
        [cell] = [cell for cell in book.cells if cell.source.startswith(maker)]
        view, left = (output["data"] for output in cell.outputs)
        assert VIEW in view and "nst-asleep" in left["text/html"]
        with Image.open(io.BytesIO(picture_in(left))) as image:
            assert image.width >= 480


@pytest.mark.parametrize(
    ("first", "asleep"),
    [
        ("<div class='jupyter-widgets'>Error displaying widget: model not found</div>", True),
        ("<div><div class='nst-awake jupyter-widgets'><b>panel</b></div></div>", False),
        ("", True),  # a page that trusts nobody shows no widget
    ],
)
def test_either_the_widget_is_seen_or_what_stands_for_it(page, outputs, first, asleep):
    explorer = KernelExplorer("chelsea")
    explorer._ipython_display_()
    child = "<div class='jp-OutputArea-child'>"
    left = outputs[1]["text/html"]
    page.set_content(f"<div class='jp-OutputArea'>{child}{first}</div>{child}{left}</div></div>")
    until(page, lambda: page.locator(".nst-asleep").is_visible() == asleep)
    assert not page.locator("text=model not found").is_visible()
    assert page.locator("text=panel").is_visible() != asleep
    explorer.close()
