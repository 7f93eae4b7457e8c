"""Many runs in numbers: measures, trials, statistics, sweeps, and runs made again.

- ``peak_memory``: the peak of memory during a block of code
- ``metrics``: measures that no optimizer sees
- ``judges``: independent judges of content and of style
- ``trials``: a row of numbers for each run
- ``statistics``: settings at equal structure, pair by pair; intervals, shares of the variance
- ``batch``: many runs, under one key each; what is done is not done again
- ``sweeps``: grids of recipes over pairs and seeds, a table in the end
- ``stored``: what an experiment painted, kept in the clone for the notebooks
- ``reproduce``: a picture's run again, from the record inside it
- ``building_blocks``: convolution computed by hand, and kernels to try it with
- ``feature_files``: numbers of many paintings on disk, with checksums
- ``style_features``: descriptors of many paintings, kept on disk
- ``style_classifier``: transfer learning: a painting's style, split by artist
- ``notebooks``: notebooks run again under new parameters
- ``structure_search``: the ``beta`` at which a given part of the structure stays
- ``folders``: every picture of a folder in every style of another
- ``film_measures``: how much a painted film flickers; its gap to the style
- ``film_runs``: a film painted, kept frame by frame; painted again; in several ways, measured alike
- ``forecasts``: what a run will take on this machine
- ``tables``: layers read, activations, measures
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=(
        "batch building_blocks feature_files film_measures film_runs folders "
        "forecasts judges metrics notebooks peak_memory reproduce statistics stored "
        "structure_search style_classifier style_features sweeps tables trials"
    ).split(),
    submod_attrs={
        "batch": ["BatchError"],
        "film_runs": ["Film", "FilmError", "film"],
        "folders": ["paint_folder"],
        "forecasts": ["forecast"],
        "structure_search": ["keep_structure"],
        "metrics": ["judge", "measure"],
        "judges": ["JudgeError"],
        "notebooks": ["run_notebooks"],
        "peak_memory": ["PeakMemory"],
        "reproduce": ["repeat_run"],
        "statistics": ["at_equal_structure", "paired_differences", "spread"],
        "sweeps": ["pair_up", "sweep"],
        "trials": ["paint", "run_trial"],
    },
)
