"""Backbones: a network, its weights, its preprocessing, and its layers by name.

One forward pass returns ``{name: tensor}``. Every backbone takes the same ImageNet-normalized RGB;
what a set of weights expects instead is folded into its first convolution.
"""

import copy
import warnings
from collections.abc import Container, Iterable, Iterator
from functools import lru_cache, partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from .kernels import Convolution, MaxPool
from .registry import (
    BACKBONES,
    IMAGENET_MEAN,
    IMAGENET_STD,
    NSTWarning,
    backbone_spec,
    unknown,
)
from .weights import Table, WeightsError, WeightsFile, find, read_oxford, read_state

OXFORD_MEAN = (123.68, 116.779, 103.939)
"""What the Oxford network subtracts from RGB in 0 to 255 (it was trained on BGR)."""

# fmt: off
OXFORD_SCALES = (
    26.48, 121.1, 150.1, 141.6, 168.4, 210.4, 428.1, 646.0,
    626.4, 402.9, 205.7, 51.69, 53.24, 21.88, 8.649, 1.146,
)
# fmt: on
"""Mean ReLU activation of each Oxford convolution over the sample pictures at 256 pixels.

Divided out of each layer and multiplied into the next layer's weights, so that activations are of
order 1, as torchvision's are, and one alpha and beta mean about the same. A test measures them
again.
"""

VGG19_WIDTHS = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}
"""Channels of each block."""

AVERAGE_GAIN = 1.7
"""What average pooling is multiplied by, so that it passes on about as much as max pooling did.

Over the sample pictures the ratio is 1.4, 1.8, 1.5 and 2.3 at VGG19's first four poolings, and 1.7
at ResNet-50's one.
"""


def normalize(image: Tensor) -> Tensor:
    """Turn RGB in [0, 1], shape (n, 3, h, w), into what every backbone reads."""
    return (image - _channels(IMAGENET_MEAN, image)) / _channels(IMAGENET_STD, image)


def denormalize(tensor: Tensor) -> Tensor:
    """Turn ImageNet-normalized RGB back into [0, 1]; the inverse of `normalize`, not clipped."""
    return tensor * _channels(IMAGENET_STD, tensor) + _channels(IMAGENET_MEAN, tensor)


def _channels(values: Iterable[float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, 3, 1, 1)


class ScaledAvgPool2d(nn.AvgPool2d):
    """Average pooling times a constant, because an average is smaller than a maximum."""

    def __init__(self, kernel_size: int, stride: int, padding: int, gain: float) -> None:
        super().__init__(kernel_size, stride, padding, count_include_pad=False)
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        """Return the scaled averages."""
        return super().forward(x) * self.gain


class Backbone:
    """A frozen network whose layers can be read by name.

    Made by `load_backbone`, not directly.

    Attributes
    ----------
    name : str
        ``vgg19`` or ``resnet50``.
    layers : tuple of str
        Every layer that can be read, in order.
    trained : bool
        False for random weights.
    weights_label : str
        Display name of network and weights; says "untrained" where that is so.
    weights : WeightsFile
        Where the weights came from, with checksum.
    device, dtype
        Where and in which number format it computes; see `to`.
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
        """Name the network, its weights and how many layers can be read."""
        return f"<Backbone {self.weights_label}, {len(self.layers)} layers>"

    def to(
        self,
        device: torch.device | str,
        dtype: torch.dtype = torch.float32,
        *,
        plain: bool = False,
    ) -> "Backbone":
        """Return it on a device, in a number format, laid out channels last, ready to paint.

        Parameters
        ----------
        device, dtype
            Where and in which number format to compute.
        plain : bool
            Keep torch's own layers where `kernels` has faster ones.
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
        """Return the layers as a list, or raise `UnknownNameError` that lists the valid ones."""
        layers = list(layers)
        for layer in layers:
            if layer not in self.layers:
                raise unknown(f"layer of {self.name}", layer, self.layers)
        return layers

    def stride(self, layer: str) -> int:
        """Return how many pixels of the picture one position of a layer steps over."""
        self.check_layers([layer])
        before = self.layers[: self.layers.index(layer) + 1]
        if self.name == "vgg19":
            return 2 ** sum(name.startswith("pool") for name in before)
        # The stem halves twice, then every stage but the first halves once.
        halvings = {"conv1": 1, "maxpool": 1, "layer2.0": 1, "layer3.0": 1, "layer4.0": 1}
        return 2 ** sum(halvings.get(name, 0) for name in before)

    def extract(self, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Read some layers in one forward pass, which ends at the last one needed.

        Parameters
        ----------
        x : Tensor, shape (n, 3, h, w)
            ImageNet-normalized RGB (see `normalize`), in any floating type and layout: it is
            brought to the network's own. Gradients flow back to it.
        layers : iterable of str
            Names out of `layers`. VGG19's ``conv…`` are outputs before the ReLU, its ``relu…``
            after it. ResNet-50's ``layer3`` is the output of its last block, ``layer3.5``.

        Returns
        -------
        dict of str to Tensor
            In the order asked for, each of shape (n, d, h / stride, w / stride). No later layer
            writes into a returned tensor.

        Raises
        ------
        UnknownNameError
            If a layer does not exist; lists the valid ones.
        """
        wanted = self.check_layers(layers)
        found = dict(self.read(x, wanted))
        return {layer: found[layer] for layer in wanted}

    def read(
        self, x: Tensor, layers: Iterable[str], *, fresh: bool = False
    ) -> Iterator[tuple[str, Tensor]]:
        """Go through the network and yield each wanted layer as soon as it is computed.

        What is made of a layer before the next one is asked for is made while it is still in the
        cache; and the gradient comes back in the same order, so that no layer's has to wait in
        memory for the others'.

        Parameters
        ----------
        x, layers
            As for `extract`.
        fresh : bool
            The gradients that will come back to these layers are read by nobody else, and may be
            written into.

        Yields
        ------
        (str, Tensor)
            Name and activations, in the network's order.
        """
        missing: dict[str, list[str]] = {}
        for layer in self.check_layers(layers):
            # "layer3" is another name of "layer3.5": read each module once.
            missing.setdefault(self._alias(layer), []).append(layer)
        x = x.to(device=self.device, dtype=self.dtype, memory_format=torch.channels_last)
        tapped = rectified = left = False
        modules = list(self._modules.items())
        for i, (key, module) in enumerate(modules):
            if not missing:
                break
            name = key.replace("/", ".")
            if isinstance(module, Convolution):
                # VGG19 has a ReLU behind every convolution: in the same pass unless the tensor
                # before it is wanted. Its gradient comes with that of the module behind it, unless
                # others read it as well.
                taken, rectified = left, name not in missing
                left = rectified and _leaves(modules[i + 1 : i + 3], missing)
                x = module(x, rectified, left=left, taken=taken, fresh=fresh)
            elif isinstance(module, nn.ReLU) and rectified:
                rectified = False
            elif isinstance(module, nn.ReLU):
                # In place saves memory, but would overwrite a tapped tensor (the trap of many
                # peers): only where nobody keeps the layer before.
                x = functional.relu(x) if tapped else functional.relu_(x)
            elif isinstance(module, MaxPool):
                x, left = module(x, taken=left), False
            else:
                x = module(x)
            names = missing.pop(name, [])
            tapped = bool(names)
            for layer in names:
                yield layer, x

    def _alias(self, layer: str) -> str:
        if self.name == "resnet50" and layer.startswith("layer") and "." not in layer:
            return self.layers[self.layers.index(layer) - 1]
        return layer


def _leaves(behind: list[tuple[str, nn.Module]], wanted: Container[str]) -> bool:
    """Tell whether the ReLU behind a convolution has one reader, which takes its gradient over."""
    return (
        len(behind) == 2
        and behind[0][0] not in wanted
        and isinstance(behind[1][1], (Convolution, MaxPool))
    )


def _place(module: nn.Module, device: torch.device, dtype: torch.dtype, plain: bool) -> nn.Module:
    """Return a copy of a module on a device and in a number format, or its faster twin."""
    if isinstance(module, Convolution):
        placed = module.placed(device, dtype)
        return placed.plain() if plain else placed
    if not plain and isinstance(module, nn.MaxPool2d) and module.kernel_size == 2:
        return MaxPool()
    copied = copy.deepcopy(module)
    return copied.to(device=device, dtype=dtype, memory_format=torch.channels_last)


def load_backbone(
    name: str, weights: str = "auto", *, pooling: str = "max", padding: str = "zero"
) -> Backbone:
    """Load a network with its weights, ready to be read.

    Parameters
    ----------
    name : {"vgg19", "resnet50"}
        The network.
    weights : str
        ``auto`` (the first that is available, else untrained, with a warning), a source's name
        (``oxford``, ``torchvision``; fails when it is not to be had), ``random``, or a ``.pt`` or
        ``.pth`` file, tried as a path, then in ``NST_WEIGHTS_DIR``, then in ``data/weights``.
    pooling : {"max", "average"}
        ``average`` replaces max pooling and is rescaled by `AVERAGE_GAIN`.
    padding : {"zero", "replicate"}
        Padding of the first convolution. ``replicate`` avoids the frame of odd strokes that
        zeros leave at the border.

    Returns
    -------
    Backbone
        On the CPU, float32; `Backbone.to` moves it.

    Raises
    ------
    UnknownNameError
        For an unknown backbone, source or option.
    WeightsError
        When named weights are not to be had, damaged, or of another network.
    """
    for what, value, valid in (
        ("backbone", name, BACKBONES),
        ("pooling", pooling, ("max", "average")),
        ("padding", padding, ("zero", "replicate")),
    ):
        if value not in valid:
            raise unknown(what, value, valid)
    found = find(name, weights)
    if weights == "auto" and not found.trained:
        warnings.warn(
            f"no trained weights for {name} were found and none could be downloaded: going on "
            "untrained, with random weights",
            NSTWarning,
            stacklevel=2,
        )
    # Placed anew: what a backbone makes ready for itself goes with it.
    return _build(name, found, pooling, padding).to("cpu")


@lru_cache(maxsize=4)
def _build(name: str, weights: WeightsFile, pooling: str, padding: str) -> Backbone:
    """Build a network once for each set of options; `Backbone.to` copies, so sharing is safe."""
    modules = {"vgg19": _vgg19, "resnet50": _resnet50}[name](weights)
    for key, module in modules.items():
        if isinstance(module, nn.MaxPool2d) and pooling == "average":
            modules[key] = ScaledAvgPool2d(
                module.kernel_size, module.stride, module.padding, AVERAGE_GAIN
            )
    if padding == "replicate":
        key, first = next(iter(modules.items()))
        first = first.plain() if isinstance(first, Convolution) else first
        modules[key] = nn.Sequential(nn.ReplicationPad2d(first.padding[0]), first)
        first.padding = (0, 0)
    return Backbone(name, modules, weights)


def _vgg19(weights: WeightsFile) -> nn.ModuleDict:
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


def fold_oxford(
    tensors: list[tuple[Table | Tensor, Tensor]],
) -> list[tuple[Table | Tensor, Tensor]]:
    """Fold the Oxford preprocessing into the first convolution.

    The folded network takes ImageNet-normalized RGB and computes the same function. At the
    border, zero padding now stands for ImageNet's mean color instead of Oxford's: the two differ
    by half a gray level of 255.
    """
    (weight, bias), *rest = tensors
    weight = decoded(weight).flip(1)  # BGR to RGB
    scale, mean = torch.tensor(IMAGENET_STD) * 255, torch.tensor(IMAGENET_MEAN) * 255
    shift = mean - torch.tensor(OXFORD_MEAN)
    folded = weight * scale.view(1, 3, 1, 1)
    return [(folded, bias + (weight * shift.view(1, 3, 1, 1)).sum((1, 2, 3))), *rest]


def rescale(
    tensors: list[tuple[Table | Tensor, Tensor]], scales: Iterable[float]
) -> list[tuple[Table | Tensor, Tensor]]:
    """Divide each layer's output by a constant and multiply it back into the next.

    Every activation, before and after its ReLU, is then the old one over its layer's constant.
    """
    rescaled, before = [], 1.0
    for (weight, bias), scale in zip(tensors, scales, strict=True):
        rescaled.append((weight * (before / scale), bias / scale))
        before = scale
    return rescaled


def decoded(weight: Table | Tensor) -> Tensor:
    """Return weights as a tensor, whatever they are kept as."""
    return weight.decode() if isinstance(weight, Table) else weight


def _resnet50(weights: WeightsFile) -> nn.ModuleDict:
    from torchvision.models import resnet50

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = resnet50(weights=None)
    if weights.path is not None:
        state = read_state(weights.path)
        own = network.state_dict()
        for key in own:
            if key not in state and not key.startswith("fc.") and "num_batches" not in key:
                raise WeightsError(f"{weights.path}: not weights of ResNet-50 ({key} is missing)")
        for key in state:
            if key in own and state[key].shape != own[key].shape and not key.startswith("fc."):
                raise WeightsError(
                    f"{weights.path}: not weights of ResNet-50 ({key} has another shape)"
                )
        network.load_state_dict(
            {k: v for k, v in state.items() if not k.startswith("fc.")}, strict=False
        )
    stages = {f"layer{i}": getattr(network, f"layer{i}") for i in range(1, 5)}
    blocks = {f"{stage}/{i}": block for stage, seq in stages.items() for i, block in enumerate(seq)}
    stem = {name: getattr(network, name) for name in ("conv1", "bn1", "relu", "maxpool")}
    return nn.ModuleDict(stem | blocks)
