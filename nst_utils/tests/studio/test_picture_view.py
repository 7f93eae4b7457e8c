"""The picture in a real browser: the line, zoom, two paintings in one picture."""

import io

import numpy as np
from PIL import Image

from nst_utils.studio.browser_widgets import PictureView, SavedFiles
from nst_utils.studio.pickers import jpeg

from .browser_page import mount

WORDS = {name: name for name in ("wipe", "larger", "smaller", "fit", "full", "download")}


def seen(page) -> np.ndarray:
    shot = page.locator(".nst-frame").screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


def test_two_paintings_are_compared_by_a_line_and_enlarged_together(page):
    red, blue = (jpeg(Image.new("RGB", (400, 260), color)) for color in ("red", "blue"))
    view = PictureView(WORDS, lambda: ("", b""), photo=red, painting=blue)
    shown = mount(page, view)
    line = shown.locator(".nst-line")
    page.wait_for_timeout(100)
    assert (seen(page)[130, [150, 450]].argmax(-1) == 2).all()  # no photo yet
    view.pair = True
    page.locator(".nst-pair").wait_for()
    assert line.get_attribute("aria-valuenow") == "50"
    colors = seen(page)[130, [150, 450]].argmax(-1)
    assert colors.tolist() == [0, 2]
    shown.get_by_role("button", name="larger").click()
    box = shown.locator(".nst-frame").bounding_box()
    page.mouse.move(box["x"] + 350, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 60, steps=4)
    page.mouse.up()
    assert seen(page)[130, [150, 250]].argmax(-1).tolist() == [0, 2]
    shown.get_by_role("button", name="fit").click()
    line.press("ArrowLeft")
    assert line.get_attribute("aria-valuenow") == "48"
    assert shown.get_by_role("button").count() == 5


def test_what_was_saved_can_be_had_and_is_seen(page, tmp_path):
    Image.new("RGB", (40, 30), "red").save(tmp_path / "painting_0003.png")
    (tmp_path / "painting_0003_recipe.json").write_text("{}")
    files = SavedFiles(words={"hide": "Hide"})
    shown = mount(page, files)
    files.show(sorted(tmp_path.iterdir()))
    link = shown.get_by_role("link", name="painting_0003.png")
    with page.expect_download() as caught:
        link.click()
    assert caught.value.suggested_filename == "painting_0003.png"
    with Image.open(caught.value.path()) as image:
        assert image.size == (40, 30)
    preview = shown.locator("img")
    assert preview.evaluate("image => image.naturalWidth") == 40
    shown.get_by_role("button", name="Hide").click()
    link.wait_for(state="hidden")
    assert files.files == []
