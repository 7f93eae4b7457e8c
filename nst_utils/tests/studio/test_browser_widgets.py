import math

import pytest

from nst_utils.studio.browser_widgets import MaskPainter, PictureSlot, PictureView


@pytest.fixture
def slot():
    taken, refused = [], []
    made = PictureSlot({}, lambda *a: taken.append(a), lambda *a: refused.append(a))
    made.taken, made.refused = taken, refused
    yield made
    made.close()


def piece(place, count, id="a", name="x.png"):
    return {"kind": "piece", "id": id, "name": name, "place": place, "count": count}


def test_pieces_become_a_file(slot):
    for place, data in enumerate((b"one ", b"two ", b"three")):
        slot._got(slot, piece(place, 3), [memoryview(data)])
    assert slot.taken == [("x.png", b"one two three")]
    slot._got(slot, piece(0, 1, id="b"), [b""])
    assert slot.taken[1] == ("x.png", b"")


@pytest.mark.parametrize(
    "messages",
    [
        [piece(1, 3)],
        [piece(0, 3), piece(2, 3), piece(1, 3)],
        [piece(0, 2), piece(1, 2, id="other")],
        [piece(0, 10**9)],
        [piece(0, "many")],
        ["no message", None, {"kind": "odd"}, {"kind": "piece"}],
    ],
)
def test_what_does_not_follow_is_passed_over(slot, messages):
    for message in messages:
        slot._got(slot, message, [b"x"])
    assert slot.taken == []


def test_a_file_above_the_limit_is_told(slot):
    slot.most = 10
    slot._got(slot, {"kind": "refused", "name": "big.tif", "size": 99}, [])
    slot._got(slot, piece(0, 2), [b"x" * 8])
    slot._got(slot, piece(1, 2), [b"x" * 8])
    assert slot.refused == [("big.tif", 99), ("x.png", 16)] and slot.taken == []


def test_a_download_that_is_not_to_be_had_sends_nothing():
    view = PictureView({}, lambda: ("", b""))
    sent = []
    view.send = lambda *words: sent.append(words)
    view._asked(view, {"kind": "download"}, [])
    view._asked(view, "odd", [])
    assert sent == []
    view.close()


@pytest.mark.parametrize(
    "number", ["many", "", None, [], {}, math.nan, math.inf, -math.inf, -5, 10**400, True]
)
def test_numbers_of_a_message_that_are_none_or_out_of_bounds(slot, number):
    slot._got(slot, {"kind": "refused", "name": "big.tif", "size": number}, [])
    assert slot.refused[0][0] == "big.tif" and 0 <= slot.refused[0][1] <= 2**53
    clicked = []
    painter = MaskPainter({}, list, lambda x, y: clicked.append((x, y)))
    painter._got(painter, {"kind": "part", "x": number, "y": 0.5}, [])
    assert all(0 <= x <= 1 and y == 0.5 for x, y in clicked)
