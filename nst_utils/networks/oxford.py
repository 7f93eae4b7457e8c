"""The original Oxford weights of VGG19, converted to torchvision's input and scale."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..images.tensors import IMAGENET_MEAN, IMAGENET_STD
from .state_dicts import read_state
from .weights_file import WeightsError

BLOCKS = (2, 2, 4, 4, 4)
"""Convolutions of each block."""

OXFORD_MEAN = (123.68, 116.779, 103.939)
"""Mean that the Oxford network subtracts from RGB in 0 to 255; it was trained on BGR."""

# fmt: off
OXFORD_SCALES = (
    26.48, 121.1, 150.1, 141.6, 168.4, 210.4, 428.1, 646.0,
    626.4, 402.9, 205.7, 51.69, 53.24, 21.88, 8.649, 1.146,
)
# fmt: on
"""Mean ReLU activation of each Oxford convolution over the sample pictures at 256 pixels.

`rescale` divides each layer by its own, so that activations are of order 1, as torchvision's are,
and the same alpha and beta have about the same effect. A test measures them again.
"""


@dataclass(frozen=True)
class Table:
    """Weights as 8-bit indices into a table of 256 float32 values: a quarter of the memory."""

    values: Tensor
    indices: Tensor

    def __mul__(self, factor: float) -> "Table":
        return Table(self.values * factor, self.indices)

    def decode(self) -> Tensor:
        """Return the weights in float32."""
        # The lookup is several times faster in numpy than in torch.
        return torch.from_numpy(np.take(self.values.numpy(), self.indices.numpy()))


def read_oxford(path: Path) -> list[tuple[Table, Tensor]]:
    """Read the packaged Oxford VGG19, stored as 8-bit indices into a table for each layer.

    Returns weight (out, in, 3, 3) and bias of the 16 convolutions in order, as trained by Simonyan
    and Zisserman (ICLR 2015). They expect BGR in 0 to 255 minus `OXFORD_MEAN`.
    """
    state = read_state(path)
    names = [f"block{b}_conv{i + 1}" for b, n in enumerate(BLOCKS, start=1) for i in range(n)]
    try:
        return [
            (Table(state[f"{name}_W_table"], state[f"{name}_W_q"]), state[f"{name}_b"])
            for name in names
        ]
    except KeyError as error:
        raise WeightsError(f"{path}: not the packaged VGG19 ({error} is missing)") from None


def read_folded_oxford(path: Path) -> list[tuple[Table | Tensor, Tensor]]:
    """Read the packaged Oxford VGG19 for ImageNet-normalized RGB, with activations of order 1."""
    return rescale(fold_oxford(read_oxford(path)), OXFORD_SCALES)


def fold_oxford(
    tensors: list[tuple[Table | Tensor, Tensor]],
) -> list[tuple[Table | Tensor, Tensor]]:
    """Fold the Oxford preprocessing into the first convolution.

    The folded network takes ImageNet-normalized RGB and computes the same function, except at the
    border: zero padding now means ImageNet's mean color instead of Oxford's. The two differ by
    half a gray level of 255.
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
    """Divide each layer's output by its constant, and compensate in the next layer's weights.

    The network computes the same, with each activation divided by its layer's constant.
    """
    rescaled, before = [], 1.0
    for (weight, bias), scale in zip(tensors, scales, strict=True):
        rescaled.append((weight * (before / scale), bias / scale))
        before = scale
    return rescaled


def recognize_oxford(
    tensors: list[tuple[Tensor, Tensor]], packaged: list[tuple[Table, Tensor]]
) -> list[tuple[Tensor, Tensor]] | None:
    """Recognize Oxford's network in a file converted from Caffe, and fold its preprocessing.

    The first layer's filters are compared with the packaged ones, in both orders of the channels.
    Weights and biases together tell the input that they expect: BGR or RGB, and its range. Returns
    None if it is another network or already expects ImageNet-normalized RGB.
    """
    (first, bias), (table, own_bias) = tensors[0], packaged[0]
    own = table.decode()
    # Many filters are gray, and match in either order; the better match decides.
    likeness = {"BGR": _likeness(first, own), "RGB": _likeness(first, own.flip(1))}
    order = max(likeness, key=likeness.get)
    if likeness[order] < 0.95:
        return None
    turned = own if order == "BGR" else own.flip(1)
    # Each filter may have been scaled, together with its bias.
    gain = (first * turned).sum((1, 2, 3)) / turned.square().sum((1, 2, 3))
    scales = bias / own_bias
    told = own_bias.abs() > own_bias.abs().median()
    unit = (gain / scales)[told].median().item()  # how many times larger Oxford's input is
    if order == "RGB" and 40 < unit < 75:
        return None  # divided by about 0.23 * 255: already ImageNet-normalized
    if not 0 < unit < 1e4:
        return None
    weight = first / unit if order == "BGR" else first.flip(1) / unit
    folded = fold_oxford([(weight, bias), *tensors[1:]])
    plain = bool((scales[told] - 1).abs().median() < 0.1)
    return rescale(folded, OXFORD_SCALES) if plain else folded


def _likeness(first: Tensor, other: Tensor) -> float:
    """Return the median correlation of the filters of two first layers."""
    return functional.cosine_similarity(first.flatten(1), other.flatten(1)).median().item()


def decoded(weight: Table | Tensor) -> Tensor:
    """Return weights as a tensor, whether they are stored as one or as a `Table`."""
    return weight.decode() if isinstance(weight, Table) else weight
