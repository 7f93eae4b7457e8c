"""The named recipes: one entry each, with its help, its layers and what it changes."""

from functools import cache
from typing import Any

from ..errors import unknown
from ..networks.registry import backbone_spec
from .config import QUICK_LAYERS, Recipe
from .fields import RecipeError

_REPORT_VGG19 = {"conv1_1": 1.0, "conv2_1": 0.75, "conv3_1": 0.2, "conv4_1": 0.2, "conv5_1": 0.2}

_REPORT_RESNET50 = {"conv1": 1.0, "layer1": 0.75, "layer2": 0.2, "layer3": 0.2, "layer4": 0.2}

_REPORT = {
    "alpha": 1.0,
    "beta": 1e3,
    "tv": 0.0,
    "loss": "report",
    "gram": "sum",
    "padding": "zero",
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "size": 128,
    "scales": (128,),
    "steps": (20_000,),
    "precision": "float32",
}

_LAYERS: dict[str, dict[str, tuple[str, dict[str, float]]]] = {
    "quick": QUICK_LAYERS,
    "report": {"vgg19": ("conv4_2", _REPORT_VGG19), "resnet50": ("layer4", _REPORT_RESNET50)},
    "report-as-run": {
        # The in-place ReLUs overwrote the tapped conv outputs: what was measured is the ReLU's.
        "vgg19": (
            "relu4_2",
            {name.replace("conv", "relu"): weight for name, weight in _REPORT_VGG19.items()},
        ),
        # Keys '0' to '4' are conv1, bn1, relu, maxpool, layer1. The ReLU works in place on bn1's
        # output, so '1' and '2' hold the same values: relu with both weights, 0.75 + 0.2.
        "resnet50": ("layer1", {"conv1": 1.0, "relu": 0.95, "maxpool": 0.2, "layer1": 0.2}),
    },
    "gatys2016": {
        "vgg19": ("relu4_2", {f"relu{block}_1": 0.2 for block in range(1, 6)}),
    },
}

_LAYERS["report-personal"] = _LAYERS["report"]

_CHANGES: dict[str, dict[str, Any]] = {
    "quick": {},
    "report": _REPORT,
    "report-as-run": _REPORT,
    "report-personal": _REPORT
    | {"learning_rate": 3e-3, "steps": (5_000,), "size": 400}
    | {"scales": (400,)},
    "gatys2016": {
        # The paper's alpha / beta = 1e-3 belongs to its own units: content as half a sum, a
        # network normalized per channel. In these units a beta of 1 keeps the photo and 10 loses
        # it; 3 was chosen by eye.
        "beta": 3.0,
        "tv": 0.0,
        "loss": "paper",
        "gram": "sum",
        "pooling": "average",
        "padding": "zero",
        "scales": (512,),
        "steps": (300,),
        "start": "noise",
        "precision": "float32",
    },
}

RECIPES: dict[str, str] = {
    "quick": "the default: relative losses, coarse to fine, L-BFGS, automatic precision",
    "report": "what the report means to do: layers as it names them, before the ReLU",
    "report-as-run": "what its code does: in-place ReLUs and wrong ResNet-50 keys included",
    "report-personal": "the report's recipe for a personal photo: 5,000 steps at 0.003",
    "gatys2016": "Gatys et al. 2016: noise start, average pooling, one scale, L-BFGS",
}
"""The named recipes, each with one line of help."""


@cache
def _named(name: str, backbone: str) -> Recipe:
    layers = _LAYERS[name]
    if backbone not in layers:
        raise RecipeError(f"recipe {name} is for {' or '.join(layers)}, not for {backbone}")
    content_layer, style_layers = layers[backbone]
    return Recipe(
        backbone=backbone,
        content_layer=content_layer,
        style_layers=style_layers,
        **_CHANGES[name],
    )


def recipe(name: str = "quick", **overrides: Any) -> Recipe:
    """Return a named recipe, with fields changed as in `Recipe.replace`.

    Parameters
    ----------
    name : str
        One of `RECIPES`.
    **overrides
        Recipe fields. ``backbone`` also selects the layers that the recipe uses on that network.

    Raises
    ------
    UnknownNameError
        For a recipe, field, backbone or layer that does not exist.
    RecipeError
        For a value out of range.

    Examples
    --------
    >>> recipe("report", backbone="resnet50").content_layer
    'layer4'
    >>> recipe(size=256).scales
    (128, 256)
    """
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    backbone = overrides.pop("backbone", "vgg19")
    backbone_spec(backbone)
    return _named(name, backbone).replace(**overrides)
