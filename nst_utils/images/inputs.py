"""A picture as a run takes it: opened and hashed once, then read at any size."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from .formats import MAX_PIXELS, ImageError
from .io import fit
from .samples import open_picture
from .tensors import to_pil, to_tensor

LEAST_SIDE = 16
"""Pixels that the short side has at every scale, wins over the recipe's size: VGG19 halves it four
times. A picture that is smaller from the start is refused."""

LONGEST = 20
"""Times that a picture may be longer than it is wide; WikiArt's longest is 12."""


@dataclass(frozen=True)
class InputPicture:
    """A content, style or start picture, and where it came from.

    Attributes
    ----------
    pixels : PIL.Image.Image or Tensor
        RGB; a tensor of shape (1, 3, H, W) in [0, 1] where the user gave one, which never passes
        through 8 bits.
    source : str
        File name, address, sample, ``"picture"`` or ``"tensor"``.
    sha256 : str
        Of the file's bytes, or of the pixels where there is no file.
    """

    pixels: Image.Image | Tensor
    source: str
    sha256: str

    @classmethod
    def open(cls, source: Any, bound: int | None = None) -> "InputPicture":
        """Open whatever a user gave, unless it is open already.

        Parameters
        ----------
        source : path, address, sample name, PIL.Image.Image, ndarray, Tensor or InputPicture
            Tensors have shape (1, 3, H, W) or (3, H, W) and values in [0, 1].
        bound : int, optional
            Pixels on the long side above which a picture that is no tensor is read smaller.

        Raises
        ------
        ImageError
            If it cannot be read, or a tensor has another shape or range.
        """
        if isinstance(source, InputPicture):
            return source
        if not isinstance(source, Tensor):
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
        # A copy: what was made in inference mode cannot be used outside it.
        tensor = source.detach().reshape(shape).float().cpu().clone()
        if not (tensor.min() >= 0 and tensor.max() <= 1):
            raise ImageError("expected a tensor with values in [0, 1]; divide by the maximum")
        digest = hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()
        return cls(tensor, "tensor", digest)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        if isinstance(self.pixels, Tensor):
            return self.pixels.shape[3], self.pixels.shape[2]
        return self.pixels.size

    @property
    def image(self) -> Image.Image:
        """The picture with 8 bits a channel, for showing and measuring."""
        return to_pil(self.pixels) if isinstance(self.pixels, Tensor) else self.pixels

    def at(self, size: int, least: int = 1) -> Tensor:
        """Return it with its long side at `size` and its short side at `least` pixels or more.

        Returns
        -------
        Tensor, shape (1, 3, h, w)
            On the CPU, in [0, 1]; proportions kept, resized with Lanczos.
        """
        return self._resized(lambda image: fit(image, size, enlarge=True, least=least))

    def filling(self, height: int, width: int) -> Tensor:
        """Return it with these sides, cropped to their proportions rather than stretched."""
        lanczos = Image.Resampling.LANCZOS
        return self._resized(lambda image: ImageOps.fit(image, (width, height), lanczos))

    def _resized(self, resize: Callable[[Image.Image], Image.Image]) -> Tensor:
        if not isinstance(self.pixels, Tensor):
            return to_tensor(resize(self.pixels))
        # Channel by channel, as pictures of floats.
        channels = [np.asarray(resize(Image.fromarray(c.numpy()))) for c in self.pixels[0]]
        return torch.from_numpy(np.stack(channels))[None].clamp(0, 1)


def open_input(source: Any, bound: int) -> InputPicture:
    """Open a run's picture, as `InputPicture.open`; it must be large enough and not too long.

    Raises
    ------
    ImageError
        Also where its short side is below `LEAST_SIDE`, or its long side `LONGEST` times that.
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
            f"{picture.source}: {long / short:.0f} times longer than wide; "
            f"at most {LONGEST} times can be painted, cut a part out"
        )
    return picture
