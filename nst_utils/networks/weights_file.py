"""Weights files, read as plain tensors; code inside them is never run."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import NSTError, one_line
from ..images.formats import describe_text
from ..paths import is_regular

MOST_BYTES = 2 * 2**30
"""Maximum size of a file's tensors in bytes, four times that of the complete VGG19."""


class WeightsError(NSTError, RuntimeError):
    """Weights that are unavailable or unreadable; the message says what to do."""


@dataclass(frozen=True)
class WeightsFile:
    """A weights file on this machine; for ``random`` weights `path` is None and `sha256` empty.

    `source` is the name of a source, ``file`` or ``random``; `label` is the display name.
    """

    path: Path | None
    source: str
    label: str
    sha256: str

    @property
    def trained(self) -> bool:
        """Whether these weights are trained, not random."""
        return self.source != "random"


def read_checkpoint(path: Path) -> Any:
    """Read a ``.pth`` or a safetensors file of tensors and plain values.

    Another format, damage or more than `MOST_BYTES` of tensors raises `WeightsError`.
    """
    if not is_regular(path):
        raise WeightsError(f"{path}: no such file; check the path")
    with open(path, "rb") as file:
        head = file.read(2000)
    if (said := describe_text(head)) and b"\0" not in head:
        raise WeightsError(f"{path}: {said.split(', not a picture')[0]}; expected weights")
    try:
        if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
            from safetensors.torch import load_file

            _check_size(path, path.stat().st_size)
            return load_file(path)
        _check_size(path, _unpacked_size(path))
        return torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except Exception as error:  # the readers raise many types, all of which mean a bad file
        raise WeightsError(f"{path}: not a file of plain weights{_why(error)}") from None


def _unpacked_size(path: Path) -> int:
    """Return the bytes that a ``.pth`` file takes in memory, zipped or not; refuse TorchScript."""
    if not zipfile.is_zipfile(path):
        return path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    if any(entry.filename.endswith("constants.pkl") for entry in entries):
        raise WeightsError(
            f"{path}: a TorchScript program; load it with torch.jit.load and save its state_dict()"
        )
    return sum(entry.file_size for entry in entries)


def _check_size(path: Path, size: int) -> None:
    if size > MOST_BYTES:
        raise WeightsError(
            f"{path}: its tensors take {size >> 20:,} MB, over the limit of "
            f"{MOST_BYTES >> 20:,} MB; save the state_dict() of the network alone"
        )


def _why(error: Exception) -> str:
    """Return what a reader's error says about the file, as the end of a sentence."""
    reason = str(error)
    if "Unsupported global" in reason or "WeightsUnpickler" in reason:
        return (
            ", but pickled Python objects, whose code would be run; load it where it was made and "
            "save model.state_dict()"
        )
    first = reason.split("\n")[0].split(". ")[0]
    return f" ({one_line(first, 120)})"
