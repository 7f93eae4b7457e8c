from PIL import Image

from nst_utils.studio.thumbnails import Thumbnail, ThumbnailStrip


def test_every_picture_is_a_button_of_its_own():
    strip, pressed = ThumbnailStrip(), []
    image = Image.new("RGBA", (300, 100), "red")
    strip.show([Thumbnail(image, n, f"help {n}", lambda n=n: pressed.append(n)) for n in "ab"])
    first, second = strip.row.children
    second.click()
    assert pressed == ["b"] and (first.description, first.tooltip) == ("a", "help a")
    assert strip.style.value.count("background-image") == 2
    strip.show([])
    assert not strip.row.children
