"""The method: a recipe, its losses, the objective, the optimizers, the run and its result.

- ``scales``: the ladder from coarse to fine, and steps split over it
- ``fields``: the fields of a recipe, each with its check
- ``config``: the recipe: everything that decides a picture, frozen
- ``presets``: the named recipes, one entry each
- ``losses``: Gram matrices, content, style, total variation, as functions of tensors
- ``neighbors``: nearest style vectors by cosine, in blocks
- ``transport``: earth mover's, Gaussian and sliced Wasserstein distances, self-similarity
- ``guidance``: a layer's positions weighed by a mask, statistics under such weights
- ``layer_statistics``: Gram matrices, Gaussian and sliced Wasserstein, layer by layer
- ``neighbor_statistics``: neighbors, hypercolumns, the earth mover, position by position
- ``style_statistics``: the class for each style statistic
- ``proposals``: parts that content and style share, by factorization
- ``regions``: parts of a picture, each with its styles
- ``coloring``: whose colors a painting gets
- ``detail``: the finest band of an enlarged picture, of the content and of the style
- ``pictures``: a run's pictures, opened, then at each scale
- ``instant``: a painting in a second, by a filter
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
        "coloring config detail fields guidance instant layer_statistics losses "
        "neighbor_statistics neighbors objective optimizers pictures presets progress "
        "proposals regions result run scales start style_statistics transport"
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
