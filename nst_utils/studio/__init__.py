"""The studio: a panel of widgets beside a painting that follows them.

- ``labels``: the studio's words in English and Vietnamese
- ``fair_lock``: paintings that share the cores step in turn
- ``replay``: the recipes that led to a picture, as code, as a command, run again
- ``history``: points, marks, snapshots, as plain data
- ``controller``: a painting in a thread of its own, steered
- ``pickers``: widgets that choose a picture
- ``export``: the painting, its figure and its recipe, saved
- ``panel``: the panel itself
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "controller",
        "export",
        "fair_lock",
        "history",
        "labels",
        "panel",
        "pickers",
        "replay",
    ],
    submod_attrs={
        "controller": ["Controller", "StudioError", "studio_recipe"],
        "export": ["save_painting"],
        "panel": ["Studio"],
        "replay": [
            "as_code",
            "as_command",
            "cut_recipe",
            "from_json",
            "replay_passages",
            "to_json",
        ],
    },
)
