"""A research workbook for neural style transfer: the helpers behind the notebooks.

Everything is loaded on first use: importing the package reads no picture, opens no connection and
does not import torch.
"""

import lazy_loader

from .registry import VERSION

__version__ = VERSION
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "archive",
        "charts",
        "compare",
        "config",
        "dataset",
        "features",
        "images",
        "losses",
        "metrics",
        "miniature",
        "plots",
        "registry",
        "report",
        "repeat",
        "rerun",
        "samples",
        "sweep",
        "tables",
        "transfer",
        "trials",
        "weights",
        "wikiart",
    ],
    submod_attrs={
        "config": ["RECIPES", "Recipe", "recipe"],
        "features": ["load_backbone"],
        "images": ["read_image"],
        "registry": ["BACKBONES", "NSTError", "NSTWarning"],
        "result": ["Result", "StepRecord"],
        "samples": ["open_picture", "open_sample"],
        "transfer": ["StopRun", "stylize"],
        "wikiart": ["WikiArt"],
    },
)
