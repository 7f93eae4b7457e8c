"""Backbones: a network with its weights, whose layers are read by name.

One forward pass returns ``{name: tensor}``. Every backbone takes ImageNet-normalized RGB. Where a
set of weights expects another input, the conversion is folded into its first convolution.
"""

import copy
import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import NSTWarning, check_choice, unknown
from . import vgg19
from .device import own_settings
from .layers import Convolution, MaxPool
from .oxford import decoded
from .registry import BACKBONES, backbone_spec
from .weights import WeightsFile, find_weights

AVERAGE_GAIN = 1.7
"""Factor on average pooling that restores the mean activation of max pooling.

On the sample pictures the ratio is 1.4, 1.8, 1.5 and 2.3 at VGG19's first four poolings, and 1.7
at the only one of ResNet-50.
"""


class ScaledAvgPool2d(nn.AvgPool2d):
    """Average pooling times `AVERAGE_GAIN`, because an average is smaller than a maximum."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the scaled averages."""
        return super().forward(x) * AVERAGE_GAIN


class Backbone:
    """A frozen network whose layers can be read by name; `load_backbone` makes one.

    Attributes
    ----------
    name : str
        Out of `registry.BACKBONES`.
    layers : tuple of str
        Every layer that can be read, in order.
    trained : bool
        False for random weights.
    weights_label : str
        Display name of network and weights; contains "untrained" for random weights.
    weights : WeightsFile
        The file of the weights, with its checksum.
    device, dtype
        The device and the number format that it computes with; see `to`.
    """

    def __init__(self, name: str, modules: nn.ModuleDict, weights: WeightsFile) -> None:
        self.name = name
        self.layers = backbone_spec(name).layers
        self.weights = weights
        self.trained = weights.trained
        self.weights_label = weights.label
        self.device, self.dtype = torch.device("cpu"), torch.float32
        self._source = self._modules = modules.eval().requires_grad_(False)

    def __repr__(self) -> str:
        return f"<Backbone {self.weights_label}, {len(self.layers)} layers>"

    def to(
        self,
        device: torch.device | str,
        dtype: torch.dtype = torch.float32,
        *,
        plain: bool = False,
    ) -> "Backbone":
        """Return a copy on a device and in a number format, with channels last.

        With `plain` it uses torch's own layers instead of the faster ones of `networks.layers`.
        """
        placed = copy.copy(self)
        placed.device, placed.dtype = torch.device(device), dtype
        placed._modules = nn.ModuleDict(
            {
                key: _place(module, placed.device, dtype, plain)
                for key, module in self._source.items()
            }
        )
        return placed

    def check_layers(self, layers: Iterable[str]) -> list[str]:
        """Return the layers as a list; an unknown one raises `UnknownNameError`."""
        layers = list(layers)
        for layer in layers:
            check_choice(f"layer of {self.name}", layer, self.layers)
        return layers

    def convolution(self, layer: str) -> nn.Conv2d:
        """Return a copy of one of VGG19's convolutions as a float32 layer of torch.

        A name without a zero-padded 3 x 3 convolution raises `UnknownNameError`.
        """
        module = self._source[layer] if layer in self._source else None
        if not isinstance(module, Convolution):
            known = [key for key, other in self._source.items() if isinstance(other, Convolution)]
            raise unknown(f"convolution of {self.name}", layer, known)
        return copy.deepcopy(module.placed("cpu", torch.float32).plain())

    def stride(self, layer: str) -> int:
        """Return the distance between a layer's neighboring positions, in pixels of the picture."""
        self.check_layers([layer])
        return backbone_spec(self.name).stride(layer)

    def reach(self, layer: str) -> int:
        """Return how far a position's receptive field reaches beyond its own cell, pixels a side.

        Its cell is the square of `stride` pixels that it stands for.
        """
        self.check_layers([layer])
        spec, pixels, stride = backbone_spec(self.name), 0, 1
        for key, module in self._modules.items():
            pixels += stride * sum(map(_beyond, module.modules()))
            name = key.replace("/", ".")
            if name == spec.aliases.get(layer, layer):
                break
            stride = spec.stride(name)
        return pixels

    def extract(self, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Return activations by layer name, from one forward pass up to the last layer needed.

        Parameters
        ----------
        x : Tensor, shape (n, 3, h, w)
            ImageNet-normalized RGB (see `normalize`), of any floating type; it is converted to
            the network's own. Gradients flow back to it.
        layers : iterable of str
            Names from `layers`. In VGG19, ``conv…`` is before the ReLU and ``relu…`` after it. In
            ResNet-50, ``layer3`` is the output of its last block, ``layer3.5``.

        Returns
        -------
        dict of str to Tensor
            In the order of `layers`, each of shape (n, d, h / stride, w / stride). Later layers
            do not overwrite a returned tensor.

        Raises
        ------
        UnknownNameError
            If a layer does not exist; lists the valid ones.
        """
        wanted = self.check_layers(layers)
        activations = dict(self.read(x, wanted))
        return {layer: activations[layer] for layer in wanted}

    def read(
        self, x: Tensor, layers: Iterable[str], *, fresh: bool = False
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield each layer's name and activations as soon as they are computed, in order.

        A caller can use a layer while it is still in the processor's cache. The backward pass then
        handles one layer after another too, so that gradients do not wait in memory together. With
        `fresh` it may overwrite these layers' gradients, because nothing else reads them.
        """
        missing: dict[str, list[str]] = {}
        aliases = backbone_spec(self.name).aliases
        for layer in self.check_layers(layers):
            # "layer3" is another name of "layer3.5"; each module is read once.
            missing.setdefault(aliases.get(layer, layer), []).append(layer)
        x = x.to(device=self.device, dtype=self.dtype, memory_format=torch.channels_last)
        tapped = rectified = left = False
        modules = list(self._modules.items())
        for i, (key, module) in enumerate(modules):
            if not missing:
                break
            name = key.replace("/", ".")
            if isinstance(module, Convolution):
                # A ReLU behind it is computed in the same pass, unless the convolution's own output
                # is wanted. The module after the ReLU computes the ReLU's gradient too, if it is
                # the only one that reads the ReLU's output.
                behind = modules[i + 1 : i + 3]
                rectifies = bool(behind) and isinstance(behind[0][1], nn.ReLU)
                taken, rectified = left, rectifies and name not in missing
                left = (
                    rectified
                    and len(behind) == 2
                    and behind[0][0] not in missing
                    and isinstance(behind[1][1], (Convolution, MaxPool))
                )
                x = module(x, rectified, left=left, taken=taken, fresh=fresh)
            elif isinstance(module, nn.ReLU) and rectified:
                rectified = False
            elif isinstance(module, nn.ReLU):
                # In place saves memory, but would overwrite a tensor that was yielded before.
                x = functional.relu(x) if tapped else functional.relu_(x)
            elif isinstance(module, MaxPool):
                x, left = module(x, taken=left), False
            else:
                x = module(x)
            names = missing.pop(name, [])
            tapped = bool(names)
            for layer in names:
                yield layer, x


def _beyond(module: nn.Module) -> int:
    """Return how many positions beyond its own window a layer reads; 2 x 2 poolings read none."""
    if isinstance(module, Convolution):
        return 1
    side = getattr(module, "kernel_size", 1)
    return ((side[0] if isinstance(side, tuple) else side) - 1) // 2


def _place(module: nn.Module, device: torch.device, dtype: torch.dtype, plain: bool) -> nn.Module:
    """Return a copy of a module on a device and in a number format, or its faster equivalent."""
    if isinstance(module, Convolution):
        placed = module.placed(device, dtype)
        return placed.plain() if plain else placed
    if not plain and isinstance(module, nn.MaxPool2d) and module.kernel_size == 2:
        return MaxPool()
    if not module.state_dict():
        return module  # nothing that could be moved
    copied = copy.deepcopy(module)
    return copied.to(device=device, dtype=dtype, memory_format=torch.channels_last)


def load_backbone(
    name: str, weights: str = "auto", *, pooling: str = "max", padding: str = "zero"
) -> Backbone:
    """Load a network with its weights.

    Parameters
    ----------
    name : str
        The network, out of `registry.BACKBONES`.
    weights : str
        ``auto``: the first weights available, else random ones with a warning. A source's name,
        for example ``oxford`` or ``torchvision``. ``random``. Or a file such as ``name.pt``; see
        `find_weights`.
    pooling : {"max", "average"}
        ``average`` replaces max pooling by average pooling times `AVERAGE_GAIN`.
    padding : {"zero", "replicate"}
        Padding of the first convolution. ``replicate`` avoids the odd strokes that zeros cause
        along the border.

    Returns
    -------
    Backbone
        On the CPU, float32; `Backbone.to` moves it.

    Raises
    ------
    UnknownNameError
        For an unknown backbone, source or option.
    WeightsError
        If the weights are unavailable, damaged, or of another network.
    """
    for what, value, valid in (
        ("backbone", name, BACKBONES),
        ("pooling", pooling, ("max", "average")),
        ("padding", padding, ("zero", "replicate")),
    ):
        check_choice(what, value, valid)
    file = find_weights(name, weights)
    if weights == "auto" and not file.trained:
        warnings.warn(
            f"no trained weights for {name} were found and none could be downloaded: going on "
            "untrained, with random weights",
            NSTWarning,
            stacklevel=2,
        )
    # A copy, because a backbone keeps converted weights, which the cached one would never free.
    return _build(name, file, pooling, padding).to("cpu")


@lru_cache(maxsize=4)
@own_settings()
def _build(name: str, weights: WeightsFile, pooling: str, padding: str) -> Backbone:
    """Build a network once for each set of options; `Backbone.to` copies, so sharing is safe."""
    modules = backbone_spec(name).build(weights)
    for key, module in modules.items():
        if isinstance(module, nn.MaxPool2d) and pooling == "average":
            modules[key] = ScaledAvgPool2d(
                module.kernel_size, module.stride, module.padding, count_include_pad=False
            )
    if padding == "replicate":
        key, first = next(iter(modules.items()))
        first = first.plain() if isinstance(first, Convolution) else first
        modules[key] = nn.Sequential(nn.ReplicationPad2d(first.padding[0]), first)
        first.padding = (0, 0)
    return Backbone(name, modules, weights)


def torchvision_state(weights: str = "auto") -> dict[str, Tensor]:
    """Return VGG19's weights under the names of ``torchvision.models.vgg19().features``.

    Parameters
    ----------
    weights : str
        As for `load_backbone`. Those called ``oxford`` take inputs normalized like torchvision's.
    """
    state = {}
    for name, (weight, bias) in zip(
        vgg19.WIDTHS, vgg19.read_tensors(find_weights("vgg19", weights)), strict=True
    ):
        place = vgg19.SPEC.layers.index(name)
        state |= {f"{place}.weight": decoded(weight), f"{place}.bias": bias}
    return state
