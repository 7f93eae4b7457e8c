"""Weights files: read without running code, as plain tensors by a network's own names."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import NSTError, brief, one_line
from ..images.formats import describe_text
from ..paths import is_regular

MOST_BYTES = 2 * 2**30
"""Maximum size of a file's tensors in bytes, four times that of the complete VGG19."""

_MOST_WEIGHTS = 2048 * 512 * 9
"""Largest number of weights in a quantized layer. A small file could else decode to gigabytes."""

_WRAPPERS = (
    "state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "ema",
    "module",
)  # fmt: skip
"""Keys under which checkpoints hold their state dict, the most common ones first."""


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


def read_state(path: Path) -> dict[str, Tensor]:
    """Read the state dict of a weights file, or raise `WeightsError`; see `unwrap_state`."""
    value = read_checkpoint(path)
    return decode_quantized(value, path) if is_quantized(value) else unwrap_state(value, path)


def unwrap_state(value: Any, path: Path) -> dict[str, Tensor]:
    """Return the state dict of plain tensors in a checkpoint, or raise `WeightsError`."""
    state = _find_tensors(value)
    if state is None:
        keys = list(value)[:5] if isinstance(value, Mapping) else []
        kind = f"a dict with {brief(keys)}" if keys else type(value).__name__
        raise WeightsError(f"{path}: expected a state dict, names to tensors, not {kind}")
    # A small file may repeat a number a million times.
    _check_size(path, sum(tensor.nbytes for tensor in state.values()))
    for name, tensor in state.items():
        if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_complex():
            raise WeightsError(
                f"{path}: {brief(name)} is a {tensor.layout} tensor on {tensor.device}; expected "
                "plain numbers, as model.state_dict() saves them"
            )
    return state


def _find_tensors(value: Any, depth: int = 3) -> dict[str, Tensor] | None:
    if not isinstance(value, Mapping) or depth == 0:
        return None
    state = {k: v for k, v in value.items() if isinstance(v, Tensor) and isinstance(k, str)}
    if len(state) * 2 > len(value):
        return state
    inner = [value[name] for name in _WRAPPERS if name in value]
    inner += [item for name, item in value.items() if name not in _WRAPPERS]
    return next((found for item in inner if (found := _find_tensors(item, depth - 1))), None)


def match_names(
    state: Mapping[str, Tensor], spellings: Sequence[Sequence[str]], title: str, path: Path
) -> dict[str, Tensor]:
    """Return the tensors that a network needs, by the network's own names.

    The first of the `spellings` has those names; others follow in the same order, for instance the
    names of ``vgg.features.state_dict()``. The names of a file may all begin with a prefix, such as
    ``module.``. If names are missing, `WeightsError` says which, and what the file has; if numbers
    are not finite, in which tensor.
    """
    own = spellings[0]
    for names in spellings:
        first = names[0]
        prefixes = {key.removesuffix(first) for key in state if key.endswith(first)}
        for prefix in sorted(prefixes, key=len):
            free = not prefix or prefix[-1] in "./"
            if free and all(prefix + name in state for name in names):
                pairs = zip(own, names, strict=True)
                return _finite({mine: state[prefix + name] for mine, name in pairs}, path)
    missing = next((name for name in own if name not in state), own[0])
    names = ", ".join(list(state)[:4])
    raise WeightsError(
        f"{path}: not weights of {title} ({missing} is missing); the file has {len(state)} "
        f"tensors: {names} …"
    )


def _finite(state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise WeightsError(
                f"{path}: {name} has numbers that are not finite; get a fresh copy of the file"
            )
    return state


def is_quantized(value: Any) -> bool:
    """Tell whether a checkpoint has centroids and assignments instead of weights."""
    return isinstance(value, Mapping) and any(
        isinstance(layer, Mapping) and "centroids" in layer for layer in value.values()
    )


def decode_quantized(value: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """Decode the quantized ResNet-50 of Stock et al. to a state dict with torchvision's names.

    In "And the Bit Goes Down", ICLR 2020, a convolution is stored as centroids, which are short
    columns of weights, and the index of the centroid at each place. Running statistics are folded
    into the weight and bias of their batch normalization. A layer of another form raises
    `WeightsError`, which names the file.
    """
    state: dict[str, Tensor] = {}
    for name, layer in value.items():
        try:
            if isinstance(layer, Tensor) or "fc" in name:
                continue  # the classifier is not needed
            if "centroids" in layer:
                state[f"{name}.weight"] = _decode(layer)
            elif "bias" in layer:
                weight, bias = layer["weight"].float(), layer["bias"].float()
                state[f"{name}.weight"], state[f"{name}.bias"] = weight, bias
                state[f"{name}.running_mean"] = torch.zeros_like(bias)
                state[f"{name}.running_var"] = torch.ones_like(bias)
            else:
                state[f"{name}.weight"] = layer["weight"].float()
        except (LookupError, TypeError, AttributeError, RuntimeError, ValueError, ArithmeticError):
            raise WeightsError(
                f"{path}: {name[:60]} is not a layer of a quantized ResNet-50; get a fresh copy"
            ) from None
    return state


def _decode(layer: Mapping[str, Any]) -> Tensor:
    """Return a convolution's weight, shape (out, in, k, k)."""
    side, blocks = int(layer["k"]), int(layer["n_blocks"])
    if layer["assignments"].numel() * layer["centroids"].shape[1] > _MOST_WEIGHTS:
        raise ValueError("the layer is larger than any of the network")
    columns = layer["centroids"].float()[layer["assignments"].long()].T
    matrix = torch.cat(columns.chunk(blocks, dim=1), dim=0)  # (in * k * k, out)
    return matrix.T.reshape(matrix.shape[1], -1, side, side).contiguous()
