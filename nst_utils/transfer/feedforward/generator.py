"""The network of one style: a picture in, its painting out, in one pass."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = (12, 24, 36)
BLOCKS = 4

MOST_CHANNELS = 256
MOST_BLOCKS = 32


class _Layer(nn.Module):
    """A convolution over reflected borders, instance normalization, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.padding, self.stride = kernel // 2, stride
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)
        self.norm = nn.InstanceNorm2d(outputs, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(_padded(x, self.padding)))


class _Block(nn.Module):
    """Two layers beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = _Layer(channels, channels, 3), _Layer(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x).relu())


class Generator(nn.Module):
    """A feed-forward network that paints in one style.

    Two convolutions of stride 2, residual blocks, and enlargement by resizing before a convolution:
    transposed convolutions would leave a checkerboard. Instance normalization as Ulyanov et al.

    Parameters
    ----------
    channels : sequence of int
        Channels at the full, half and quarter size.
    blocks : int
        Residual blocks at the quarter size.

    References
    ----------
    Johnson, Alahi and Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and
    Super-Resolution", ECCV 2016; Odena, Dumoulin and Olah, "Deconvolution and Checkerboard
    Artifacts", Distill 2016; Ulyanov et al., "Instance Normalization", arXiv 1607.08022.

    Examples
    --------
    >>> sum(p.numel() for p in Generator().parameters())
    121071
    >>> Generator()(torch.rand(1, 3, 33, 50)).shape
    torch.Size([1, 3, 33, 50])
    """

    def __init__(self, channels: Sequence[int] = CHANNELS, blocks: int = BLOCKS) -> None:
        super().__init__()
        one, two, three = channels
        self.down = nn.ModuleList(
            [_Layer(3, one, 9), _Layer(one, two, 3, 2), _Layer(two, three, 3, 2)]
        )
        self.blocks = nn.ModuleList(_Block(three) for _ in range(blocks))
        self.up = nn.ModuleList([_Layer(three, two, 3), _Layer(two, one, 3)])
        self.out = nn.Conv2d(one, 3, 9)

    def forward(self, x: Tensor) -> Tensor:
        """Paint pictures (n, 3, h, w) in [0, 1]; the result has the same size and range."""
        height, width = x.shape[-2:]
        # Sizes that 4 does not divide would come out shifted.
        x = functional.pad(x, (0, -width % 4, 0, -height % 4), mode="replicate")
        x = x - 0.5
        for layer in self.down:
            x = layer(x).relu()
        for block in self.blocks:
            x = block(x)
        for layer in self.up:
            x = layer(functional.interpolate(x, scale_factor=2.0, mode="nearest")).relu()
        return self.out(_padded(x, 4)).sigmoid()[..., :height, :width]


def _padded(x: Tensor, width: int) -> Tensor:
    """Reflect the borders; of a map that is too small for it, repeat them."""
    mode = "reflect" if min(x.shape[-2:]) > width else "replicate"
    return functional.pad(x, (width,) * 4, mode=mode)


def new_generator(seed: int, channels: Sequence[int] = CHANNELS, blocks: int = BLOCKS) -> Generator:
    """Return an untrained network, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Generator(channels, blocks)
