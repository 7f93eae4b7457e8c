"""The mask painter in a real browser: its mask is one state for browser and kernel."""

import io

import numpy as np
import pytest
from PIL import Image

from nst_utils.studio.browser_widgets import MaskPainter
from nst_utils.studio.pickers import jpeg
from nst_utils.studio.regions_tab import _TOOLS

from .browser_page import mount, until

WORDS = {name.removeprefix("mask "): name.removeprefix("mask ") for name in _TOOLS}


def png(marked) -> bytes:
    data = io.BytesIO()
    Image.fromarray((np.asarray(marked) * 255).astype(np.uint8)).save(data, "PNG")
    return data.getvalue()


def covered(painter) -> float:
    if not painter.mask:
        return 0.0
    with Image.open(io.BytesIO(painter.mask)) as mask:
        return float(np.asarray(mask.convert("L")).mean() / 255)


def seen(shown) -> np.ndarray:
    shot = shown.page.locator(".nst-mask-frame").screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


class Painted:
    def __init__(self, page, colors):
        self.asked = []
        sheet = Image.new("RGB", (240, 160))
        for i, color in enumerate(colors):
            sheet.paste(color, (i * 240 // len(colors), 0, 240, 160))
        photo = jpeg(sheet)
        self.painter = MaskPainter(
            WORDS, self.divide, lambda x, y: self.asked.append((x, y)), photo=photo
        )
        self.shown = mount(page, self.painter)
        page.wait_for_function("document.querySelector('.nst-mask').width === 240")
        self.page, self.plain = page, seen(self.shown)

    def divide(self):
        self.painter.outlines = png(np.eye(160, 240))

    def press(self, tool):
        self.page.get_by_role("button", name=tool).click()

    def drag(self, start, end):
        box = self.page.locator(".nst-mask").bounding_box()
        at = lambda share: [box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"]]  # noqa: E731
        before = self.painter.mask
        self.page.mouse.move(*at(start))
        self.page.mouse.down()
        self.page.mouse.move(*at(end), steps=4)
        self.page.mouse.up()
        self.until(lambda: self.painter.mask != before)

    def until(self, condition):
        until(self.page, condition)

    def marks(self) -> float:
        """Return the part of the photo over which a mark can be seen."""
        return float((np.abs(seen(self.shown) - self.plain).max(-1) > 25).mean())

    def until_marked(self, part):
        self.until(lambda: self.marks() == pytest.approx(part, abs=0.06 * (part > 0)))


def test_what_is_marked_cleared_and_marked_again_is_drawn_and_kept(page):
    one = Painted(page, ["teal"])
    part = png(np.pad(np.ones((160, 120)), ((0, 0), (0, 120))))
    for _ in range(2):  # the same part twice
        one.painter.mask = part
        one.until_marked(0.5)
        assert covered(one.painter) == 0.5
        one.press("clear")
        one.until(lambda: covered(one.painter) == 0)
        one.until_marked(0)
    one.press("box")
    one.drag((0.0, 0.0), (0.5, 0.5))
    assert covered(one.painter) == pytest.approx(0.25, abs=0.02)
    one.press("eraser")
    one.drag((0.1, 0.2), (0.4, 0.2))
    assert 0.1 < covered(one.painter) < 0.24
    one.press("undo")
    one.until(lambda: covered(one.painter) == pytest.approx(0.25, abs=0.02))
    one.until_marked(0.25)
    for _ in range(9):
        one.press("undo")
    one.until(lambda: covered(one.painter) == 0)
    one.until_marked(0)


def test_a_mark_can_be_seen_on_every_color(page):
    colors = ["red", "white", "black", "gray", "#e6283c", "yellow"]
    one = Painted(page, colors)
    one.press("box")
    one.drag((0.0, 0.0), (1.0, 0.5))
    changed = np.abs(seen(one.shown) - one.plain)[:60].max(-1)
    for i in range(len(colors)):
        assert (changed[:, 40 * i + 8 : 40 * i + 32] > 60).mean() > 0.4, colors[i]


def test_a_click_names_its_place_and_waiting_is_said(page):
    one = Painted(page, ["teal"])
    assert one.marks() == 0
    one.press("part")
    one.until(lambda: one.marks() > 0)  # the outlines
    page.locator(".nst-mask").click(position={"x": 60, "y": 80})
    one.until(lambda: one.asked)
    assert one.asked[0] == pytest.approx((0.25, 0.5), abs=0.02)
    one.painter.busy = "looking for parts"
    page.locator(".nst-busy:has-text('looking')").wait_for()
    one.painter.busy = ""
    page.locator(".nst-busy").wait_for(state="hidden")
