"""WikiArt for PyTorch: a dataset of tensors with labels, and the report's augmentations."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from ..errors import NSTWarning, check_choice
from ..images.formats import ImageError
from ..images.io import read_image
from ..images.tensors import IMAGENET_MEAN, IMAGENET_STD
from .catalog import WikiArt
from .names import file_of


class Paintings(Dataset):
    """Paintings as tensors, each with the number of its style, artist or genre.

    Parameters
    ----------
    wikiart : WikiArt
        The dataset. Only files without a problem are used, so run `WikiArt.verify` before.
    label : {"style", "artist", "genre"}
        Column to predict.
    size : int
        Maximum length of the long side in pixels; larger pictures are reduced.
    transform : callable, optional
        Applied to each picture, a uint8 tensor of shape (3, h, w); `preparation()` by default.

    Attributes
    ----------
    classes : list of str
        Names of the labels; a label's number is its position here.

    Raises
    ------
    UnknownNameError
        If `label` is another column.
    """

    def __init__(
        self,
        wikiart: WikiArt,
        *,
        label: str = "style",
        size: int = 512,
        transform: Callable[[Tensor], Any] | None = None,
    ) -> None:
        check_choice("label", label, ("style", "artist", "genre"))
        usable = wikiart.catalog[wikiart.catalog["problem"] == ""]
        self.root = wikiart.root
        self.paths = usable["path"].tolist()
        self.classes = sorted(usable[label].astype(str).unique())
        numbers = {name: i for i, name in enumerate(self.classes)}
        self.labels = [numbers[name] for name in usable[label].astype(str)]
        self.size = size
        self.transform = transform or preparation()

    def __len__(self) -> int:
        """Return the number of paintings."""
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        """Return a transformed painting and its label's number.

        An index below 0 counts from the end. If a painting cannot be read, the next one is returned
        with a warning, so that one bad file does not end a training.

        Raises
        ------
        ImageError
            If no painting can be read.
        IndexError
            If there is no such painting: this ends a loop over the dataset.
        """
        index = range(len(self.paths))[index]
        for ahead in range(len(self.paths)):
            place = (index + ahead) % len(self.paths)
            try:
                image = read_image(file_of(self.root, self.paths[place]), self.size)
            except ImageError as error:
                wrong = error
                warnings.warn(f"skipped: {error}", NSTWarning, stacklevel=2)
                continue
            return self.transform(v2.functional.pil_to_tensor(image)), self.labels[place]
        raise wrong


def preparation(size: int = 224) -> v2.Transform:
    """Return the preprocessing of networks trained on ImageNet: a centered square, normalized."""
    return v2.Compose([v2.Resize(size, antialias=True), v2.CenterCrop(size), *_finish()])


def augmentation(size: int = 224) -> v2.Transform:
    """Return the report's augmentations: rotate, flip, scale, crop, translate; then normalize.

    Rotation is up to 15 degrees, scale 0.8 to 1.2, translation up to a tenth of the side. The
    picture is reflected at its border, so that no empty corners appear.
    """
    margin = 3 * size // 4  # enough for all three at their largest
    return v2.Compose(
        [
            v2.Resize(size, antialias=True),
            v2.Pad(margin, padding_mode="reflect"),
            v2.RandomAffine(
                degrees=15,
                translate=(0.1, 0.1),
                scale=(0.8, 1.2),
                interpolation=v2.InterpolationMode.BILINEAR,
            ),
            v2.CenterCrop(size + size // 8),
            v2.RandomCrop(size),
            v2.RandomHorizontalFlip(),
            *_finish(),
        ]
    )


def augment_each(
    image: Image.Image,
    *,
    degrees: float = 15,
    scale: float = 1.2,
    crop: float = 0.7,
    shift: float = 0.15,
) -> dict[str, Image.Image]:
    """Return a picture under each of the report's five transformations, by name.

    Parameters
    ----------
    image : PIL.Image.Image
    degrees : float
        Angle of the rotation, counterclockwise.
    scale : float
        Factor of the enlargement.
    crop : float
        Fraction of both sides that cropping keeps.
    shift : float
        Translation to the right and down, as a fraction of the sides.
    """
    width, height = image.size
    sides = [round(crop * side) for side in (height, width)]
    affine = partial(
        v2.functional.affine, image, shear=[0, 0], interpolation=v2.InterpolationMode.BILINEAR
    )
    return {
        "rotated": affine(-degrees, [0, 0], 1),
        "flipped": v2.functional.horizontal_flip(image),
        "scaled up": affine(0, [0, 0], scale),
        "cropped": v2.functional.resize(v2.functional.center_crop(image, sides), [height, width]),
        "translated": affine(0, [round(shift * width), round(shift * height)], 1),
    }


def _finish() -> list[v2.Transform]:
    return [v2.ToDtype(torch.float32, scale=True), v2.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
