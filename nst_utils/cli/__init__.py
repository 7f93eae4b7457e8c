"""The command line: ``python -m nst_utils``, or ``nst``.

- ``errors``: one sentence for each error, with its exit status
- ``recipe_options``: a recipe from options and from text
- ``paint``: the quickstart, stylize, provenance
- ``outputs``: what is checked of an output before a run
- ``film``: the command film
- ``network``: the command train, and painting by a network that it made
- ``notebooks``: rerun, figures
- ``region_options``: the options --region and --keep
- ``bench``: the command bench
- ``sweep``: the command sweep
- ``leaderboard``: the command leaderboard
- ``wikiart``: the commands of the group wikiart
- ``main``: the command line itself, and the commands that list things
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=(
        "bench errors film leaderboard main network notebooks outputs paint recipe_options "
        "region_options sweep wikiart"
    ).split(),
    submod_attrs={},
)
