"""The picture in a real browser: the line, zoom, two paintings in one picture."""

import io

import numpy as np
import pytest
from PIL import Image

import nst_utils
from nst_utils.images.clip_files import write_steps
from nst_utils.images.formats import ImageError
from nst_utils.studio.browser_widgets import PictureView, SavedFiles, jpeg
from nst_utils.studio.zoom_view import zoom

from .browser_page import _packed, mount, until

TOOLS = ("wipe", "larger", "smaller", "actual", "fit", "full", "download")
WORDS = {name: name for name in TOOLS}


def seen(page) -> np.ndarray:
    shot = page.locator(".nst-frame").screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


def test_two_paintings_are_compared_by_a_line_and_enlarged_together(page):
    red, blue = (jpeg(Image.new("RGB", (400, 260), color)) for color in ("red", "blue"))
    view = PictureView(WORDS, lambda: ("", b""), photo=red, painting=blue)
    shown = mount(page, view)
    line = shown.locator(".nst-line")

    def colors(*columns):
        return seen(page)[130, columns].argmax(-1).tolist()

    until(page, lambda: colors(150, 450) == [2, 2])  # no photo yet
    view.pair = True
    page.locator(".nst-pair").wait_for()
    assert line.get_attribute("aria-valuenow") == "50"
    until(page, lambda: colors(150, 450) == [0, 2])
    shown.get_by_role("button", name="larger").click()
    box = shown.locator(".nst-frame").bounding_box()
    page.mouse.move(box["x"] + 350, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 60, steps=4)
    page.mouse.up()
    until(page, lambda: colors(150, 250) == [0, 2])
    shown.get_by_role("button", name="fit").click()
    line.press("ArrowLeft")
    assert line.get_attribute("aria-valuenow") == "48"
    assert shown.get_by_role("button").count() == 6


def _edges(page, box):
    row = seen(page)[int(box["height"] / 2), 100:700, 0]
    return np.flatnonzero(np.diff(row > 128))


@pytest.fixture
def large(page):
    """A picture of 4096 x 3072 pixels whose every pixel tells its place, in a real browser."""
    across = (np.arange(4096) // 16 % 2 * 255).astype(np.uint8)
    down = (np.arange(3072) // 12).astype(np.uint8)
    pixels = np.zeros((3072, 4096, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = across, down[:, None]
    view = zoom(Image.fromarray(pixels))
    sent = []

    def send(content, buffers=()):
        sent.append(content)
        packed = [_packed(bytes(data)) for data in buffers]
        page.evaluate("([c, b]) => setTimeout(() => window.tell(c, b))", [content, packed])

    view.send, view.sent, view.pixels = send, sent, pixels
    shown = mount(page, view, 800)
    until(page, lambda: seen(page)[..., 1].max() > 240)  # the coarse picture
    yield view, shown
    view.close()


def test_a_large_picture_comes_in_tiles_where_one_looks(page, large):
    view, shown = large
    frame = shown.locator(".nst-frame")
    assert not view.sent and shown.locator(".nst-tile").count() == 0
    box = frame.bounding_box()
    page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    shown.locator(".nst-tile").first.wait_for()
    until(page, lambda: len(_edges(page, box)) >= 36)
    assert shown.locator(".nst-scale").inner_text() == "100 %"
    assert shown.locator(".nst-line").is_hidden()
    tiles = [tile for content in view.sent for tile in content["tiles"]]
    assert {level for level, *_ in tiles} == {0} and len(tiles) <= 9
    # Stripes of 16 pixels are seen as they are; the coarse picture would blur them.
    assert set(np.diff(_edges(page, box))) <= {15, 16, 17}
    # The place holds: the middle of the picture is in the middle of the frame.
    assert abs(seen(page)[int(box["height"] / 2), 400, 1] - 128) <= 4
    before = len(view.sent)
    frame.press("ArrowRight")
    for _ in range(20):
        frame.press("ArrowRight")
    until(page, lambda: len(view.sent) > before)
    frame.press("0")
    assert frame.get_attribute("data-zoom") == "1"
    page.mouse.wheel(0, -200)
    until(page, lambda: float(frame.get_attribute("data-zoom")) == 1.25)
    view.show(painting=Image.new("RGB", (4096, 3072), "blue"))
    until(page, lambda: seen(page)[100, 400].argmax() == 2)


def test_what_is_no_tile_is_passed_over():
    view = zoom(Image.new("RGB", (1500, 700)))
    sent = []
    view.send = lambda content, files=(): sent.append((content["tiles"], len(files)))
    good = {"kind": "tiles", "side": "painting", "stamp": 1}
    odd = [[0, 0], "x", [0, -1, 0], [0, 3, 0], [9, 0, 0], [0, True, 0], [0.0, 0, 0], None]
    view._asked(view, good | {"tiles": [[0, 2, 1], *odd]}, [])
    view._asked(view, good | {"tiles": [[0, 0, 0]] * 10_000}, [])
    view._asked(view, good | {"stamp": 7, "tiles": [[0, 0, 0]]}, [])
    view._asked(view, good | {"tiles": "many"}, [])
    view._asked(view, good | {"side": "photo", "tiles": [[0, 0, 0]]}, [])
    view._asked(view, good | {"side": [], "tiles": [[0, 0, 0]]}, [])
    assert sent == [([[0, 2, 1]], 1), ([[0, 0, 0]] * 24, 24), ([], 0), ([], 0)]
    view.close()


def test_a_result_a_path_and_a_sample_can_be_looked_at(tmp_path):
    image = Image.new("RGB", (300, 200), "red")
    image.save(tmp_path / "red.png")

    class Result:
        pass

    Result.image = image
    captions = [zoom(one).caption for one in (image, tmp_path / "red.png", Result(), "chelsea")]
    assert captions[:3] == ["300 × 200", "red.png · 300 × 200", "300 × 200"]
    assert captions[3] == "sample chelsea · 451 × 300"
    view = zoom(image, "vi")
    assert nst_utils.zoom is zoom
    picture, name, line = view.still()
    assert picture[:2] == b"\xff\xd8" and name in line and "Chạy ô này" in line
    with pytest.raises(ImageError):
        zoom(tmp_path / "none.png")


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


def test_a_saved_film_plays(page, tmp_path):
    shades = [Image.new("RGB", (64, 48), (40 * i, 80, 90)) for i in range(6)]
    files = SavedFiles(words={"hide": "Hide"})
    shown = mount(page, files)
    files.show([write_steps(tmp_path / "film.mp4", shades, {})])
    video = shown.locator("video")
    video.wait_for()
    page.wait_for_function("() => document.querySelector('video').readyState >= 2")
    assert video.evaluate("video => [video.videoWidth, video.duration > 2]") == [64, True]
    assert shown.get_by_role("link").get_attribute("download") == "film.mp4"
