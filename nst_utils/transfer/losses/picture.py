"""Losses of the picture itself, without a network: total variation, and the content's edges."""

import torch
from torch import Tensor
from torch.nn import functional

from ...errors import check_choice
from .term import Features


def total_variation(image: Tensor, power: int = 2) -> Tensor:
    """Return how much neighboring pixels differ, per pixel.

    Parameters
    ----------
    image : Tensor, shape (n, c, h, w)
        The picture itself, attached to its graph: a detached copy would have no gradient.
    power : {1, 2}
        1 sums absolute differences, 2 squared ones.

    Returns
    -------
    Tensor, scalar
        Sum over both directions and all channels, divided by ``n * h * w``.

    Raises
    ------
    UnknownNameError
        If `power` is neither 1 nor 2.

    Examples
    --------
    A checkerboard of side 4 has 24 neighboring pairs that differ by 1, on 16 pixels:

    >>> import torch
    >>> board = (torch.arange(4)[:, None] + torch.arange(4)[None]) % 2
    >>> total_variation(board[None, None].float()).item()
    1.5
    """
    check_choice("power", power, (1, 2))
    across = image[..., :, 1:] - image[..., :, :-1]
    down = image[..., 1:, :] - image[..., :-1, :]
    size = (lambda t: t.abs()) if power == 1 else torch.square
    pixels = image.shape[0] * image.shape[-2] * image.shape[-1]
    return (size(across).sum() + size(down).sum()) / pixels


class TotalVariation:
    """How much neighboring pixels of the painting differ, squared."""

    name, learns, layers = "tv", "", ()

    def __call__(self, features: Features, image: Tensor) -> Tensor:
        """Return the loss."""
        return total_variation(image)


LAPLACIAN = ((0.0, -1.0, 0.0), (-1.0, 4.0, -1.0), (0.0, -1.0, 0.0))


def laplacian(image: Tensor, pool: int = 4) -> Tensor:
    """Return the Laplacian of a picture that was averaged over squares of some pixels first.

    Examples
    --------
    A slope has none:

    >>> laplacian(torch.arange(64.0).expand(1, 3, 64, 64)).abs().max().item()
    0.0
    """
    small = functional.avg_pool2d(image, min(pool, *image.shape[-2:]))
    kernel = image.new_tensor(LAPLACIAN).expand(image.shape[1], 1, 3, 3)
    return functional.conv2d(small, kernel, groups=image.shape[1])


class Laplacian:
    """The edges of the content image, kept where the network would lose them.

    References
    ----------
    Li et al., "Laplacian-Steered Neural Style Transfer", ACM Multimedia 2017.
    """

    name, learns, layers = "laplacian", "content", ()

    def learn(self, features: Features, image: Tensor, weight: float = 1.0) -> None:
        """Take in the content image."""
        self.target = laplacian(image)
        energy = self.target.square().mean()
        self.energy = torch.where(energy > 0, energy, torch.ones_like(energy))

    def __call__(self, features: Features, image: Tensor) -> Tensor:
        """Return the squared distance of the Laplacians over the content's own energy."""
        return functional.mse_loss(laplacian(image), self.target) / self.energy
