import io
import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from nst_utils.errors import NSTWarning
from nst_utils.images.deep import read_deep
from nst_utils.images.inputs import InputPicture
from nst_utils.images.outputs import save_painting

from .test_decode import ADOBE

RANDOM = np.random.default_rng(0)


def png(array, filters, more=b""):
    """Return a PNG of 16 bits, each row under the filter of the list, written by the standard."""
    height, width, channels = array.shape
    rows = array.astype(">u2").reshape(height, -1).view(np.uint8).astype(int)
    step, lines = 2 * channels, []
    for y in range(height):
        way = filters[y % len(filters)]
        line = [way]
        for i, value in enumerate(rows[y]):
            a = rows[y][i - step] if i >= step else 0
            b = rows[y - 1][i] if y else 0
            c = rows[y - 1][i - step] if y and i >= step else 0
            near = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            line.append((value - [0, a, b, (a + b) // 2, near][way]) % 256)
        lines.append(bytes(line))
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    made = b"\x89PNG\r\n\x1a\n"
    for name, content in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, 0)),
        *([(b"tRNS", more)] if more else []),
        (b"IDAT", zlib.compress(b"".join(lines))),
        (b"IEND", b""),
    ):
        made += struct.pack(">I", len(content)) + name + content
        made += struct.pack(">I", zlib.crc32(name + content))
    return made


@pytest.mark.parametrize("filters", [[0], [1, 2], [3], [4], [4, 0, 3, 1, 2]])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_filter_of_a_png_is_undone(filters, channels, tmp_path):
    array = RANDOM.integers(0, 65536, (9, 23, channels), np.uint16)
    (tmp_path / "a.png").write_bytes(png(array, filters))
    tensor, name, digest = read_deep(tmp_path / "a.png")
    wanted = torch.from_numpy(array.astype(np.float32) / 65535).permute(2, 0, 1)
    assert torch.equal(tensor[0], wanted.expand(3, -1, -1))
    assert name == "a.png" and len(digest) == 64
    # Pillow reads the same picture, with 8 bits.
    with Image.open(tmp_path / "a.png") as image:
        seen = np.asarray(image)
    assert np.abs((seen >> 8 if channels == 1 else seen) - (array >> 8).squeeze()).max() == 0


def test_colors_that_were_multiplied_by_their_alpha_are_not_multiplied_again(tmp_path):
    array = np.full((20, 30, 4), 32768, np.uint16)  # white, half transparent
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, photometric="rgb", extrasamples=["assocalpha"])
    assert read_deep(path)[0].min() > 0.999


def test_transparency_becomes_white(tmp_path):
    array = np.zeros((4, 5, 4), np.uint16)
    array[..., 3] = 65535
    array[0, 0, 3] = 0
    (tmp_path / "a.png").write_bytes(png(array, [1]))
    tensor, *_ = read_deep(tmp_path / "a.png")
    assert tensor[0, :, 0, 0].tolist() == [1, 1, 1] and tensor.sum() == 3
    array[0, 0, :3] = 1, 2, 3  # one color that is named as the transparent one
    (tmp_path / "named.png").write_bytes(png(array[..., :3], [1], struct.pack(">3H", 1, 2, 3)))
    tensor, *_ = read_deep(tmp_path / "named.png")
    assert tensor[0, :, 0, 0].tolist() == [1, 1, 1] and tensor.sum() == 3
    gray = np.zeros((4, 5, 2), np.uint16)
    gray[1:, :, 1] = 65535
    (tmp_path / "gray.png").write_bytes(png(gray, [1]))
    tensor, *_ = read_deep(tmp_path / "gray.png")
    assert tensor[0, :, 0].min() == 1 and tensor[0, :, 1:].max() == 0


@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_is_applied_once(turn, tmp_path):
    array = RANDOM.integers(0, 65536, (6, 9, 3), np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, photometric="rgb", extratags=[(274, "H", 1, turn, True)])
    tensor, *_ = read_deep(path)
    exif = Image.Exif()
    exif[0x0112] = turn
    data = io.BytesIO()
    Image.fromarray((array >> 8).astype(np.uint8)).save(data, "PNG", exif=exif)
    known = np.asarray(InputPicture.open(data.getvalue()).image)
    assert np.abs(tensor[0].permute(1, 2, 0).numpy() * 255 - known).max() <= 1


def test_a_photo_of_sixteen_bits_comes_back_with_all_of_them(tmp_path):
    picture = torch.rand(1, 3, 20, 30)
    for suffix in (".png", ".tif"):
        path = save_painting(picture, tmp_path / f"a{suffix}", {}, depth=16)
        opened = InputPicture.open(str(path))
        assert isinstance(opened.pixels, torch.Tensor) and opened.source == path.name
        assert (opened.at(30) - picture).abs().max() < 0.6 / 65535


def test_others_are_read_with_eight_bits(tmp_path, capfd):
    array = RANDOM.integers(0, 65536, (9, 23, 3), np.uint16)
    whole = png(array, [4])
    (tmp_path / "cut.png").write_bytes(whole[:-60])
    (tmp_path / "flipped.png").write_bytes(whole[:99] + bytes([whole[99] ^ 1]) + whole[100:])
    Image.new("RGB", (9, 9)).save(tmp_path / "plain.png")
    tifffile.imwrite(tmp_path / "floats.tif", np.zeros((9, 9, 3), np.float32), photometric="rgb")
    for name in ("cut.png", "flipped.png", "plain.png", "floats.tif", "missing.png"):
        assert read_deep(tmp_path / name) is None, name
    assert capfd.readouterr().err == ""  # OpenCV is silent
    for source in (None, 3, tmp_path, "chelsea", "http://127.0.0.1:9/a.png", b"bytes"):
        assert read_deep(source) is None


@pytest.mark.parametrize("kind", ["lzw", "packbits", "BigTIFF"])
def test_packed_and_big_tiffs_keep_their_bits(kind, tmp_path):
    array = RANDOM.integers(0, 65536, (20, 31, 3), np.uint16)
    path = tmp_path / "a.tif"
    if kind == "BigTIFF":
        tifffile.imwrite(path, array, photometric="rgb", bigtiff=True)
    else:
        packing = {"lzw": 5, "packbits": 32773}[kind]
        cv2.imwrite(str(path), array[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, packing])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tensor = InputPicture.open(path).pixels
    wanted = torch.from_numpy(array.astype(np.float32)).div(65535)
    assert torch.equal(tensor[0].permute(1, 2, 0), wanted)


def test_what_is_read_with_fewer_bits_is_said(tmp_path):
    array = RANDOM.integers(0, 65536, (20, 31, 3), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", iccprofile=ADOBE)
    with pytest.warns(NSTWarning, match="8 bits a channel, not 16: it has a color profile"):
        assert isinstance(InputPicture.open(tmp_path / "a.tif").pixels, Image.Image)
