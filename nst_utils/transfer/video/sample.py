"""A clip made from two sample photos: pan, zoom and parallax, with the true flow.

A photo pans and is enlarged; a disc cut out of another photo moves in front of it, faster. Where
each pixel comes from is known exactly, so that warping and occlusions can be tested.
"""

from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np
from PIL import Image, ImageOps

from ...images.clips import Clip, Read
from ...images.samples import open_picture
from .flow import Motion

NAME = "sample"
"""How the clip is named where the path of a clip is expected."""

RATE = Fraction(12)
SECONDS = 4
SIZE = (384, 288)
PAN = (1.5, 0.4)
"""Pixels a frame by which the background moves, to the right and down."""

ZOOM = 1.004
"""Enlargement of the background a frame."""

DISC = (3.0, -0.6)
RADIUS = 0.22
"""Of the disc, as a part of the height."""


class SampleScene:
    """The clip's pictures and their true motion.

    Parameters
    ----------
    size : tuple of int
        Width and height in pixels.
    count : int
        Frames.
    """

    def __init__(self, size: tuple[int, int] = SIZE, count: int = int(RATE * SECONDS)) -> None:
        self.size, self.count = size, count
        y, x = np.mgrid[: size[1], : size[0]].astype(np.float32)
        self.grid = np.stack([x, y], -1)
        self.middle = np.array([size[0] / 2, size[1] / 2], np.float32)
        self.pan, self.disc = (np.array(motion) * (size[0] / SIZE[0]) for motion in (PAN, DISC))
        self.back, self.front = (
            np.asarray(ImageOps.fit(open_picture(name, 1200), (times * size[0], times * size[1])))
            for name, times in (("coffee", 2), ("chelsea", 1))
        )

    def _places(self, number: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return background and disc places of each pixel, (h, w, 2), and where the disc is."""
        centered = self.grid - self.middle
        behind = centered / ZOOM**number - self.pan * number
        disc = centered - self.disc * (number - self.count / 2)
        inside = (disc**2).sum(-1) < (RADIUS * self.size[1]) ** 2
        return behind.astype(np.float32), disc.astype(np.float32), inside

    def frame(self, number: int) -> np.ndarray:
        """Return a frame, (h, w, 3), uint8."""
        behind, disc, inside = self._places(number)
        layers = []
        for photo, place in ((self.back, behind), (self.front, disc)):
            place = place + np.array([photo.shape[1] / 2, photo.shape[0] / 2], np.float32)
            x, y = place[..., 0], place[..., 1]
            layers.append(cv2.remap(photo, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))
        return np.where(inside[..., None], layers[1], layers[0])

    def motion(self, number: int, earlier: int) -> Motion:
        """Return the true motion from an earlier frame to a frame."""
        (width, height), (behind, _, inside) = self.size, self._places(number)
        there = (behind + self.pan * earlier) * ZOOM**earlier + self.middle
        of_disc = self.grid - self.disc * (number - earlier)
        there = np.where(inside[..., None], of_disc, there).astype(np.float32)
        x, y = there[..., 0], there[..., 1]
        in_picture = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
        then = self._places(earlier)[2].astype(np.float32)
        covered = cv2.remap(then, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) > 0.5
        seen = in_picture & (covered == inside)
        return Motion(there - self.grid, seen.astype(np.float32))


def sample_clip(size: tuple[int, int] = SIZE, count: int = int(RATE * SECONDS)) -> Clip:
    """Return the sample as a clip."""
    scene = SampleScene(size, count)

    def read(clip: Clip) -> Iterator[Read]:
        for number in range(count):
            time = number / RATE
            if (clip.end is None or time < clip.end) and time >= (clip.start or 0):
                yield time, 1 / RATE, Image.fromarray(scene.frame(number))

    return Clip("sample clip", None, "", size, RATE, 1 / RATE, count, read)
