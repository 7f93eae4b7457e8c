"""A recipe's loss at one scale: targets computed once, then any picture to its loss terms.

Also decides where and in which number format a recipe runs, since targets and pictures must agree.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..images.tensors import normalize
from ..networks.backbone import Backbone
from ..networks.registry import backbone_spec
from . import losses
from .config import Recipe
from .guidance import Guide
from .regions import Region, StyleImage
from .style_statistics import StyleStatistic, style_statistic
from .transport import self_similarity_loss

_TARGET_FIELDS = (
    "content_layer", "content_statistic", "style_statistic", "gram", "smoothing", "pooling",
    "padding",
)  # fmt: skip

QUERY = 0.25
"""Part of the picture in what hypercolumns are matched by; the rest is the content image."""

SIMILAR = 32
"""Positions a side, at most, between which self-similarity is compared."""


class Objective:
    """The total loss of a recipe for one content and one style image at one size.

    Parameters
    ----------
    backbone : Backbone
        The network, already on its device and in its number format.
    recipe : Recipe
        Layers, weights and normalizations.
    content : Tensor, shape (1, 3, H, W)
        ImageNet-normalized.
    style : Tensor, shape (1, 3, h, w), or sequence of Region
        ImageNet-normalized, of any size; or where each of several styles goes, with theirs.
    picture : Tensor, shape (1, 3, H, W), optional
        ImageNet-normalized: what the scale begins with; the content image when left out.
    content_factor : float
        Multiplies alpha; see `Recipe.coarse_content`.

    Attributes
    ----------
    layers : list of str
        Style layers with a weight.
    terms : tuple of str
        Names of the style's loss terms: the layers for a Gram matrix.

    Notes
    -----
    The plain sum of the Gram matrix (``gram="sum"``) grows with the number of positions. Where
    the style image has more or fewer than the picture, its target is scaled by that ratio; the
    report instead stretches the style image to the content's shape.
    """

    def __init__(
        self,
        backbone: Backbone,
        recipe: Recipe,
        content: Tensor,
        style: Tensor | Sequence[Region],
        picture: Tensor | None = None,
        content_factor: float = 1.0,
    ) -> None:
        self.backbone, self.recipe, self.content_factor = backbone, recipe, content_factor
        self.layers = _active(recipe)
        # A layer may be content and style at once.
        self._tapped = list(dict.fromkeys([recipe.content_layer, *self.layers]))
        regions = [Region((StyleImage(style),))] if isinstance(style, Tensor) else style
        self._parts = [part for region in regions for part in _parts(recipe, self.layers, region)]
        self.terms = self._parts[0].statistic.terms
        sizes = {}
        with torch.no_grad():
            # Once each, for as long as the picture has this size.
            for name, tensor in self._read(content, self._tapped):
                sizes[name] = tensor[:, :1]
                if name == recipe.content_layer:
                    self._content = tensor
            for part in self._parts:
                self._learn(part, sizes)
            if self._parts[0].statistic.queries:
                query = content if picture is None else content.lerp(picture, QUERY)
                for part in self._parts:
                    see, read = part.statistic.see, self._read(query, self.layers)
                    part.statistic.match({name: see(name, t, query) for name, t in read})
            self._content_energy = losses.mean_square(self._content)

    def _learn(self, part: "_Part", sizes: dict[str, Tensor]) -> None:
        """Show a statistic its style images."""
        guide = part.statistic.guide
        total = sum(image.weight for image in part.images)
        for image in part.images:
            # Of several images, statistics are blended where that has a meaning.
            more = {"weight": image.weight / total} if len(part.images) > 1 else {}
            for turns in part.statistic.rotations:
                turned = image.picture.rot90(turns, (2, 3))
                own = None if image.mask is None else Guide(image.mask).turned(turns)
                for name, tensor in self._read(turned, self.layers):
                    there = sizes[name]
                    count = guide.at(there).sum().item() if guide else there.numel()
                    part.statistic.learn(name, tensor, turned, count, own, **more)
        part.statistic.ready()

    def _read(self, x: Tensor, layers: list[str]) -> Iterator[tuple[str, Tensor]]:
        """Read layers one by one, the deep ones smoothed as the recipe says."""
        deep = backbone_spec(self.backbone.name).deep
        for name, tensor in self.backbone.read(x, layers, fresh=True):
            smoothed = name.startswith(deep)
            yield name, losses.smooth(tensor, self.recipe.smoothing) if smoothed else tensor

    def fits(self, recipe: Recipe) -> bool:
        """Tell whether another recipe has the same targets, so that only weights change."""
        same = _active(recipe) == self.layers
        if recipe.style_statistic not in LAYERWISE:
            # Their layers are weighed before they are matched.
            same = recipe.style_layers == self.recipe.style_layers
        return same and all(
            getattr(recipe, name) == getattr(self.recipe, name) for name in _TARGET_FIELDS
        )

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Evaluate a picture.

        Parameters
        ----------
        x : Tensor, shape (1, 3, H, W)
            ImageNet-normalized, of the content's size.

        Returns
        -------
        total : Tensor, scalar
            ``alpha * content + beta * style + tv * total variation``, with its graph.
        terms : Tensor, shape (4 + terms,)
            Detached: total, content, style, total variation, then the style's `terms`; all but
            the total before their weights.
        """
        recipe = self.recipe
        seen: list[dict[str, Tensor]] = [{} for _ in self._parts]
        # Each loss as soon as its layer is there: see `Backbone.read`.
        for name, tensor in self._read(x, self._tapped):
            if name == recipe.content_layer:
                content = self._content_loss(tensor)
            if name in self.layers:
                for part, own in zip(self._parts, seen, strict=True):
                    own[name] = part.statistic.see(name, tensor, x)
        terms = [
            torch.stack(part.statistic.losses(own, x))
            for part, own in zip(self._parts, seen, strict=True)
        ]
        parts = terms[0]
        if len(terms) > 1 or self._parts[0].share != 1:
            parts = sum(part.share * own for part, own in zip(self._parts, terms, strict=True))
        if recipe.style_statistic in LAYERWISE:
            weights = parts.new_tensor([recipe.style_layers[name] for name in self.layers])
        else:
            weights = torch.ones_like(parts)
        style = (weights * parts).sum()
        if recipe.loss == "relative":
            # A mean over layers: beta then means the same for any number of them.
            style = style / weights.sum()
        tv = losses.total_variation(x)
        total = recipe.alpha * self.content_factor * content + recipe.beta * style + recipe.tv * tv
        return total, torch.cat([torch.stack([total, content, style, tv]), parts]).detach()

    def _content_loss(self, features: Tensor) -> Tensor:
        if self.recipe.content_statistic == "self_similarity":
            return self_similarity_loss(_thinned(features), _thinned(self._content))
        return losses.content_loss(features, self._content, self.recipe.loss, self._content_energy)


@dataclass(frozen=True)
class _Part:
    """A statistic, the style images that it learns, and what it counts beside the others."""

    statistic: StyleStatistic
    images: tuple[StyleImage, ...]
    share: float


def _parts(recipe: Recipe, layers: list[str], region: Region) -> list[_Part]:
    """Return the statistics of a region: one for all its styles, or one for each.

    A region counts by its area: a pixel is then drawn to its style as strongly as in a picture that
    has that style everywhere. Statistics of a layer as a whole are blended; neighbors of two styles
    cannot be, their losses are.
    """
    guide = None if region.mask is None else Guide(region.mask)
    area = 1.0 if region.mask is None else region.mask.mean().item()
    if recipe.style_statistic in LAYERWISE:
        return [_Part(style_statistic(recipe, layers, guide), region.styles, area)]
    total = sum(image.weight for image in region.styles)
    return [
        _Part(style_statistic(recipe, layers, guide), (image,), area * image.weight / total)
        for image in region.styles
    ]


LAYERWISE = ("gram", "gram_moments", "gaussian_wasserstein", "sliced_wasserstein")
"""Style statistics with a term for each layer, which the layer's weight multiplies."""


def _thinned(features: Tensor) -> Tensor:
    """Return a layer as rows at no more than `SIMILAR` x `SIMILAR` positions, evenly spaced."""
    steps = [-(-side // SIMILAR) for side in features.shape[-2:]]
    kept = features[..., steps[0] // 2 :: steps[0], steps[1] // 2 :: steps[1]]
    return kept.float().flatten(2)[0].T


def _active(recipe: Recipe) -> list[str]:
    """Style layers with a weight above 0; the others need not be computed."""
    return [name for name, weight in recipe.style_layers.items() if weight]


def prepare(tensor: Tensor, device: torch.device) -> Tensor:
    """Bring RGB in [0, 1] to what an objective reads: normalized, on its device."""
    return normalize(tensor.to(device))
