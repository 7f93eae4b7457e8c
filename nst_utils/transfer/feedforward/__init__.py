"""A small network of one style, which paints any picture in one pass (Johnson et al., 2016).

- ``generator``: the network: convolutions, residual blocks, instance normalization
- ``network_file``: the network in a file, with its record
- ``onnx_file``: the network as an ONNX file
- ``photos``: what it is trained on: crops of photos, recolored to the style
- ``training``: its training with this package's losses
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["generator", "network_file", "onnx_file", "photos", "training"],
    submod_attrs={
        "network_file": ["NetworkError", "StyleNetwork", "load_network"],
        "training": ["train"],
    },
)
