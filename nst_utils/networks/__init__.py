"""Frozen networks: weights, VGG19 and ResNet-50, activations by layer name, fast layers.

- ``spec``: what a network declares of itself, and where weights come from
- ``weights_file``: a weights file, read as plain tensors
- ``quantized``: a product-quantized ResNet-50, decoded
- ``state_dicts``: state dicts as training scripts save them, by a network's own names
- ``vgg19``: VGG19 in one place: layers, weights, how it is built
- ``resnet50``: ResNet-50 in one place: layers, weights, how it is built
- ``registry``: the networks by name
- ``structure``: shapes, parameters and multiplications, counted on the network itself
- ``weights``: weights files: found, downloaded, checked, read
- ``oxford``: the original Oxford weights: decoded, preprocessing folded in, rescaled
- ``packaged``: networks inside optional packages, run by onnxruntime
- ``device``: the device and the number format that suit this machine
- ``winograd_maps``: the maps of Winograd's convolution, to points and back
- ``winograd``: 3 x 3 convolutions with a quarter of the multiplications
- ``layers``: fast convolutions and pooling for frozen weights
- ``backbone``: a network whose layers are read by name
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=(
        "backbone device layers oxford packaged quantized registry resnet50 spec state_dicts "
        "structure vgg19 weights weights_file winograd winograd_maps"
    ).split(),
    submod_attrs={
        "backbone": ["Backbone", "load_backbone"],
        "device": ["explain_precision", "pick_device", "pick_precision"],
        "registry": ["BACKBONES", "backbone_spec"],
        "weights": ["find_weights"],
        "weights_file": ["WeightsError"],
    },
)
