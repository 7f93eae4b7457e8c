import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nst_utils.images.samples import open_picture
from nst_utils.wikiart import files as wikiart_files

from ..images.test_io import declared


def write(path, image, **options):
    image.save(path, **options)
    return str(path)


def test_sizes_come_from_headers(tmp_path):
    photo = open_picture("chelsea")
    for suffix in ("jpg", "png", "webp"):
        assert wikiart_files.read_size(write(tmp_path / f"a.{suffix}", photo)) == (*photo.size, "")
    (tmp_path / "empty.jpg").write_bytes(b"")
    assert wikiart_files.read_size(str(tmp_path / "empty.jpg")) == (0, 0, "empty file")
    assert wikiart_files.read_size(str(tmp_path / "none.jpg")) == (0, 0, "missing file")
    (tmp_path / "text.jpg").write_bytes(b"no picture")
    assert wikiart_files.read_size(str(tmp_path / "text.jpg"))[2].startswith("damaged: ")


def test_a_check_finds_what_cannot_be_used(tmp_path):
    photo = open_picture("chelsea")
    good = write(tmp_path / "good.jpg", photo)
    problem, digest = wikiart_files.check_file(good)
    assert problem == "" and len(digest) == 16
    data = (tmp_path / "good.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) * 2 // 3])
    assert wikiart_files.check_file(str(tmp_path / "cut.jpg"))[0].startswith("damaged: ")
    for mode in ("L", "CMYK"):
        assert wikiart_files.check_file(write(tmp_path / f"{mode}.jpg", photo.convert(mode)))[
            0
        ] == (f"not RGB ({mode})")
    (tmp_path / "bomb.png").write_bytes(declared(20_000, 20_000))
    assert "pixels" in wikiart_files.check_file(str(tmp_path / "bomb.png"))[0]


def test_a_huge_jpeg_is_read_reduced_and_named(tmp_path):
    path = write(tmp_path / "huge.jpg", Image.new("RGB", (9600, 9600), "teal"))
    assert wikiart_files.read_size(path) == (9600, 9600, "")
    problem, digest = wikiart_files.check_file(path)
    assert problem == "92,160,000 pixels, over 89,478,485" and digest


def test_a_perceptual_hash_sees_through_size_and_compression():
    photo, other = open_picture("chelsea"), open_picture("coffee")
    buffer = io.BytesIO()
    photo.resize((300, 200)).save(buffer, "JPEG", quality=60)
    again = Image.open(buffer)
    near, far = (
        bin(int(wikiart_files.phash(photo), 16) ^ int(wikiart_files.phash(image), 16)).count("1")
        for image in (again, other)
    )
    assert near <= 2 < 15 < far


@given(st.binary(max_size=300))
def test_any_bytes_are_a_problem_and_no_crash(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("scan") / "x.jpg"
    path.write_bytes(b"\xff\xd8\xff" + data)
    problem, _ = wikiart_files.check_file(str(path))
    assert isinstance(problem, str)


@pytest.mark.parametrize("few", [1, 10**9])
def test_many_files_in_order_in_one_process_or_several(tmp_path, monkeypatch, few):
    monkeypatch.setattr(wikiart_files, "_FEW", few)
    monkeypatch.setattr(wikiart_files, "_BATCH", 3)
    names = []
    for i in range(10):
        names.append(f"{i}.png")
        Image.new("RGB", (10 + i, 5)).save(tmp_path / names[-1])
    found = list(
        wikiart_files.read_files(
            wikiart_files.read_size, tmp_path, names, title="x", progress=False
        )
    )
    assert found == [(10 + i, 5, "") for i in range(10)]


def test_duplicates_are_told_by_like_hashes_only():
    checked = [("", "1"), ("", "1"), ("damaged", "1"), ("", "2")]
    with_duplicates = wikiart_files.with_duplicates
    assert with_duplicates("wxyz", checked, [""] * 4) == ["", "duplicate of w", "damaged", ""]
    assert with_duplicates("wx", checked[:2], ["1", ""]) == ["", ""]
