"""What a network is trained on: crops of photos, recolored to the style, some of them mirrored."""

import contextlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ...errors import NSTError, NSTWarning, brief, counted, one_line
from ...images.clips import PICTURES, kind_of, open_clip
from ...images.io import fit
from ...images.samples import list_samples, open_picture
from ...images.tensors import to_pil, to_tensor
from ...paths import is_folder, is_regular, user_path

MOST_PHOTOS = 600
"""Photos that are kept in memory; of more, evenly spread ones."""

SHORT_SIDE = 288
"""Short side at which photos are kept, pixels."""

LONGEST = 16
"""Most times that a photo is as long as it is wide; of a longer one the middle is taken. A strip of
some pixels' width, enlarged to `SHORT_SIDE`, would fill the memory."""

MOST_MASKED = 40
"""Photos in which faces are looked for, evenly spread: each takes a fifth of a second."""

MASKED_SIDE = 192
"""Short side at which they are looked for, pixels."""

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
        yield fit(_middle(image), SHORT_SIDE, least=SHORT_SIDE)
    if not count:
        raise PhotosError(f"{source}: no photo that can be read; name a folder of photos or a clip")


def _middle(image: Image.Image) -> Image.Image:
    most = LONGEST * min(image.size)
    width, height = (min(side, most) for side in image.size)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _photos_of(source: Any) -> Iterator[Image.Image]:
    if source is None:
        names = [s.name for s in list_samples().values() if s.kind == "content" and s.available]
        yield from (open_picture(name) for name in names if name != HELD_OUT)
        return
    if not isinstance(source, str | os.PathLike):
        raise PhotosError(f"photos must be a folder, a film or a picture, not {brief(source)}")
    path = user_path(source)
    if is_folder(path):
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURES)
        files, bad = files[:: max(1, -(-len(files) // MOST_PHOTOS))], []
        for file in files:
            try:
                yield open_picture(str(file), 2 * SHORT_SIDE)
            except NSTError as error:  # one bad picture among many
                bad.append(str(error))
        if bad and len(bad) < len(files):
            warnings.warn(
                f"{len(bad)} of {counted(len(files), 'photo')} cannot be read and are left out "
                f"({one_line(bad[0], 200)})",
                NSTWarning,
                stacklevel=2,
            )
        return
    if is_regular(path) and _is_clip(path):
        clip = open_clip(path)
        every = max(1, -(-clip.count // MOST_PHOTOS))
        yield from (frame.image for frame in clip.part(every=every).frames())
        return
    yield open_picture(source, 4 * SHORT_SIDE)


def _is_clip(path: Path) -> bool:
    with path.open("rb") as file:
        kind = kind_of(file.read(32))
    if kind not in ("GIF", "WEBP"):
        return bool(kind)
    with contextlib.suppress(NSTError):
        return open_clip(path).count > 1  # else it is a single picture
    return False


class Crops:
    """Random crops of photos.

    Parameters
    ----------
    photos : iterable of PIL.Image.Image
    recolored : callable
        Brings a photo, (1, 3, h, w) in [0, 1], to the style's colors.
    side : int
        Of a crop, pixels.
    mask : callable, optional
        Returns a mask of a photo, (1, 1, h, w) in [0, 1], or None: where its content counts more.
        It is asked about `MOST_MASKED` photos at most, evenly spread.
    """

    def __init__(
        self,
        photos: Iterable[Image.Image],
        recolored: Callable[[Tensor], Tensor],
        side: int,
        mask: Callable[[Tensor], Tensor | None] = lambda photo: None,
    ) -> None:
        self.side = side
        large = [
            fit(image, side, enlarge=True, least=side) if min(image.size) < side else image
            for image in islice(photos, MOST_PHOTOS)
        ]
        self.photos = [to_pil(recolored(to_tensor(image))) for image in large]
        self.masks: list[Image.Image | None] = [None] * len(large)
        for number in range(0, len(large), -(-len(large) // MOST_MASKED)):
            photo = large[number]
            found = mask(to_tensor(fit(photo, MASKED_SIDE, least=MASKED_SIDE)))
            if found is not None:
                self.masks[number] = to_pil(found[0].expand(3, -1, -1)).resize(photo.size)

    def draw(
        self, count: int, random: torch.Generator, shift: int = 0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return crops, the same places shifted a little, and the masks of the crops.

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
        crops, moved : Tensor, shape (count, 3, side, side)
            RGB in [0, 1]. ``moved[..., : side - dy, : side - dx]`` shows what
            ``crops[..., dy:, dx:]`` shows.
        masks : Tensor, shape (count, 1, side, side)
            In [0, 1]; 0 where the photo has no mask.
        """
        offset = [self._below(shift + 1, random) for _ in "yx"] if shift else [0, 0]
        drawn = [self._one(random, offset) for _ in range(count)]
        crops, moved, masks = (torch.stack(parts) for parts in zip(*drawn, strict=True))
        self.offset = tuple(offset)
        return crops, moved, masks

    def _one(self, random: torch.Generator, offset: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        number = self._below(len(self.photos), random)
        photo, mask = self.photos[number], self.masks[number]
        width, height = photo.size
        most = min(photo.size)
        # Larger parts are made smaller: a network sees things near and far.
        part = self.side + self._below(max(1, most - self.side + 1), random)
        whole = self.side + max(offset)
        y, x = self._below(height - part + 1, random), self._below(width - part + 1, random)
        mirrored = self._below(2, random)

        def cut(image: Image.Image) -> Tensor:
            image = image.crop((x, y, x + part, y + part)).resize((whole, whole), Image.LANCZOS)
            if mirrored:
                image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            return to_tensor(image)[0]

        picture, (dy, dx), side = cut(photo), offset, self.side
        weights = picture.new_zeros(1, whole, whole) if mask is None else cut(mask)[:1]
        return (
            picture[:, :side, :side],
            picture[:, dy : dy + side, dx : dx + side],
            weights[:, :side, :side],
        )

    @staticmethod
    def _below(bound: int, random: torch.Generator) -> int:
        return int(torch.randint(bound, (1,), generator=random).item())
