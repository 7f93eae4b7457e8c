"""What is learned of the style pictures at one scale; it can be used for any number of contents."""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..networks.backbone import Backbone
from ..networks.registry import backbone_spec
from .config import Recipe
from .losses import LOSSES, load_loss
from .losses.gram import smooth
from .losses.term import LayerMask, StyleTerm, Term
from .regions import Region, StyleImage
from .tiles import MapsOf, SumsOf, Tiles, take_in, taker

_TARGET_FIELDS = (
    "content_layer", "content_statistic", "style_statistic", "gram", "smoothing", "pooling",
    "padding", "loss",
)  # fmt: skip
"""Fields besides the style layers that change what is learned."""


@dataclass(frozen=True)
class Part:
    """Terms, one for each name, that learned some of the styles.

    In their region, given by its place among the regions, they count ``weight / total``.
    """

    region: int
    weight: float
    total: float
    terms: list[StyleTerm]


class Style:
    """What is learned of the style pictures at one scale.

    Parameters
    ----------
    backbone : Backbone
        The network, already on its device and in its number format.
    recipe : Recipe
        Layers, weights and statistics.
    style : Tensor, shape (1, 3, h, w), or sequence of Region
        ImageNet-normalized, of any size; or several styles, each with its place.
    own : sequence of Term
        Terms of the user's own. They are copied, so that they learn anew at each scale.
    tile : int
        Side of the tiles in which pictures are read, pixels; 0: each as a whole. See `tiles`.

    Attributes
    ----------
    layers : list of str
        Style layers with a weight.
    parts : list of Part
        One for each region, or for each style where statistics cannot be added up.
    further : list of Term
        Terms besides content, style and total variation: the recipe's, then the user's own.
    """

    def __init__(
        self,
        backbone: Backbone,
        recipe: Recipe,
        style: Tensor | Sequence[Region],
        own: Sequence[Term] = (),
        tile: int = 0,
    ) -> None:
        self.tile = tile
        self._tiles: dict[tuple[Any, ...], Tiles] = {}
        self.backbone, self.recipe, self.layers = backbone, recipe, active_layers(recipe)
        self.regions = [Region((StyleImage(style),))] if isinstance(style, Tensor) else list(style)
        kind = load_loss(recipe.style_statistic)
        self.further: list[Term] = []
        for name in _active(recipe.terms):
            self.further.append(load_loss(name)())
            self.further[-1].name = name  # so that its weight and its record are found
        self.further += copy.deepcopy(list(own))
        self.parts: list[Part] = []
        with torch.no_grad():
            for i, region in enumerate(self.regions):
                total = sum(image.weight for image in region.styles)
                # Statistics of a layer as a whole are added up; of neighbors only the losses are.
                groups = [region.styles] if kind.blends else [(s,) for s in region.styles]
                for images in groups:
                    terms = kind.build(recipe, self.layers)
                    for image in images:
                        self._learn(terms, image, image.weight / total if kind.blends else 1.0)
                    for term in terms:
                        term.ready()
                    counts = (1.0, 1.0) if kind.blends else (images[0].weight, total)
                    self.parts.append(Part(i, *counts, terms))
            self._learn_further()

    def _learn(self, terms: Sequence[StyleTerm], image: StyleImage, weight: float) -> None:
        """Show a style picture to terms, in every rotation that they ask for."""
        for turns in terms[0].rotations:
            picture = image.picture.rot90(turns, (2, 3))
            mask = None if image.mask is None else LayerMask(image.mask).turned(turns)
            tiles = self.tiles(terms, picture)
            if tiles is None:
                for term, features in as_read(self.read(picture, self.layers), terms):
                    term.learn(features, picture, weight, mask)
                continue
            takers = [taker(term.under(mask), tiles) for term in terms]
            take_in(takers, evaluated, self.read, picture, tiles)
            for term, one in zip(terms, takers, strict=True):
                if isinstance(one, SumsOf):
                    term.learned.append((weight, one.sums))
                else:
                    term.learn(one.maps, picture, weight, mask)

    def _learn_further(self) -> None:
        """Show the style pictures to the further terms that learn them."""
        terms = [term for term in self.further if learns_of(term) == "style"]
        images = [image for region in self.regions for image in region.styles]
        total = sum(image.weight for image in images)
        for image in images if terms else ():
            self.show(terms, image.picture, image.weight / total)

    def show(self, terms: Sequence[Term], picture: Tensor, weight: float = 1.0) -> None:
        """Have terms learn a picture, ImageNet-normalized."""
        for term, features in self.evaluated(terms, picture):
            term.learn(features, picture, weight)

    def evaluated(
        self, terms: Sequence[Term], picture: Tensor
    ) -> Iterator[tuple[Term, dict[str, Tensor]]]:
        """Read a picture for terms, in tiles where it is large; see the function of this name."""
        tiles = self.tiles(terms, picture)
        if tiles is None:
            yield from evaluated(terms, self.read, picture)
            return
        takers = [MapsOf(term, tiles) for term in terms if term.layers]
        take_in(takers, evaluated, self.read, picture, tiles)
        yield from ((one.term, one.maps) for one in takers)
        yield from ((term, {}) for term in terms if not term.layers)

    def tiles(self, terms: Iterable[Term], picture: Tensor) -> Tiles | None:
        """Return the tiles in which terms read a picture; None: it is read as a whole."""
        layers = tuple(dict.fromkeys(layer for term in terms for layer in term.layers))
        # A softmax over a layer needs the whole layer.
        if not self.tile or not layers or self.recipe.smoothing == "softmax_layer":
            return None
        key = layers, tuple(picture.shape[-2:])
        if key not in self._tiles:
            self._tiles[key] = Tiles(self.backbone, *key, self.tile)
        tiles = self._tiles[key]
        return tiles if len(tiles) > 1 else None

    def read(self, x: Tensor, layers: Iterable[str]) -> Iterator[tuple[str, Tensor]]:
        """Read layers one by one, the deep ones smoothed as the recipe says."""
        deep = backbone_spec(self.backbone.name).deep
        for name, tensor in self.backbone.read(x, layers, fresh=True):
            smoothed = name.startswith(deep)
            yield name, smooth(tensor, self.recipe.smoothing) if smoothed else tensor

    def placed(
        self, recipe: Recipe, regions: Sequence[Region], own: Sequence[Term] = ()
    ) -> "Style":
        """Return a copy for another content image, without learning the styles again.

        The recipe must be one that it `fits`. The regions hold the same styles in other places. The
        terms are taken as they are.
        """
        other, names = copy.copy(self), {term.name for term in own}
        other.recipe, other.regions = recipe, list(regions)
        other.further = [term for term in self.further if term.name not in names] + list(own)
        return other

    def fits(self, recipe: Recipe) -> bool:
        """Tell whether another recipe needs the same targets, so that only weights change."""
        same = active_layers(recipe) == self.layers
        same &= _active(recipe.terms) == _active(self.recipe.terms)
        if not LOSSES[recipe.style_statistic].layerwise:
            # Their layers are weighted before they are matched.
            same &= recipe.style_layers == self.recipe.style_layers
        return same and all(
            getattr(recipe, name) == getattr(self.recipe, name) for name in _TARGET_FIELDS
        )


def evaluated(
    terms: Sequence[Term], read: Any, picture: Tensor
) -> Iterator[tuple[Term, dict[str, Tensor]]]:
    """Read a picture for terms and yield each with its layers; those without layers come last."""
    layers = list(dict.fromkeys(layer for term in terms for layer in term.layers))
    if layers:
        yield from as_read(read(picture, layers), terms)
    yield from ((term, {}) for term in terms if not term.layers)


def as_read(
    read: Iterable[tuple[str, Tensor]], terms: Sequence[Term]
) -> Iterator[tuple[Term, dict[str, Tensor]]]:
    """Yield each term with its layers as soon as the last of them is read.

    A term then works on a layer while it is in the processor's cache. A layer that no term waits
    for is let go.
    """
    seen: dict[str, Tensor] = {}
    waiting = [term for term in terms if term.layers]
    for name, tensor in read:
        seen[name] = tensor
        due = [term for term in waiting if name in term.layers and seen.keys() >= {*term.layers}]
        for term in due:
            yield term, {layer: seen[layer] for layer in term.layers}
        waiting = [term for term in waiting if term not in due]
        if not any(name in term.layers for term in waiting):
            del seen[name]


def learns_of(term: Term) -> str:
    """Return whose pictures a term learns: ``style``, ``content``, or an empty text for none."""
    return getattr(term, "learns", "style")


def active_layers(recipe: Recipe) -> list[str]:
    """Return the style layers with a weight above 0; the others need not be computed."""
    return _active(recipe.style_layers)


def _active(weights: Mapping[str, float]) -> list[str]:
    return [name for name, weight in weights.items() if weight]
