import io

import numpy as np
from PIL import Image

from nst_utils.studio import canvas
from nst_utils.studio.canvas import Canvas
from nst_utils.studio.history import Snapshot
from nst_utils.studio.labels import studio_translator
from nst_utils.transfer.config import Recipe


def test_a_wipe_shows_the_photo_left_and_the_painting_right():
    photo, painting = Image.new("RGB", (100, 10), "red"), Image.new("RGB", (100, 10), "blue")
    wiped = np.asarray(canvas._wiped(photo, painting, 30))
    assert (wiped[:, :28] == (255, 0, 0)).all() and (wiped[:, 32:] == (0, 0, 255)).all()
    assert canvas._wiped(photo, painting, 0) is painting


def test_snapshots_are_buttons_that_go_back():
    shown, chosen = Canvas(studio_translator(), "en", print), []
    image, recipe = Image.new("RGB", (32, 24), "teal"), Recipe()
    snapshots = [
        Snapshot(image, step, "chelsea", "mosaic", recipe, (), None, moved=step == 9)
        for step in (4, 9)
    ]
    shown.show_strip(snapshots, chosen.append)
    buttons = shown.strip.children
    assert [button.description for button in buttons] == ["4", "9 •"]
    buttons[1].click()
    assert chosen == [snapshots[1]] and "background-image" in shown.strip_style.value
    shown.show_strip(snapshots, chosen.append)
    assert shown.strip.children == buttons  # nothing new, nothing made anew


def test_a_picture_without_a_frame_is_the_photo(tiny, pictures, tmp_path):
    from nst_utils.studio.controller import Controller

    controller = Controller(*map(str, pictures), Recipe(size=48), folder=tmp_path)
    try:
        shown = Canvas(studio_translator(), "en", print)
        shown.arrange([controller])
        shown.show_pictures([controller])
        with Image.open(io.BytesIO(shown.images[0].value)) as photo:
            assert photo.size == (48, 36)
    finally:
        controller.close()
        controller.join(20)
