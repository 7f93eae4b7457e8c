"""PNG and TIFF files with 16 bits a channel, as tensors: Pillow reads their colors as 8 bits."""

import contextlib
import hashlib
import os
import warnings
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from ..errors import NSTWarning, ignoring
from ..paths import is_address, is_regular, user_path
from .decode import open_undecoded, orientation, profile
from .formats import MEMORY, ImageError
from .tiff import is_tiff, read_array

BYTES = 24
"""Bytes a pixel that reading takes, about."""


def read_deep(source: Any) -> tuple[Tensor, str, str] | None:
    """Return a file with 16 bits a channel as a tensor (1, 3, H, W), its name and its SHA-256.

    EXIF orientation is applied, and transparency becomes white. Return None for any other picture,
    and, with a warning, for one that is read with 8 bits instead: with a color profile, too large,
    or of a kind that cannot be read otherwise.
    """
    if not isinstance(source, str | os.PathLike) or is_address(source):
        return None
    path = user_path(source)
    # Whatever is wrong with a file, its reading with 8 bits will say so.
    with contextlib.suppress(OSError, ValueError):
        if not is_regular(path):
            return None
        with path.open("rb") as file:
            try:
                if not _is_deep(file):
                    return None
                tensor = _read(file, path.name)
            except _NotDeep as reason:
                warnings.warn(
                    f"{path.name} is read with 8 bits a channel, not 16: {reason}",
                    NSTWarning,
                    stacklevel=2,
                )
                return None
            except Exception:  # the readers raise many types
                return None
            file.seek(0)
            return tensor, path.name, hashlib.file_digest(file, "sha256").hexdigest()
    return None


class _NotDeep(Exception):
    """Why a file with 16 bits a channel is read with 8."""


def _read(file: BinaryIO, name: str) -> Tensor:
    with ignoring():
        image = open_undecoded(file)
    if image.width * image.height * BYTES > MEMORY:
        raise _NotDeep("it is too large")
    if profile(image) is not None:
        raise _NotDeep("it has a color profile of its own; convert it to sRGB first")
    turn, png = orientation(image), image.format == "PNG"
    multiplied = not png and image.tag_v2.get(338, (0,))[0] == 1
    file.seek(0)
    try:
        array = _read_by_opencv(file) if png else read_array(file, name)[0]
    except ImageError:  # tifffile alone unpacks few kinds
        if image.tag_v2.get(284) == 2 or image.tag_v2.get(262) not in (1, 2):
            raise _NotDeep("save it uncompressed") from None
        file.seek(0)
        array = _read_by_opencv(file)
    return _to_tensor(array, turn, multiplied)


def _is_deep(file: BinaryIO) -> bool:
    """Tell by the head of a file whether it is a PNG or a TIFF with 16 bits a channel."""
    head = file.read(26)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return head[24] == 16
    if not is_tiff(head):
        return False
    with ignoring():
        tags = open_undecoded(file).tag_v2
    return set(tags.get(258, ())) == {16} and set(tags.get(339, (1,))) == {1}


def _read_by_opencv(file: BinaryIO) -> np.ndarray:
    """Return the samples of a file with 16 bits, (H, W) or (H, W, 3 or 4)."""
    import cv2

    with ignoring():
        open_undecoded(file).verify()  # OpenCV prints a line about what is damaged
    file.seek(0)
    array = cv2.imdecode(np.frombuffer(file.read(MEMORY), np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None:
        raise _NotDeep("save it uncompressed")
    if array.ndim == 2:
        return array
    return array[..., [2, 1, 0, 3][: array.shape[2]]]  # blue comes first


def _to_tensor(array: np.ndarray, turn: int, multiplied: bool) -> Tensor:
    """Return samples (H, W) or (H, W, 1 to 4) of 16 bits as upright RGB on white.

    `multiplied` tells whether the colors were multiplied by their alpha already.
    """
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
        if multiplied:
            colors.add_(1 - alpha).clamp_(max=1)
        else:
            colors.sub_(1).mul_(alpha).add_(1)
    pixels = colors.expand(3, -1, -1)
    if turn in (5, 6, 7, 8):  # as `decode.TURNS` turns pictures
        pixels = pixels.transpose(1, 2)
    axes = {2: [2], 3: [1, 2], 4: [1], 6: [2], 7: [1, 2], 8: [1]}.get(turn)
    return (pixels.flip(axes) if axes else pixels)[None].contiguous()
