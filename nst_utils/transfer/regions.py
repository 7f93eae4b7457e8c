"""Regions of a picture, each with its styles: what a recipe says, and at one size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import brief, counted
from ..images.inputs import InputPicture
from ..images.mask_forms import MaskError, check_mask, proposed_part
from ..images.masks import read_mask
from ..images.tensors import normalize
from .config import Recipe
from .fields import RecipeError

LEAST_COVER = 1e-3
"""Share of a picture below which a mask covers nothing."""

Parts = Callable[[int], tuple[Tensor, Tensor]]
"""Given a style's place: its ``proposed`` parts of the content and of the style, (k, h, w) each."""


@dataclass(frozen=True)
class StyleImage:
    """A style image at one size.

    Attributes
    ----------
    picture : Tensor, shape (1, 3, h, w)
    weight : float
        Beside the other styles of its region.
    mask : Tensor, shape (1, 1, h, w), or None
        The part of it that is meant; None: all.
    """

    picture: Tensor
    weight: float = 1.0
    mask: Tensor | None = None


@dataclass(frozen=True)
class Region:
    """A part of the content image and the styles that go there.

    Attributes
    ----------
    styles : tuple of StyleImage
        Blended by their weights.
    mask : Tensor, shape (1, 1, H, W), or None
        In [0, 1]; None: all of it.
    """

    styles: tuple[StyleImage, ...]
    mask: Tensor | None = None

    def prepared(self, device: torch.device) -> "Region":
        """Return it on a device, its style pictures normalized, as an objective reads them."""
        styles = tuple(
            StyleImage(
                normalize(s.picture.to(device)),
                s.weight,
                None if s.mask is None else s.mask.to(device),
            )
            for s in self.styles
        )
        return Region(styles, None if self.mask is None else self.mask.to(device))


def check_regions(recipe: Recipe, styles: int) -> None:
    """Refuse a recipe whose weights, stroke sizes, regions or masks do not fit the styles.

    Raises
    ------
    RecipeError, MaskError
        With what was expected and what came.
    """
    for name in ("blend", "style_scale"):
        count = len(getattr(recipe, name))
        single = name == "style_scale" and count == 1
        if count and not single and count != styles:
            numbers, images = counted(count, "number"), counted(styles, "style")
            raise RecipeError(f"{name} has {numbers} for {images}; give one for each")
    if recipe.blend and recipe.regions:
        raise RecipeError(
            "blend mixes styles everywhere, regions give each its own place: set one of them"
        )
    check_mask(recipe.content_mask)
    if recipe.content_mask == "rest":
        raise RecipeError("content_mask cannot be rest: there are no other masks beside it")
    used = {number for _, number, _ in recipe.regions}
    for form, number, other in recipe.regions:
        for text in filter(None, (form, other)):
            check_mask(text)
        if number > styles:
            raise RecipeError(
                f"region {brief(form)} names style {number}, but there are {styles}; add a style, "
                "or use 0, where the photo stays"
            )
    if recipe.regions and not used - {0}:
        raise RecipeError("no region has a style, so that nothing would be painted")
    unused = set(range(1, styles + 1)) - used
    if recipe.regions and unused:
        raise RecipeError(f"style {min(unused)} is in no region; give it one, or leave it out")


def regions_at(
    recipe: Recipe,
    content: Tensor,
    styles: Sequence[Tensor],
    files: Mapping[str, InputPicture],
    parts: Parts,
) -> list[Region]:
    """Return a recipe's regions with a style, at one size.

    Where masks overlap they share; what none covers keeps the photo.

    Parameters
    ----------
    recipe : Recipe
    content : Tensor, shape (1, 3, H, W)
        The photo, in [0, 1].
    styles : sequence of Tensor, shape (1, 3, h, w)
        In [0, 1].
    files : mapping of str to InputPicture
        Masks that are pictures, by what the recipe calls them.
    parts : callable
        See `Parts`.

    Raises
    ------
    MaskError
        If a mask covers nothing.
    """
    if not recipe.regions:
        weights = recipe.blend or (1.0,) * len(styles)
        if len(styles) == 1:
            return [Region((StyleImage(styles[0]),))]
        pairs = zip(styles, weights, strict=True)
        return [Region(tuple(StyleImage(s, w) for s, w in pairs if w > 0))]
    masks = []
    for form, number, _ in recipe.regions:
        place = max(number, 1) - 1
        rest = form == "rest"
        masks.append(None if rest else mask_at(form, content, files, lambda p=place: parts(p)[0]))
    known = [mask for mask in masks if mask is not None]
    total = torch.stack(known).sum(dim=0) if known else torch.zeros_like(content[:, :1])
    shared = total.clamp(min=1)
    left = (1 - total).clamp(min=0)
    regions = []
    for (form, number, other), mask in zip(recipe.regions, masks, strict=True):
        mask = mask / shared if mask is not None else left
        if mask.mean() < LEAST_COVER:
            raise MaskError(f"region {brief(form)} covers nothing of the content image")
        if number:
            where = _part_of_style(form, other, number, styles[number - 1], files, parts)
            style = StyleImage(styles[number - 1], 1.0, where)
            everywhere = bool(mask.min() > 1 - 1e-6)
            regions.append(Region((style,), None if everywhere else mask))
    return regions


def _part_of_style(
    form: str,
    other: str,
    number: int,
    style: Tensor,
    files: Mapping[str, InputPicture],
    parts: Parts,
) -> Tensor | None:
    """Return the part of a style that a region takes, as a mask; None: all of it."""
    kind = other or (form if form.startswith("proposed:") else "")
    if not kind:
        return None
    mine = {} if kind == "faces" else files  # those of the content
    where = mask_at(kind, style, mine, lambda: parts(number - 1)[1])
    if where.mean() >= LEAST_COVER:
        return where
    if other:
        raise MaskError(f"region {brief(other)} covers nothing of style {number}")
    return None  # the style has no such part: all of it


def mask_at(
    form: str,
    picture: Tensor,
    files: Mapping[str, InputPicture],
    parts: Callable[[], Tensor],
) -> Tensor:
    """Return a mask over a picture, (1, 1, h, w).

    Parameters
    ----------
    form : str
        As `mask_forms.MASK_FORMS` says, but for ``rest``.
    picture : Tensor, shape (1, 3, h, w)
    files : mapping of str to InputPicture
        Masks that are pictures, by what the recipe calls them.
    parts : callable
        Returns the picture's proposed parts, (k, h, w).
    """
    if not form.startswith("proposed:"):
        return read_mask(form, picture, files.get(form))
    count, part = proposed_part(form)
    maps = parts()
    chosen = maps[None, part - 1 : part] if len(maps) == count else None
    if chosen is None:
        raise MaskError("all proposed regions of a style must be of one number of parts")
    size = picture.shape[-2:]
    resized = torch.nn.functional.interpolate(chosen, size=size, mode="bicubic", antialias=False)
    return resized.clamp(0, 1)
