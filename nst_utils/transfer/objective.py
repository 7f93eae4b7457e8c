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

_TARGET_FIELDS = ("content_layer", "gram", "smoothing", "pooling", "padding")


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

    Notes
    -----
    The plain sum of the Gram matrix (``gram="sum"``) grows with the number of positions. Where
    the style image has more or fewer than the picture, its target is scaled by that ratio; the
    report instead stretches the style image to the content's shape.
    """

    def __init__(self, backbone: Backbone, recipe: Recipe, content: Tensor, style: Tensor) -> None:
        self.backbone, self.recipe = backbone, recipe
        self.layers = _active(recipe)
        # A layer may be content and style at once.
        self._tapped = list(dict.fromkeys([recipe.content_layer, *self.layers]))
        positions = {}
        with torch.no_grad():
            # Once each, for as long as the picture has this size.
            for name, tensor in self._read(content, self._tapped):
                positions[name] = tensor[0, 0].numel()
                if name == recipe.content_layer:
                    self._content = tensor
            self._style = {}
            for name, tensor in self._read(style, self.layers):
                matrix = losses.gram(tensor, recipe.gram)
                if recipe.gram == "sum":
                    matrix = matrix * (positions[name] / tensor[0, 0].numel())
                self._style[name] = matrix
            self._energy = {name: losses.mean_square(m) for name, m in self._style.items()}
            self._content_energy = losses.mean_square(self._content)

    def _read(self, x: Tensor, layers: list[str]) -> Iterator[tuple[str, Tensor]]:
        """Read layers one by one, the deep ones smoothed as the recipe says."""
        deep = backbone_spec(self.backbone.name).deep
        for name, tensor in self.backbone.read(x, layers, fresh=True):
            smoothed = name.startswith(deep)
            yield name, losses.smooth(tensor, self.recipe.smoothing) if smoothed else tensor

    def fits(self, recipe: Recipe) -> bool:
        """Tell whether another recipe has the same targets, so that only weights change."""
        return _active(recipe) == self.layers and all(
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
        terms : Tensor, shape (4 + layers,)
            Detached: total, content, style, total variation, then the style term of each of
            `layers`; all but the total before their weights.
        """
        recipe = self.recipe
        found = {}
        # Each loss as soon as its layer is there: see `Backbone.read`.
        for name, tensor in self._read(x, self._tapped):
            if name == recipe.content_layer:
                content = losses.content_loss(
                    tensor, self._content, recipe.loss, self._content_energy
                )
            if name in self._style:
                found[name] = losses.style_loss(
                    losses.gram(tensor, recipe.gram),
                    self._style[name],
                    tensor[0, 0].numel(),
                    recipe.loss,
                    self._energy[name],
                )
        layers = torch.stack([found[name] for name in self.layers])
        weights = layers.new_tensor([recipe.style_layers[name] for name in self.layers])
        style = (weights * layers).sum()
        if recipe.loss == "relative":
            # A mean over layers: beta then means the same for any number of them.
            style = style / weights.sum()
        tv = losses.total_variation(x)
        total = recipe.alpha * content + recipe.beta * style + recipe.tv * tv
        return total, torch.cat([torch.stack([total, content, style, tv]), layers]).detach()


def _active(recipe: Recipe) -> list[str]:
    """Style layers with a weight above 0; the others need not be computed."""
    return [name for name, weight in recipe.style_layers.items() if weight]


def prepare(tensor: Tensor, device: torch.device) -> Tensor:
    """Bring RGB in [0, 1] to what an objective reads: normalized, on its device."""
    return normalize(tensor.to(device))
