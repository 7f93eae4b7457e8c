"""VGG19: its layers, its weights, and how it is built."""

from functools import partial

import torch
from torch import Tensor, nn

from .layers import Convolution
from .oxford import OXFORD_SCALES, Table, decoded, fold_oxford, read_oxford, rescale
from .registry import backbone_spec
from .weights import WeightsError, WeightsFile, read_state

VGG19_WIDTHS = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}
"""Channels of each block."""


def build_vgg19(weights: WeightsFile) -> nn.ModuleDict:
    """Return its modules by layer, with the weights of a file, or random ones."""
    layers = backbone_spec("vgg19").layers
    names = [layer for layer in layers if layer.startswith("conv")]
    tensors: list[tuple[Table | Tensor, Tensor]]
    if weights.source == "oxford":
        tensors = rescale(fold_oxford(read_oxford(weights.path)), OXFORD_SCALES)
    elif weights.path is not None:
        tensors = _vgg19_tensors(weights)
    else:
        tensors = _random_vgg19(names)
    modules: dict[str, nn.Module] = {}
    convolutions = iter(tensors)
    for layer in layers:
        if layer.startswith("conv"):
            weight, bias = next(convolutions)
            modules[layer] = Convolution(partial(decoded, weight), bias)
        else:
            modules[layer] = nn.ReLU() if layer.startswith("relu") else nn.MaxPool2d(2, 2)
    return nn.ModuleDict(modules)


def _vgg19_tensors(weights: WeightsFile) -> list[tuple[Tensor, Tensor]]:
    """Take the 16 convolutions out of a state dict with torchvision's names."""
    state = read_state(weights.path)
    # torchvision counts every module of `features`; these are the convolutions among them.
    places = {
        i: layer
        for i, layer in enumerate(backbone_spec("vgg19").layers)
        if layer.startswith("conv")
    }
    tensors, inputs = [], 3
    for i, name in places.items():
        weight, bias = (state.get(f"features.{i}.{kind}") for kind in ("weight", "bias"))
        shape = (VGG19_WIDTHS[name[4]], inputs, 3, 3)
        if weight is None or bias is None or weight.shape != shape or bias.shape != shape[:1]:
            raise WeightsError(
                f"{weights.path}: not weights of VGG19 (features.{i} is missing or not of shape "
                f"{shape})"
            )
        tensors.append((weight.float(), bias.float()))
        inputs = shape[0]
    return tensors


def _random_vgg19(names: list[str]) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    tensors, inputs = [], 3
    for name in names:
        outputs = VGG19_WIDTHS[name[4]]
        # He et al. 2015: keeps the activations' scale through ReLUs.
        deviation = (2 / (inputs * 9)) ** 0.5
        weight = torch.randn(outputs, inputs, 3, 3, generator=generator) * deviation
        tensors.append((weight, torch.zeros(outputs)))
        inputs = outputs
    return tensors
