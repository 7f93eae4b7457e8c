"""A weights file on this machine, read as plain tensors, never unpickled."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import NSTError


class WeightsError(NSTError, RuntimeError):
    """Weights that cannot be had or read; the message lists the ways out."""


@dataclass(frozen=True)
class WeightsFile:
    """A weights file on this machine.

    Attributes
    ----------
    path : Path or None
        The file; None for ``random``.
    source : str
        ``oxford``, ``torchvision``, ``file`` or ``random``.
    label : str
        Display name, for example ``"ResNet-50 (kill-the-bits)"``.
    sha256 : str
        Checksum of the file; empty for ``random``.
    """

    path: Path | None
    source: str
    label: str
    sha256: str

    @property
    def trained(self) -> bool:
        """Whether these weights were trained; ``random`` was not."""
        return self.source != "random"


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dict with ``weights_only=True``: tensors are read, code is never run.

    Raises
    ------
    WeightsError
        If the file is not a state dict of tensors.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types here, all meaning an unusable file
        reason = str(error).split("\n")[0].split(". ")[0]
        raise WeightsError(f"{path}: not a file of plain weights ({reason:.120})") from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(f"{path}: expected a state dict, names to tensors")
    return state
