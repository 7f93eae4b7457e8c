"""What a network is trained on: crops of photos, recolored to the style, some of them mirrored."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...errors import NSTError
from ...images.clips import PICTURES, kind_of, open_clip
from ...images.io import fit
from ...images.samples import list_samples, open_picture
from ...images.tensors import to_tensor
from ...paths import is_folder, is_regular, user_path

MOST_PHOTOS = 600
"""Photos that are kept in memory; of more, evenly spread ones."""

SHORT_SIDE = 288
"""Short side at which photos are kept, pixels."""

HELD_OUT = "astronaut"
"""Sample photo that is not trained on: it shows how far the training is."""


class PhotosError(NSTError, ValueError):
    """No photos to train on."""


def open_photos(source: Any = None) -> Iterator[Image.Image]:
    """Yield the photos to train on.

    Parameters
    ----------
    source : path, optional
        A folder of pictures, also in its folders; a film; or a picture. The sample photos when
        left out, but for `HELD_OUT`.

    Raises
    ------
    PhotosError
        If there are none.
    """
    count = 0
    for image in _photos_of(source):
        count += 1
        yield fit(image, SHORT_SIDE, least=SHORT_SIDE)
    if not count:
        raise PhotosError(f"{source}: no photo that can be read; name a folder of photos or a clip")


def _photos_of(source: Any) -> Iterator[Image.Image]:
    if source is None:
        names = [s.name for s in list_samples().values() if s.kind == "content" and s.available]
        yield from (open_picture(name) for name in names if name != HELD_OUT)
        return
    path = user_path(source)
    if is_folder(path):
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURES)
        for file in files[:: max(1, len(files) // MOST_PHOTOS)]:
            try:
                yield open_picture(str(file), 2 * SHORT_SIDE)
            except NSTError:  # one bad picture among many
                continue
        return
    if is_regular(path) and _is_clip(path):
        clip = open_clip(path)
        every = max(1, clip.count // MOST_PHOTOS)
        yield from (frame.image for frame in clip.part(every=every).frames())
        return
    yield open_picture(source, 4 * SHORT_SIDE)


def _is_clip(path: Path) -> bool:
    with path.open("rb") as file:
        return bool(kind_of(file.read(32))) and path.suffix.lower() != ".webp"


class Crops:
    """Random crops of photos.

    Parameters
    ----------
    photos : iterable of PIL.Image.Image
    recolored : callable
        Brings a photo, (1, 3, h, w) in [0, 1], to the style's colors.
    side : int
        Of a crop, pixels.
    """

    def __init__(self, photos: Iterable[Image.Image], recolored: Any, side: int) -> None:
        self.side = side
        self.photos: list[np.ndarray] = []
        for image in islice(photos, MOST_PHOTOS):
            if min(image.size) < side:
                image = fit(image, side, enlarge=True, least=side)
            colored = recolored(to_tensor(image))[0].permute(1, 2, 0).numpy()
            self.photos.append(np.rint(colored * 255).astype(np.uint8))

    def draw(self, count: int, random: torch.Generator, shift: int = 0) -> tuple[Tensor, Tensor]:
        """Return crops (count, 3, side, side) in [0, 1], and the same places shifted a little.

        Parameters
        ----------
        count : int
        random : torch.Generator
        shift : int
            Most pixels by which the second crops are moved, to the right and down. With 0 they are
            equal to the first ones. One shift ``dy, dx`` is drawn for the whole batch and kept in
            the attribute ``offset``.

        Returns
        -------
        crops, moved : Tensor
            ``moved[..., : side - dy, : side - dx]`` shows what ``crops[..., dy:, dx:]`` shows.
        """
        offset = [self._below(shift + 1, random) for _ in "yx"] if shift else [0, 0]
        pairs = [self._one(random, offset) for _ in range(count)]
        crops, moved = (torch.stack(side) for side in zip(*pairs, strict=True))
        self.offset = tuple(offset)
        return crops, moved

    def _one(self, random: torch.Generator, offset: list[int]) -> tuple[Tensor, Tensor]:
        photo = self.photos[self._below(len(self.photos), random)]
        height, width = photo.shape[:2]
        most = min(height, width)
        # Larger parts are made smaller: a network sees things near and far.
        part = self.side + self._below(max(1, most - self.side + 1), random)
        image = Image.fromarray(photo)
        whole = self.side + max(offset)
        y, x = self._below(height - part + 1, random), self._below(width - part + 1, random)
        image = image.crop((x, y, x + part, y + part)).resize((whole, whole), Image.LANCZOS)
        if self._below(2, random):
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        picture, (dy, dx), side = to_tensor(image)[0], offset, self.side
        return picture[:, :side, :side], picture[:, dy : dy + side, dx : dx + side]

    @staticmethod
    def _below(bound: int, random: torch.Generator) -> int:
        return int(torch.randint(bound, (1,), generator=random).item())
