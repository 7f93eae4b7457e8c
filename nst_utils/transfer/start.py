"""A run's pictures, opened, and the one that it begins with."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..images.colors import recolor
from ..images.inputs import LEAST_SIDE, InputPicture, open_input
from .config import Recipe


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
    pictures = open_pictures(content, style, recipe)
    content, _ = pictures_at(recipe, pictures, recipe.scales[0])
    return begin(recipe, pictures, content, torch.Generator().manual_seed(recipe.seed))


def open_pictures(content: Any, style: Any, recipe: Recipe) -> dict[str, InputPicture]:
    """Open a run's pictures by role; a start that is a file is one of them.

    Raises
    ------
    ImageError
        If one cannot be read, or is too small.
    """
    sources = {"content": content, "style": style}
    if recipe.start not in ("content", "style", "noise"):
        sources["start"] = recipe.start
    # Twice the size keeps Lanczos exact enough, and lets huge JPEGs be decoded reduced.
    return {role: open_input(source, 2 * recipe.size) for role, source in sources.items()}


def pictures_at(
    recipe: Recipe, pictures: dict[str, InputPicture], scale: int
) -> tuple[Tensor, Tensor]:
    """Return content and style as a run reads them at a scale, the content in its new colors."""
    content, style = (pictures[role].at(scale, LEAST_SIDE) for role in ("content", "style"))
    return content if recipe.color == "free" else recolor(content, style), style


def begin(
    recipe: Recipe, pictures: dict[str, InputPicture], content: Tensor, random: torch.Generator
) -> Tensor:
    """Return the picture to begin the first scale with, of the content's shape there."""
    if recipe.start == "content":
        x = content.clone()
    elif recipe.start == "noise":
        x = torch.rand(content.shape, generator=random)
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
