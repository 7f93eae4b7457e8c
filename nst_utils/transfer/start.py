"""The picture that a run begins with, and the one that each finer scale begins with."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..images.inputs import InputPicture
from .config import Recipe
from .instant import paint_instantly
from .pictures import RunPictures


def start_picture(content: Any, style: Any, recipe: Recipe) -> Tensor:
    """Return the picture that a run would begin with, (1, 3, H, W), in [0, 1] or near it.

    Parameters
    ----------
    content, style, recipe
        As for `stylize`.

    Raises
    ------
    ImageError
        If a picture cannot be read or is too small.
    """
    pictures = RunPictures(content, style, recipe)
    content = pictures.at(recipe.scales[0]).content
    return begin(recipe, pictures.inputs, content, torch.Generator().manual_seed(recipe.seed))


def begin(
    recipe: Recipe, pictures: dict[str, InputPicture], content: Tensor, random: torch.Generator
) -> Tensor:
    """Return the picture to begin the first scale with, of the content's shape there."""
    if recipe.start == "content":
        x = content.clone()
    elif recipe.start == "noise":
        x = torch.rand(content.shape, generator=random)
    elif recipe.start == "instant":
        x = paint_instantly(content, pictures["style"])
    else:
        role = "style" if recipe.start == "style" else "start"
        x = pictures[role].filling(*content.shape[-2:])
    if recipe.start_noise:
        x = x + recipe.start_noise * torch.randn(x.shape, generator=random)
    return x


def enlarge(last: Tensor, content: Tensor, *, band: bool) -> Tensor:
    """Return the picture to begin a finer scale with.

    Parameters
    ----------
    last : Tensor, shape (1, 3, h, w)
        Of the coarser scale.
    content : Tensor, shape (1, 3, H, W)
        The content image at the finer scale.
    band : bool
        Add what the content has at the finer scale and not at the coarser one: its finest band.
        Without it the scale begins with a blurred picture, and takes ten steps to sharpen it.

    Returns
    -------
    Tensor, shape (1, 3, H, W)
    """
    size = content.shape[-2:]
    larger = _resized(last, size)
    if band:
        content = content.to(last.device)
        larger = larger + content - _resized(_resized(content, last.shape[-2:]), size)
    return larger


def _resized(picture: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(picture, size=size, mode="bicubic", antialias=True)
