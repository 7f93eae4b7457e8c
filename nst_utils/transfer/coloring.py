"""Whose colors a painting gets: what a recipe's ``color`` does before the run, and after it.

- ``free``: nothing; the style's colors come with its activations, the photo's stay where they can
- ``recolored``: the photo is first given the style's mean and covariance; ``recolored_twice``: so
  is the painting in the end
- ``content``: photo and style are painted without color, the style's lightness matched to the
  photo's; the painting's lightness then gets the photo's colors
- ``match``: the style is first given the photo's mean and covariance
- ``lightness``: the painting's lightness alone; its colors are the recolored photo's
- ``only``: the painting's colors on the lightness of the recolored photo: no strokes
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..images.colors import recolor, to_gray, with_colors, with_hues
from .regions import Region, StyleImage

_RECOLORED = ("recolored", "recolored_twice", "lightness", "only")


@dataclass(frozen=True)
class SceneColors:
    """The first frame of a film's scene: its colors are moved, and the other frames' alike.

    Attributes
    ----------
    photo : Tensor, shape (1, 3, H, W)
        As it is.
    painting : Tensor, shape (1, 3, H, W), or None
        As it was painted, before it was colored; None while that frame is being painted.
    """

    photo: Tensor
    painting: Tensor | None = None


def color_content(
    kind: str, content: Tensor, regions: Sequence[Region], scene: SceneColors | None = None
) -> Tensor:
    """Return the content image, (1, 3, H, W) in [0, 1], as a run reads it."""
    if kind == "content":
        return to_gray(content)
    return recolored(content, regions, scene and scene.photo) if kind in _RECOLORED else content


def color_style(kind: str, style: StyleImage, content: Tensor, where: Tensor | None) -> StyleImage:
    """Return a style image as a run reads it; `where` masks the part of the content it is for."""
    if kind == "content":
        return replace(style, picture=to_gray(style.picture, content))
    if kind == "match":
        return replace(style, picture=recolor(style.picture, content, style.mask, where))
    return style


def color_painting(
    kind: str,
    painting: Tensor,
    content: Tensor,
    regions: Sequence[Region],
    scene: SceneColors | None = None,
) -> Tensor:
    """Return a painting, (1, 3, H, W), as it is shown and kept; `content` is the photo as it is."""
    photo, first = (scene.photo, scene.painting) if scene else (None, None)
    if kind == "content":
        painting = with_colors(painting, content)
    elif kind == "only":
        painting = with_colors(recolored(content, regions, photo), painting.cpu().clamp(0, 1))
    elif kind == "lightness":
        painting = with_hues(painting.cpu().clamp(0, 1), recolored(content, regions, photo))
    elif kind == "recolored_twice":
        painting = recolored(painting.cpu().clamp(0, 1), regions, first)
    covered = cover(regions)
    if covered is None:
        return painting
    # Where no style is to go the photo stays, pixel for pixel.
    return content.lerp(painting.cpu().clamp(0, 1), covered)


def recolored(picture: Tensor, regions: Sequence[Region], of: Tensor | None = None) -> Tensor:
    """Give each region of a picture its styles' colors; what no region covers keeps its own.

    Where there are no masks, `of` is the picture that gets them exactly; see `colors.recolor`.
    """
    moved, left = torch.zeros_like(picture), None
    for region in regions:
        total = sum(style.weight for style in region.styles)
        part = sum(
            (style.weight / total)
            * recolor(
                picture, style.picture, region.mask, style.mask, of if region.mask is None else None
            )
            for style in region.styles
        )
        if region.mask is None:
            return part
        moved = moved + region.mask * part
        left = region.mask if left is None else left + region.mask
    return moved + (1 - left) * picture if left is not None else picture


def cover(regions: Sequence[Region]) -> Tensor | None:
    """Return how far each pixel belongs to a region with a style, (1, 1, H, W); None: fully."""
    if any(region.mask is None for region in regions):
        return None
    covered = torch.stack([region.mask for region in regions]).sum(dim=0).clamp(0, 1)
    return None if covered.min() > 1 - 1e-6 else covered
