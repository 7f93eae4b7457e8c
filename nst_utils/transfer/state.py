"""The state of a run, to a file and back: a run that goes on from it ends with the same picture.

A checkpoint is one safetensors file. Its tensors are the picture, what the optimizer and the terms
remember, and the input pictures; its metadata is JSON. It may come from anybody: it is never
unpickled, its SHA-256 is checked first, then its form, then every shape.
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import time
import warnings
from collections.abc import Callable, Mapping
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

from .. import paths
from ..errors import NSTError, NSTWarning, brief, counted, one_line
from ..images.formats import ImageError
from ..images.inputs import InputPicture
from ..images.png import check_output
from ..networks.spec import is_weights_name
from ..untrusted import DataError, check_schema, parse_json
from . import memory
from .config import Recipe
from .fields import STARTS, RecipeError
from .losses.term import under
from .pictures import mask_files
from .result import StepRecord, read_step

DECIDING = ("images", "networks", "transfer")
"""Folders whose code decides a picture."""

_TEXT = {"type": "string", "maxLength": 4096}
_NUMBER = {"type": "number"}
_COUNT = {"type": "integer", "minimum": 0, "maximum": 2**31}
_PLAIN = {
    "place": _COUNT,
    "taken": _COUNT,
    "best": {"type": ["number", "null"]},
    "good_place": _COUNT,
    "lowered": {"type": "boolean"},
    "rate": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    "recoveries": _COUNT,
    "mean_weight": _NUMBER,
    "seconds": _NUMBER,
    "tile": _COUNT,
    "pairs": _COUNT,
    "narrow": {"type": "boolean"},
}
"""Fields of `RunState` that are plain values."""

_PROPERTIES = _PLAIN | {
    "recipe": {"type": "object"},
    "history": {"type": "array", "items": {"type": "object"}},
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
    "own_terms": {"type": "object", "maxProperties": 64, "additionalProperties": _NUMBER},
    "made": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
    "channels_last": {"type": "array", "items": _TEXT},
}
SCHEMA = {
    "type": "object",
    "required": list(_PROPERTIES),
    "properties": _PROPERTIES,
    "additionalProperties": False,
}
"""Form of a checkpoint's metadata."""


class CheckpointError(NSTError, ValueError):
    """A checkpoint from which a run cannot be resumed; the message says why."""


@dataclass
class RunState:
    """All that a run needs to go on, besides the network and what follows from the recipe."""

    # As it will be repeated: its schedule grows while the run is steered.
    recipe: Recipe
    random: Tensor  # state of the run's random numbers
    history: list[StepRecord] = field(default_factory=list)
    place: int = 0  # of the scale under way among the recipe's scales
    taken: int = 0  # steps taken at that scale
    # The lowest loss at this scale since the last change of the recipe: totals of two scales, or
    # of before and after a change, cannot be compared.
    best: float | None = None
    # The picture with that loss, or the last one that was good under another recipe or scale.
    good: Tensor | None = None
    good_place: int = 0  # of the scale at which the good picture was painted
    lowered: bool = False  # whether any step was better than the first one of its scale
    rate: float = 1.0  # factor on the step length; smaller after a step that went wrong
    recoveries: int = 0  # steps that went wrong
    # What `Descent.state_dict` returns; empty before the first step of a scale.
    moving: dict[str, Tensor] = field(default_factory=dict)
    mean_sum: Tensor | None = None  # of `optimizers.RunningMean`, as is its weight
    mean_weight: float = 0.0
    seconds: float = 0.0
    # The plan of the scale under way, see `memory.Plan`: it stands, whatever memory is free later.
    tile: int = 0
    pairs: int = 0
    narrow: bool = False

    @property
    def plan(self) -> memory.Plan:
        """The plan of the scale under way."""
        return memory.Plan(self.tile, self.pairs, self.narrow)


@dataclass(frozen=True)
class Checkpoint:
    """A state as it is kept in a file, with the pictures of its run."""

    path: Path
    state: RunState
    pictures: dict[str, InputPicture]  # by role, as in `pictures.RunPictures`
    masks: dict[str, str]  # roles of the masks, by what the recipe calls them
    own_terms: dict[str, float]  # weights of the user's own terms, by name
    # Weights, device, number format, threads and versions that the run was made with.
    made: dict[str, Any]

    @property
    def styles(self) -> list[InputPicture]:
        """The style pictures, in order."""
        return [picture for role, picture in self.pictures.items() if role.startswith("style")]

    def save(self) -> None:
        """Write the state of a run, whole or not at all; OSError if it cannot be written."""
        state = self.state
        tensors = {f"moving/{name}": tensor for name, tensor in state.moving.items()}
        tensors |= {f"picture/{role}": _pixels(picture) for role, picture in self.pictures.items()}
        named = {"good": state.good, "mean": state.mean_sum, "random": state.random}
        tensors |= {name: tensor for name, tensor in named.items() if tensor is not None}
        text = json.dumps(
            {name: getattr(state, name) for name in _PLAIN}
            | {
                "recipe": state.recipe.to_dict() | {"weights": _found_again(state.recipe.weights)},
                "history": [dataclasses.asdict(step) for step in state.history],
                "pictures": {
                    role: {"source": picture.source, "sha256": picture.sha256}
                    for role, picture in self.pictures.items()
                },
                "masks": self.masks,
                "own_terms": self.own_terms,
                "made": self.made,
                "channels_last": [name for name, tensor in tensors.items() if _is_last(tensor)],
            }
        )
        tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
        try:
            with paths.replacing(self.path) as draft:
                save_file(tensors, draft, {"state": text, "sha256": _digest(tensors, text)})
        except SafetensorError as error:
            raise OSError(f"{self.path} cannot be written ({one_line(error, 120)})") from None

    def check_inputs(self, content: Any, style: Any, own_terms: Mapping[str, float]) -> None:
        """Refuse pictures and terms that are not those of the checkpoint."""
        styles = list(style) if isinstance(style, list | tuple) else [style]
        given = {"content": content}
        roles = [role for role in self.pictures if role.startswith("style")]
        if style is not None:
            if len(styles) != len(roles):
                raise CheckpointError(
                    f"{self.path}: the run has {counted(len(roles), 'style picture')}, not "
                    f"{len(styles)}; give all of them in their order, or none"
                )
            given |= dict(zip(roles, styles, strict=True))
        for role, source in given.items():
            if source is None:
                continue
            picture, mine = InputPicture.open(source), self.pictures[role]
            if picture.sha256 != mine.sha256:
                raise CheckpointError(
                    f"{self.path}: the {role} picture of the run is {brief(mine.source)} with "
                    f"SHA-256 {mine.sha256[:16]}; {brief(picture.source)} is another picture"
                )
        if own_terms != self.own_terms:
            wanted = ", ".join(f"{name} with weight {w:g}" for name, w in self.own_terms.items())
            wanted = wanted or "none"
            raise CheckpointError(
                f"{self.path}: the run has these terms of its own: {wanted}; hand over the same "
                "ones as terms=[…]"
            )

    def check_made(self, now: Mapping[str, Any]) -> None:
        """Refuse other weights, versions or number formats; warn of another number of threads."""
        for name, what in now.items():
            then = self.made.get(name)
            if then == what:
                continue
            if name == "threads":
                warnings.warn(
                    f"the run was made with {then} threads and goes on with {what}: its picture "
                    "may differ in the last digits",
                    NSTWarning,
                    stacklevel=4,
                )
                continue
            raise CheckpointError(
                f"{self.path}: the run was made with {name} {brief(then)}, here it is {brief(what)}"
                "; go on where it was made, or start it again"
            )


@cache
def code_version() -> str:
    """Return a hash of every source file that decides a picture."""
    files = [path for name in DECIDING for path in sorted((paths.PACKAGE / name).rglob("*.py"))]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:16]


def load_checkpoint(path: Any) -> Checkpoint:
    """Read a checkpoint, or raise `CheckpointError` if it is missing, damaged, or another file."""
    path = paths.user_path(path)
    if not paths.is_regular(path):
        raise CheckpointError(f"{path}: no such file; name the checkpoint of a run")
    size, room = path.stat().st_size, memory.room(torch.device("cpu"))
    if size > room:
        raise CheckpointError(
            f"{path}: it holds {memory.in_bytes(size)}, but {memory.in_bytes(room)} of memory are "
            "free; close other programs"
        )
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
    except (
        SafetensorError, DataError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError
    ) as error:  # fmt: skip
        raise CheckpointError(
            f"{path}: not a whole checkpoint of a run ({one_line(error, 120)}); start the run again"
        ) from None


def _read(path: Path, told: Mapping[str, Any], tensors: dict[str, Tensor]) -> Checkpoint:
    recipe = Recipe.from_json(json.dumps(told["recipe"]))
    history = [read_step(entry) for entry in told["history"]]
    if (
        max(told["place"], told["good_place"]) >= len(recipe.scales)
        or told["taken"] > recipe.steps[told["place"]]
    ):
        raise ValueError("it names a step that its recipe does not have")
    random = torch.Generator().get_state()
    if (tensors["random"].shape, tensors["random"].dtype) != (random.shape, random.dtype):
        raise ValueError("its random state has another form")
    if len(history) != sum(recipe.steps[: told["place"]]) + told["taken"]:
        raise ValueError("its history has another number of steps than were taken")
    # Copies, in the memory layout of the run: sums are rounded by where and how a tensor lies.
    for name in list(tensors):  # one by one: of a large painting they take gigabytes
        last = name in told["channels_last"] and tensors[name].ndim == 4
        form = torch.channels_last if last else torch.contiguous_format
        tensors[name] = tensors[name].clone(memory_format=form)
    for name in ("good", "mean"):
        if name in tensors and (tensors[name].ndim != 4 or tensors[name].shape[:2] != (1, 3)):
            raise ValueError(f"{name} is no picture")
        if name in tensors and not (tensors[name].numel() and tensors[name].isfinite().all()):
            raise ValueError(f"{name} holds no finite numbers")
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
    _check_names(recipe, told["masks"], pictures)
    return Checkpoint(path, state, pictures, told["masks"], told["own_terms"], told["made"])


def _check_names(recipe: Recipe, masks: Mapping[str, str], pictures: Mapping[str, Any]) -> None:
    """Refuse a recipe that names a picture outside: a checkpoint may come from anybody."""
    inside = {*mask_files(recipe)} <= masks.keys()
    if not inside or (recipe.start not in STARTS and "start" not in pictures):
        raise ValueError("its recipe names a picture that is not in it")
    if paths.is_address(recipe.weights):
        raise ValueError("its weights are an address")


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
    if pixels.dtype == torch.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 and len(pixels):
        return InputPicture(Image.fromarray(pixels.numpy()), source, sha256)
    plain = pixels.dtype == torch.float32 and pixels.ndim == 4 and pixels.shape[:2] == (1, 3)
    if not plain or not pixels.numel() or not (pixels.min() >= 0 and pixels.max() <= 1):
        raise ValueError("one of its pictures has another form")
    return InputPicture(pixels, source, sha256)


class Keeper:
    """When and where a run saves its state."""

    def __init__(self, path: Any, every: float) -> None:
        if not isinstance(every, int | float) or not every >= 0:
            raise RecipeError(f"checkpoint_every must be at least 0 seconds, not {brief(every)}")
        self.path = None if path is None else _writable(path)
        self.named, self.every = path is not None, every
        # A file that was named is there from the first step on.
        self.saved_at = -math.inf if self.named else time.perf_counter()
        self.took = 0.0  # seconds, the last time

    def due(self) -> bool:
        """Tell whether it is time to save."""
        # A state of gigabytes takes long to write; most of the time should go into painting.
        every = max(self.every, 10 * self.took) if self.every else 0
        return time.perf_counter() - self.saved_at > every

    def save(self, write: Callable[[Path], None]) -> None:
        """Save a state; where that fails, say so and go on."""
        began = time.perf_counter()
        try:
            path = self.path or paths.make_run_folder() / "checkpoint.safetensors"
            write(path)
            self.path = path
        except Exception as error:  # a term of the user's own may hold and raise anything
            warnings.warn(
                f"the state of the run could not be saved: {error}", NSTWarning, stacklevel=6
            )
            self.every = math.inf
        self.saved_at = time.perf_counter()
        self.took = self.saved_at - began

    def remove(self) -> None:
        """Remove what was saved without having been asked for."""
        if self.path is not None and not self.named:
            paths.remove_run_file(self.path)
            self.path = None


def _found_again(weights: str) -> str:
    """Return weights as another working directory finds them."""
    path = paths.user_path(weights)
    return str(path.absolute()) if is_weights_name(weights) and path.is_file() else weights


def _is_checkpoint(path: Path) -> bool:
    with contextlib.suppress(OSError, SafetensorError, ValueError), safe_open(path, "pt") as file:
        return {"state", "sha256"} <= (file.metadata() or {}).keys()
    return False


def _writable(path: Any) -> Path:
    try:
        path = check_output(path, [paths.user_path(path).suffix.lower()]).absolute()
    except ImageError as error:
        raise RecipeError(f"checkpoint: {error}") from None
    if path.exists() and path.stat().st_size and not _is_checkpoint(path):
        raise RecipeError(
            f"checkpoint: {path} is no checkpoint of this package and would be lost; choose "
            "another name"
        )
    return path
