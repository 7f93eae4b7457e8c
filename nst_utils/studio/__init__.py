"""The studio: a panel of widgets beside a painting that follows them.

- ``labels``: the studio's words in English and Vietnamese
- ``state``: the status, and the picture to be shown
- ``fair_lock``: paintings that share the cores step in turn
- ``replay``: the recipes that led to a picture, as code, as a command, run again
- ``history``: points, marks, snapshots, as plain data
- ``going_on``: what is kept so that a painting survives its kernel
- ``film``: how a painting came about, frame by frame
- ``painting_thread``: the thread that paints, and what it shows
- ``controller``: a painting in the background, steered by its owner
- ``comparison``: two paintings side by side
- ``browser_widgets``: a picture, a place for one, a mask over one, with code in the browser
- ``pickers``: widgets that choose a picture
- ``thumbnails``: buttons that show a picture
- ``controls``: sliders and menus
- ``canvas``: pictures, snapshots, the loss curve
- ``status_bar``: what is going on, and text to copy
- ``export``: the painting, its figure and its recipe, saved
- ``regions_tab``: a second style, its share, and where it goes
- ``gallery``: what was saved, loaded again
- ``toolbar``: the buttons
- ``panel``: the panel itself
- ``kernel_explorer``: a kernel moved over a photo by sliders
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=(
        "browser_widgets canvas comparison controller controls export fair_lock film gallery "
        "going_on history kernel_explorer labels painting_thread panel pickers regions_tab "
        "replay state status_bar thumbnails toolbar"
    ).split(),
    submod_attrs={
        "controller": ["Controller", "studio_recipe"],
        "export": ["save_painting"],
        "history": ["StudioError"],
        "kernel_explorer": ["KernelExplorer"],
        "panel": ["Studio"],
        "replay": "as_code as_command cut_recipe from_json replay_passages to_json".split(),
    },
)
