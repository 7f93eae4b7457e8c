"""A network of one style as an ONNX file: a photo in, its painting out, in any ONNX runtime."""

import contextlib
import io
import json
import os
from pathlib import Path

import torch
from torch import Tensor, nn

from ...errors import ignoring, one_line
from ...images.colors import RIDGE
from ...paths import replacing
from .network_file import NetworkError, StyleNetwork, check_network_output

SUFFIX = ".onnx"
LEAST, MOST = 16, 16_384
"""Sides of a photo, pixels."""

ITERATIONS = 40
"""Of Newton and Schulz: enough for matrices whose eigenvalues differ by a factor of 10^10."""


class _Painter(nn.Module):
    """Recolors a photo and paints it; ONNX has no eigenvalues, so roots are found by iteration."""

    def __init__(self, network: StyleNetwork) -> None:
        super().__init__()
        self.generator = network.generator
        self.register_buffer("mean", network.mean.double()[:, None])
        self.register_buffer("covariance", network.covariance.double())
        self.register_buffer("eye", torch.eye(3, dtype=torch.float64))

    def forward(self, photo: Tensor) -> Tensor:
        rows = photo.flatten(2)[0].double()
        mean = rows.mean(dim=1, keepdim=True)
        rows = rows - mean
        spread = rows @ rows.T / rows.shape[1] + RIDGE * self.eye
        root, inverse = self._roots(spread)
        between, _ = self._roots(root @ self.covariance @ root)
        moved = inverse @ between @ inverse @ rows + self.mean
        return self.generator(moved.float().clamp(0, 1).reshape(photo.shape))

    def _roots(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        """Return the square root of a symmetric positive matrix, and its inverse."""
        size = torch.trace(matrix)
        root, inverse = matrix / size, self.eye
        for _ in range(ITERATIONS):
            step = 1.5 * self.eye - 0.5 * inverse @ root
            root, inverse = root @ step, step @ inverse
        return root * size.sqrt(), inverse / size.sqrt()


def export_network(network: StyleNetwork, path: str | os.PathLike) -> Path:
    """Write a network to an ONNX file.

    The input ``photo`` and the output ``painting`` have the shape (1, 3, height, width) and values
    in [0, 1]; height and width are free, from 16 pixels. The photo's colors are moved to the
    style's inside. The record of the training is in the file's metadata, under ``nst_utils``.

    Parameters
    ----------
    network : StyleNetwork
    path : path
        File to write, ``.onnx``.

    Raises
    ------
    NetworkError
        If onnx or onnxscript is not installed, or the file cannot be written.

    References
    ----------
    The matrix roots: Higham, "Functions of Matrices", SIAM 2008, chapter 6 (Newton and Schulz).
    """
    path = check_network_output(path, SUFFIX)
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        raise NetworkError(
            "an ONNX file needs the packages onnx and onnxscript: pip install onnx onnxscript"
        ) from None
    sides = {2: torch.export.Dim("height", min=LEAST, max=MOST),
             3: torch.export.Dim("width", min=LEAST, max=MOST)}  # fmt: skip
    with ignoring(), contextlib.redirect_stdout(io.StringIO()):  # the exporter's own deprecations
        program = torch.onnx.export(
            _Painter(network).eval(), (torch.rand(1, 3, 72, 104),), dynamo=True,
            input_names=["photo"], output_names=["painting"], dynamic_shapes={"photo": sides},
        )  # fmt: skip
    program.model.metadata_props["nst_utils"] = json.dumps(network.record)
    try:
        with replacing(path) as draft:
            program.save(draft, external_data=False)
    except OSError as error:
        raise NetworkError(f"{path}: cannot be written ({one_line(error, 120)})") from None
    return path
