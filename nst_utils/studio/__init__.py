"""The studio: a panel of widgets beside a painting that follows them.

- ``labels``: the studio's words in English and Vietnamese
- ``state``: the status, the pictures, how long steps take and will take at another size
- ``door``: one message of the browser after the other
- ``replay``: the recipes that led to a picture, as code, as a command, run again
- ``history``: the loss curve, the changes and the snapshots, as plain data
- ``going_on``: what is kept so that a painting survives a restart of its kernel
- ``painting_thread``: the thread that paints, one step at a time among several paintings
- ``controller``: a painting in the background, steered by its user; two of them compared
- ``browser_widgets``: a picture, an upload field, a mask over a photo, with code in the browser
- ``pickers``: widgets that choose a picture; buttons with thumbnails
- ``curve_data``: the loss curve in numbers and words, for the browser
- ``controls``: sliders and menus
- ``canvas``: pictures, snapshots, the loss curve
- ``faces``: what becomes of faces, how much of the photo stays
- ``parts``: parts of a photo to be marked by a click
- ``regions_tab``: a second style, its share, and where it goes
- ``camera``: what a camera sees, painted by a network of one style
- ``gallery``: paintings, their figures and recipes: saved, shown and loaded again
- ``toolbar``: the buttons and the line of state
- ``panel``: the panel itself
- ``kernel_explorer``: a kernel moved over a photo by sliders
- ``zoom_view``: a large picture, as near as one likes
- ``asleep``: what a page without a kernel shows in place of a widget
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=(
        "asleep browser_widgets camera canvas controller controls curve_data door faces "
        "gallery going_on history kernel_explorer labels painting_thread panel "
        "parts pickers regions_tab replay state toolbar zoom_view"
    ).split(),
    submod_attrs={
        "controller": ["Controller", "studio_recipe"],
        "gallery": ["save_painting"],
        "history": ["StudioError"],
        "kernel_explorer": ["KernelExplorer"],
        "panel": ["Studio"],
        "replay": "as_code as_command cut_recipe from_json replay_passages to_json".split(),
        "zoom_view": ["zoom"],
    },
)
