"""Measures that no optimizer sees: structure kept, edges kept, color, texture, another network.

A distance alone says little, so style is reported as a **gap**: the distance of result and style
divided by that of content and style. 0 is the style itself, 1 the untouched photo. Style and
content trade off, so compare gaps at equal structural similarity, or whole curves.

Where two pictures are compared, the second one is resized to the first one's long side: scaling
down averages strokes, which narrows the spread of colors.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial, wraps
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage import color, feature, metrics, transform
from torch import Tensor

from ..errors import NSTError
from ..images.inputs import LEAST_SIDE, LONGEST
from ..images.io import fit
from ..images.tensors import normalize, to_tensor
from ..networks.backbone import Backbone, load_backbone
from ..networks.registry import backbone_spec
from ..transfer import losses

MEASURES = ("ssim", "edges", "color", "texture")
"""What `measure` returns without a judge."""


class MeasureError(NSTError, ValueError):
    """Pictures that are too small for a measure."""


def names_small_pictures(measure: Callable[..., float]) -> Callable[..., float]:
    """Let a measure of two pictures say that they are too small, where that is why it fails.

    What is too small depends on the measure: on its windows, scales or layers.
    """

    @wraps(measure)
    def checked(image: Image.Image, other: Image.Image, *more: Any, **options: Any) -> float:
        try:
            return measure(image, other, *more, **options)
        except (ValueError, RuntimeError):
            if min(image.size) >= LEAST_SIDE * LONGEST:
                raise
            sizes = " and ".join(" x ".join(map(str, p.size)) for p in (image, other))
            raise MeasureError(
                f"{measure.__name__} cannot be measured on pictures of {sizes} pixels: they are "
                "too small; choose a larger size"
            ) from None

    return checked


def _array(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), np.float64) / 255


@names_small_pictures
def ssim(image: Image.Image, content: Image.Image) -> float:
    """Return the structural similarity of luminance, 1 for the same picture (Wang et al., 2004)."""
    content = content.resize(image.size, Image.Resampling.LANCZOS)
    a, b = (color.rgb2gray(_array(p)) for p in (image, content))
    return float(metrics.structural_similarity(a, b, data_range=1.0))


def edge_agreement(image: Image.Image, content: Image.Image) -> float:
    """Return how well the edges of two pictures coincide: F1 of Canny edges within 2 pixels.

    1 if every edge of each picture lies on one of the other, 0 if none does.
    """
    from scipy.ndimage import binary_dilation

    content = content.resize(image.size, Image.Resampling.LANCZOS)
    a, b = (feature.canny(color.rgb2gray(_array(p)), sigma=2) for p in (image, content))
    near_a, near_b = (binary_dilation(edges, iterations=2) for edges in (a, b))
    precision = (a & near_b).sum() / max(1, a.sum())
    recall = (b & near_a).sum() / max(1, b.sum())
    return float(2 * precision * recall / max(1e-9, precision + recall))


def color_distance(image: Image.Image, style: Image.Image) -> float:
    """Return the sliced Wasserstein distance of two pictures' colors in CIELAB.

    Mean absolute difference of the sorted colors over 64 fixed directions, in units of Delta E;
    positions do not matter (Rabin et al., 2011).
    """
    style = fit(style, max(image.size), enlarge=True)
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(3, 64))
    directions /= np.linalg.norm(directions, axis=0)
    a, b = (
        _quantiles(directions.T @ color.rgb2lab(_array(p)).reshape(-1, 3).T) for p in (image, style)
    )
    return float(np.abs(a - b).mean())


def histogram_distance(image: Image.Image, style: Image.Image) -> float:
    """Return the Hellinger distance of two pictures' RGB-uv histograms, in [0, 1].

    The histogram of HistoGAN (Afifi et al., CVPR 2021): 64 x 64 bins of the logarithms of a
    pixel's ratios of colors, for each of the three colors. A pixel counts by its intensity. A
    mean and a covariance do not fix it, so recoloring does not impose it.
    """
    one, other = (_ratios(fit(p, HISTOGRAM_SIDE)) for p in (image, style))
    return float(np.linalg.norm(np.sqrt(one) - np.sqrt(other)) / np.sqrt(2))


HISTOGRAM_SIDE = 150
"""Pixels of the long side of a picture whose colors are counted, as in the paper."""


def _ratios(image: Image.Image) -> np.ndarray:
    pixels = _array(image).reshape(-1, 3)
    intensity, logs = np.linalg.norm(pixels, axis=1), np.log(pixels + 1e-6)
    bins, counts = np.linspace(-3, 3, 64), []
    for channel in range(3):
        u, v = (
            1 / (1 + ((logs[:, channel] - logs[:, other])[:, None] - bins) ** 2 / 0.02**2)
            for other in range(3)
            if other != channel
        )
        counts.append((u * intensity[:, None]).T @ v)
    histogram = np.stack(counts)
    return histogram / max(histogram.sum(), 1e-12)


def _quantiles(rows: np.ndarray) -> np.ndarray:
    """Return 512 quantiles of each row; `numpy.quantile` takes ten times as long for so many."""
    rows = np.sort(rows)
    places = np.linspace(0, rows.shape[1] - 1, 512)
    low, high = (rows[:, near(places).astype(int)] for near in (np.floor, np.ceil))
    return low + (places % 1) * (high - low)


@names_small_pictures
def texture_distance(image: Image.Image, style: Image.Image) -> float:
    """Return the distance of two pictures' strokes: gradient energy by orientation and scale.

    A picture is described by the energy of its luminance gradient in eight orientations at four
    scales. Logarithms give fine and coarse strokes equal weight; the distance is Euclidean.
    """
    style = fit(style, max(image.size), enlarge=True)
    return float(np.linalg.norm(_energies(image) - _energies(style)))


def _energies(image: Image.Image) -> np.ndarray:
    gray, energies = color.rgb2gray(_array(image)), []
    for _ in range(4):
        gy, gx = np.gradient(gray)
        angle = np.mod(np.arctan2(gy, gx), np.pi)
        energy, _ = np.histogram(angle, 8, (0, np.pi), weights=gx**2 + gy**2)
        # 1e-4 keeps the logarithm finite; gradients that small cannot be seen.
        energies.append(np.log(np.sqrt(energy / gray.size) + 1e-4))
        gray = transform.rescale(gray, 0.5, anti_aliasing=True)
    return np.concatenate(energies)


@names_small_pictures
@torch.no_grad()
def gram_distance(
    image: Image.Image, style: Image.Image, judge: Backbone, layers: Iterable[str]
) -> float:
    """Return the relative distance of two pictures' Gram matrices in another network.

    It is the mean over layers of the Frobenius distance divided by the norm of the style's matrix.
    The judge is held out only if the picture was not optimized with its weights.
    """
    layers = list(layers)
    style = fit(style, max(image.size), enlarge=True)
    a, b = (judge.extract(normalize(to_tensor(p)), layers) for p in (image, style))
    grams = [(losses.gram_matrix(a[name]), losses.gram_matrix(b[name])) for name in layers]
    return float(np.mean([losses.style_loss(*pair, 1).sqrt().item() for pair in grams]))


def entropy(features: Tensor) -> float:
    """Return how evenly a layer's activations are spread: 1 if all are equal, 0 if one is alone.

    It is the Shannon entropy of the activations divided by their sum, over its largest possible
    value, the logarithm of their number. Negative values count as 0. Wang et al. (CVPR 2021)
    compare networks by it.
    """
    p = features.detach().double().clamp(min=0).flatten()
    p = p / p.sum().clamp(min=1e-300)
    return float(torch.special.entr(p).sum() / np.log(max(2, p.numel())))


def peak(features: Tensor) -> float:
    """Return a layer's largest activation over its mean; negative values count as 0."""
    positive = features.detach().double().clamp(min=0)
    return float(positive.max() / positive.mean().clamp(min=1e-300))


Judges = Mapping[str, tuple[Backbone, Iterable[str]] | Callable[[Image.Image, Image.Image], float]]
"""By name a network with its layers, or a distance of two pictures."""


def measure(
    image: Image.Image,
    content: Image.Image,
    style: Image.Image,
    judges: Judges | None = None,
    untouched: dict[str, float] | None = None,
) -> dict[str, float]:
    """Measure a painting against its content and its style.

    Parameters
    ----------
    image, content, style : PIL.Image.Image
        The painting and what it was made from.
    judges : mapping, optional
        Style judges by column name: ``(backbone, layers)``, or a function that returns the distance
        of two pictures. They should have taken no part in the painting.
    untouched : dict, optional
        Cache of the distances of content and style. Start with an empty dict, and pass the same one
        for all paintings of one pair, size and set of judges.

    Returns
    -------
    dict of str to float
        ``ssim`` and ``edges`` of the content (1 if all is kept), then the gaps ``color``,
        ``texture`` and one for each judge (0 is the style, 1 the photo).

    Raises
    ------
    MeasureError
        If the pictures are too small for a measure.
    """
    content = fit(content, max(image.size), enlarge=True)
    untouched = {} if untouched is None else untouched
    measured = {"ssim": ssim(image, content), "edges": edge_agreement(image, content)}
    distances = {"color": color_distance, "texture": texture_distance}
    for name, held_out in (judges or {}).items():
        if not callable(held_out):
            network, layers = held_out
            held_out = partial(gram_distance, judge=network, layers=list(layers))
        distances[name] = held_out
    for name, distance in distances.items():
        if name not in untouched:
            untouched[name] = max(distance(content, style), 1e-9)
        measured[name] = distance(image, style) / untouched[name]
    return measured


def judge(backbone: str, weights: str = "auto") -> tuple[Backbone, tuple[str, ...]]:
    """Return a network and its layers, as `measure` takes judges.

    It is held out only for pictures that were not optimized with its weights.
    """
    network = load_backbone(backbone, weights, padding="replicate")
    return network, backbone_spec(backbone).judge_layers
