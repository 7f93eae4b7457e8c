from pathlib import Path

import pytest
from PIL import Image

from nst_utils import paths
from nst_utils.images.io import ImageError
from nst_utils.images.samples import open_picture
from nst_utils.studio.labels import studio_translator
from nst_utils.studio.pickers import PicturePicker, Thumbnail, ThumbnailStrip
from nst_utils.wikiart import miniature


@pytest.fixture
def picker(tmp_path):
    picker = make(tmp_path)
    yield picker
    picker.close()


def make(tmp_path):
    picked, said = [], []

    def pick(source):
        open_picture(source, 64)
        picked.append(source)

    picker = PicturePicker(
        "style", "mosaic", studio_translator(), pick, said.append, lambda: tmp_path / "uploads"
    )
    picker.picked, picker.said = picked, said
    return picker


def upload(picker, name, content):
    """As the browser sends a file: in pieces."""
    pieces = [content[i : i + 1000] for i in range(0, len(content), 1000)] or [b""]
    for place, piece in enumerate(pieces):
        said = {"kind": "piece", "id": "x", "name": name, "place": place, "count": len(pieces)}
        picker.slot._got(None, said, [memoryview(piece)])


def test_samples_are_listed_and_shown(picker):
    names = [value for _, value in picker.menu.options]
    assert "mosaic" in names[:12]
    assert "chelsea" in names and picker.menu.value == "mosaic"
    assert bytes(picker.slot.thumb).startswith(b"\xff\xd8")
    picker.menu.value = "nocturne"
    assert picker.picked == ["nocturne"] and picker.source == "nocturne"


def test_a_path_is_taken_and_a_bad_one_told(picker, pictures, tmp_path):
    picker.path.value = f'"{pictures[0]}"'
    assert picker.picked == [str(pictures[0])] and picker.path.value == ""
    picker.path.value = str(tmp_path / "missing.png")
    assert "no such file" in picker.said[-1] and "missing" in picker.path.value  # to be mended
    assert picker.source == str(pictures[0]) == picker.menu.value


def test_an_upload_is_kept_under_its_name(picker, pictures):
    data = pictures[1].read_bytes()
    upload(picker, "C:\\photos\\cat.png", data)
    [path] = picker.picked
    assert path.endswith("cat.png") and Path(path).read_bytes() == data
    upload(picker, "cat.png", pictures[0].read_bytes())
    assert picker.picked[1] != path and Path(path).read_bytes() == data  # nothing overwritten


def test_uploads_of_one_name_never_overwrite_one_another(picker, pictures):
    for _ in range(2):
        for path in pictures:
            upload(picker, "../image.png", path.read_bytes())
    kept = {Path(path).read_bytes() for path in picker.picked}
    assert kept == {path.read_bytes() for path in pictures}
    upload(picker, "x" * 300 + ".png", pictures[0].read_bytes())
    assert picker.picked[-1].endswith(".png")


def test_one_limit_is_told_in_one_number(picker):
    assert "64 MB" in picker.slot.words["help"]
    picker.slot._got(None, {"kind": "refused", "name": "x.tif", "size": 70 * 2**20}, [])
    assert picker.said[-1].startswith("x.tif has 70 MB; at most 64 MB")


@pytest.mark.parametrize("content", [b"hello", b"\x89PNG\r\n\x1a\n cut short"])
def test_an_upload_that_is_no_picture_is_refused(picker, content, tmp_path):
    upload(picker, "note.txt", content)
    assert picker.said[-1].startswith("note.txt: ") and picker.picked == []
    assert not (tmp_path / "uploads").exists()
    assert picker.source == "mosaic"


def test_a_choice_that_is_refused_goes_back(picker, monkeypatch):
    def refuse(_):
        raise ImageError("too small")

    monkeypatch.setattr(picker, "_pick", refuse)
    picker.menu.value = "chelsea"
    assert picker.menu.value == "mosaic" and picker.said == ["too small"]


def test_wikiart_is_offered_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATA", tmp_path / "data")
    plain = make(tmp_path)
    miniature.make_miniature(tmp_path / "data" / "wikiart")
    offered = make(tmp_path)
    further = [made.children[1].children[-1].children for made in (plain, offered)]
    assert len(further[1]) == len(further[0]) + 1
    menu, draw = further[1][-1].children
    assert len(menu.options) > 5
    draw.click()
    assert offered.said == []
    with Image.open(offered.picked[0]) as drawn:
        assert drawn.width > 0


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
