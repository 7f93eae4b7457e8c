"""The state of a run, to a file and back: a run that goes on from it ends with the same picture.

A checkpoint is one safetensors file. Its tensors are the picture, what the optimizer and the terms
remember, and the input pictures; its metadata is JSON. It may come from anybody: it is never
unpickled, its SHA-256 is checked first, then its form, then every shape.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import NSTError, one_line
from ..images.inputs import InputPicture
from ..paths import PACKAGE, replacing, user_path
from ..untrusted import DataError, check_schema, parse_json
from .config import Recipe
from .result import StepRecord, read_step

DECIDING = ("images", "networks", "transfer")
"""Folders whose code decides a picture."""

_TEXT = {"type": "string", "maxLength": 4096}
_NUMBER = {"type": "number"}
_COUNT = {"type": "integer", "minimum": 0, "maximum": 2**31}
SCHEMA = {
    "type": "object",
    "required": [
        "recipe", "history", "place", "taken", "best", "good_place", "lowered", "rate",
        "recoveries", "mean_weight", "seconds", "pictures", "masks", "own_terms", "made",
        "channels_last",
    ],
    "properties": {
        "recipe": {"type": "object"},
        "history": {"type": "array", "items": {"type": "object"}},
        "place": _COUNT,
        "taken": _COUNT,
        "best": {"type": ["number", "null"]},
        "good_place": _COUNT,
        "lowered": {"type": "boolean"},
        "rate": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "recoveries": _COUNT,
        "mean_weight": _NUMBER,
        "seconds": _NUMBER,
        "pictures": {
            "type": "object",
            "maxProperties": 256,
            "additionalProperties": {
                "type": "object",
                "required": ["source", "sha256"],
                "properties": {"source": _TEXT, "sha256": _TEXT},
            },
        },
        "masks": {"type": "object", "maxProperties": 128, "additionalProperties": _TEXT},
        "own_terms": {"type": "array", "maxItems": 64, "items": _TEXT},
        "made": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
        "channels_last": {"type": "array", "items": _TEXT},
    },
    "additionalProperties": False,
}  # fmt: skip
"""Form of a checkpoint's metadata."""


class CheckpointError(NSTError, ValueError):
    """A checkpoint that cannot be gone on from; the message says why."""


@dataclass
class RunState:
    """All that a run needs to go on, besides the network and what follows from the recipe.

    Attributes
    ----------
    recipe : Recipe
        As it will be repeated; its schedule grows while the run is steered.
    history : list of StepRecord
        Every step so far.
    place, taken : int
        The scale under way, by its place among the recipe's scales, and the steps taken at it.
    best : float or None
        The lowest loss at this scale since the last change of the recipe: totals of two scales, or
        of before and after a change, cannot be compared.
    good : Tensor or None
        The picture with that loss, or the last one that was good under another.
    good_place : int
        The scale at which the good picture was painted.
    lowered : bool
        Whether any step was better than the first one of its scale.
    rate : float
        Factor on the step length; shrinks when a step went wrong.
    recoveries : int
        How many steps went wrong.
    moving : dict of str to Tensor
        The picture that is moved, and what optimizer and terms remember; see `Descent.state_dict`.
        Empty before the first step of a scale.
    mean_sum, mean_weight : Tensor or None, float
        Of the mean over late pictures; see `optimizers.RunningMean`.
    random : Tensor
        State of the run's random numbers.
    seconds : float
        Spent so far.
    """

    recipe: Recipe
    random: Tensor
    history: list[StepRecord] = field(default_factory=list)
    place: int = 0
    taken: int = 0
    best: float | None = None
    good: Tensor | None = None
    good_place: int = 0
    lowered: bool = False
    rate: float = 1.0
    recoveries: int = 0
    moving: dict[str, Tensor] = field(default_factory=dict)
    mean_sum: Tensor | None = None
    mean_weight: float = 0.0
    seconds: float = 0.0


_PLAIN = (
    "place", "taken", "best", "good_place", "lowered", "rate", "recoveries", "mean_weight",
    "seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """A state as it was read from a file, with the pictures of its run.

    Attributes
    ----------
    path : Path
    state : RunState
    pictures : dict of str to InputPicture
        By role, as in `pictures.RunPictures`.
    masks : dict of str to str
        Roles of the masks, by what the recipe calls them.
    own_terms : list of str
        Terms of the user's own that the run needs.
    made : dict
        Weights, device, number format, threads and versions that the run was made with.
    """

    path: Path
    state: RunState
    pictures: dict[str, InputPicture]
    masks: dict[str, str]
    own_terms: list[str]
    made: dict[str, Any]

    @property
    def styles(self) -> list[InputPicture]:
        """The style pictures, in order."""
        return [picture for role, picture in self.pictures.items() if role.startswith("style")]


@cache
def code_version() -> str:
    """Return a hash of every source file that decides a picture."""
    files = [path for name in DECIDING for path in sorted((PACKAGE / name).rglob("*.py"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:16]


def save_checkpoint(
    path: Path,
    state: RunState,
    pictures: Mapping[str, InputPicture],
    masks: Mapping[str, InputPicture],
    own_terms: Sequence[str],
    made: Mapping[str, Any],
) -> None:
    """Write the state of a run, whole or not at all.

    Parameters
    ----------
    path, state, pictures, own_terms, made
        As in `Checkpoint`.
    masks : mapping of str to InputPicture
        By what the recipe calls them; each is among `pictures`.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    tensors = {f"moving/{name}": tensor for name, tensor in state.moving.items()}
    tensors |= {f"picture/{role}": _pixels(picture) for role, picture in pictures.items()}
    named = {"good": state.good, "mean": state.mean_sum, "random": state.random}
    tensors |= {name: tensor for name, tensor in named.items() if tensor is not None}
    roles = {id(picture): role for role, picture in pictures.items()}
    text = json.dumps(
        {name: getattr(state, name) for name in _PLAIN}
        | {
            "recipe": state.recipe.to_dict(),
            "history": [dataclasses.asdict(step) for step in state.history],
            "pictures": {
                role: {"source": picture.source, "sha256": picture.sha256}
                for role, picture in pictures.items()
            },
            "masks": {form: roles[id(p)] for form, p in masks.items() if id(p) in roles},
            "own_terms": list(own_terms),
            "made": dict(made),
            "channels_last": [name for name, tensor in tensors.items() if _is_last(tensor)],
        }
    )
    tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    try:
        with replacing(path) as draft:
            save_file(tensors, draft, {"state": text, "sha256": _digest(tensors, text)})
    except SafetensorError as error:
        raise OSError(f"{path} cannot be written ({one_line(error, 120)})") from None


def load_checkpoint(path: Any) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    CheckpointError
        If there is none, or the file is damaged, cut short, or something else.
    """
    path = user_path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; name the checkpoint of a run")
    try:
        with safe_open(path, "pt") as file:
            kept = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        text = kept.get("state", "")
        if kept.get("sha256") != _digest(tensors, text):
            raise CheckpointError(
                f"{path}: the checkpoint is damaged or was not saved by this package (its SHA-256 "
                "is another); start the run again"
            )
        told = parse_json(text, "the state of a run")
        check_schema(told, SCHEMA, "the state of a run")
        return _read(path, told, tensors)
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({one_line(error, 120)})") from None
    except (SafetensorError, DataError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: not a whole checkpoint of a run ({one_line(error, 120)}); start the run again"
        ) from None


def _read(path: Path, told: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Checkpoint:
    recipe = Recipe.from_json(json.dumps(told["recipe"]))
    history = [read_step(entry, recipe) for entry in told["history"]]
    if told["place"] >= len(recipe.scales) or told["taken"] > recipe.steps[told["place"]]:
        raise ValueError("it names a step that its recipe does not have")
    if tensors["random"].shape != torch.Generator().get_state().shape:
        raise ValueError("its random state has another form")
    if len(history) != sum(recipe.steps[: told["place"]]) + told["taken"]:
        raise ValueError("its history has another number of steps than were taken")
    # Copies, in the memory layout of the run: sums are rounded by where and how a tensor lies.
    tensors = {
        name: tensor.clone(
            memory_format=torch.channels_last
            if name in told["channels_last"] and tensor.ndim == 4
            else torch.contiguous_format
        )
        for name, tensor in tensors.items()
    }
    for name in ("good", "mean"):
        if name in tensors and (tensors[name].ndim != 4 or tensors[name].shape[:2] != (1, 3)):
            raise ValueError(f"{name} is no picture")
    state = RunState(
        recipe=recipe,
        random=tensors["random"],
        history=history,
        good=tensors.get("good"),
        moving=under("moving/", tensors),
        mean_sum=tensors.get("mean"),
        **{name: told[name] for name in _PLAIN},
    )
    pictures = {
        role: _picture(tensors[f"picture/{role}"], **entry)
        for role, entry in told["pictures"].items()
    }
    if not {"content", "style"} <= pictures.keys() or not {*told["masks"].values()} <= {*pictures}:
        raise ValueError("one of its pictures is missing")
    return Checkpoint(path, state, pictures, told["masks"], told["own_terms"], told["made"])


def under(start: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a text, without it."""
    return {k.removeprefix(start): t for k, t in tensors.items() if k.startswith(start)}


def _is_last(tensor: Tensor) -> bool:
    """Tell whether a tensor lies channels last: sums of it are then rounded in another way."""
    last = tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return last and not tensor.is_contiguous()


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\0{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _pixels(picture: InputPicture) -> Tensor:
    """Return a picture as it is kept: bytes (h, w, 3), or floats (1, 3, h, w) where it has them."""
    if isinstance(picture.pixels, Tensor):
        return picture.pixels
    return torch.from_numpy(np.array(picture.pixels.convert("RGB")))


def _picture(pixels: Tensor, source: str, sha256: str) -> InputPicture:
    if pixels.dtype == torch.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3:
        return InputPicture(Image.fromarray(pixels.numpy()), source, sha256)
    plain = pixels.dtype == torch.float32 and pixels.ndim == 4 and pixels.shape[:2] == (1, 3)
    if not plain or not (pixels.min() >= 0 and pixels.max() <= 1):
        raise ValueError("one of its pictures has another form")
    return InputPicture(pixels, source, sha256)
