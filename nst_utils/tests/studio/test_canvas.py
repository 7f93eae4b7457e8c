import io

from PIL import Image

from nst_utils.studio.canvas import Canvas
from nst_utils.studio.history import Snapshot
from nst_utils.studio.labels import studio_translator
from nst_utils.transfer.config import Recipe


def canvas_of(**options):
    return Canvas(studio_translator(), print, lambda: ("x.png", b""))


def test_snapshots_are_buttons_that_go_back():
    shown, chosen = canvas_of(), []
    image, recipe = Image.new("RGB", (32, 24), "teal"), Recipe()
    snapshots = [
        Snapshot(i, 2, image, step, "chelsea", "mosaic", recipe, (), None, moved=step == 9)
        for i, step in enumerate((4, 9), start=1)
    ]
    shown.show_strip(snapshots, chosen.append)
    buttons = shown.strip.children
    assert [button.description for button in buttons] == ["#2 · 9 •", "#1 · 4"]
    assert buttons[1].tooltip == "Go back to step 4 of painting 2: chelsea × mosaic"
    buttons[0].click()
    assert chosen == [snapshots[1]] and "background-image" in shown.strip_style.value
    shown.show_strip(snapshots, chosen.append)
    assert shown.strip.children == buttons  # nothing new, nothing made anew


def test_a_picture_without_a_frame_is_what_the_start_begins_with(tiny, pictures, tmp_path):
    from nst_utils.studio.controller import Controller

    controller = Controller(*map(str, pictures), Recipe(size=48), folder=tmp_path)
    try:
        shown = canvas_of()
        shown.show_pictures([controller])
        photo = shown.view.painting
        with Image.open(io.BytesIO(photo)) as image:
            assert image.size == (48, 36)
        assert shown.view.photo == photo
        for start in ("noise", "style"):
            controller.set(start=start)
            shown.show_pictures([controller])
            assert shown.view.painting != photo and shown.view.photo == photo
    finally:
        controller.close()
        controller.join(20)
