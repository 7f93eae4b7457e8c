"""A network of one style in a file: plain tensors, with the record of its training.

A file may come from anybody: it is never unpickled, its size is bounded, its record is checked
against a schema, and every tensor against the network that the record names.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ... import __version__
from ...errors import NSTError, brief, one_line
from ...images.colors import color_moments, move_colors
from ...images.formats import ImageError
from ...images.inputs import open_input
from ...images.outputs import save_painting
from ...images.png import check_output
from ...networks.device import own_settings, pick_device
from ...paths import is_regular, public_name, replacing, user_path, utc_now
from ...untrusted import DataError, check_schema, parse_json
from .. import memory
from .generator import MOST_BLOCKS, MOST_CHANNELS, Generator

SUFFIX = ".safetensors"
FORM = "nst_utils style network 1"
MOST_BYTES = 64 * 2**20
MOST_RECORD = 100_000

MOST_SIDE = 2048
"""Largest long side of a painting if no size is given, pixels; smaller photos keep their own."""

PIXEL_BYTES = 110
"""Peak bytes a pixel of the painting: the photo, its new colors in float64, the painting."""

CHANNEL_BYTES = 32
"""Peak bytes a pixel in one pass, for each channel at full size: some eight maps."""

SMALL = 512
"""Longest side whose memory is not looked at: that takes a tenth of the time of a film's frame."""

FORMATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
LARGEST = 1e6
"""Largest number in a network; larger ones would overflow while it paints."""

MOST_WHOLE = 1536
"""Longest side that is painted in one pass, pixels."""

_TEXT = {"type": "string", "maxLength": 4096}
_COUNT = {"type": "integer", "minimum": 0, "maximum": 10**9}
SCHEMA = {
    "type": "object",
    "required": ["form", "channels", "blocks", "style", "steps", "seconds"],
    "properties": {
        "form": {"const": FORM},
        "channels": {
            "type": "array",
            "minItems": 3,
            "maxItems": 3,
            "items": {"type": "integer", "minimum": 1, "maximum": MOST_CHANNELS},
        },
        "blocks": {"type": "integer", "minimum": 0, "maximum": MOST_BLOCKS},
        "style": {
            "type": "object",
            "required": ["source", "sha256"],
            "properties": {"source": _TEXT, "sha256": _TEXT},
        },
        "steps": _COUNT,
        "photos": _COUNT,
        "seconds": {"type": "number", "minimum": 0},
    },
}
"""Form of a network's record."""


class NetworkError(NSTError, ValueError):
    """A network file that cannot be used; the message says why."""


@dataclass(frozen=True)
class Painting:
    """A photo painted by a network.

    Attributes
    ----------
    tensor : Tensor, shape (1, 3, H, W)
        In [0, 1].
    provenance : dict
        The record that `save` writes into the picture.
    stopped, checkpoint
        As of a run's result.
    """

    tensor: Tensor
    provenance: dict[str, Any]
    stopped: str = "finished"
    checkpoint: Path | None = None

    def save(
        self, path: str | os.PathLike, *, depth: int = 8, alpha: Image.Image | None = None
    ) -> Path:
        """Save it with its record inside; see `outputs.save_painting`."""
        return save_painting(self.tensor, path, self.provenance, depth=depth, alpha=alpha)


@dataclass(frozen=True)
class StyleNetwork:
    """A trained network of one style.

    Attributes
    ----------
    generator : Generator
    mean, covariance : Tensor, shape (3,) and (3, 3), float64
        Of the style's colors: a photo gets them before it is painted.
    record : dict
        How it was trained.
    """

    generator: Generator
    mean: Tensor
    covariance: Tensor
    record: dict[str, Any]

    @property
    def sha256(self) -> str:
        """Checksum of its weights and of its style's colors."""
        digest = hashlib.sha256()
        for tensor in (*self.generator.state_dict().values(), self.mean, self.covariance):
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def recolored(self, photo: Tensor, of: Tensor | None = None) -> Tensor:
        """Return a photo in the style's colors; see `colors.move_colors`."""
        now = color_moments(photo if of is None else of)
        return move_colors(photo, now, (self.mean, self.covariance))

    def paint(self, photo: Tensor, of: Tensor | None = None, device: str = "auto") -> Tensor:
        """Paint a photo: in one pass, or by tiles if a side is longer than `MOST_WHOLE`.

        Parameters
        ----------
        photo : Tensor, shape (1, 3, H, W)
            In [0, 1], of any size.
        of : Tensor, shape (1, 3, h, w), optional
            The photo whose colors are moved to the style's exactly; `photo` is moved by the same
            map. Of a film: the first frame of its scene.
        device : str
            As in a recipe.

        Returns
        -------
        Tensor, shape (1, 3, H, W)
            In [0, 1], on the CPU.

        Raises
        ------
        NetworkError
            If it is no such tensor.
        NSTError
            If it does not fit into the memory.
        """
        if not isinstance(photo, Tensor) or photo.ndim != 4 or photo.shape[:2] != (1, 3):
            raise NetworkError(
                "expected a photo as a tensor of shape (1, 3, H, W) with values in [0, 1], not "
                f"{brief(getattr(photo, 'shape', photo))}; paint_file takes files and pictures"
            )
        where, (height, width) = pick_device(device), photo.shape[-2:]
        self._check_memory((width, height), max(width, height))
        with own_settings(), torch.no_grad():
            network = self.generator.to(where).eval()
            x = self.recolored(photo, of).to(where, memory_format=torch.channels_last)
            paint = network.paint_tiles if max(x.shape[-2:]) > MOST_WHOLE else network
            return paint(x).float().cpu().contiguous().clamp(0, 1)

    def paint_file(self, photo: Any, size: int | None = None) -> Painting:
        """Paint a picture at a long side; without one at its own, at most `MOST_SIDE` pixels.

        Raises
        ------
        ImageError
            If it cannot be read.
        NSTError
            If the painting does not fit into the memory.
        """
        picture = open_input(photo, 2 * (size or MOST_SIDE))
        size = size or min(MOST_SIDE, max(picture.size))
        self._check_memory(picture.size, size)
        content = picture.at(size)
        entry = {"source": public_name(picture.source), "sha256": picture.sha256}
        versions = {"nst_utils": __version__, "torch": torch.__version__}
        made = {"network": self.record, "content": entry, "versions": versions, "date": utc_now()}
        return Painting(self.paint(content), made)

    def _check_memory(self, picture: tuple[int, int], size: int) -> None:
        channels = self.generator.out.in_channels
        if size <= SMALL:
            return

        def needed(pixels: int) -> float:
            return PIXEL_BYTES * pixels + CHANNEL_BYTES * channels * min(pixels, MOST_WHOLE**2)

        room = memory.room(pick_device("cpu"))
        memory.refuse_size(picture, size, needed, room, "of memory", "close other programs")

    def save(self, path: Any) -> Path:
        """Write the network to a file, whole or not at all.

        Raises
        ------
        NetworkError
            If it cannot be written.
        """
        path = check_network_output(path)
        tensors = {f"network.{name}": t for name, t in self.generator.state_dict().items()}
        tensors |= {"style.mean": self.mean, "style.covariance": self.covariance}
        tensors = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
        try:
            with replacing(path) as draft:
                save_file(tensors, draft, {"nst_utils": json.dumps(self.record)})
        except (OSError, SafetensorError) as error:
            raise NetworkError(f"{path}: cannot be written ({one_line(error, 120)})") from None
        return path


def check_network_output(path: Any, suffix: str = SUFFIX) -> Path:
    """Check before a training or an export that its file can be written.

    Raises
    ------
    NetworkError
        If the name has another suffix, or its folder is missing or cannot be written to.
    """
    try:
        path = check_output(path, [suffix])
    except ImageError as error:
        raise NetworkError(str(error)) from None
    own = path.exists() and (not path.stat().st_size or b"nst_utils" in path.read_bytes())
    if path.exists() and not own:
        raise NetworkError(f"{path}: this is no network of ours and would be lost; choose another")
    return path


def network_of(network: Any) -> StyleNetwork:
    """Return a network; one that is named is read from its file."""
    return network if isinstance(network, StyleNetwork) else load_network(network)


def load_network(path: Any) -> StyleNetwork:
    """Read a network of one style.

    Raises
    ------
    NetworkError
        If the file is missing, too large, cut short, or of another kind.
    """
    path = user_path(path)
    if not is_regular(path):
        raise NetworkError(f"{path}: no such file; name a network that was trained by train")
    if path.stat().st_size > MOST_BYTES:
        raise NetworkError(
            f"{path}: {path.stat().st_size:,} bytes; a network of one style has at most "
            f"{MOST_BYTES:,}"
        )
    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get("nst_utils", "")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise NetworkError(
            f"{path}: not a whole network of one style ({one_line(error, 120)}); train it again, "
            "or get a fresh copy"
        ) from None
    try:
        if not text or len(text) > MOST_RECORD:
            raise DataError("no record of its training is in it")
        record = parse_json(text, "a network's record")
        check_schema(record, SCHEMA, "a network's record")
        return _checked(record, tensors)
    except (DataError, ValueError) as error:
        raise NetworkError(
            f"{path}: this is no network of one style ({one_line(error, 200)})"
        ) from None


def _checked(record: dict[str, Any], tensors: dict[str, Tensor]) -> StyleNetwork:
    generator = Generator([int(count) for count in record["channels"]], int(record["blocks"]))
    wanted = {f"network.{name}": t.shape for name, t in generator.state_dict().items()}
    wanted |= {"style.mean": torch.Size([3]), "style.covariance": torch.Size([3, 3])}
    for name, shape in wanted.items():
        tensor = tensors.get(name)
        if tensor is None or tensor.shape != shape:
            came = "nothing" if tensor is None else tuple(tensor.shape)
            raise ValueError(f"{name} must have shape {tuple(shape)}, not {came}")
        if tensor.dtype not in FORMATS or not tensor.float().abs().max() <= LARGEST:
            raise ValueError(f"{name} holds values that are not between -1e6 and 1e6")
    if extra := tensors.keys() - wanted.keys():
        raise ValueError(f"{sorted(extra)[0]} belongs to no such network")
    state = {name.removeprefix("network."): tensors[name].float() for name in tensors}
    generator.load_state_dict({name: state[name] for name in generator.state_dict()})
    moments = tensors["style.mean"].double(), tensors["style.covariance"].double()
    return StyleNetwork(generator.eval(), *moments, record)
