"""Figures in English and Vietnamese, and the album that writes them.

- ``translations``: every label and caption in English and Vietnamese
- ``style``: sizes, colors, line styles, grid
- ``pictures``: pictures side by side, feature maps, Gram matrices
- ``loss_curves``: losses over steps, for a figure or live
- ``charts``: trade-offs, differences, ablations, shares
- ``background``: kernels, gradients, receptive fields, classifiers
- ``album``: figures written with caption and record
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=("album background charts loss_curves pictures style translations").split(),
    submod_attrs={
        "album": "Album FigureError banner save_figure".split(),
        "loss_curves": ["loss_figure", "plot_losses", "plot_terms", "training_figure"],
        "pictures": (
            "contact_sheet describe feature_plate flow_picture gram_plate quickstart_figure "
            "show_picture source_name"
        ).split(),
        "translations": ["translator"],
    },
)
