"""PNG and TIFF files with 16 bits a channel, as tensors: Pillow reads their colors as 8 bits."""

import contextlib
import hashlib
import os
import struct
import zlib
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from ..errors import ignoring
from ..paths import is_address, is_regular, user_path
from .decode import TURNS, open_undecoded, orientation, profile
from .formats import MEMORY, png_chunks
from .tiff import read_array

BYTES = 24
"""That a pixel takes, about, until it is a tensor."""

_PNG_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""Samples a pixel, by the color type of a PNG."""


def read_deep(source: Any) -> tuple[Tensor, str, str] | None:
    """Return a file with 16 bits a channel as a tensor (1, 3, H, W), its name and its SHA-256.

    EXIF orientation is applied, and transparency becomes white. Return None for any other picture,
    and for one whose 8 bits have to do: with a color profile, interlaced, damaged, or too large.
    """
    if not isinstance(source, str | os.PathLike) or is_address(source):
        return None
    path = user_path(source)
    # Whatever is wrong with a file, its reading with 8 bits will say so.
    with contextlib.suppress(Exception):
        if not is_regular(path):
            return None
        with path.open("rb") as file:
            if not _is_deep(file):
                return None
            with ignoring():
                image = open_undecoded(file)
            if image.width * image.height * BYTES > MEMORY or profile(image) is not None:
                return None
            turn = orientation(image)
            file.seek(0)
            png = image.format == "PNG"
            array = _read_png(file.read(MEMORY)) if png else read_array(file, path.name)[0]
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return _to_tensor(array, turn), path.name, digest
    return None


def _is_deep(file: BinaryIO) -> bool:
    """Tell by the head of a file whether it is a PNG or a TIFF with 16 bits a channel."""
    head = file.read(26)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return head[24] == 16
    if head[:4] not in (b"II*\0", b"MM\0*"):
        return False
    with ignoring():
        tags = open_undecoded(file).tag_v2
    return set(tags.get(258, ())) == {16} and set(tags.get(339, (1,))) == {1}


def _read_png(data: bytes) -> np.ndarray:
    """Return the samples of a PNG with 16 bits, (H, W, channels).

    The filters took each sample's difference from its neighbors to the left, above, and above left.
    """
    chunks = png_chunks(data)
    width, height, _, color, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    if interlaced:
        raise ValueError("interlaced")
    step = 2 * _PNG_CHANNELS[color]
    size = height * (1 + width * step)
    packed = b"".join(content for kind, content in chunks if kind == b"IDAT")
    lines = np.frombuffer(zlib.decompressobj().decompress(packed, size), np.uint8)
    lines = lines.reshape(height, 1 + width * step)
    kind = lines[:, 0]
    if kind.max() > 4:
        raise ValueError("unknown filter")
    filtered = lines[:, 1:].reshape(height, width, step)
    # A row above and a column to the left of zeros.
    out = np.zeros((height + 1, width + 1, step), np.uint8)
    if kind.max() <= 2:
        _undo_rows(filtered, kind, out)
    else:
        _undo_diagonals(filtered, kind, out)
    samples = np.ascontiguousarray(out[1:, 1:]).reshape(height, -1).view(">u2")
    return samples.reshape(height, width, -1)


def _undo_rows(filtered: np.ndarray, kind: np.ndarray, out: np.ndarray) -> None:
    """Undo rows that are filtered not at all, by the left or by the row above."""
    for y, way in enumerate(kind):
        row = filtered[y]
        if way == 1:
            row = np.cumsum(row, axis=0, dtype=np.uint8)
        out[y + 1, 1:] = row + out[y, 1:] if way == 2 else row


def _undo_diagonals(filtered: np.ndarray, kind: np.ndarray, out: np.ndarray) -> None:
    """Undo rows of any filter, all at once, each a pixel behind the row above it."""
    height, width, _ = filtered.shape
    for diagonal in range(width + height - 1):
        y = np.arange(max(0, diagonal - width + 1), min(height, diagonal + 1))
        x, way = diagonal - y, kind[y, None]
        a, b, c = (out[y + 1, x], out[y, x + 1], out[y, x])
        guess = np.select(
            [way == 1, way == 2, way == 3, way == 4],
            [a, b, ((a.astype(np.int16) + b) // 2).astype(np.uint8), _paeth(a, b, c)],
            np.uint8(0),
        )
        out[y + 1, x + 1] = filtered[y, x] + guess


def _paeth(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return which of three neighbors is nearest to ``a + b - c``, as the PNG standard says."""
    wide = [t.astype(np.int16) for t in (a, b, c)]
    guess = wide[0] + wide[1] - wide[2]
    near = [np.abs(guess - t) for t in wide]
    left = (near[0] <= near[1]) & (near[0] <= near[2])
    return np.where(left, a, np.where(near[1] <= near[2], b, c))


def _to_tensor(array: np.ndarray, turn: int) -> Tensor:
    """Return samples (H, W) or (H, W, 1 to 4) of 16 bits as upright RGB on white."""
    array = array[..., None] if array.ndim == 2 else array
    if array.dtype.itemsize != 2 or array.dtype.kind != "u" or array.shape[2] > 4:
        raise ValueError("no picture of 16 bits")
    height, width, count = array.shape
    colors = torch.empty(1 if count < 3 else 3, height, width)
    for place, channel in enumerate(colors):
        channel.numpy()[:] = array[..., place]
    colors.div_(65535)
    if count in (2, 4):
        alpha = torch.from_numpy(array[..., -1].astype(np.float32)).div_(65535)
        colors.sub_(1).mul_(alpha).add_(1)
    return _turned(colors.expand(3, -1, -1), turn)[None].contiguous()


def _turned(pixels: Tensor, turn: int) -> Tensor:
    """Apply an EXIF orientation, as `decode.TURNS` does to pictures."""
    if turn not in TURNS:
        return pixels
    if turn in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 2)
    axes = {2: [2], 3: [1, 2], 4: [1], 5: [], 6: [2], 7: [1, 2], 8: [1]}[turn]
    return pixels.flip(axes)
