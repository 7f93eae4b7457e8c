"""The optimization: a picture moves until the network sees the content in it, and the style.

`stylize` runs a recipe: coarse to fine over its scales, with Adam or L-BFGS, on any device. It
reports every step to a callback, keeps the best picture that it evaluated, survives interruption
and non-finite losses, and never prints or plots.
"""

import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from .. import paths
from ..errors import NSTError, NSTWarning
from ..images.tensors import normalize
from ..networks.backbone import Backbone, load_backbone
from ..networks.device import (
    explain_precision,
    is_out_of_memory,
    own_settings,
    pick_device,
    pick_precision,
)
from ..signals import defer, requested, watching_signals
from .config import Recipe
from .fields import RecipeError
from .objective import Objective, prepare
from .optimizers import PictureOptimizer, RunningMean, explain_unchanged
from .pictures import RunPictures, ScalePictures, moved
from .result import LiveStep, Result, StepRecord, provenance
from .start import begin, enlarge

SAVE_EVERY = 60.0
"""Seconds between two saves of the best picture so far below ``data/runs/``."""

MAX_RECOVERIES = 8


class StopRun(Exception):
    """Raised by an ``on_step`` callback to end the run; the best picture so far is returned."""


class TransferError(NSTError, RuntimeError):
    """A run that cannot go on and has no picture to return."""


OnStep = Callable[[LiveStep], Recipe | None]


def stylize(
    content: Any,
    style: Any,
    recipe: Recipe | None = None,
    *,
    masks: Mapping[str, Any] | None = None,
    on_step: OnStep | None = None,
) -> Result:
    """Paint the content image in the manner of the style image.

    Parameters
    ----------
    content, style : path, address, sample name, PIL.Image.Image, ndarray, Tensor or InputPicture
        The pictures, of any two sizes; tensors of shape (1, 3, H, W) or (3, H, W) in [0, 1].
        Several styles come as a list: blended (``blend``), or each in its region (``regions``).
    recipe : Recipe, optional
        What to do; ``config.recipe()`` when left out.
    masks : mapping of str to path, picture or array, optional
        Masks by the names that the recipe's ``regions`` give them: white or 1 is covered. A name
        that is not here is a file.
    on_step : callable, optional
        Called with a `LiveStep` after every step. It may return a changed recipe, whose
        changes (see `config.STEERABLE`) hold from the next step on, clear the optimizer's
        memory, and join the ``schedule`` of the result's recipe. It may raise `StopRun`.

    Returns
    -------
    Result
        Also after Ctrl-C, an interrupted kernel, a batch system's SIGTERM, or memory that ran out
        at a fine scale: then with the best picture so far, and ``stopped`` says why. Where no
        step lowered the loss, a warning says so.

    Raises
    ------
    ImageError
        If a picture cannot be read or is too small.
    WeightsError
        If the weights cannot be had.
    RecipeError
        If `recipe` is something else, the device does not exist, or `on_step` changes what cannot
        change during a run.
    TransferError
        If there is no picture to return: the first loss is not finite, or no memory.

    References
    ----------
    Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR
    2016. Coarse to fine: Gatys et al., "Controlling Perceptual Factors in Neural Style
    Transfer", CVPR 2017.
    """
    if recipe is not None and not isinstance(recipe, Recipe):
        raise RecipeError(
            f"expected a Recipe, for example nst_utils.recipe('quick'), not {recipe!r:.60}"
        )
    with own_settings(), watching_signals():
        recipe = recipe or Recipe()
        return _Run(RunPictures(content, style, recipe, masks), recipe, on_step).paint()


class _Run:
    """The state of one run; `paint` goes through the scales."""

    def __init__(self, pictures: RunPictures, recipe: Recipe, on_step: OnStep | None) -> None:
        self.began = time.perf_counter()
        self.recipe = recipe  # as it will be repeated, its schedule growing
        self.now = recipe.at(0)  # as in effect at this step
        self.on_step = on_step
        self.pictures = pictures
        self.here: ScalePictures | None = None  # the pictures at this scale
        self.device = pick_device(recipe.device)
        self.dtype = pick_precision(recipe.precision, self.device)
        self.random = torch.Generator().manual_seed(recipe.seed)
        self.backbone = self._load_backbone()
        self.history: list[StepRecord] = []
        # The best picture under the loss in effect, and the last one that was good under any:
        # totals of two scales, or from before and after a change, cannot be compared.
        self.best: tuple[float, Tensor] | None = None
        self.good: Tensor | None = None
        self.seen: ScalePictures | None = None  # the pictures that the good one was painted from
        self.lowered = False  # whether any step was better than the first one of its scale
        self.rate = 1.0  # shrinks when a step went wrong
        self.recoveries = 0
        self.saved_at, self.checkpoint = time.perf_counter(), None

    def _load_backbone(self) -> Backbone:
        now = self.now
        network = load_backbone(now.backbone, now.weights, pooling=now.pooling, padding=now.padding)
        return network.to(self.device, self.dtype)

    def paint(self) -> Result:
        """Go through the scales; whatever ends the run, return the best picture."""
        stopped = "finished"
        total = sum(self.recipe.steps)
        try:
            for scale, steps in zip(self.recipe.scales, self.recipe.steps, strict=True):
                self._paint_scale(scale, steps)
        except KeyboardInterrupt:
            stopped = f"interrupted after {len(self.history)} of {total} steps"
            if requested() not in ("", "SIGINT"):
                stopped += f" by {requested()}"
        except StopRun as reason:
            stopped = f"stopped after {len(self.history)} of {total} steps"
            stopped += f": {reason}" if str(reason) else ""
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if self.good is None:
                raise TransferError(
                    f"not enough memory at {scale} pixels; choose a smaller size"
                ) from None
            stopped = f"stopped after {len(self.history)} of {total} steps: out of memory"
        result = self._result(stopped)
        # Who asked a process to end may end it before its caller has saved anything.
        if self.checkpoint is not None or requested() not in ("", "SIGINT"):
            self._save_checkpoint(result)
            result = dataclasses.replace(result, checkpoint=self.checkpoint)
        # A step may rise before it is taken again, shorter; after a change losses start anew.
        judged = len(self.history) >= 3 and not self.recipe.schedule
        if stopped == "finished" and not self.lowered and judged:
            warnings.warn(explain_unchanged(self.now), NSTWarning, stacklevel=3)
        return result

    def _paint_scale(self, scale: int, steps: int) -> None:
        self.here = self.pictures.at(scale)
        x = self._start(self.here)
        content = prepare(self.here.content, self.device)
        regions = moved(self.here.regions, lambda t: prepare(t, self.device), self.device)
        self.best = None
        finer = sum(other > scale for other in self.recipe.scales)
        factor = self.recipe.coarse_content**finer

        def objective_from(picture: Tensor) -> Objective:
            begun = normalize(picture)
            return Objective(self.backbone, self.now, content, regions, begun, factor)

        x = x.to(self.device)
        objective = objective_from(x)
        optimizer = PictureOptimizer(objective, x, self.now, self.rate)
        mean = RunningMean(self.recipe.average)
        for _ in range(steps):
            step = len(self.history)
            if self._follow_schedule(step):
                if not objective.fits(self.now):
                    objective = objective_from(optimizer.picture())
                objective.recipe = self.now
                optimizer = PictureOptimizer(objective, optimizer.picture(), self.now, self.rate)
                self.best, mean = None, RunningMean(self.recipe.average)
            picture, terms = optimizer.step()
            note = ""
            if not math.isfinite(terms[0]):
                note = self._recover(scale, picture.shape)
                picture = self.good
                optimizer = PictureOptimizer(objective, picture, self.now, self.rate)
            elif self.best is None or terms[0] < self.best[0]:
                self.lowered = self.lowered or self.best is not None
                self.best = (terms[0], picture)
                self.good, self.seen = picture, self.here
                defer()
            mean.add(picture, good=not note)
            self._record_step(step, scale, optimizer, terms, picture, note)
            if requested():
                raise KeyboardInterrupt
        if self.recipe.average:
            self.good = mean.value(self.good)

    def _start(self, here: ScalePictures) -> Tensor:
        """Return the picture to begin a scale with, in [0, 1] or near it."""
        if self.good is not None:
            # MPS has no bicubic enlargement of its own.
            last = self.good.cpu() if self.device.type == "mps" else self.good
            return enlarge(last, here, self.recipe)
        return begin(self.recipe, self.pictures.inputs, here.content, self.random)

    def _follow_schedule(self, step: int) -> bool:
        """Adopt what the schedule changes at a step; tell whether anything did."""
        changing = any(when == step for when, _, _ in self.recipe.schedule)
        if not changing and step != self.recipe.finish_begins:
            return False
        before, self.now = self.now, self.recipe.at(step)
        if self.now == before:
            return False
        if (before.pooling, before.padding) != (self.now.pooling, self.now.padding):
            self.backbone = self._load_backbone()
        return True

    def _recover(self, scale: int, shape: torch.Size) -> str:
        """After a non-finite loss: a smaller step from the last good picture, or the end."""
        if self.good is None:
            raise TransferError(
                "the loss is not finite from the start; check the weights file, give smaller alpha "
                "and beta, or use precision=float32"
            )
        self.recoveries += 1
        if self.good.shape != shape:
            raise StopRun(f"the loss is not finite at {scale} pixels")
        if self.recoveries > MAX_RECOVERIES:
            raise StopRun(f"the loss was not finite {self.recoveries} times")
        self.rate /= 2
        return (
            f"the loss was not finite: back to the last good picture, step length x {self.rate:g}"
        )

    def _record_step(
        self,
        step: int,
        scale: int,
        optimizer: PictureOptimizer,
        terms: list[float],
        picture: Tensor,
        note: str,
    ) -> None:
        """Record a step, save now and then, and ask the callback what to do next."""
        record = StepRecord(
            step=step,
            scale=scale,
            total=terms[0],
            content=terms[1],
            style=terms[2],
            tv=terms[3],
            layers=dict(zip(optimizer.objective.terms, terms[4:], strict=True)),
            seconds=time.perf_counter() - self.began,
            note=note,
        )
        self.history.append(record)
        if time.perf_counter() - self.saved_at > SAVE_EVERY:
            self._save_checkpoint()
        if self.on_step is None:
            return
        live = LiveStep(
            record,
            self.recipe,
            self.now,
            lambda: self.here.colored(picture),
            lambda: self.here.colored(optimizer.picture()),
            self._result,
        )
        try:
            wanted = self.on_step(live)
        finally:
            live.close()
        if wanted is not None:
            self.recipe = self.recipe.steered(wanted, step + 1)

    def _save_checkpoint(self, result: Result | None = None) -> None:
        self.saved_at = time.perf_counter()
        try:
            if self.checkpoint is None:
                folder = paths.make_run_folder()
                self.checkpoint = folder / "best.png"
            (result or self._result()).save(self.checkpoint)
        except (OSError, NSTError) as error:
            warnings.warn(
                f"the picture so far could not be saved: {error}", NSTWarning, stacklevel=2
            )
            self.saved_at = float("inf")

    def _result(self, stopped: str = "still running") -> Result:
        if self.good is None:
            raise TransferError("the run was interrupted before it had a picture")
        tensor = self.seen.colored(self.good).detach().cpu().clamp(0, 1)
        seconds = time.perf_counter() - self.began
        return Result(
            tensor=tensor,
            history=list(self.history),
            recipe=self.recipe,
            seconds=seconds,
            stopped=stopped,
            weights_label=self.backbone.weights_label,
            provenance=provenance(
                recipe=self.recipe,
                weights=self.backbone.weights,
                pictures=self.pictures.inputs,
                history=self.history,
                best=self.best[0] if self.best else None,
                stopped=stopped,
                seconds=seconds,
                machine={
                    "device": str(self.device),
                    "precision": str(self.dtype).removeprefix("torch."),
                    "format": explain_precision(self.recipe.precision, self.dtype, self.device),
                    "threads": torch.get_num_threads(),
                },
            ),
            checkpoint=self.checkpoint,
        )
