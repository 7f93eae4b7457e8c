"""Colors of one picture given to another: Gaussian optimal transport of their pixels."""

import torch
from torch import Tensor

RIDGE = 1e-5
"""Added to each channel's variance, so that gray and constant pictures have a map too."""


def recolor(picture: Tensor, like: Tensor) -> Tensor:
    """Give a picture the mean color and the covariance of colors of another one.

    The map is the one between the two Gaussians that moves colors least, so that what is red
    stays the reddest of all.

    Parameters
    ----------
    picture, like : Tensor, shape (1, 3, H, W)
        RGB in [0, 1]; their sizes may differ.

    Returns
    -------
    Tensor, of the shape of `picture`
        In [0, 1]: what the map sends out of it is clipped.

    References
    ----------
    Pitié and Kokaram, CVMP 2007, for the map (linear, of Monge and Kantorovich). For style
    transfer: Gatys et al., "Preserving Color in Neural Artistic Style Transfer", arXiv 1606.05897.
    """
    (mean, spread), (wanted, goal) = (_moments(p) for p in (picture, like))
    root, inverse = _roots(spread)
    between, _ = _roots(root @ goal @ root)
    transport = inverse @ between @ inverse
    rows = picture.double().flatten(2)[0].T
    moved = (rows - mean) @ transport + wanted
    return moved.T.reshape(picture.shape).clamp(0, 1).to(picture.dtype)


def _moments(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean (3,) and covariance (3, 3) of a picture's colors, in float64."""
    rows = picture.double().flatten(2)[0]
    spread = torch.cov(rows, correction=0)
    return rows.mean(dim=1), spread + RIDGE * torch.eye(len(rows), dtype=spread.dtype)


def _roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return a symmetric positive matrix's square root and the inverse of that."""
    values, vectors = torch.linalg.eigh(matrix)
    values = values.clamp(min=torch.finfo(values.dtype).tiny).sqrt()
    return (vectors * values) @ vectors.T, (vectors / values) @ vectors.T
