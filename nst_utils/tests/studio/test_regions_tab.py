import io

import numpy as np
import pytest
from PIL import Image

from nst_utils.errors import NSTError
from nst_utils.studio import browser_widgets
from nst_utils.studio import parts as proposals
from nst_utils.studio.regions_tab import RegionsTab


@pytest.fixture
def told():
    return []


@pytest.fixture
def tab(studio, told):
    def act(action, news=""):
        try:
            action()
        except NSTError as error:
            told.append(str(error))

    made = RegionsTab(str, lambda: studio, act, told.append)
    made.refresh()
    return made


def png(marked) -> bytes:
    data = io.BytesIO()
    Image.fromarray((np.asarray(marked) * 255).astype(np.uint8)).save(data, "PNG")
    return data.getvalue()


def paint(tab, data):
    tab.painter.set_state({"mask": memoryview(data)})


def halves() -> np.ndarray:
    mask = np.zeros((36, 48))
    mask[:, :24] = 1
    return mask


def test_a_second_style_is_blended_by_its_share(tab, studio, pictures, told):
    tab.share.value = 0.25
    assert "second style first" in told.pop()
    tab._add_style(str(pictures[0]))
    assert studio.pictures == (str(pictures[0]), [str(pictures[1]), str(pictures[0])])
    assert studio.wanted.blend == (0.75, 0.25)
    tab.share.value = 0.5
    assert studio.wanted.blend == (0.5, 0.5)
    studio.start()
    assert studio.wait(20).state == "finished", studio.status().message
    tab._add_style("")
    assert studio.wanted.blend == () and isinstance(studio.pictures[1], str) and not told


def test_what_is_marked_gets_the_second_style(tab, studio, pictures, told):
    tab.buttons["apply"].click()
    assert "second style first" in told.pop()
    tab._add_style(str(pictures[0]))
    tab.buttons["apply"].click()
    assert "nothing is marked" in told.pop()
    paint(tab, png(halves()))
    tab.buttons["apply"].click()
    (form, inside, _), rest = studio.wanted.regions
    assert (inside, rest) == (2, ("rest", 1, "")) and studio.wanted.blend == ()
    with Image.open(form) as mask:
        assert np.asarray(mask).mean() == pytest.approx(255 / 2, abs=1)
    studio.start()
    assert studio.wait(20).state == "finished", studio.status().message
    assert "mask 1" in studio.result().provenance
    tab.buttons["everywhere"].click()
    assert studio.wanted.regions == () and studio.wanted.blend == (0.5, 0.5) and not told


@pytest.mark.parametrize(("where", "numbers"), [("photo", (0, 1)), ("only", (1, 0))])
def test_the_photo_stays_where_it_is_asked_to(tab, studio, told, where, numbers):
    paint(tab, png(halves()))
    tab.where.value = where
    tab.buttons["apply"].click()
    assert tuple(number for _, number, _ in studio.wanted.regions) == numbers
    studio.start()
    assert studio.wait(20).state == "finished", studio.status().message
    photo = studio.result().provenance  # painted at all
    assert photo["recipe"]["regions"] and not told


def test_a_proposed_part_is_marked_by_a_click_and_unmarked_by_another(tab, monkeypatch, told):
    parts = np.zeros((60, 80), int)
    parts[:, 40:] = 1
    said = []
    tab.painter.observe(lambda change: said.append(change["new"]), "busy")
    monkeypatch.setattr(proposals, "propose_parts", lambda content, count: parts)
    tab.painter._got(None, {"kind": "parts"}, [])
    assert tab.painter.outlines.startswith(b"\x89PNG") and said == ["looking for parts", ""]
    tab.painter._got(None, {"kind": "part", "x": 0.1, "y": 2.0}, [])
    assert np.asarray(tab.mask)[18, [6, 42]].tolist() == [255, 0]
    tab.painter._got(None, {"kind": "part", "x": 0.9, "y": 0.5}, [])  # beside what is marked
    assert np.asarray(tab.mask)[18, [6, 42]].tolist() == [255, 255]
    tab.painter._got(None, {"kind": "part", "x": 0.1, "y": 0.5}, [])
    assert np.asarray(tab.mask)[18, [6, 42]].tolist() == [0, 255] and not told


def test_the_photo_is_cropped_to_what_is_marked(tab, studio, pictures, told):
    tab.buttons["crop"].click()
    assert "mark the part" in told.pop()
    paint(tab, png(halves()))
    tab.buttons["crop"].click()
    with Image.open(studio.content) as cropped, Image.open(pictures[0]) as whole:
        assert cropped.size == (whole.width // 2, whole.height)
    tab.refresh()
    assert tab.mask is None and not told


@pytest.mark.parametrize(
    "message",
    [
        None, {"kind": "mask"}, {"kind": "part", "x": "a", "y": 0}, {"kind": "part"},
        {"kind": "other"},
    ],
)  # fmt: skip
def test_a_strange_message_changes_nothing(tab, message, told):
    tab.painter._got(None, message, [])
    assert tab.mask is None and not told


def test_a_mask_that_is_no_picture_or_too_large_is_not_taken(tab, told, monkeypatch):
    paint(tab, b"no picture")
    assert tab.mask is None and tab.painter.mask == b"" and len(told) == 1
    marked = png(halves())
    paint(tab, marked)
    monkeypatch.setattr(browser_widgets, "_MOST_MASK", len(marked))
    paint(tab, marked + b"0")
    assert tab.painter.mask == b"" and len(told) == 1
    paint(tab, png(np.zeros((36, 48))))
    assert tab.mask is None  # nothing is marked any more
