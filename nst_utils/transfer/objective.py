"""A recipe's loss at one scale: targets computed once, then any picture to its loss terms.

Also decides where and in which number format a recipe runs, since targets and pictures must agree.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..images.tensors import normalize
from ..networks.backbone import Backbone
from ..networks.registry import backbone_spec
from . import losses
from .config import Recipe
from .style_statistics import style_statistic
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
    content, style : Tensor, shape (1, 3, H, W)
        ImageNet-normalized; their sizes may differ.
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
        style: Tensor,
        picture: Tensor | None = None,
        content_factor: float = 1.0,
    ) -> None:
        self.backbone, self.recipe, self.content_factor = backbone, recipe, content_factor
        self.layers = _active(recipe)
        # A layer may be content and style at once.
        self._tapped = list(dict.fromkeys([recipe.content_layer, *self.layers]))
        self._style = style_statistic(recipe, self.layers)
        self.terms = self._style.terms
        positions = {}
        with torch.no_grad():
            # Once each, for as long as the picture has this size.
            for name, tensor in self._read(content, self._tapped):
                positions[name] = tensor[0, 0].numel()
                if name == recipe.content_layer:
                    self._content = tensor
            for turns in self._style.rotations:
                turned = style.rot90(turns, (2, 3))
                for name, tensor in self._read(turned, self.layers):
                    self._style.learn(name, tensor, turned, positions[name])
            if self._style.queries:
                query = content if picture is None else content.lerp(picture, QUERY)
                read = self._read(query, self.layers)
                self._style.match({name: self._style.see(name, t, query) for name, t in read})
            self._content_energy = losses.mean_square(self._content)

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
        seen = {}
        # Each loss as soon as its layer is there: see `Backbone.read`.
        for name, tensor in self._read(x, self._tapped):
            if name == recipe.content_layer:
                content = self._content_loss(tensor)
            if name in self.layers:
                seen[name] = self._style.see(name, tensor, x)
        parts = torch.stack(self._style.losses(seen, x))
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


LAYERWISE = ("gram", "gaussian_wasserstein", "sliced_wasserstein")
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
