"""The method: a recipe, its losses, the objective, the optimizers, the run and its result.

- ``scales``: the ladder from coarse to fine, and steps split over it
- ``fields``: the fields of a recipe, each with its check
- ``config``: the recipe: everything that decides a picture, frozen
- ``presets``: the named recipes, one entry each
- ``losses``: Gram matrices, content, style, total variation, as functions of tensors
- ``neighbors``: nearest style vectors by cosine, in blocks
- ``transport``: earth mover's, Gaussian and sliced Wasserstein distances, self-similarity
- ``style_statistics``: what of a style is matched: one class for each
- ``objective``: a recipe's loss at one scale
- ``optimizers``: L-BFGS and Adam, one evaluation a step
- ``result``: a record a step, the result, the provenance
- ``start``: a run's pictures, and the one that it begins with
- ``run``: stylize: coarse to fine, steered, recovered, interrupted
- ``progress``: a progress bar, and the picture at intervals
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=(
        "config fields losses neighbors objective optimizers presets progress result run "
        "scales start style_statistics transport"
    ).split(),
    submod_attrs={
        "config": ["Recipe"],
        "fields": ["RecipeError"],
        "objective": ["Objective"],
        "presets": ["RECIPES", "recipe"],
        "progress": ["Watch"],
        "result": ["LiveStep", "Result", "StepRecord"],
        "run": ["StopRun", "TransferError", "stylize"],
    },
)
