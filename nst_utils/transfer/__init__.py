"""The method: a recipe, its losses, the objective, the optimizers, the run and its result.

- ``scales``: the ladder from coarse to fine, and steps split over it
- ``fields``: the kinds of fields that a recipe has, each with its check
- ``config``: the recipe: everything that decides a picture, frozen
- ``presets``: the named recipes, one entry each
- ``losses``: a folder, one file a loss, and the registry that names them
- ``proposals``: parts that content and style share, by factorization
- ``regions``: parts of a picture, each with its styles
- ``coloring``: whose colors a painting gets
- ``detail``: the finest band of an enlarged picture, of the content and of the style
- ``pictures``: a run's pictures, opened, then at each scale
- ``start``: the picture that a run begins with, and the one of each finer scale
- ``tiles``: a loss and its gradient, tile by tile
- ``memory``: what a scale takes of it, and how it is made to fit
- ``style``: what is learned of the style pictures at a scale
- ``objective``: the total loss: a weighted sum of named terms
- ``optimizers``: methods that move the pixels, one entry each
- ``descent``: one step: evaluate the picture, compute the gradient, move the pixels
- ``result``: a record a step, the result, the provenance
- ``state``: the state of a run, to a file and back
- ``run``: stylize and resume: coarse to fine, steered, recovered, interrupted
- ``progress``: a progress bar, and the picture at intervals
- ``feedforward``: a folder: a small network of one style, and its training
- ``video``: a folder: optical flow, and the frames of a film, one after another
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=(
        "coloring config descent detail feedforward fields losses memory objective "
        "optimizers pictures presets progress proposals regions result run scales start state "
        "style tiles video"
    ).split(),
    submod_attrs={
        "config": ["Recipe"],
        "feedforward": ["load_network", "train"],
        "fields": ["RecipeError"],
        "objective": ["Objective"],
        "presets": ["RECIPES", "recipe"],
        "progress": ["Watch"],
        "result": ["LiveStep", "Result", "StepRecord"],
        "run": ["StopRun", "TransferError", "resume", "stylize"],
        "state": ["CheckpointError"],
        "style": ["Style"],
    },
)
