"""The named recipes: one entry each, with its help, its layers and what it changes."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from ..errors import check_choice
from ..networks.registry import BACKBONES, backbone_spec
from .config import BEFORE, Recipe
from .fields import RecipeError


@dataclass(frozen=True)
class Preset:
    """A named recipe: its help, its layers by network, and what it changes in the default.

    `_layers_of` chooses the layers of a network that is not listed.
    """

    help: str
    layers: dict[str, tuple[str, dict[str, float]]]
    changes: dict[str, Any]


REPORT_LAYERS = {
    "vgg19": (
        "conv4_2",
        {"conv1_1": 1.0, "conv2_1": 0.75, "conv3_1": 0.2, "conv4_1": 0.2, "conv5_1": 0.2},
    ),
    "resnet50": (
        "layer4",
        {"conv1": 1.0, "layer1": 0.75, "layer2": 0.2, "layer3": 0.2, "layer4": 0.2},
    ),
}

REPORT_CHANGES = BEFORE | {
    "alpha": 1.0,
    "beta": 1e3,
    "tv": 0.0,
    "loss": "published",
    "gram": "sum",
    "padding": "zero",
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "size": 128,
    "scales": (128,),
    "steps": (20_000,),
    "precision": "float32",
}


def _layers(blocks: dict[int, int]) -> dict[str, float]:
    """Return VGG19's ReLUs of some blocks, so many of each, at equal weights."""
    return {f"relu{b}_{i}": 1.0 for b, count in blocks.items() for i in range(1, count + 1)}


DEFAULT_LAYERS = {name: (spec.content_layer, spec.style_layers) for name, spec in BACKBONES.items()}

PRESETS: dict[str, Preset] = {
    "quick": Preset(
        "the default: centered Gram matrices, relative losses, coarse to fine, L-BFGS",
        DEFAULT_LAYERS,
        {},
    ),
    "thorough": Preset(
        "the default with each channel's mean and deviation, and two thirds more steps",
        DEFAULT_LAYERS,
        {"style_statistic": "gram_moments", "beta": 12.0, "steps": (90, 60)},
    ),
    "gram": Preset(
        "Gram matrices alone: nothing recolored, all layers alike; for ablations",
        {"vgg19": ("relu3_4", {f"relu{block}_1": 1.0 for block in range(1, 6)})},
        BEFORE | {"gram": "mean", "beta": 20.0, "tv": 0.05},
    ),
    "report": Preset(
        "what the report means to do: layers as it names them, before the ReLU",
        REPORT_LAYERS,
        REPORT_CHANGES,
    ),
    "report-as-run": Preset(
        "what its code does: in-place ReLUs and wrong ResNet-50 keys included",
        {
            # The in-place ReLUs overwrote the tapped outputs: what was measured is the ReLU's.
            "vgg19": (
                "relu4_2",
                {n.replace("conv", "relu"): w for n, w in REPORT_LAYERS["vgg19"][1].items()},
            ),
            # Keys '0' to '4' are conv1, bn1, relu, maxpool, layer1. The ReLU works in place on
            # bn1's output, so '1' and '2' hold the same values: relu with both, 0.75 + 0.2.
            "resnet50": ("layer1", {"conv1": 1.0, "relu": 0.95, "maxpool": 0.2, "layer1": 0.2}),
        },
        REPORT_CHANGES,
    ),
    "report-personal": Preset(
        "the report's recipe for a personal photo: 5,000 steps at 0.003",
        REPORT_LAYERS,
        REPORT_CHANGES | {"learning_rate": 3e-3, "steps": (5_000,), "size": 400, "scales": (400,)},
    ),
    "gatys2016": Preset(
        "Gatys et al. 2016: noise start, average pooling, one scale, L-BFGS",
        {"vgg19": ("relu4_2", {f"relu{block}_1": 0.2 for block in range(1, 6)})},
        BEFORE
        | {
            # The paper's alpha / beta = 1e-3 belongs to its own units: content as half a sum, a
            # network normalized per channel. In these units a beta of 1 keeps the photo and 10
            # loses it; 3 was chosen by eye.
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
    ),
    "nnfm": Preset(
        "nearest neighbors in one block of the network (Zhang et al. 2022)",
        {"vgg19": ("relu3_3", _layers({3: 3})), "resnet50": ("layer2", {"layer2": 1.0})},
        {"style_statistic": "neighbors", "beta": 3.0},
    ),
    "nnst": Preset(
        "neural neighbors: hypercolumns, rotated styles, a last pass block by block "
        "(Kolkin et al. 2022)",
        {"vgg19": ("relu3_3", _layers({1: 2, 2: 2, 3: 4, 4: 3}))},
        {
            "style_statistic": "hypercolumns",
            "alpha": 0.0,
            "beta": 20.0,
            "finish": 0.5,
            "scales": (128, 256, 512),
            "steps": (20, 25, 50),
        },
    ),
    "strotss": Preset(
        "relaxed optimal transport and self-similarity (Kolkin et al. 2019)",
        {"vgg19": ("relu4_1", _layers({1: 2, 2: 2, 3: 3, 4: 1}))},
        {
            "style_statistic": "earth_mover",
            "content_statistic": "self_similarity",
            "alpha": 1.0,
            "beta": 1.0,
            "color": "free",
            "detail": "content",
            "coarse_content": 2.0,
            "optimizer": "adam",
            "learning_rate": 0.05,
            "scales": (128, 256, 512),
            "steps": (40, 40, 30),
        },
    ),
    "wasserstein": Preset(
        "sliced Wasserstein distance of each layer (Heitz et al. 2021), recolored",
        DEFAULT_LAYERS,
        {"style_statistic": "sliced_wasserstein", "beta": 60.0},
    ),
}

RECIPES: dict[str, str] = {name: preset.help for name, preset in PRESETS.items()}
"""The named recipes, each with one line of help."""


@cache
def _named(name: str, backbone: str) -> Recipe:
    preset = PRESETS[name]
    content_layer, style_layers = _layers_of(name, backbone)
    layers = {"content_layer": content_layer, "style_layers": style_layers}
    return Recipe(backbone=backbone, **layers, **preset.changes)


def _layers_of(name: str, backbone: str) -> tuple[str, dict[str, float]]:
    """Return the layers by which a recipe reads a network, also one that it does not list.

    Such a network is read by VGG19's layers if it has them all, else by those of its own default
    recipe. A recipe with the loss of the report or of a paper is defined by its layers: it is
    refused.
    """
    preset, spec = PRESETS[name], backbone_spec(backbone)
    content_layer, style_layers = preset.layers.get(backbone, preset.layers["vgg19"])
    if {content_layer, *style_layers} <= {*spec.layers, *spec.aliases}:
        return content_layer, style_layers
    if preset.changes.get("loss") in ("published", "paper"):
        raise RecipeError(f"recipe {name} is for {' or '.join(preset.layers)}, not for {backbone}")
    return spec.content_layer, spec.style_layers


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
    check_choice("recipe", name, RECIPES)
    backbone = overrides.pop("backbone", "vgg19")
    backbone_spec(backbone)
    return _named(name, backbone).replace(**overrides)
