import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_utils.images.formats import describe, describe_text, is_heif, orientation_of, png_chunks


@pytest.mark.parametrize(
    ("head", "says", "way"),
    [
        (b"%PDF-1.7\n", "a PDF document", "export"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'>", "an SVG", "PNG"),
        (b"8BPS\0\1", "Photoshop", "export"),
        (b"\xff\x0a\0\0", "JPEG XL", "export"),
        (b"\0\0\0\x18ftypmp42\0\0", "a video", "frames"),
        (b"\0\0\0\x18ftypcrx \0\0", "a raw photo", "raw converter"),
        (b"PK\3\4....", "a ZIP archive", "unpack"),
        (b"v/1\x01....", "OpenEXR", "tone-map"),
        (b"\x93NUMPY\1\0", "a NumPy array", "numpy.load"),
        (b"%!PS-Adobe", "a PostScript text", "export"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS", "git lfs pull"),
        (b"<!DOCTYPE html><title>Hello</title><body>World", "web page", "'Hello World'"),
        ("<html><body>Không tìm thấy".encode(), "web page", "'Không tìm thấy'"),
        (b'{"error": "not found"}', "JSON", "not found"),
        (b"<Error><Code>AccessDenied</Code></Error>", "XML", "AccessDenied"),
        ("\ufefftoo many requests".encode(), "a text that begins with", "too many requests"),
        ("<html><p>wide".encode("utf-16"), "web page", "wide"),
        (b"\0\1\2\3", "not a picture in a known format", "expected JPEG"),
    ],
)
def test_what_a_file_is_and_the_way_out(head, says, way):
    assert says in describe(head) and way in describe(head)


def test_raw_photos_are_known_by_their_suffix():
    assert "raw photo" in describe(b"II*\0", "DSC_0001.NEF")


def test_phones_pictures_are_told_from_their_relatives():
    assert is_heif(b"\0\0\0\x18ftypheic") and not is_heif(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif")


@given(st.binary(max_size=600))
def test_any_bytes_get_one_line(data):
    assert "\n" not in describe(data) and len(describe(data)) < 300
    assert isinstance(describe_text(data), str)


def block(entries, order="<"):
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    return head + b"".join(struct.pack(order + "HHI", *e[:3]) + e[3] for e in entries) + b"\0" * 4


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
def test_orientation_beside_entries_that_lead_nowhere(order, kind):
    value = struct.pack(order + ("H" if kind == 3 else "I"), 6).ljust(4, b"\0")
    entries = [(0x010F, 2, 2**31, b"\xff" * 4), (0x0112, kind, 1, value), (0x011A, 99, 9, b"abcd")]
    assert orientation_of(b"Exif\0\0" + block(entries, order)) == 6
    assert orientation_of(block(entries, order)[:24]) == 1  # cut before it


@given(st.binary(max_size=200))
def test_any_block_has_an_orientation(data):
    for start in (b"", b"Exif\0\0II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        assert 1 <= orientation_of(start + data) <= 8
    png_chunks(b"\x89PNG\r\n\x1a\n" + data)
