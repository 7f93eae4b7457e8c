"""Losses between the frames of a film: the last paintings, warped, and frame differences."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...images.tensors import IMAGENET_STD
from .term import Features

UNIT = sum(IMAGENET_STD) / 3
"""ImageNet's normalization divides by about this: squares are brought back to RGB in [0, 1]."""


class Temporal:
    """The painting beside its predecessors, as the motion of the frames carries them along.

    Long-term: of several earlier frames, each pixel is compared with the latest one in which it was
    visible.

    References
    ----------
    Ruder, Dosovitskiy and Brox, "Artistic style transfer for videos", GCPR 2016.
    """

    name, learns, layers = "temporal", "", ()

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.targets: list[tuple[Tensor, Tensor]] = []

    def follow(self, earlier: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Take the warped earlier paintings, latest first, each with where it was visible.

        Paintings (1, 3, h, w) are ImageNet-normalized, weights (1, 1, h, w) in [0, 1].
        """
        self.targets, left = [], None
        for warped, seen in earlier:
            left = torch.ones_like(seen) if left is None else left
            share = torch.minimum(seen, left)
            self.targets.append((warped, share))
            left = left - share

    def __call__(self, features: Features, image: Tensor) -> Tensor:
        """Return the loss; without an earlier frame it is 0."""
        total = image.new_zeros(())
        for warped, share in self.targets:
            total = total + (share * (image - warped).square()).mean()
        return total * UNIT**2


class FrameDifference:
    """The change from frame to frame, of painting and film alike, in pixels and in one layer.

    It needs no motion, and holds also where the flow is wrong: what does not change in the film is
    not to change in the painting.

    References
    ----------
    Xu, Xiong and Hu, "Frame Difference-Based Temporal Loss for Video Stylization", arXiv
    2102.05822.
    """

    name, learns = "frame_difference", "content"

    def __init__(self, weight: float, layer: str) -> None:
        self.weight, self.layers = weight, (layer,)
        self.film: list[Tensor] = []
        self.last: list[tuple[Tensor, Tensor]] = []

    def learn(self, features: Features, image: Tensor, weight: float = 1.0) -> None:
        """Take in the film's frame."""
        self.film = self._seen(features, image)

    def follow(
        self, painting: tuple[Features, Tensor] | None, film: tuple[Features, Tensor] | None
    ) -> None:
        """Take the last painting and the film's last frame, read alike; None begins a scene."""
        pairs = zip(self._seen(*painting), self._seen(*film), strict=True) if painting else ()
        self.last = list(pairs)

    def _seen(self, features: Features, image: Tensor) -> list[Tensor]:
        return [features[self.layers[0]], image]

    def __call__(self, features: Features, image: Tensor) -> Tensor:
        """Return the loss; each part is divided by the mean square of the film's last frame.

        In a scene's first frame it is 0.
        """
        total = image.new_zeros(())
        if not self.last:
            return total
        mine = self._seen(features, image)
        for now, film, (painting, before) in zip(mine, self.film, self.last, strict=True):
            energy = before.square().mean().clamp(min=1e-6)
            total = total + ((now - painting) - (film - before)).square().mean() / energy
        return total
