"""The losses, one file each; this registry names them for recipes, menus and the command line.

- ``term``: what a term of the objective offers; masks and sums that the terms share
- ``content``: activations, or how alike positions are; a weight for each position
- ``gram``: Gram matrices in every variant, means and deviations
- ``neighbors``: the nearest style vectors: block by block, or as hypercolumns
- ``transport``: earth mover's, Gaussian and sliced Wasserstein distances
- ``picture``: losses of the picture alone, without a network
- ``temporal``: between the frames of a film: earlier paintings, warped; frame differences

To add a loss, write its class in a file here and add its entry to `LOSSES`. Free of torch.
"""

import importlib
from dataclasses import dataclass
from typing import Any

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules="content gram neighbors picture temporal term transport".split(),
    submod_attrs={
        "content": ["content_loss"],
        "gram": ["SMOOTHING_SCALE", "gram_matrix", "mean_square", "smooth", "style_loss"],
        "neighbors": ["neighbor_loss"],
        "picture": ["total_variation"],
        "term": ["Additive", "LayerMask", "StyleTerm", "Term"],
        "transport": ["gaussian_wasserstein", "relaxed_earth_mover", "sliced_wasserstein"],
    },
)


@dataclass(frozen=True)
class Loss:
    """An entry of the registry.

    Attributes
    ----------
    field : str
        The recipe field that chooses it, which also decides how its class is made:

        - ``terms``: a `term.Term`, made without arguments, anew for each scale; its ``name`` is
          set to the name here. It reads whole pictures, without masks. See `picture.Laplacian`.
        - ``style_statistic``: a `term.StyleTerm`, made by its ``build(recipe, layers)``. See
          `gram.Gram`.
        - ``content_statistic``: a `term.Term`, made with the recipe and the weights of the
          positions. See `content.Activations`.
    place : str
        Its module in this folder and its class, ``"gram:Gram"``.
    help : str
        One line for a reader of ``recipes --fields``.
    layerwise : bool
        Of a style statistic: it has one term for each style layer, which the layer's weight
        multiplies. Else the layers are weighted before they are compared.
    """

    field: str
    place: str
    help: str
    layerwise: bool = True


_STYLE, _CONTENT = "style_statistic", "content_statistic"

LOSSES = {
    "activations": Loss(_CONTENT, "content:Activations", "the activations of the content layer"),
    "self_similarity": Loss(
        _CONTENT, "content:SelfSimilarity", "how alike positions are to each other"
    ),
    "gram": Loss(_STYLE, "gram:Gram", "Gram matrices"),
    "gram_moments": Loss(
        _STYLE, "gram:GramAndMoments", "Gram matrices, and each channel's moments"
    ),
    "neighbors": Loss(_STYLE, "neighbors:Neighbors", "nearest neighbors", layerwise=False),
    "hypercolumns": Loss(_STYLE, "neighbors:Hypercolumns", "nearest hypercolumns", layerwise=False),
    "earth_mover": Loss(
        _STYLE, "transport:EarthMover", "relaxed earth mover's distance", layerwise=False
    ),
    "gaussian_wasserstein": Loss(
        _STYLE, "transport:GaussianWasserstein", "Gaussian Wasserstein distance"
    ),
    "sliced_wasserstein": Loss(
        _STYLE, "transport:SlicedWasserstein", "sliced Wasserstein distance"
    ),
    "laplacian": Loss("terms", "picture:Laplacian", "the edges of the content image"),
}
"""Every loss by its name. Total variation is always there; its weight is the field ``tv``."""


def losses_for(field: str) -> tuple[str, ...]:
    """Return the names of the losses that a recipe field chooses from, in order."""
    return tuple(name for name, loss in LOSSES.items() if loss.field == field)


def load_loss(name: str) -> Any:
    """Return the class of a loss."""
    module, _, attribute = LOSSES[name].place.partition(":")
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
