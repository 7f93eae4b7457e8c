"""Proposed regions: parts that content and style image share, found without further weights.

Deep Feature Factorization (Collins, Achanta and Süsstrunk, ECCV 2018): the activations of both
pictures, one row a position, are written as a product of non-negative matrices, W H. A row of H is
what a part looks like to the network, a column of W where it is.
"""

import numpy as np
import torch
from torch import Tensor

from ..errors import ignoring
from ..images.inputs import InputPicture
from ..images.tensors import normalize
from ..networks.backbone import load_backbone

SIDE = 320
"""Long side at which the pictures are read, pixels."""

LAYER = "relu4_1"
"""Layer that is factorized. Its parts follow outlines. The parts of ``relu5_1`` were blurred, and
one of them was the picture's border."""


def propose_parts(content: InputPicture, style: InputPicture, count: int) -> tuple[Tensor, Tensor]:
    """Divide two pictures into matching parts, 3 to 6 being usual.

    Returns
    -------
    (Tensor, Tensor)
        Shape (count, h, w) each: how far each position belongs to each part, adding up to 1. The
        parts are ordered by what they cover of the content, the largest first.
    """
    # Takes longer to import than all else that a painting needs, but for torch.
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    network = load_backbone("vgg19")
    with torch.no_grad():
        maps = [
            network.extract(normalize(picture.at(SIDE, 16)), [LAYER])[LAYER][0].float()
            for picture in (content, style)
        ]
    rows = np.concatenate([m.flatten(1).T.numpy() for m in maps])
    with ignoring(ConvergenceWarning):
        activity = NMF(count, init="nndsvda", max_iter=150, random_state=0).fit_transform(rows)
    activity = activity / np.maximum(activity.max(axis=0, keepdims=True), 1e-9)
    # Sharpened, so that a position belongs to one part rather than to all.
    shares = activity**2 + 1e-9
    shares = shares / shares.sum(axis=1, keepdims=True)
    split = maps[0][0].numel()
    order = np.argsort(-shares[:split].sum(axis=0))
    parts = torch.from_numpy(shares[:, order].astype(np.float32))
    sides = [m.shape[-2:] for m in maps]
    return tuple(
        part.T.reshape(count, *side)
        for part, side in zip((parts[:split], parts[split:]), sides, strict=True)
    )
