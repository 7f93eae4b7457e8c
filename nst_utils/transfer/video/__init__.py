"""A clip painted with little flicker from frame to frame.

- ``flow``: where each pixel was in an earlier frame; what was hidden there; cuts between scenes
- ``sample``: a clip made from two sample photos, whose true flow is known
- ``painter``: frame after frame, each from the last painting
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submodules=["flow", "painter", "sample"]
)
