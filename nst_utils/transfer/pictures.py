"""A run's pictures: opened once, then at each scale, colored and divided into regions."""

import copy
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..download import sha256
from ..errors import NSTWarning, brief
from ..images.inputs import LEAST_SIDE, InputPicture, open_input
from ..images.io import ImageError, fit
from ..images.mask_forms import MaskError, is_file, proposed_part
from ..images.masks import as_mask_picture, find_faces, read_mask
from ..paths import public_name, user_path
from .coloring import SceneColors, color_content, color_painting, color_style
from .config import Recipe
from .feedforward.network_file import SUFFIX, load_network
from .fields import STARTS, RecipeError
from .memory import check_memory, shape_at
from .proposals import propose_parts
from .regions import Region, check_regions, mask_at, regions_at

MOST_STYLES = 16

MOST_FACES = 64
"""Photos whose faces are remembered."""

_FACES: dict[str, Tensor | None] = {}
"""Masks over faces, by the SHA-256 of the photo."""

FACES_SIDE = 512
"""Long side at which faces are looked for that a region names, pixels."""

CONTENT_FACES_SIDE = 320
"""Most pixels of the long side at which every run looks for faces that its content is to keep. At
this size the search takes a tenth of a second or two; smaller photos are not enlarged for it."""


@dataclass(frozen=True)
class ScalePictures:
    """What a run reads at one scale.

    Attributes
    ----------
    photo : Tensor, shape (1, 3, H, W)
        The content image as it is, in [0, 1].
    content : Tensor, shape (1, 3, H, W)
        The same in the colors that it is painted from.
    plain : list of Region
        Where styles go, with their pictures as they are.
    regions : list of Region
        The same, with the pictures in the colors that are painted.
    color : str
        The recipe's; see `coloring`.
    weights : Tensor, shape (1, 1, H, W), or None
        How much each pixel counts in the content loss; None: all alike.
    scene : SceneColors or None
        Of a film.
    """

    photo: Tensor
    content: Tensor
    plain: list[Region]
    regions: list[Region]
    color: str
    weights: Tensor | None = None
    scene: SceneColors | None = None

    def colored(self, painting: Tensor) -> Tensor:
        """Return a painting as it is shown and kept; see `coloring.color_painting`."""
        return color_painting(self.color, painting, self.photo, self.plain, self.scene)


class RunPictures:
    """Content and style images, start picture and masks, opened and checked.

    Parameters
    ----------
    content : path, address, sample name, PIL.Image.Image, ndarray, Tensor or InputPicture
    style : the same, or a list of them
    recipe : Recipe
    masks : mapping of str to path, picture or array, optional
        Masks by what the recipe calls them; others are opened as files.
    start : optional
        The picture to start from, in any form that the content takes.

    Attributes
    ----------
    inputs : dict of str to InputPicture
        By role: ``content``, ``style``, ``style 2`` and on, ``start``, ``mask 1`` and on.
    scene : SceneColors or None
        Of a film; set before `at` is called.

    Raises
    ------
    ImageError
        If a picture cannot be read, or is too small.
    RecipeError, MaskError
        If regions, weights or stroke sizes do not fit the styles.
    NSTError
        If the run does not fit into the memory; see `memory.check_memory`.
    """

    def __init__(
        self,
        content: Any,
        style: Any,
        recipe: Recipe,
        masks: Mapping[str, Any] | None = None,
        start: Any = None,
    ) -> None:
        styles = list(style) if isinstance(style, list | tuple) else [style]
        if not 1 <= len(styles) <= MOST_STYLES:
            raise RecipeError(f"expected 1 to {MOST_STYLES} style images, not {len(styles)}")
        check_regions(recipe, len(styles))
        self.scene: SceneColors | None = None
        if not isinstance(masks, Mapping | None):
            raise RecipeError(
                f"masks must be a mapping of the recipe's names to masks, not {brief(masks)}"
            )
        masks = dict(masks or {})
        scales = recipe.style_scale * (len(styles) if len(recipe.style_scale) == 1 else 1)
        self.scales = scales
        # Twice the size keeps Lanczos exact enough, and lets huge JPEGs be decoded reduced.
        bound = 2 * recipe.size
        self._names = _public_names(recipe)
        self.recipe = self.public(recipe)
        self.inputs = {"content": open_input(content, bound)}
        check_memory(self.inputs["content"].size, recipe)
        self._warn_of_narrow()
        self.style_roles = ["style", *(f"style {i + 2}" for i in range(len(styles) - 1))]
        for role, source, scale in zip(self.style_roles, styles, scales, strict=True):
            self.inputs[role] = open_input(source, max(bound, round(bound * scale)))
            self._check_scale(role, scale)
        if recipe.start == "given" and start is None:
            raise RecipeError("start is 'given', but no picture came as start=; hand one over")
        if start is not None or recipe.start not in STARTS:
            self.inputs["start"] = self._open_start(recipe.start if start is None else start)
        self.masks: dict[str, InputPicture] = {}
        for form in mask_files(recipe):
            mask = _open_mask(form, masks.pop(form, form), recipe.size)
            self.masks[self._names.get(form, form)] = mask
            self.inputs[f"mask {len(self.masks)}"] = mask
        self._look_for_faces()
        if masks:
            raise RecipeError(f"no mask of the recipe is called {brief(next(iter(masks)))}")
        self._parts: dict[int, tuple[Tensor, Tensor]] = {}

    def _open_start(self, source: Any) -> InputPicture:
        """Open the start picture; where a network of one style is named, it paints the content."""
        if not isinstance(source, str | Path) or Path(source).suffix.lower() != SUFFIX:
            return open_input(source, 2 * self.recipe.size)
        content = self.inputs["content"].at(self.recipe.scales[0], LEAST_SIDE)
        painted = load_network(source).paint(content, device=self.recipe.device)
        return InputPicture(painted, public_name(source), sha256(user_path(source)))

    def with_content(self, content: InputPicture, recipe: Recipe) -> "RunPictures":
        """Return them for another frame of a film, with the masks of this one."""
        other = copy.copy(self)
        other.inputs = {role: p for role, p in self.inputs.items() if role != "start"}
        other.inputs["content"], other.recipe = content, recipe
        return other

    def public(self, recipe: Recipe) -> Recipe:
        """Return a recipe that calls masks and start as this run's records do."""
        return _renamed(recipe, self._names)

    def _look_for_faces(self) -> None:
        """Look for faces once, where they are large enough; they are the same at every scale."""
        content = self.inputs["content"]
        if any(form == "faces" for form, *_ in self.recipe.regions):
            faces = read_mask("faces", content.at(FACES_SIDE))
        elif self.recipe.content_mask == "faces" and self.recipe.alpha:
            faces = _faces_of(content)
        else:
            faces = None
        if faces is not None:
            self.masks["faces"] = InputPicture.open(faces[0].expand(3, -1, -1))

    def _warn_of_narrow(self) -> None:
        """Warn where the painting becomes larger than its size, for the sake of its short side."""
        shape = shape_at(self.inputs["content"].size, self.recipe.size)
        if max(shape) > self.recipe.size:
            warnings.warn(
                f"the painting has {shape[0]} x {shape[1]} pixels, more than the size "
                f"{self.recipe.size}: its short side needs {LEAST_SIDE}",
                NSTWarning,
                stacklevel=5,
            )

    def _check_scale(self, role: str, scale: float) -> None:
        """Check that the style picture has enough pixels for strokes of this size.

        A picture that would be too small raises `ImageError`; one that must be enlarged gets a
        warning.
        """
        if scale == 1:
            return
        size, picture = self.recipe.size, self.inputs[role]
        short = min(picture.size) / max(picture.size) * self.recipe.scales[0] * scale
        if short < LEAST_SIDE:
            raise ImageError(
                f"{picture.source}: at {scale:g} times the size its short side would have "
                f"{short:.0f} pixels at the first scale; at least {LEAST_SIDE} are needed, raise "
                "style_scale or size"
            )
        if max(picture.size) < 0.9 * size * scale:
            warnings.warn(
                f"{picture.source} has {max(picture.size)} pixels on its long side, but strokes "
                f"{scale:g} times as large need {size * scale:.0f}: it is enlarged, and its "
                "texture will be soft",
                NSTWarning,
                stacklevel=5,
            )

    @property
    def styles(self) -> list[InputPicture]:
        """The style images, in order."""
        return [self.inputs[role] for role in self.style_roles]

    def at(self, scale: int) -> ScalePictures:
        """Return them with the content's long side at `scale` pixels."""
        recipe = self.recipe
        photo = self.inputs["content"].at(scale, LEAST_SIDE)
        styles = [
            picture.at(scale if times == 1 else round(scale * times), LEAST_SIDE)
            for picture, times in zip(self.styles, self.scales, strict=True)
        ]
        plain = regions_at(recipe, photo, styles, self.masks, self._propose)
        regions = [
            Region(
                tuple(color_style(recipe.color, s, photo, region.mask) for s in region.styles),
                region.mask,
            )
            for region in plain
        ]
        content = color_content(recipe.color, photo, plain, self.scene)
        return ScalePictures(
            photo, content, plain, regions, recipe.color, self._weights(photo), self.scene
        )

    def _weights(self, photo: Tensor) -> Tensor | None:
        """Return how much each pixel counts in the content loss: more under the content mask."""
        form, factor = self.recipe.content_mask, self.recipe.content_factor
        missing = form == "faces" and "faces" not in self.masks
        if form == "none" or factor == 1 or missing:
            return None
        mask = mask_at(form, photo, self.masks, lambda: self._propose(0)[0])
        return 1 + (factor - 1) * mask

    def _propose(self, place: int) -> tuple[Tensor, Tensor]:
        """Return the proposed parts of the content and of a style, made once."""
        if place not in self._parts:
            asked = [*(form for form, *_ in self.recipe.regions), self.recipe.content_mask]
            forms = [form for form in asked if form.startswith("proposed:")]
            count = proposed_part(forms[0])[0]
            style = self.styles[place]
            self._parts[place] = propose_parts(self.inputs["content"], style, count)
        return self._parts[place]


def _faces_of(picture: InputPicture) -> Tensor | None:
    """Return a mask over the faces of a photo, or None; each photo is searched once."""
    if picture.sha256 not in _FACES:
        faces = find_faces(picture.at(min(CONTENT_FACES_SIDE, max(picture.size))))
        if len(_FACES) >= MOST_FACES:
            _FACES.pop(next(iter(_FACES)))
        _FACES[picture.sha256] = faces
    return _FACES[picture.sha256]


def mask_files(recipe: Recipe) -> list[str]:
    """Return the masks of a recipe that are pictures, each once, in order."""
    forms = [form for entry in recipe.regions for form in (entry[0], entry[2])]
    forms += [recipe.content_mask] if recipe.content_mask != "none" else []
    return list(dict.fromkeys(filter(is_file, forms)))


def open_pair(content: Any, style: Any, recipe: Recipe) -> tuple[InputPicture, list[InputPicture]]:
    """Open a content and one or several style pictures once, as large as a run can use them."""
    styles = style if isinstance(style, list | tuple) else [style]
    opened = [InputPicture.open(source, style_bound(recipe)) for source in styles]
    return InputPicture.open(content, 2 * recipe.size), opened


def style_bound(recipe: Recipe) -> int:
    """Return the long side above which a style picture is read smaller, pixels."""
    return round(2 * recipe.size * max(1, *recipe.style_scale))


def _public_names(recipe: Recipe) -> dict[str, str]:
    """Return what a run calls its masks and its start picture instead of address or path."""
    names: dict[str, str] = {}
    for form in mask_files(recipe):
        name = public_name(form)
        if not is_file(name):
            name = f"./{name}"
        while name in names.values():
            name = f"other {name}"
        names[form] = name
    if recipe.start not in STARTS:
        names[recipe.start] = public_name(recipe.start)
    return names


def public_recipe(recipe: Recipe) -> Recipe:
    """Return a recipe to be recorded: without the addresses and folders of masks and start."""
    return _renamed(recipe, _public_names(recipe))


def _renamed(recipe: Recipe, names: Mapping[str, str]) -> Recipe:
    def name(form: str) -> str:
        return names.get(form, form)

    changes = {
        "regions": tuple((name(a), number, name(b)) for a, number, b in recipe.regions),
        "content_mask": name(recipe.content_mask),
        "start": name(recipe.start),
    }
    same = all(getattr(recipe, field) == value for field, value in changes.items())
    return recipe if same else recipe.replace(**changes)


def _open_mask(form: str, given: Any, size: int) -> InputPicture:
    """Open a mask, no larger than the painting: a record holds it."""
    try:
        mask = as_mask_picture(given)
    except (ImageError, MaskError) as error:
        raise type(error)(f"mask {brief(form)}: {error}") from None
    if max(mask.size) <= size:
        return mask
    return InputPicture(fit(mask.image, size), mask.source, mask.sha256)
