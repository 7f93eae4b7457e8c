"""The finest band, which an enlarged picture lacks: taken from the content and from the style.

A scale's picture is enlarged to begin the next one, and is then blurred: half of all frequencies
are missing. Optimizing puts them back, but at first with noise that has the right Gram matrices.
The content's own band keeps its edges. The style's band, taken from where the style image looks
most like the picture, gives strokes that the style has.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .losses.neighbors import LARGEST_BLOCK
from .regions import Region, StyleImage

PATCH = 5
"""Side of the patches that are compared, pixels."""

BANK = 4096
"""Patches of all styles of a region together; four times as many gave the same pictures."""


def resized(picture: Tensor, size: Sequence[int]) -> Tensor:
    """Return a picture (1, 3, h, w) at another size (H, W), by cubic interpolation."""
    return functional.interpolate(picture, size=tuple(size), mode="bicubic", antialias=True)


def finest_band(picture: Tensor, small: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Split a picture into a blurred picture and its finest band; their sum is the picture.

    The blurred one is the picture resized to a smaller size (h, w) and enlarged again.
    """
    blurred = resized(resized(picture, small), picture.shape[-2:])
    return blurred, picture - blurred


def band_of_styles(picture: Tensor, regions: Sequence[Region], factor: float) -> Tensor:
    """Return a finest band for an enlarged picture, put together from the style images' bands.

    Every pixel gets the band of the style patch that, after blurring, is nearest to the picture's
    patch there, among `BANK` patches in random places. It is 0 where no region has a style.

    Parameters
    ----------
    picture : Tensor, shape (1, 3, H, W)
        Enlarged, in [0, 1] or near it.
    regions : sequence of Region
        With their styles as they are painted, at the finer scale, in [0, 1].
    factor : float
        Size of the coarser scale over that of the finer one, below 1.

    References
    ----------
    A detail is found by its blurred neighborhood as in Hertzmann et al., "Image Analogies",
    SIGGRAPH 2001, and Freeman et al., "Example-Based Super-Resolution", 2002.
    """
    band = torch.zeros_like(picture)
    for region in regions:
        keys, values = _bank(region.styles, factor)
        own = _band(picture, keys.to(picture.device), values.to(picture.device))
        band += own if region.mask is None else region.mask.to(own.device) * own
    return band


def _bank(styles: Sequence[StyleImage], factor: float) -> tuple[Tensor, Tensor]:
    """Return blurred patches (n, 3 * PATCH**2) and the band in their middle (n, 3)."""
    random = torch.Generator().manual_seed(0)  # the same at every call, whatever a run draws
    total = sum(style.weight for style in styles)
    keys, values = [], []
    for style in styles:
        small = [max(1, round(side * factor)) for side in style.picture.shape[-2:]]
        blurred, band = finest_band(style.picture.cpu(), small)
        places = torch.arange(band[0, 0].numel())
        if style.mask is not None:
            meant = (style.mask.flatten().cpu() > 0.5).nonzero()[:, 0]
            places = meant if len(meant) else places
        share = max(1, round(BANK * style.weight / total))
        places = places[torch.randperm(len(places), generator=random)[:share]]
        keys.append(_patches(blurred, places))
        values.append(band.flatten(2)[0].T[places])
    return torch.cat(keys), torch.cat(values)


def _band(picture: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Return each pixel's value by its patch, in strips: patches take 75 numbers a pixel."""
    height, width = picture.shape[-2:]
    margin = PATCH // 2
    padded = functional.pad(picture.clamp(0, 1), [margin] * 4, mode="replicate")
    # Nearest by Euclidean distance: the largest product less half the key's squared length.
    half = keys.square().sum(dim=1) / 2
    rows = max(1, LARGEST_BLOCK // (8 * len(keys) * width))
    strips = []
    for top in range(0, height, rows):
        strip = padded[..., top : top + rows + 2 * margin, :]
        asked = functional.unfold(strip, PATCH)[0].T
        strips.append(values[torch.addmm(-half, asked, keys.T).argmax(dim=1)])
    return torch.cat(strips).T.reshape(1, -1, height, width)


def _patches(picture: Tensor, places: Tensor) -> Tensor:
    """Return the patches around some pixels as rows, (n, 3 * PATCH**2); all take gigabytes."""
    padded = functional.pad(picture, [PATCH // 2] * 4, mode="replicate")[0]
    down, right = torch.arange(PATCH**2) // PATCH, torch.arange(PATCH**2) % PATCH
    top, left = places[:, None] // picture.shape[-1], places[:, None] % picture.shape[-1]
    return padded[:, top + down, left + right].transpose(0, 1).flatten(1)
