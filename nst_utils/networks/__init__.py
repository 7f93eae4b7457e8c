"""Frozen VGG19 and ResNet-50: weights, activations by layer name, fast layers.

- ``spec``: the description of a network: layers, sources of weights, defaults
- ``weights_file``: weights files, read without running code
- ``quantized``: decoder for a product-quantized ResNet-50
- ``state_dicts``: state dicts of other origins, renamed to a network's own names
- ``vgg``: networks of the VGG family: layers, construction, weights of any origin
- ``vgg19``: VGG19 and its weights
- ``resnet50``: ResNet-50: layers, weights, construction
- ``registry``: the networks by name
- ``structure``: shapes, parameters and multiplications of each layer
- ``weights``: weights by name: found, downloaded, checked
- ``oxford``: the original VGG19 weights, converted to torchvision's input and scale
- ``packaged``: networks from optional packages, run by onnxruntime
- ``device``: the device and the number format to compute with
- ``winograd``: Winograd's 3 x 3 convolution, with a quarter of the multiplications
- ``layers``: convolution and pooling, faster for frozen weights
- ``backbone``: a network whose layers are read by name
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=(
        "backbone device layers oxford packaged quantized registry resnet50 spec state_dicts "
        "structure vgg vgg19 weights weights_file winograd"
    ).split(),
    submod_attrs={
        "backbone": ["Backbone", "load_backbone", "torchvision_state"],
        "device": ["explain_precision", "pick_device", "pick_precision"],
        "registry": ["BACKBONES", "backbone_spec"],
        "weights": ["find_weights"],
        "weights_file": ["WeightsError"],
    },
)
