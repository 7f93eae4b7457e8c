"""Color transfer from one picture to another, by optimal transport or in CIELAB."""

import numpy as np
import torch
from skimage import color
from skimage.color.colorconv import rgb_from_xyz
from torch import Tensor
from torch.nn import functional

RIDGE = 1e-5
"""Added to each channel's variance, so that it is positive in gray and constant pictures too."""


STEPS_INTO_GAMUT = 7
"""Steps of the bisection that finds a lightness at which sRGB contains a given color."""


def recolor(
    picture: Tensor,
    like: Tensor,
    where: Tensor | None = None,
    like_where: Tensor | None = None,
    of: Tensor | None = None,
) -> Tensor:
    """Give a picture the mean and the covariance of another picture's colors.

    Of all linear maps that do so, this one moves the colors least: it is the optimal transport
    between the two Gaussian distributions.

    Parameters
    ----------
    picture, like : Tensor, shape (1, 3, H, W)
        RGB in [0, 1]; their sizes may differ.
    where, like_where : Tensor, shape (1, 1, H, W), optional
        Masks in [0, 1]: weights of the pixels of `picture` (of `of`, if it is given) and of `like`.
    of : Tensor, shape (1, 3, H, W), optional
        The picture from which the map is computed; `picture` is moved by that map. With one such
        picture for all frames of a scene, colors do not change from frame to frame.

    Returns
    -------
    Tensor, of the shape of `picture`
        The whole picture with new colors, clipped to [0, 1].

    References
    ----------
    Pitié and Kokaram, CVMP 2007, for the map (linear, of Monge and Kantorovich). For style
    transfer: Gatys et al., "Preserving Color in Neural Artistic Style Transfer", arXiv 1606.05897.
    """
    now = color_moments(picture if of is None else of, where)
    return move_colors(picture, now, color_moments(like, like_where))


def move_colors(
    picture: Tensor, now: tuple[Tensor, Tensor], wanted: tuple[Tensor, Tensor]
) -> Tensor:
    """Move colors by the map that brings one mean (3,) and covariance (3, 3) to others."""
    (mean, spread), (wanted, goal) = now, wanted
    root, inverse = _roots(spread)
    between, _ = _roots(root @ goal @ root)
    transport = inverse @ between @ inverse
    rows = picture.double().flatten(2)[0].T
    moved = (rows - mean) @ transport + wanted
    return moved.T.reshape(picture.shape).clamp(0, 1).to(picture.dtype)


def to_gray(picture: Tensor, like: Tensor | None = None) -> Tensor:
    """Return a gray picture with every pixel's CIELAB lightness.

    Parameters
    ----------
    picture : Tensor, shape (1, 3, H, W)
        RGB in [0, 1].
    like : Tensor, shape (1, 3, h, w), optional
        A picture whose mean and standard deviation of lightness the result gets, so that a dark
        style does not darken a bright photo (Gatys et al., arXiv 1606.05897).

    Returns
    -------
    Tensor, shape (1, 3, H, W)
    """
    lightness = _lab(picture)[..., 0]
    if like is not None:
        other = _lab(like)[..., 0]
        spread = lightness.std()
        gain = other.std() / spread if spread > 1e-3 else 0.0
        lightness = np.clip((lightness - lightness.mean()) * gain + other.mean(), 0, 100)
    lab = np.stack([lightness, np.zeros_like(lightness), np.zeros_like(lightness)], axis=-1)
    return _rgb(lab).clamp(0, 1).to(picture.dtype)


def with_colors(picture: Tensor, colors: Tensor) -> Tensor:
    """Combine the CIELAB lightness L of `picture` with the colors a and b of `colors`.

    Where sRGB does not contain the combination, the lightness is moved towards that of `colors`.

    Parameters
    ----------
    picture, colors : Tensor, shape (1, 3, H, W)
        RGB in [0, 1], of one size.

    Returns
    -------
    Tensor, shape (1, 3, H, W)
    """
    light, colored = _lab(picture), _lab(colors)
    wanted = colored.copy()
    wanted[..., 0] = light[..., 0]
    outside = ~_in_gamut(wanted)
    near, far = colored[outside], wanted[outside]
    low, high = np.zeros(len(near)), np.ones(len(near))
    for _ in range(STEPS_INTO_GAMUT):
        middle = (low + high) / 2
        good = _in_gamut(near + middle[:, None] * (far - near))
        low, high = np.where(good, middle, low), np.where(good, high, middle)
    wanted[outside] = near + low[:, None] * (far - near)
    return _rgb(wanted).clamp(0, 1).to(picture.dtype)


def smooth_within_edges(picture: Tensor, guide: Tensor, radius: int = 8) -> Tensor:
    """Smooth a picture except at the edges of another one, by the guided filter.

    Parameters
    ----------
    picture : Tensor, shape (1, c, H, W)
        Any values.
    guide : Tensor, shape (1, 1, H, W)
        In [0, 1]; differences of about 0.1 and more count as edges.
    radius : int
        Radius of the windows in pixels.

    Returns
    -------
    Tensor, shape (1, c, H, W)

    References
    ----------
    He, Sun and Tang, "Guided Image Filtering", TPAMI 2013.
    """

    def mean(values: Tensor) -> Tensor:
        return functional.avg_pool2d(
            values, 2 * radius + 1, stride=1, padding=radius, count_include_pad=False
        )

    middle, target = mean(guide), mean(picture)
    spread = mean(guide * guide) - middle * middle
    slope = (mean(guide * picture) - middle * target) / (spread + 0.05**2)
    return mean(slope) * guide + mean(target - slope * middle)


def with_hues(picture: Tensor, colors: Tensor) -> Tensor:
    """Combine a picture's lightness with another one's colors, smoothed within the first's edges.

    Parameters
    ----------
    picture, colors : Tensor, shape (1, 3, H, W)
        RGB in [0, 1], of one size.

    Returns
    -------
    Tensor, shape (1, 3, H, W)
        As from `with_colors`, but without colored fringes where the shapes of the two pictures
        differ by a few pixels.

    References
    ----------
    The last step of Kolkin et al., "Neural Neighbor Style Transfer", arXiv 2203.13215, with CIELAB
    instead of OKLab.
    """
    lab = torch.from_numpy(_lab(colors)).permute(2, 0, 1)[None]
    lightness = torch.from_numpy(_lab(picture)[..., :1]).permute(2, 0, 1)[None] / 100
    radius = min(8, *((side - 1) // 2 for side in picture.shape[-2:]))
    lab[:, 1:] = smooth_within_edges(lab[:, 1:], lightness, radius)
    return with_colors(picture, _rgb(lab[0].permute(1, 2, 0).numpy()).clamp(0, 1))


def _lab(picture: Tensor) -> np.ndarray:
    return color.rgb2lab(picture[0].detach().cpu().permute(1, 2, 0).double().clamp(0, 1).numpy())


def _linear(lab: np.ndarray) -> np.ndarray:
    """Convert CIELAB to linear RGB without clipping; scikit-image's ``lab2rgb`` clips."""
    y = (lab[..., 0] + 16) / 116
    cube = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    xyz = np.where(cube > 0.2068966, cube**3, (cube - 16 / 116) / 7.787)
    return xyz * color.xyz_tristimulus_values(illuminant="D65", observer="2") @ rgb_from_xyz.T


def _in_gamut(lab: np.ndarray) -> np.ndarray:
    linear = _linear(lab)
    return ((linear > -1e-4) & (linear < 1 + 1e-4)).all(axis=-1)


def _rgb(lab: np.ndarray) -> Tensor:
    linear = _linear(lab).clip(0, 1)
    rgb = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return torch.from_numpy(rgb).permute(2, 0, 1)[None].contiguous()


def color_moments(picture: Tensor, where: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return the mean (3,) and the covariance (3, 3) of a picture's colors, in float64.

    With a mask (1, 1, H, W) in [0, 1], each pixel is weighted by its value in the mask.
    """
    rows = picture.double().flatten(2)[0]
    if where is None:
        mean, spread = rows.mean(dim=1), torch.cov(rows, correction=0)
    else:
        share = where.double().flatten()
        share = share / share.sum().clamp(min=RIDGE)
        mean = rows @ share
        rows = rows - mean[:, None]
        spread = (rows * share) @ rows.T
    return mean, spread + RIDGE * torch.eye(len(rows), dtype=spread.dtype)


def _roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the square root of a symmetric positive matrix, and the inverse of the root."""
    values, vectors = torch.linalg.eigh(matrix)
    values = values.clamp(min=torch.finfo(values.dtype).tiny).sqrt()
    return (vectors * values) @ vectors.T, (vectors / values) @ vectors.T
