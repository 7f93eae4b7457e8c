"""What a run tells: a record per step, the result, and the provenance stored in a picture."""

import base64
import io
import math
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from PIL import Image
from torch import Tensor

from .. import __version__
from ..errors import public
from ..images.inputs import InputPicture
from ..images.outputs import save_painting
from ..images.tensors import to_pil
from ..networks.spec import is_weights_name
from ..networks.weights_file import WeightsFile
from ..paths import public_name, utc_now
from .config import Recipe

MASK_BYTES = 500_000
"""Largest mask that a record holds."""


@dataclass(frozen=True)
class StepRecord:
    """One evaluated step of a run.

    Attributes
    ----------
    step : int
        Steps taken before this evaluation, over all scales.
    scale : int
        Long side of the recipe's scale at which it was evaluated, pixels.
    total : float
        The weighted sum of the terms.
    terms : dict of str to float
        Each term before its weight, as the recipe normalizes it: ``content``, ``style/relu1_1`` and
        the other style terms, ``tv``, and further ones.
    weights : dict of str to float
        What each term is multiplied by in the total.
    seconds : float
        Since the run began.
    note : str
        What happened besides, for example a recovery; mostly empty.
    """

    step: int
    scale: int
    total: float
    terms: dict[str, float]
    weights: dict[str, float]
    seconds: float
    note: str = ""

    def parts(self, group: str) -> dict[str, float]:
        """Return the terms of a group by what stands behind the slash: the style's by layer.

        Examples
        --------
        >>> terms = {"content": 1.0, "style/relu1_1": 2.0}
        >>> StepRecord(0, 64, 3.0, terms, dict.fromkeys(terms, 1.0), 0.1).parts("style")
        {'relu1_1': 2.0}
        """
        start = f"{group}/"
        return {k.removeprefix(start): v for k, v in self.terms.items() if k.startswith(start)}

    def weighted(self) -> dict[str, float]:
        """Return what each group of terms adds to the total: ``content``, ``style``, ``tv``, ….

        The group is what stands before the slash of a name.

        Examples
        --------
        >>> terms = {"content": 1.0, "style/relu1_1": 2.0, "style/relu2_1": 3.0}
        >>> StepRecord(0, 64, 51.0, terms, dict.fromkeys(terms, 10.0), 0.1).weighted()
        {'content': 10.0, 'style': 50.0}
        """
        groups: dict[str, float] = {}
        for name, value in self.terms.items():
            group = name.partition("/")[0]
            groups[group] = groups.get(group, 0.0) + self.weights[name] * value
        return groups


def read_step(entry: Mapping[str, Any]) -> StepRecord:
    """Return a step as it was stored, with every number of its own type.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError
        If it is no step.
    """
    kinds = ("terms", "weights")
    terms, weights = ({str(k): float(v) for k, v in entry[kind].items()} for kind in kinds)
    return StepRecord(
        step=int(entry["step"]),
        scale=int(entry["scale"]),
        total=float(entry["total"]),
        terms=terms,
        weights={name: weights[name] for name in terms},
        seconds=float(entry["seconds"]),
        note=str(entry["note"]),
    )


class LiveStep:
    """A step while ``on_step`` runs: its record, and pictures that are made only when asked for.

    Attributes
    ----------
    record : StepRecord
        The numbers; plain data that may be kept.
    recipe : Recipe
        As it will be repeated: its ``schedule`` holds every change made so far.
    in_effect : Recipe
        What this step was evaluated under; its schedule is empty.
    """

    def __init__(
        self,
        record: StepRecord,
        recipe: Recipe,
        in_effect: Recipe,
        evaluated: Callable[[], Tensor],
        moved: Callable[[], Tensor],
        result: Callable[[], "Result"],
    ) -> None:
        self.record, self.recipe, self.in_effect = record, recipe, in_effect
        self._sources: tuple[Any, ...] | None = (evaluated, moved, result)

    def __repr__(self) -> str:
        return f"<LiveStep {self.record.step} at {self.record.scale} px>"

    def picture(self, *, clip: bool = True) -> Tensor:
        """Return the evaluated picture in its final colors, (1, 3, H, W) in [0, 1].

        Parameters
        ----------
        clip : bool
            False keeps values outside [0, 1]. There are such values only if the recipe's ``color``
            is ``free``, ``recolored`` or ``match`` and the styles cover the whole picture.

        Raises
        ------
        RuntimeError
            Once ``on_step`` has returned: nothing keeps the pictures of all steps.
        """
        evaluated = self._source(0)().detach().cpu()
        return evaluated.clamp(0, 1) if clip else evaluated

    def moved(self) -> Tensor:
        """Return where this step led, (1, 3, H, W) in [0, 1].

        The next step will evaluate it; whether it is any better is not known yet.

        Raises
        ------
        RuntimeError
            Once ``on_step`` has returned.
        """
        return self._source(1)().detach().cpu().clamp(0, 1)

    def result(self) -> "Result":
        """Return the run so far, with its best picture.

        Raises
        ------
        RuntimeError
            Once ``on_step`` has returned.
        TransferError
            If no picture was evaluated yet that is worth keeping.
        """
        return self._source(2)()

    def close(self) -> None:
        """Let the pictures go; done by the run when ``on_step`` has returned."""
        self._sources = None

    def _source(self, place: int) -> Any:
        if self._sources is None:
            raise RuntimeError("a step's picture is only there while on_step runs; copy it then")
        return self._sources[place]


@dataclass(frozen=True, repr=False)
class Result:
    """A painting and how it came about.

    Attributes
    ----------
    tensor : Tensor, shape (1, 3, H, W)
        The painting in its final colors, float32 in [0, 1], on the CPU. It is the picture with the
        lowest loss at the last scale reached, since the last change of the recipe. If the recipe's
        ``average`` is above 0 and that scale was finished, it is the mean of the late pictures. A
        run that was stopped early may have reached a smaller scale only.
    history : list of StepRecord
        Every step.
    recipe : Recipe
        The recipe as run, with every change made on the way in its ``schedule``.
    seconds : float
        From the call to the result.
    stopped : str
        Why the run ended: ``"finished"``, or ``"interrupted …"``, ``"stopped …"``.
    weights_label : str
        Display name of network and weights; says "untrained" where that is so.
    provenance : dict
        The record that `save` writes into the picture.
    checkpoint : Path or None
        Where the run saved its state, if it did; `run.resume` goes on from there.
    """

    tensor: Tensor
    history: list[StepRecord]
    recipe: Recipe
    seconds: float
    stopped: str
    weights_label: str
    provenance: dict[str, Any]
    checkpoint: Path | None = None

    def __repr__(self) -> str:
        """Say in one line what came out; a notebook shows the painting itself."""
        width, height = self.image.size
        return (
            f"<Result {width} x {height}, {self.weights_label}, {len(self.history)} steps, "
            f"{self.seconds:.1f} s, {self.stopped}>"
        )

    def _repr_png_(self) -> bytes:
        return self.image._repr_png_()

    @property
    def best(self) -> StepRecord:
        """The record of the step whose picture this is."""
        last = [record for record in self.history if record.scale == self.history[-1].scale]
        total = self.provenance["losses"]["best"]
        return next((record for record in last if record.total == total), last[-1])

    @property
    def image(self) -> Image.Image:
        """The painting as a PIL image."""
        return to_pil(self.tensor)

    def save(
        self, path: str | os.PathLike, *, depth: int = 8, alpha: Image.Image | None = None
    ) -> Path:
        """Save the painting with its provenance inside; see `outputs.save_painting`."""
        return save_painting(self.tensor, path, self.provenance, depth=depth, alpha=alpha)


def provenance(
    *,
    recipe: Recipe,
    weights: WeightsFile,
    pictures: Mapping[str, InputPicture],
    history: list[StepRecord],
    best: float | None,
    stopped: str,
    seconds: float,
    machine: Mapping[str, Any],
    own_terms: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Collect everything that made a picture, as JSON values.

    Parameters
    ----------
    recipe : Recipe
        As run.
    weights : WeightsFile
        What the network read with.
    pictures : mapping of str to InputPicture
        By role.
    history : list of StepRecord
        Every step.
    best : float
        Total loss of the picture that is kept; None when none was evaluated under it.
    stopped : str
        Why the run ended.
    seconds : float
        How long it took.
    machine : mapping
        Device, number format and number of threads that were used.
    own_terms : mapping of str to float, optional
        Terms of the user's own, with their weights: the run cannot be repeated without them.
    """
    totals = [record.total for record in history if math.isfinite(record.total)]
    kept = next((record for record in reversed(history) if record.total == best), None)
    settings = recipe.to_dict()
    if is_weights_name(recipe.weights):
        settings["weights"] = public_name(recipe.weights)
    record = {
        "recipe": settings,
        "weights": {
            "label": weights.label,
            "source": weights.source,
            "file": weights.path.name if weights.path else None,
            "sha256": weights.sha256,
            "trained": weights.trained,
        },
        **{role: _origin(role, picture) for role, picture in pictures.items()},
        "seed": recipe.seed,
        **({"own_terms": dict(own_terms)} if own_terms else {}),
        "losses": {
            "first": totals[0] if totals else None,
            "last": totals[-1] if totals else None,
            "best": best,
            "terms": kept.terms if kept else {},
        },
        "steps": len(history),
        "stopped": stopped,
        "seconds": round(seconds, 2),
        **machine,
        "versions": {
            "nst_utils": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": version("torchvision"),
            "numpy": np.__version__,
            "pillow": PIL.__version__,
        },
        "date": utc_now(),
    }
    return public(record)


def _origin(role: str, picture: InputPicture) -> dict[str, str]:
    """Return what a record says of an input; a mask goes along, so that it cannot be lost."""
    entry = {"source": public_name(picture.source), "sha256": picture.sha256}
    if role.startswith("mask"):
        png = io.BytesIO()
        picture.image.convert("L").save(png, "PNG", optimize=True)
        if png.tell() <= MASK_BYTES:
            entry["png"] = base64.b64encode(png.getvalue()).decode()
    return entry
