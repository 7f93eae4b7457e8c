import io
import os
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from nst_utils.errors import NSTWarning
from nst_utils.images import decode
from nst_utils.images.formats import ImageError, without_metadata
from nst_utils.images.io import read_image
from nst_utils.images.png import read_provenance

from .test_io import colorful, declared


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def profile_of(primaries) -> bytes:
    """sRGB's profile with other primaries."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    for k in range(count):
        tag, offset = struct.unpack_from(">4sI", data, 132 + 12 * k)
        if tag in primaries:
            place = slice(offset + 8, offset + 20)
            data[place] = struct.pack(">iii", *(round(v * 65536) for v in primaries[tag]))
    return bytes(data)


ADOBE = profile_of(
    {b"rXYZ": (0.60974, 0.31111, 0.01947), b"gXYZ": (0.20528, 0.62567, 0.06087),
     b"bXYZ": (0.14919, 0.06322, 0.74457)}
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("JPEG", {"quality": 97}), ("TIFF", {}), ("WEBP",
    {"lossless": True})],
)  # fmt: skip
def test_a_wide_profile_is_converted_to_srgb(kind, options):
    flat = Image.new("RGB", (64, 64), (90, 200, 60))
    data = saved(flat, kind, icc_profile=ADOBE, **options)
    pixel = read_image(data).getpixel((30, 30))
    assert np.abs(np.subtract(pixel, (0, 200, 41))).max() <= 3
    with Image.open(io.BytesIO(data)) as image:  # a picture that the caller opened, too
        assert read_image(image).getpixel((30, 30)) == pixel


def test_srgb_with_transparency_gray_and_palette_under_a_profile():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = colorful()
    assert np.array_equal(read_image(saved(image, "PNG", icc_profile=srgb)), image)
    clear = Image.new("RGBA", (8, 8), (90, 200, 60, 0))
    assert read_image(saved(clear, "PNG", icc_profile=ADOBE)).getpixel((0, 0)) == (255,) * 3
    for mode in ("P", "RGBA"):
        found = read_image(saved(Image.new("RGB", (8, 8), (90, 200, 60)).convert(mode), "PNG",
                                 icc_profile=ADOBE)).getpixel((0, 0))  # fmt: skip
        assert found[0] < 30
    assert read_image(saved(Image.new("L", (8, 8), 99), "PNG", icc_profile=ADOBE)).mode == "RGB"


@pytest.mark.parametrize("profile", [b"no profile at all", ADOBE[:300]])
def test_a_broken_profile_is_a_note(profile):
    with pytest.warns(NSTWarning, match="profile is ignored"):
        assert np.array_equal(read_image(saved(colorful(), "PNG", icc_profile=profile)), colorful())


def test_a_profile_for_other_colors_is_a_note():
    with pytest.warns(NSTWarning, match="profile is ignored"):
        image = saved(Image.new("CMYK", (9, 9), (200, 0, 0, 0)), "JPEG", icc_profile=ADOBE)
        assert read_image(image).mode == "RGB"


def exif(entries):
    """A little-endian EXIF block from (tag, type, count, bytes)."""
    body, directory = b"", struct.pack("<H", len(entries))
    offset = 8 + 2 + 12 * len(entries) + 4
    for tag, kind, count, raw in sorted(entries):
        place = struct.pack("<I", offset + len(body))
        directory += struct.pack("<HHI", tag, kind, count)
        directory += raw.ljust(4, b"\0") if len(raw) <= 4 else place
        body += raw if len(raw) > 4 else b""
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 0) + body


UPRIGHT = (0x0112, 3, 1, struct.pack("<H", 6))
MALFORMED = [
    (0x011A, 10, 1, struct.pack("<ii", -1, 0)),
    (0x011A, 2, 4, b"72 \0"),
    (0x011A, 5, 1, struct.pack("<II", 1, 0)),
    (0x0128, 4, 1, struct.pack("<I", 70000)),
    (0x010F, 2, 2**30, b"\xff\xff\xff\x7f"),
    (0x010F, 77, 3, b"abc"),
    (0x8769, 4, 1, struct.pack("<I", 2**32 - 2)),
    (0x8825, 3, 5, b"\0" * 10),
    (0x927C, 7, 9, b"\xff" * 9),
]


@pytest.mark.parametrize("entry", MALFORMED, ids=lambda e: f"{e[0]:x}-{e[1]}")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_upright_whatever_else_is_malformed(entry, kind):
    data = saved(Image.new("RGB", (60, 40), "red"), kind, exif=exif([UPRIGHT, entry]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(data).size == (40, 60)


@given(st.binary(max_size=120))
def test_any_exif_leaves_the_pixels(block):
    image = colorful(30, 20)
    data = saved(image, "PNG")
    body = block[:1] and b"eXIf" + block
    chunk = struct.pack(">I", len(block)) + body + struct.pack(">I", zlib.crc32(body))
    found = read_image(data[:33] + chunk + data[33:] if body else data)
    assert sorted(found.size) == [20, 30]


def chunk(kind, data, checksum=None):
    checksum = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"note\0\0" + zlib.compress(b"x" * 70_000_000, 1)),
        chunk(b"tEXt", b"broken\0text", checksum=5),
        chunk(b"pHYs", b"\0\0"),
        chunk(b"cHRM", b"\1"),
        chunk(b"gAMA", b""),
        chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(20_000_000), 1)),
        chunk(b"eXIf", b"\xff" * 70_000),
        chunk(b"tIME", b"when?"),
        chunk(b"iTXt", b"\xff\xfe\0\1\0\0\0"),
        chunk(b"acTL", b"\0\0"),
    ],
    ids=lambda c: c[4:8].decode(),
)
def test_metadata_of_a_png_never_stops_it(extra):
    data = saved(colorful(), "PNG")
    for place in (33, len(data) - 12):  # before and behind the pixels
        found = read_image(data[:place] + extra + data[place:])
        assert np.array_equal(found, colorful())


def segment(marker, data):
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


@pytest.mark.parametrize(
    "extra",
    [
        segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\xff\xff\xff\xff"),
        segment(0xEE, b"Adobe"),
        segment(0xE2, b"ICC_PROFILE\0\2\1junk"),
        segment(0xE2, b"MPF\0II*\0\xff\xff\xff\xff"),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta tiff:Orientation='nine'/>"),
        segment(0xFE, b"\xff\xfe\0" * 20_000),
        segment(0xE1, b"Exif\0\0") * 40,
        segment(0xE0, b"JFIF\0\1\1\7\0\0\0\0\0\0"),
        b"\xff\xff\xff" + segment(0xEB, b"\0" * 60_000) * 3,
    ],
    ids=range(9),
)
@pytest.mark.filterwarnings("ignore:.*profile is ignored")
def test_metadata_of_a_jpeg_never_stops_it(extra):
    data = saved(colorful(), "JPEG")
    found = read_image(data[:2] + extra + data[2:])
    assert np.array_equal(found, read_image(data))


def test_what_is_left_without_metadata_is_the_picture():
    noise = {"exif": exif([UPRIGHT]), "icc_profile": ADOBE}
    for kind, options in (("PNG", noise), ("JPEG", noise | {"comment": "x"}), ("WEBP", noise)):
        bare = without_metadata(saved(colorful(), kind, **options))
        assert len(bare) < len(saved(colorful(), kind, **options))
        with Image.open(io.BytesIO(bare)) as image:
            image.load()
            assert image.size == (60, 40)
    assert without_metadata(b"GIF89a") is None


FORMS = {
    "avif": lambda: saved(colorful(), "AVIF", quality=90),
    "heic": lambda: saved(colorful(), "HEIF", quality=90),
    "jpeg 2000": lambda: saved(colorful(), "JPEG2000"),
    "16-bit gray": lambda: saved(Image.fromarray(np.full((40, 60), 30000, np.uint16)), "PNG"),
    "gray with alpha": lambda: saved(colorful().convert("LA"), "PNG"),
    "palette with alpha": lambda: saved(colorful().convert("P"), "PNG", transparency=0),
    "animated gif": lambda: saved(colorful(), "GIF", save_all=True, append_images=[colorful()]),
    "animated png": lambda: saved(colorful(), "PNG", save_all=True, append_images=[colorful()]),
    "animated webp": lambda: saved(colorful(), "WEBP", save_all=True, append_images=[colorful()]),
    "float tiff": lambda: tiff(np.asarray(colorful(), np.float32) / 255),
    "double tiff": lambda: tiff(np.asarray(colorful(), np.float64) / 255),
    "16-bit tiff": lambda: tiff(np.asarray(colorful(), np.uint16) * 257),
    "16-bit planar": lambda: tiff(np.moveaxis(np.asarray(colorful(), np.uint16) * 257, -1, 0),
                                  planarconfig="separate", photometric="rgb"),
    "8-bit planar": lambda: tiff(np.moveaxis(np.asarray(colorful()), -1, 0),
                                 planarconfig="separate", photometric="rgb"),
    "bigtiff": lambda: tiff(np.asarray(colorful()), bigtiff=True),
}  # fmt: skip


def tiff(array, **options):
    file = io.BytesIO()
    options = {"photometric": "rgb"} | options
    tifffile.imwrite(file, array, **options)
    return file.getvalue()


@pytest.mark.parametrize("name", FORMS)
def test_forms_that_people_have(name):
    import pillow_heif

    pillow_heif.register_heif_opener()
    found = read_image(FORMS[name]())
    assert (found.mode, found.size) == ("RGB", (60, 40))
    if "gray" not in name and "palette" not in name:
        gap = np.abs(np.asarray(found, int) - np.asarray(colorful(), int))
        assert gap.mean() < 12  # of lossy forms


def test_a_damaged_heic_and_a_dng_are_named(tmp_path):
    (tmp_path / "IMG_0001.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 200)
    with pytest.raises(ImageError, match="damaged HEIC"):
        read_image(tmp_path / "IMG_0001.HEIC")
    raw = tiff(np.zeros((16, 16), np.float16), photometric="minisblack",
               extratags=[(50706, 1, 4, (1, 4, 0, 0), True)])  # fmt: skip
    (tmp_path / "x.dng").write_bytes(raw)
    with pytest.raises(ImageError, match="raw photo"):
        read_image(tmp_path / "x.dng")


@pytest.mark.parametrize(
    ("mode", "kind", "wide", "options"),
    [
        ("I;16", "PNG", 9000, {"compress_level": 1}),
        ("RGBA", "PNG", 9000, {"compress_level": 1}),
        ("RGB", "WEBP", 9000, {"method": 0}),
        ("L", "JPEG", 15000, {"progressive": True, "quality": 5}),
    ],
)
def test_small_files_take_little_memory_or_are_refused(tmp_path, mode, kind, wide, options):
    Image.new(mode, (wide, wide)).save(tmp_path / "bomb", kind, **options)
    code = (
        "import sys\nfrom nst_utils.images.io import read_image\n"
        "try: print(read_image(sys.argv[1], 512).size)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
        "status = open('/proc/self/status').read()\n"
        "print(int(status.split('VmHWM:')[1].split()[0]) // 1024)"
    )
    if not os.path.exists("/proc/self/status"):
        pytest.skip("no /proc: memory is measured otherwise here")
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "bomb"], capture_output=True, text=True
    )
    *said, peak = run.stdout.split("\n")[:2]
    assert int(peak) < 1000, run.stdout + run.stderr
    assert said[0] == "(512, 512)" or "over the limit of 700 MB" in said[0]


def test_a_jpeg_of_several_scans_is_counted_like_a_progressive_one(monkeypatch):
    data = saved(colorful(400, 400), "JPEG", progressive=True)
    monkeypatch.setattr(decode, "MEMORY", 200_000)
    with pytest.raises(ImageError, match="progressive JPEG"):
        read_image(data)
    assert read_image(saved(colorful(400, 400), "JPEG")).size == (400, 400)


def test_pipes_and_devices_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", "/dev/zero"):
        with pytest.raises(ImageError, match="pipe or a device"):
            read_image(path)
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    with pytest.raises(ImageError, match="cannot be read|no such file"):
        read_image(tmp_path / "loop.jpg")


def test_pictures_without_pixels():
    with pytest.raises(ImageError, match="0 x 0"):
        read_image(Image.new("RGB", (0, 0)))


def test_libraries_say_nothing_on_their_own(tmp_path, capfd):
    data = bytearray(saved(colorful(), "TIFF", compression="tiff_lzw"))
    data[len(data) // 2] ^= 255
    for bad in (bytes(data), bytes(data[:-40]), declared(50, 50), bytes(data[:300])):
        try:
            read_image(bad)
        except ImageError:
            pass
    assert capfd.readouterr().err == ""


def test_home_and_file_addresses_are_paths(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    colorful().save(tmp_path / "a b.png")
    assert read_image("~/a b.png").size == (60, 40)
    assert read_image(f"file://{tmp_path}/a%20b.png").info["source"] == "a b.png"


TEXT = b'{"a": 1}'
KEY = b"nst_utils\0"
RECORDS = {
    "tEXt": chunk(b"tEXt", KEY + TEXT),
    "zTXt": chunk(b"zTXt", KEY + b"\0" + zlib.compress(TEXT)),
    "iTXt": chunk(b"iTXt", KEY + b"\0\0\0\0" + TEXT),
    "compressed iTXt": chunk(b"iTXt", KEY + b"\1\0\0\0" + zlib.compress(TEXT)),
}
NO_RECORDS = {
    "a broken checksum": chunk(b"tEXt", KEY + b'{"a": 2}', checksum=5),
    "a broken iTXt": chunk(b"iTXt", KEY + b"\1"),
    "a broken zTXt": chunk(b"zTXt", KEY + b"\0no deflate"),
    "an unknown compression": chunk(b"zTXt", KEY + b"\7" + zlib.compress(TEXT)),
    "a decompression bomb": chunk(b"zTXt", KEY + b"\0" + zlib.compress(b"[" * 70_000_000, 1)),
    "a bomb of another key": chunk(b"zTXt", b"note\0\0" + zlib.compress(b"x" * 70_000_000, 1)),
    "a broken chunk": chunk(b"pHYs", b"\0\0"),
}


@pytest.mark.parametrize("form", RECORDS)
@pytest.mark.parametrize("place", [33, -12], ids=["before the pixels", "behind the pixels"])
def test_a_record_is_found_in_any_text_entry(tmp_path, form, place):
    data = saved(colorful(), "PNG")
    for before in (b"", *NO_RECORDS.values(), b"".join(NO_RECORDS.values())):
        whole = data[:place] + before + RECORDS[form] + data[place:]
        (tmp_path / "x.png").write_bytes(whole)
        assert read_provenance(tmp_path / "x.png") == {"a": 1}


def test_a_png_without_a_whole_record_has_none(tmp_path):
    data = saved(colorful(), "PNG")
    deep = chunk(b"tEXt", KEY + b"[" * 100_000)
    for entry in (*NO_RECORDS.values(), deep, RECORDS["tEXt"][:-6]):
        (tmp_path / "x.png").write_bytes(data[:33] + entry + data[33:])
        assert read_provenance(tmp_path / "x.png") is None
        (tmp_path / "x.png").write_bytes(data[:33] + entry)
        assert read_provenance(tmp_path / "x.png") is None


def test_bytes_of_any_kind_and_a_callers_broken_picture():
    data = saved(colorful(), "PNG")
    for source in (data, bytearray(data), memoryview(data), io.BytesIO(data)):
        assert np.array_equal(read_image(source), colorful())
    with Image.open(io.BytesIO(saved(colorful(300, 200), "PNG")[:400])) as cut:
        with pytest.raises(ImageError, match="damaged or cut short"):
            read_image(cut)


def test_a_pillow_that_knows_fewer_formats_reads_the_others(monkeypatch):
    """Before 11.3 it had no AVIF."""
    file = io.BytesIO()
    Image.new("RGB", (9, 6)).save(file, "PNG")
    monkeypatch.delitem(Image.OPEN, "AVIF")
    assert decode.open_undecoded(file).size == (9, 6)
