"""The network of one style: a picture in, its painting out, in one pass."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = (12, 24, 36)
BLOCKS = 4

TILE = 768
"""Side of the part of a tile that is kept, pixels; 4 divides it."""

THUMBNAIL = 1024
"""Long side at which the statistics of a picture that is painted by tiles are taken, pixels."""

MOST_CHANNELS = 256
MOST_BLOCKS = 32


class _Norm(nn.InstanceNorm2d):
    """Instance normalization; that of a single picture is batch normalization, which is faster.

    It keeps the order of channels in memory, so that nothing is copied before the next convolution.
    """

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > 1 or torch.compiler.is_compiling():  # ONNX has no such batch normalization
            return super().forward(x)
        return functional.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)


class _Layer(nn.Module):
    """Reflection padding, convolution, instance normalization; the caller applies the ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.padding, self.stride = kernel // 2, stride
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride)
        self.norm = _Norm(outputs, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(_padded(x, self.padding)))


class _Enlarging(_Layer):
    """The same of a map that is enlarged to twice its size; each pixel becomes four.

    It reads the map before it is enlarged: the pixels of a block of four that are equal share the
    sum of their weights. That takes half the time.
    """

    def forward(self, x: Tensor) -> Tensor:
        kernel = _block_kernel(self.conv.weight, 2)
        for dim in (2, 3):
            first, second, third, last = kernel.split(1, dim)
            kernel = torch.cat([first, second + third, last], dim)
        x = functional.pad(x, (1, 1, 1, 1), mode="replicate")
        x = functional.conv2d(x, kernel, self.conv.bias.repeat_interleave(4))
        return self.norm(functional.pixel_shuffle(x, 2))


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
        self.up = nn.ModuleList([_Enlarging(three, two, 3), _Enlarging(two, one, 3)])
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
            x = layer(x).relu()
        # In blocks: three channels would leave a processor's vectors empty.
        kernel, bias = _block_kernel(self.out.weight, 4), self.out.bias.repeat_interleave(16)
        x = functional.pixel_shuffle(functional.conv2d(_padded(x, 4), kernel, bias, stride=4), 4)
        return x.sigmoid()[..., :height, :width]

    def settled(self, picture: Tensor) -> "Generator":
        """Return a network that normalizes any picture as this one normalizes `picture`.

        Instance normalization with known means and variances is a part of the convolution before
        it. The result has no normalization left: it paints a part of a picture as it paints the
        whole, but for `margin` pixels at the part's borders.
        """
        fixed = copy.deepcopy(self)

        def fold(norm: nn.InstanceNorm2d, inputs: tuple[Tensor]) -> None:
            variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
            scale = norm.weight / (variance + norm.eps).sqrt()
            found[norm] = scale, norm.bias - mean * scale

        found: dict[nn.Module, tuple[Tensor, Tensor]] = {}
        with torch.no_grad():
            layers = [layer for layer in fixed.modules() if isinstance(layer, _Layer)]
            for layer in layers:
                layer.norm.register_forward_pre_hook(fold)
            fixed(picture)
            for layer in layers:
                scale, shift = found[layer.norm]
                layer.conv.weight.mul_(scale[:, None, None, None])
                layer.conv.bias.mul_(scale).add_(shift)
                layer.norm = nn.Identity()
        return fixed

    @property
    def margin(self) -> int:
        """Pixels around a point that decide about it; 4 divides them."""
        around = 4 + 1 + 2 + 2 * 4 * len(self.blocks) + 2 + 1 + 4
        return around + 4 + -around % 4  # strides round places

    def paint_tiles(self, x: Tensor, tile: int = TILE) -> Tensor:
        """Paint a large picture (1, 3, h, w) in [0, 1] part by part, in little memory.

        Each tile is normalized by the statistics of the whole picture made small, so that there is
        no seam and the style does not drift from one tile to the next.

        References
        ----------
        Chen et al., "Towards Ultra-Resolution Neural Style Transfer via Thumbnail Instance
        Normalization", AAAI 2022.
        """
        height, width = x.shape[-2:]
        share = THUMBNAIL / max(height, width)
        size = [max(4, round(side * share)) for side in (height, width)]
        thumbnail = functional.interpolate(x, size, mode="bilinear", antialias=True)
        fixed, margin, painted = self.settled(thumbnail), self.margin, torch.empty_like(x)
        for top in range(0, height, tile):
            for left in range(0, width, tile):
                above, before = max(0, top - margin), max(0, left - margin)
                part = x[..., above : top + tile + margin, before : left + tile + margin]
                inner = fixed(part)[..., top - above :, left - before :][..., :tile, :tile]
                painted[..., top : top + tile, left : left + tile] = inner
        return painted


def _block_kernel(weight: Tensor, side: int) -> Tensor:
    """Return a kernel that yields a block of pixels at once, a channel each, for pixel_shuffle."""
    rows = [functional.pad(weight, (j, side - 1 - j, i, side - 1 - i))
            for i in range(side) for j in range(side)]  # fmt: skip
    return torch.stack(rows, 1).flatten(0, 1).contiguous(memory_format=torch.channels_last)


def _padded(x: Tensor, width: int) -> Tensor:
    """Reflect the borders; of a map that is too small for it, repeat them."""
    mode = "reflect" if min(x.shape[-2:]) > width else "replicate"
    return functional.pad(x, (width,) * 4, mode=mode)


def new_generator(seed: int, channels: Sequence[int] = CHANNELS, blocks: int = BLOCKS) -> Generator:
    """Return an untrained network, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Generator(channels, blocks)
