"""A research workbook for neural style transfer: the helpers behind the notebooks.

Read the folders in this order, and you follow a picture to a figure:

- ``images``: a picture from anywhere, as RGB, as a tensor, as a PNG with its record; samples
- ``networks``: weights, VGG19 and ResNet-50, activations by layer name; device and number format
- ``wikiart``: the dataset: names, index, catalog, download, miniature
- ``transfer``: the method: recipe, losses, objective, optimizers, run, result
- ``experiments``: many runs in numbers: metrics, trials, statistics, sweeps, reproduction
- ``plotting``: figures in English and Vietnamese, and the album that writes them
- ``studio``: a panel of widgets beside a painting that follows them
- ``benchmark``: speed and quality beside peers
- ``cli``: ``python -m nst_utils``, or ``nst``

Everything is loaded on first use: importing the package reads no picture, opens no connection and
does not import torch.
"""

import importlib
import os
import sys
import types

import lazy_loader

__version__ = "0.1.0"

# Waiting threads of OpenMP spin by default: two paintings at once would then take twice as long as
# one after the other. It must be set before torch is loaded; whoever has set it, or has loaded
# torch already, is left alone.
if "torch" not in sys.modules:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "benchmark",
        "cli",
        "experiments",
        "images",
        "networks",
        "plotting",
        "studio",
        "transfer",
        "wikiart",
    ],
    submod_attrs={
        "errors": ["NSTError", "NSTWarning"],
        "images": ["normalize", "open_picture", "open_sample", "read_image", "samples"],
        "networks": ["BACKBONES", "load_backbone", "weights"],
        "wikiart": ["WikiArt", "miniature"],
        "transfer": [
            "RECIPES",
            "Recipe",
            "Result",
            "StepRecord",
            "StopRun",
            "Watch",
            "config",
            "losses",
            "recipe",
            "stylize",
        ],
        "experiments": ["metrics", "paint", "statistics", "sweep", "tables", "trials"],
        "plotting": ["Album", "charts"],
    },
)


_FORMER = {
    "cluster": "parallel:count_cores",
    "config": "transfer.config:Recipe transfer.presets:recipe",
    "dataset": "wikiart.torch_dataset:Paintings",
    "features": "networks.backbone:Backbone,load_backbone images.tensors:denormalize,normalize",
    "fetch": "download:FetchError,download=download_file,fetch=read_url,sha256",
    "getting": "wikiart.download:download_kaggle,stream_huggingface",
    "indexing": "wikiart.index:WikiArtError",
    "repeat": "experiments.reproduce:RepeatError,repeat=repeat_run",
    "rerun": "experiments.notebooks:check_parameters,rerun=run_notebooks",
    "samples": "images.samples:download_paintings,open_picture,open_sample,samples=list_samples",
    "sweep": "experiments.sweeps:SweepError,pair_samples,sweep",
    "weights": "networks.weights_file:WeightsError networks.weights:find=find_weights,folders "
    "networks.state_dicts:read_state networks.oxford:read_oxford",
}
"""Modules of the flat package before November 2026, and where what they gave is now: scripts of
others import them. Nothing in the project does."""


def _stand_in(former: str, places: str) -> types.ModuleType:
    module = types.ModuleType(f"{__name__}.{former}")
    there = {}
    for place in places.split():
        home, _, names = place.partition(":")
        for name in names.split(","):
            old, _, new = name.partition("=")
            there[old] = (home, new or old)

    def get(name: str) -> object:
        if name not in there:
            raise AttributeError(f"{former} has no {name}; see the layout in README.md")
        home, now = there[name]
        return getattr(importlib.import_module(f"{__name__}.{home}"), now)

    module.__getattr__ = get
    return module


for _former, _places in _FORMER.items():
    sys.modules.setdefault(f"{__name__}.{_former}", _stand_in(_former, _places))
