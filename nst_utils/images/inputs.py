"""The input picture of a run: opened and hashed once, then read at any size."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from .deep import read_deep
from .formats import MAX_PIXELS, ImageError
from .io import fit
from .samples import open_picture
from .tensors import to_pil, to_tensor

LEAST_SIDE = 16
"""Minimum length of the short side in pixels at every scale, because VGG19 halves it four times.

It takes precedence over the recipe's size. `open_input` refuses a picture whose file is smaller."""

LONGEST = 20
"""Maximum ratio of a picture's sides; the largest in WikiArt is 12."""


@dataclass(frozen=True)
class InputPicture:
    """A content, style or start picture, and its origin.

    Attributes
    ----------
    pixels : PIL.Image.Image or Tensor
        RGB. A tensor has shape (1, 3, H, W) and values in [0, 1]; a tensor from the user stays
        one, and a file with 16 bits a channel becomes one, without rounding to 8 bits.
    source : str
        File name, address, sample, ``"upload"`` (bytes), ``"picture"``, ``"array"`` or
        ``"tensor"``.
    sha256 : str
        Checksum of the file, or of the pixels if there is no file.
    """

    pixels: Image.Image | Tensor
    source: str
    sha256: str

    @classmethod
    def open(cls, source: Any, bound: int | None = None) -> "InputPicture":
        """Open a picture from any source; an `InputPicture` is returned unchanged.

        Parameters
        ----------
        source : path, address, sample name, PIL.Image.Image, ndarray, Tensor or InputPicture
            Tensors have shape (1, 3, H, W) or (3, H, W) and values in [0, 1].
        bound : int, optional
            Maximum length of the long side in pixels. Larger pictures are reduced, but for
            tensors.

        Raises
        ------
        ImageError
            If the picture cannot be read, or a tensor has another shape or range.
        """
        if isinstance(source, InputPicture):
            return source
        if not isinstance(source, Tensor):
            if deep := read_deep(source):
                picture = cls(*deep)
                if bound is None or max(picture.size) <= bound:
                    return picture
                # As a picture with 8 bits: else its proportions would be rounded otherwise.
                return cls(picture.at(bound), *deep[1:])
            image = open_picture(source, bound)
            return cls(image, image.info["source"], image.info["sha256"])
        odd = source.is_meta or source.is_complex() or source.is_quantized or source.is_nested
        if odd or source.layout != torch.strided:
            raise ImageError(
                f"expected a plain tensor of numbers, not a {source.layout} {source.dtype} on "
                f"{source.device}; make it dense and real"
            )
        shape = (1, *source.shape) if source.ndim == 3 else tuple(source.shape)
        if len(shape) != 4 or shape[:2] != (1, 3) or 0 in shape:
            raise ImageError(
                f"expected a tensor of shape (1, 3, H, W) or (3, H, W), not {tuple(source.shape)}"
            )
        if shape[2] * shape[3] > MAX_PIXELS:
            raise ImageError(
                f"expected a tensor of at most {MAX_PIXELS:,} pixels, not {shape[3]} x {shape[2]}"
            )
        # Copied, because a tensor made in inference mode cannot be used outside it.
        tensor = source.detach().reshape(shape).float().cpu().clone()
        if not (tensor.min() >= 0 and tensor.max() <= 1):
            raise ImageError(
                f"expected a tensor with values in [0, 1], not from {tensor.min():g} to "
                f"{tensor.max():g}; make them finite and positive, then divide by the maximum"
            )
        digest = hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()
        return cls(tensor, "tensor", digest)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        if isinstance(self.pixels, Tensor):
            return self.pixels.shape[3], self.pixels.shape[2]
        return self.pixels.size

    @property
    def image(self) -> Image.Image:
        """The picture with 8 bits per channel, for display and measurements."""
        return to_pil(self.pixels) if isinstance(self.pixels, Tensor) else self.pixels

    def at(self, size: int, least: int = 1) -> Tensor:
        """Resize the picture to a long side of `size` and a short side of at least `least` pixels.

        Returns
        -------
        Tensor, shape (1, 3, h, w)
            On the CPU, in [0, 1], with the same proportions, resized with Lanczos.
        """
        return self._resized(lambda image: fit(image, size, enlarge=True, least=least))

    def filling(self, height: int, width: int) -> Tensor:
        """Return the picture in this size; it is cropped to the proportions, not stretched."""
        lanczos = Image.Resampling.LANCZOS
        return self._resized(lambda image: ImageOps.fit(image, (width, height), lanczos))

    def _resized(self, resize: Callable[[Image.Image], Image.Image]) -> Tensor:
        if not isinstance(self.pixels, Tensor):
            return to_tensor(resize(self.pixels))
        # Pillow resizes floats one channel at a time.
        channels = [np.asarray(resize(Image.fromarray(c.numpy()))) for c in self.pixels[0]]
        return torch.from_numpy(np.stack(channels))[None].clamp(0, 1)


def open_input(source: Any, bound: int) -> InputPicture:
    """Open a picture as `InputPicture.open`, and check its size and proportions.

    Raises
    ------
    ImageError
        Also if the short side is below `LEAST_SIDE` and the long side below `bound`, or if the long
        side exceeds `LONGEST` times the short side.
    """
    picture = InputPicture.open(source, bound)
    width, height = picture.size
    short, long = sorted(picture.size)
    if short < LEAST_SIDE and long < bound:
        raise ImageError(
            f"{picture.source}: only {width} x {height} pixels; "
            f"at least {LEAST_SIDE} x {LEAST_SIDE} are needed"
        )
    if long > LONGEST * short:
        raise ImageError(
            f"{picture.source}: one side is more than {LONGEST} times the other, which cannot be "
            "painted; cut a part out"
        )
    return picture
