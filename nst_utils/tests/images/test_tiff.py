import io

import numpy as np
import pytest
import tifffile

from nst_utils.images import tiff
from nst_utils.images.decode import decode, decode_alpha
from nst_utils.images.formats import ImageError
from nst_utils.images.tiff import read_tiff


def written(array, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)
    file.seek(0)
    return file


def test_numbers_of_any_kind_become_bytes():
    for array, expected in (
        (np.full((4, 5), 0.5, np.float64), 128),
        (np.full((4, 5, 3), 2, np.uint8), 2),
        (np.full((4, 5), 2**31, np.uint32), 128),  # white is the largest number of 32 bits
        (np.full((4, 5), 2**23, np.uint32), 128),  # or of 24, where no number is larger
        (np.full((4, 5, 3), 65280, np.uint16), 255),
        (np.full((4, 5), 16384, np.int16), 128),
        (np.array([[0.5, 0.5, 1.0005, 4.0]] * 4, np.float32), 128),  # white is 1, with highlights
        (np.array([[100, 100, 255, 255]] * 4, np.float32), 100),
    ):
        assert read_tiff(written(array), "x").convert("RGB").getpixel((1, 1)) == (expected,) * 3


def test_transparency_inks_and_inverted_gray_are_read_as_what_they_are():
    clear = np.zeros((20, 30, 4), np.uint16)
    clear[:, 15:, 3] = 65535
    options = {"photometric": "rgb", "extrasamples": ["unassalpha"], "planarconfig": "separate"}
    planes = written(np.moveaxis(clear, -1, 0), **options)
    for background, left in (("white", 255), ("black", 0)):
        planes.seek(0)
        image = decode(planes, "x.tif", background=background)
        assert [image.getpixel((x, 5))[0] for x in (2, 25)] == [left, 0]
    inks = np.zeros((20, 30, 4), np.uint16)
    inks[..., 0] = 65535  # cyan alone
    assert decode(written(inks, photometric="separated"), "x.tif").getpixel((3, 3)) == (0, 255, 255)
    for kind in (np.uint8, np.uint16):
        gray = np.full((20, 30), np.iinfo(kind).max, kind)
        black = decode(written(gray, photometric="miniswhite"), "x.tif")
        assert black.getpixel((3, 3)) == (0, 0, 0)


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_transparency_of_any_tiff_is_kept(kind, planes):
    most = 65535 if kind == np.uint16 else 1.0
    alpha = (np.linspace(0, 1, 20)[:, None] * np.ones((20, 30))).astype(np.float32)
    array = np.stack([*np.full((3, 20, 30), 0.5, np.float32), alpha], -1) * most
    array = array.astype(kind) if planes == "contig" else np.moveaxis(array, -1, 0).astype(kind)
    options = {"photometric": "rgb", "extrasamples": ["unassalpha"], "planarconfig": planes}
    found = decode_alpha(written(array, **options), "x.tif")
    assert np.abs(np.asarray(found) / 255 - alpha).max() < 0.01


def test_orientation_is_handed_on():
    turned = written(np.zeros((4, 5), np.float32), extratags=[(274, 3, 1, 6, True)])
    assert read_tiff(turned, "x").info["orientation"] == 6


def test_what_cannot_be_read_is_one_sentence(monkeypatch):
    for file in (
        io.BytesIO(b"II*\0\x08\0\0\0"),
        io.BytesIO(b"no tiff"),
        written(np.zeros((4, 5), np.complex64)),
        written(np.full((4, 4), np.nan, "f4")),
    ):
        with pytest.raises(ImageError, match="^x: ") as caught:
            read_tiff(file, "x")
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(tiff, "MEMORY", 100)
    with pytest.raises(ImageError, match="to be decoded"):
        read_tiff(written(np.zeros((40, 50), np.float32)), "x")
