import hashlib
import io
import json
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from torchvision.transforms import v2

from nst_utils import download
from nst_utils.images.io import ImageError, fit, read_image
from nst_utils.images.png import read_provenance, save_png
from nst_utils.images.report_loaders import report_im_convert, report_load_image
from nst_utils.images.tensors import IMAGENET_MEAN, IMAGENET_STD, load, to_pil, to_tensor
from nst_utils.wikiart.files import check_file


def colorful(width=60, height=40) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    array = np.stack([x * 4, y * 6, (x + y) * 2], axis=-1) % 256
    return Image.fromarray(array.astype(np.uint8))


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_tensor_and_picture_are_inverse(array):
    image = Image.fromarray(array)
    assert np.array_equal(np.asarray(to_pil(to_tensor(image))), array)


def test_tensor_shape_range_and_type():
    tensor = load(colorful(60, 40))
    assert tensor.shape == (1, 3, 40, 60)
    assert tensor.dtype == torch.float32
    assert 0 <= tensor.min() <= tensor.max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV",
                                  "LAB", "I", "F", "I;16"])  # fmt: skip
def test_every_mode_becomes_rgb(mode):
    gray = colorful().convert("L")
    image = gray.convert("P").convert("PA") if mode == "PA" else colorful().convert(
        mode if mode in ("L", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "P", "1", "LA") else "L"
    )  # fmt: skip
    if mode == "LAB":
        image = Image.merge("LAB", [gray] * 3)
    elif mode == "F":
        image = gray.convert("F").point(lambda v: v / 255)
    elif mode in ("I", "I;16"):
        values = np.asarray(gray, np.uint16) * 257
        image = Image.fromarray(values.astype(np.int32) if mode == "I" else values)
    assert image.mode == mode
    read = read_image(image)
    assert read.mode == "RGB"
    if mode in ("L", "F", "I", "I;16"):
        assert np.abs(np.asarray(read)[..., 0].astype(int) - np.asarray(gray)).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_files_keep_their_upper_byte(tmp_path, kind):
    gray = np.asarray(colorful().convert("L"))
    values = gray.astype(np.uint16) * 256 + 17
    Image.fromarray(values).save(tmp_path / f"x.{kind.lower()}")
    assert np.array_equal(np.asarray(read_image(tmp_path / f"x.{kind.lower()}"))[..., 0], gray)


@pytest.mark.parametrize(("unit", "dtype"), [(1 / 255, "f4"), (1, "f4"), (257, "f4"), (1, "i4")])
def test_float_and_integer_files_by_their_values(tmp_path, unit, dtype):
    gray = np.asarray(colorful().convert("L"))
    Image.fromarray((gray.astype(float) * unit).astype(dtype)).save(tmp_path / "x.tif")
    read = np.asarray(read_image(tmp_path / "x.tif"))[..., 0]
    assert np.abs(read.astype(int) - gray).max() <= 1


def test_values_that_are_not_finite_are_refused(tmp_path):
    Image.fromarray(np.full((9, 9), np.nan, np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(ImageError, match="x.tif: the picture has values that are not finite"):
        read_image(tmp_path / "x.tif")


def test_a_picture_that_was_changed_since_it_was_read_is_a_new_one(tmp_path):
    colorful().save(tmp_path / "x.png")
    image = read_image(tmp_path / "x.png")
    assert read_image(image).info == image.info
    assert read_image(image, 30).info["sha256"] == image.info["sha256"]
    for changed in (image.crop((0, 0, 20, 20)), image.resize((30, 20))):
        again = read_image(changed)
        assert again.info["source"] == "picture"
        assert again.info["sha256"] != image.info["sha256"]


def test_transparency_lies_over_white():
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert read_image(clear).getpixel((0, 0)) == (255, 255, 255)
    half = Image.new("RGBA", (4, 4), (255, 0, 0, 128))
    assert abs(read_image(half).getpixel((0, 0))[1] - 127) <= 1


def test_palette_with_a_transparent_color(tmp_path):
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "p.png", transparency=1)
    assert read_image(tmp_path / "p.png").getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    colorful(60, 40).save(tmp_path / "o.jpg", exif=exif)
    turned = orientation >= 5
    assert read_image(tmp_path / "o.jpg").size == ((40, 60) if turned else (60, 40))


def test_size_bounds_the_long_side_and_does_not_enlarge_unless_asked():
    assert read_image(colorful(60, 40), 30).size == (30, 20)
    assert read_image(colorful(60, 40), 300).size == (60, 40)
    assert read_image(colorful(60, 40), 300, enlarge=True).size == (300, 200)
    assert fit(colorful(200, 4), 100, least=32).size == (1600, 32)


def test_the_callers_picture_is_not_touched():
    mine = colorful()
    before = mine.tobytes()
    read_image(mine).paste((0, 0, 0), (0, 0, 9, 9))
    assert mine.tobytes() == before
    assert "sha256" not in mine.info


def test_a_huge_jpeg_is_decoded_at_reduced_size(tmp_path):
    # 110 million pixels: Image.open would warn, and above twice that refuse.
    Image.new("L", (11_000, 10_000), 128).save(tmp_path / "huge.jpg", quality=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(tmp_path / "huge.jpg", 200).size == (200, 182)
        whole = read_image(tmp_path / "huge.jpg")
    assert whole.size == (5500, 5000)


def declared(width: int, height: int) -> bytes:
    """A PNG that declares a size it does not have."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(
            ">I", zlib.crc32(kind + data)
        )  # fmt: skip

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [9_500, 20_000])
def test_a_bomb_is_refused(tmp_path, side):
    (tmp_path / "bomb.png").write_bytes(declared(side, side))
    with pytest.raises(ImageError, match="bomb.png: .*89,478,485"):
        read_image(tmp_path / "bomb.png")


def jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\x00\x01 no picture", "not a picture"),
        (jpeg(colorful(300, 200))[:1500], "damaged or cut short"),
        (b"\xff\xd8\xff\xe0", "damaged|not a picture"),
        (declared(50, 50), "damaged or cut short"),
    ],
)
def test_unusable_files_name_themselves(tmp_path, content, message):
    path = tmp_path / "bad.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=message) as caught:
        read_image(path)
    assert "bad.jpg" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(ImageError, match="no such file"):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(ImageError, match="a folder"):
        read_image(tmp_path)
    with pytest.raises(ImageError, match="not int"):
        read_image(7)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_picture_or_one_error(data):
    for start in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM"):
        try:
            assert read_image(start + data, 64).mode == "RGB"
        except ImageError as error:
            assert "\n" not in str(error)


@given(st.integers(20, 2000), st.integers(0, 255))
def test_a_damaged_jpeg_is_a_picture_or_one_error(tmp_path_factory, place, value):
    data = bytearray(jpeg(colorful()))
    data[place % len(data)] = value
    path = tmp_path_factory.mktemp("damaged") / "d.jpg"
    path.write_bytes(data)
    try:
        assert read_image(path, 32).mode == "RGB"
    except ImageError as error:
        assert "d.jpg" in str(error)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 4, 2)), r"not \(4, 4, 2\)"),
        (np.zeros((0, 4)), r"not \(0, 4\)"),
        (np.full((4, 4), 2.0), r"floats in \[0, 1\]"),
        (np.full((4, 4), np.nan), r"floats in \[0, 1\]"),
        (np.zeros((4, 4), np.int32), "not int32"),
    ],
)
def test_arrays_that_are_no_pictures(array, message):
    with pytest.raises(ImageError, match=message):
        read_image(array)


def test_arrays_of_each_type_agree():
    base = np.asarray(colorful())
    for array in (base, base.astype(np.uint16) * 257, base / 255.0):
        assert np.array_equal(np.asarray(read_image(array)), base)
    assert read_image(base[..., 0] > 100).getpixel((59, 0)) in ((0, 0, 0), (255, 255, 255))
    assert read_image(base[..., :1]).size == (60, 40)


def test_addresses(server):
    server.files["/x.jpg"] = jpeg(colorful())
    image = read_image(f"{server.url}/x.jpg", 30)
    assert image.size == (30, 20)
    assert image.info["source"] == f"{server.url}/x.jpg"
    with pytest.raises(ImageError, match="404"):
        read_image(f"{server.url}/y.jpg")
    with pytest.raises(ImageError, match="only http and https"):
        read_image("ftp://host/x.jpg")


def test_an_address_has_a_size_limit(server, monkeypatch):
    monkeypatch.setattr(download, "LIMIT", 10)
    server.files["/x.jpg"] = jpeg(colorful())
    with pytest.raises(ImageError, match="limit"):
        read_image(f"{server.url}/x.jpg")


def test_saved_pictures_hold_their_record(tmp_path):
    record = {"recipe": {"beta": 10.0}, "note": "Tübingen × Nacht"}
    path = save_png(colorful(), tmp_path / "x.png", record)
    assert read_provenance(path) == record
    with Image.open(path) as image:
        assert image.text.keys() == {"nst_utils"}
        assert json.loads(image.text["nst_utils"]) == record
    assert list(tmp_path.iterdir()) == [path]


def test_a_picture_without_a_record(tmp_path):
    colorful().save(tmp_path / "plain.png")
    colorful().save(tmp_path / "plain.jpg")
    assert read_provenance(tmp_path / "plain.png") is None
    assert read_provenance(tmp_path / "plain.jpg") is None


def test_saving_elsewhere_is_refused(tmp_path):
    with pytest.raises(ImageError, match="does not exist"):
        save_png(colorful(), tmp_path / "no" / "x.png", {})
    with pytest.raises(ImageError, match="must end in .png"):
        save_png(colorful(), tmp_path / "x.jpg", {})


def test_saving_to_a_folder_or_through_a_link(tmp_path):
    (tmp_path / "dir.png").mkdir()
    with pytest.raises(ImageError, match="this is a folder"):
        save_png(colorful(), tmp_path / "dir.png", {})
    save_png(colorful(), tmp_path / "real.png", {"n": 1})
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    save_png(colorful(), tmp_path / "link.png", {"n": 2})
    assert (tmp_path / "link.png").is_symlink()
    assert read_provenance(tmp_path / "real.png") == {"n": 2}


def test_a_failed_save_keeps_the_old_picture(tmp_path, monkeypatch):
    path = save_png(colorful(), tmp_path / "x.png", {"first": True})
    monkeypatch.setattr(
        Image.Image, "save", lambda *_, **__: (_ for _ in ()).throw(OSError("full"))
    )
    with pytest.raises(ImageError, match="full"):
        save_png(colorful(), path, {"second": True})
    monkeypatch.undo()
    assert read_provenance(path) == {"first": True}
    assert list(tmp_path.iterdir()) == [path]


def test_tensors_that_are_no_pictures():
    with pytest.raises(ImageError, match=r"\(2, 3, 4, 4\)"):
        to_pil(torch.zeros(2, 3, 4, 4))
    with pytest.raises(ImageError, match="not finite"):
        to_pil(torch.full((3, 4, 4), torch.nan))


def test_report_loader_a_is_torchvisions_pipeline():
    image = colorful(300, 200)
    pipeline = v2.Compose([
        v2.Resize(128),
        v2.PILToTensor(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(IMAGENET_MEAN, IMAGENET_STD),
    ])  # fmt: skip
    loaded = report_load_image(image, "a")
    assert loaded.shape == (1, 3, 128, 192)  # the shorter side, not the longer one
    assert torch.allclose(loaded[0], pipeline(image), atol=1e-6)
    assert report_load_image(image, "a", shape=(50, 70)).shape == (1, 3, 50, 70)


def test_report_loader_b_transposes_and_does_not_normalize():
    image = colorful(800, 400)
    plain = report_load_image(image, "b")
    assert plain.shape == (1, 3, 200, 400)
    assert plain.min() >= 0
    # Erratum 3: asked for the content's (H, W), the style comes out (W, H).
    assert report_load_image(image, "b", shape=(200, 400)).shape == (1, 3, 400, 200)


def test_report_im_convert_shifts_the_colors_of_loader_b():
    image = colorful(100, 80)
    a, b = (report_im_convert(report_load_image(image, v, 80)) for v in "ab")
    true = np.asarray(image) / 255
    assert np.abs(a - true).max() < 1e-5  # (a) comes back as it was
    shown = report_im_convert(report_load_image(image, "b"))
    expected = (true * IMAGENET_STD + IMAGENET_MEAN).clip(0, 1)
    assert np.allclose(shown, expected, atol=1e-6)  # erratum 2
    assert np.abs(shown - true).mean() > 0.1
    assert b.shape[2] == 3


def test_report_loader_of_a_damaged_file(tmp_path):
    (tmp_path / "cut.jpg").write_bytes(jpeg(colorful(300, 200))[:1500])
    with pytest.raises(ImageError, match="cut.jpg: the picture is damaged"):
        report_load_image(tmp_path / "cut.jpg")


def test_report_loader_drops_transparency():
    clear = Image.new("RGBA", (40, 40), (200, 0, 0, 0))
    assert report_load_image(clear, "b")[0, 0, 0, 0] == pytest.approx(200 / 255)
    with pytest.raises(ImageError, match="not 'c'"):
        report_load_image(clear, "c")


def test_an_upload_is_read_from_its_bytes():
    buffer = io.BytesIO()
    Image.new("RGB", (20, 30), "red").save(buffer, "PNG")
    image = read_image(buffer.getvalue())
    assert image.size == (20, 30)
    assert image.info["source"] == "upload"
    assert image.info["sha256"] == hashlib.sha256(buffer.getvalue()).hexdigest()
    with pytest.raises(ImageError, match="^upload: "):
        read_image(b"no picture at all")


def test_only_known_formats_are_opened_and_no_outside_program_runs(tmp_path, monkeypatch):
    run = []
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *a, **k: run.append(a))
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(ImageError, match="a PostScript text"):
        read_image(path)
    assert check_file(str(path))[0].startswith("damaged") and not run
