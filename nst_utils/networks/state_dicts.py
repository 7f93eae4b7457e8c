"""State dicts as training scripts save them, renamed to a network's own names."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import brief
from .quantized import decode_quantized, is_quantized
from .weights_file import WeightsError, read_checkpoint

_WRAPPERS = (
    "state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "ema",
    "module",
)  # fmt: skip
"""Keys under which checkpoints hold their state dict, the most common ones first."""

MOST_TENSORS = 2 * 2**30
"""Most bytes of a state dict's tensors; those of the largest VGG have 575 million."""


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
    size = sum(tensor.nbytes for tensor in state.values())
    if size > MOST_TENSORS:  # a small file may repeat a number a million times
        raise WeightsError(
            f"{path}: its tensors take {size >> 20} MB; expected at most {MOST_TENSORS >> 20}"
        )
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
    are not finite, in which tensor. A deeper network of the same kind is refused, too.
    """
    own = spellings[0]
    for names in spellings:
        first = names[0]
        prefixes = {key.removesuffix(first) for key in state if key.endswith(first)}
        for prefix in sorted(prefixes, key=len):
            free = not prefix or prefix[-1] in "./"
            if free and all(prefix + name in state for name in names):
                used = {prefix + name: mine for mine, name in zip(own, names, strict=True)}
                _check_depth(state, used, title, path)
                return _finite({mine: state[name] for name, mine in used.items()}, path)
    lacking = min(([name for name in names if name not in state] for names in spellings), key=len)
    missing = (lacking or own)[0]
    names = ", ".join(list(state)[:4])
    raise WeightsError(
        f"{path}: not weights of {title} ({missing} is missing); the file has {len(state)} "
        f"tensors: {names} …"
    )


def _check_depth(
    state: Mapping[str, Tensor], used: Mapping[str, str], title: str, path: Path
) -> None:
    """Refuse a deeper network, which has all names and more of them: ResNet-101 for ResNet-50."""
    kinds = {re.sub(r"\d+", "#", name) for name in used}
    more = [
        name
        for name, tensor in state.items()
        if tensor.ndim == 4 and name not in used and re.sub(r"\d+", "#", name) in kinds
    ]
    if more:
        raise WeightsError(
            f"{path}: not weights of {title} but of a deeper network; it has {len(more)} "
            f"convolutions more, the first is {brief(more[0])}"
        )


def _finite(state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    for name, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise WeightsError(
                f"{path}: {name} has numbers that are not finite; get a fresh copy of the file"
            )
    return state
