"""Tables for the notebooks: the layers read, their activations, measures."""

from collections.abc import Iterable, Mapping

import pandas as pd
from PIL import Image
from torch import Tensor

from ..networks.backbone import Backbone
from ..transfer import losses
from ..transfer.config import Recipe
from ..transfer.result import Result
from . import metrics


def layers(backbone: Backbone, recipe: Recipe, x: Tensor) -> pd.DataFrame:
    """Return what a recipe reads: a row for each layer, in the network's order.

    `x` is a normalized picture, shape (1, 3, H, W), for the shapes. The columns are the layer's
    role, style weight, channels, height, width, and stride in pixels.
    """
    wanted = [n for n in backbone.layers if n in recipe.style_layers or n == recipe.content_layer]
    rows = []
    for name, tensor in backbone.extract(x, wanted).items():
        read = {"content": name == recipe.content_layer, "style": name in recipe.style_layers}
        row = {
            "layer": name,
            "role": " and ".join(role for role in read if read[role]),
            "weight": recipe.style_layers.get(name, 0.0),
        }
        shape = zip(("channels", "height", "width"), tensor.shape[1:], strict=True)
        rows.append(row | dict(shape) | {"stride": backbone.stride(name)})
    return pd.DataFrame(rows).set_index("layer")


def activations(backbones: Mapping[str, tuple[Backbone, Iterable[str]]], x: Tensor) -> pd.DataFrame:
    """Return how peaked activations and their Gram matrices are, a row for each layer.

    Parameters
    ----------
    backbones : mapping of str to (Backbone, iterable of str)
        By title, networks and the layers to read.
    x : Tensor, shape (1, 3, H, W)
        A normalized picture.

    Returns
    -------
    DataFrame
        Indexed by network and layer: `metrics.entropy` and `metrics.peak` of the activations and of
        their Gram matrix, each as they are (``plain``) and smoothed by each softmax of
        `losses.smooth`; before them the layer's stride in pixels.
    """
    rows = {}
    for title, (backbone, names) in backbones.items():
        for name, tensor in backbone.extract(x, names).items():
            row = {("stride", "pixels"): backbone.stride(name)}
            for kind in ("plain", "softmax", "softmax_layer"):
                smoothed = losses.smooth(tensor, kind.replace("plain", "none"))
                matrix = losses.gram_matrix(smoothed)
                row |= {
                    ("entropy", kind): metrics.entropy(smoothed),
                    ("peak", kind): metrics.peak(smoothed),
                    ("Gram entropy", kind): metrics.entropy(matrix),
                    ("Gram peak", kind): metrics.peak(matrix),
                }
            rows[title, name] = row
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.columns = pd.MultiIndex.from_tuples(table.columns)
    return table.rename_axis(["network", "layer"])


def measures(
    results: Mapping[str, Result],
    content: Image.Image,
    style: Image.Image,
    judges: Mapping[str, tuple[Backbone, Iterable[str]]] | None = None,
) -> pd.DataFrame:
    """Return each run's measures, a row a run; see `metrics.measure`."""
    rows = {
        title: metrics.measure(result.image, content, style, judges)
        | {"seconds": result.seconds, "steps": len(result.history)}
        for title, result in results.items()
    }
    return pd.DataFrame(rows).T
