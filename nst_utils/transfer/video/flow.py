"""Optical flow between two frames: where each pixel was, what was hidden, and cuts.

A flow (h, w, 2) gives for each pixel of a frame how far away it is found in another frame, in
pixels: first to the right, then down.
"""

from dataclasses import dataclass

import cv2
import numpy as np

CUT_GAP = 0.12
"""Mean difference of RGB in [0, 1] between a frame and the warped frame before it. Above it the two
may be of two scenes."""

CUT_HIDDEN = 0.6
"""Part of a frame that was hidden in the one before, above which they may be of two scenes."""

OTHER = 0.12
"""Mean difference of the channels, of 1, above which a pixel shows something else than where its
flow leads."""

CUT_COLORS = 0.6
"""Part of the colors that two frames have in common, below which they may be of two scenes."""


@dataclass(frozen=True)
class Motion:
    """How a frame comes from an earlier one.

    Attributes
    ----------
    flow : ndarray, shape (h, w, 2), float32
        For each pixel of the frame, how far away it is found in the earlier one.
    seen : ndarray, shape (h, w), float32
        1 where it was visible there. 0 where it was hidden, lies outside that frame, moves unlike
        its neighbors, or (in `motion`) differs in color by more than `OTHER`.
    """

    flow: np.ndarray
    seen: np.ndarray


def motion(frame: np.ndarray, earlier: np.ndarray) -> Motion:
    """Find how a frame comes from an earlier one.

    Parameters
    ----------
    frame, earlier : ndarray, shape (h, w, 3), uint8
        RGB, of one size.

    References
    ----------
    Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016; occlusions as Ruder
    et al., "Artistic style transfer for videos", GCPR 2016.
    """
    back, forth = find_flow(frame, earlier), find_flow(earlier, frame)
    gap = np.abs(warp(earlier, back) - frame).mean(-1) / 255
    return Motion(back, visible(back, forth) * (gap < OTHER))


def find_flow(frame: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the flow from a frame to another one by dense inverse search."""
    grays = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (frame, other)]
    # The search needs some patches on its coarsest level: tiny pictures are enlarged.
    factor = max(1, -(-96 // min(grays[0].shape)))
    if factor > 1:
        grays = [cv2.resize(g, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
                 for g in grays]  # fmt: skip
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = search.calc(*grays, None)
    if factor > 1:
        flow = cv2.resize(flow, frame.shape[1::-1], interpolation=cv2.INTER_AREA) / factor
    return flow


def warp(picture: np.ndarray, flow: np.ndarray, kind: int = cv2.INTER_CUBIC) -> np.ndarray:
    """Return an earlier picture as it would be seen from a frame: (h, w) or (h, w, c), float32.

    Pixels that come from outside are those of the nearest border. `kind` is OpenCV's interpolation.

    Examples
    --------
    >>> ramp = np.tile(np.arange(8, dtype=np.float32), (8, 1))
    >>> warp(ramp, np.full((8, 8, 2), (1, 0), np.float32))[0, :4]
    array([1., 2., 3., 4.], dtype=float32)
    """
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    return cv2.remap(
        picture.astype(np.float32), x + flow[..., 0], y + flow[..., 1], kind,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip


def visible(back: np.ndarray, forth: np.ndarray) -> np.ndarray:
    """Return 1 where a pixel of a frame was visible in an earlier one, else 0: (h, w), float32.

    Parameters
    ----------
    back, forth : ndarray, shape (h, w, 2)
        Flow from the frame to the earlier one, and from the earlier one to the frame.
    """
    height, width = back.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    there_x, there_y = x + back[..., 0], y + back[..., 1]
    inside = (there_x >= 0) & (there_x <= width - 1) & (there_y >= 0) & (there_y <= height - 1)
    returning = cv2.remap(
        forth, there_x, there_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    lengths = (returning**2).sum(-1) + (back**2).sum(-1)
    agrees = ((returning + back) ** 2).sum(-1) <= 0.01 * lengths + 0.5
    slopes = sum((np.gradient(back[..., c], axis=a) ** 2) for c in (0, 1) for a in (0, 1))
    smooth = slopes <= 0.01 * (back**2).sum(-1) + 0.002
    # A slope in the middle of a surface that comes nearer is no border.
    border = ~smooth & (slopes > 0.02)
    return (inside & agrees & ~border).astype(np.float32)


def is_cut(frame: np.ndarray, earlier: np.ndarray, move: Motion) -> bool:
    """Tell whether two frames, uint8, are of two scenes."""
    gap = np.abs(warp(earlier, move.flow).clip(0, 255) - frame).mean() / 255
    hidden = 1 - move.seen.mean()
    return common_colors(frame, earlier) < CUT_COLORS and (gap > CUT_GAP or hidden > CUT_HIDDEN)


def common_colors(one: np.ndarray, other: np.ndarray) -> float:
    """Return the part of the colors that two pictures have in common, 0 to 1, by 8 x 8 x 8 bins."""
    shares = [
        cv2.calcHist([picture], [0, 1, 2], None, [8] * 3, [0, 256] * 3) / (picture.size / 3)
        for picture in (one, other)
    ]
    return float(np.minimum(*shares).sum())
