"""A research workbook for neural style transfer: the helpers behind the notebooks.

Read the folders in this order, and you follow a picture to a figure:

- ``images``: a picture or a clip from anywhere, as RGB, as a tensor; its record; samples
- ``networks``: weights, VGG19 and ResNet-50, activations by layer name; device and number format
- ``wikiart``: the dataset: names, index, catalog, download, miniature
- ``transfer``: the method: recipe, losses, objective, run, result; film, fast network
- ``experiments``: many runs in numbers: metrics, trials, statistics, sweeps, reproduction
- ``plotting``: figures in English and Vietnamese, and the album that writes them
- ``studio``: a panel of widgets beside a painting that follows them
- ``benchmark``: speed and quality beside peers
- ``cli``: ``python -m nst_utils``, or ``nst``

Everything is loaded on first use: importing the package reads no picture, opens no connection and
does not import torch.
"""

import os
import sys

import lazy_loader

__version__ = "0.1.0"

# Waiting threads of OpenMP spin by default: two paintings at once would then take twice as long as
# one after the other. It must be set before torch is loaded; what the user has set stays.
if "torch" not in sys.modules:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules="benchmark cli experiments images networks plotting studio transfer wikiart".split(),
    submod_attrs={
        "errors": ["NSTError", "NSTWarning"],
        "images": ["normalize", "open_picture", "open_sample", "read_image", "samples"],
        "networks": ["BACKBONES", "load_backbone", "weights"],
        "wikiart": ["WikiArt", "miniature"],
        "transfer": (
            "RECIPES Recipe Result StepRecord StopRun Watch config load_network losses recipe "
            "resume stylize train"
        ).split(),
        "experiments": "film metrics pair_up paint statistics sweep tables trials".split(),
        "plotting": ["Album", "charts"],
        "studio": ["zoom"],
    },
)
