"""The optimization: a picture moves until the network sees the content in it, and the style.

`stylize` runs a recipe: coarse to fine over its scales, with Adam or L-BFGS, on any device. It
reports every step to a callback, keeps the best picture that it evaluated, survives interruption
and non-finite losses, and never prints or plots.
"""

import dataclasses
import datetime
import hashlib
import math
import os
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional

from .. import paths
from ..errors import NSTError, NSTWarning
from ..images.io import ImageError, fit
from ..images.samples import open_picture
from ..images.tensors import to_pil, to_tensor
from ..networks.backbone import Backbone, load_backbone
from ..networks.device import explain_precision, pick_device, pick_precision
from .config import Recipe
from .fields import RecipeError
from .objective import Objective, prepare
from .optimizers import PictureOptimizer
from .result import Result, StepRecord, provenance

SAVE_EVERY = 60.0
"""Seconds between two saves of the best picture so far below ``data/runs/``."""

MAX_RECOVERIES = 8

LEAST_SIDE = 16
"""Pixels that the short side has at every scale, wins over the recipe's size: VGG19 halves it four
times. A picture that is smaller from the start is refused."""

LONGEST = 20
"""Times that a picture may be longer than it is wide; WikiArt's longest is 12."""


class StopRun(Exception):
    """Raised by an ``on_step`` callback to end the run; the best picture so far is returned."""


class TransferError(NSTError, RuntimeError):
    """A run that cannot go on and has no picture to return."""


OnStep = Callable[[StepRecord], Recipe | None]


def stylize(
    content: Any,
    style: Any,
    recipe: Recipe | None = None,
    *,
    on_step: OnStep | None = None,
) -> Result:
    """Paint the content image in the manner of the style image.

    Parameters
    ----------
    content, style : path, address, sample name, PIL.Image.Image, ndarray or Tensor
        The pictures, of any two sizes; tensors of shape (1, 3, H, W) or (3, H, W) in [0, 1].
    recipe : Recipe, optional
        What to do; ``config.recipe()`` when left out.
    on_step : callable, optional
        Called with a `StepRecord` after every step. It may return a changed recipe, whose
        changes (see `config.STEERABLE`) hold from the next step on, clear the optimizer's
        memory, and join the ``schedule`` of the result's recipe. It may raise `StopRun`.

    Returns
    -------
    Result
        Also after Ctrl-C, an interrupted kernel, or memory that ran out at a fine scale: then
        with the best picture so far, and ``stopped`` says why.

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
    return _Run(content, style, recipe or Recipe(), on_step).paint()


class _Run:
    """The state of one run; `paint` goes through the scales."""

    def __init__(self, content: Any, style: Any, recipe: Recipe, on_step: OnStep | None) -> None:
        self.began = time.perf_counter()
        self.recipe = recipe  # as it will be repeated, its schedule growing
        self.now = recipe.at(0)  # as in effect at this step
        self.on_step = on_step
        # Twice the size keeps Lanczos exact enough, and lets huge JPEGs be decoded reduced.
        bound = 2 * recipe.size
        self.pictures = {"content": _picture(content, bound), "style": _picture(style, bound)}
        if recipe.start not in ("content", "style", "noise"):
            self.pictures["start"] = _picture(recipe.start, bound)
        self.device = pick_device(recipe.device)
        self.dtype = pick_precision(recipe.precision, self.device)
        self.random = torch.Generator().manual_seed(recipe.seed)
        self.backbone = self._load_backbone()
        self.history: list[StepRecord] = []
        # The best picture under the loss in effect, and the last one that was good under any:
        # totals of two scales, or from before and after a change, cannot be compared.
        self.best: tuple[float, Tensor] | None = None
        self.good: Tensor | None = None
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
        except StopRun as reason:
            stopped = f"stopped after {len(self.history)} of {total} steps"
            stopped += f": {reason}" if str(reason) else ""
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            if self.good is None:
                raise TransferError(
                    f"not enough memory at {scale} pixels; choose a smaller size"
                ) from None
            stopped = f"stopped after {len(self.history)} of {total} steps: out of memory"
        result = self._result(stopped)
        if self.checkpoint is not None:
            self._save_checkpoint(result)
        return result

    def _paint_scale(self, scale: int, steps: int) -> None:
        content = to_tensor(fit(self.pictures["content"], scale, enlarge=True, least=LEAST_SIDE))
        style = to_tensor(fit(self.pictures["style"], scale, enlarge=True, least=LEAST_SIDE))
        x = self._start(content)
        content, style = prepare(content, self.device), prepare(style, self.device)
        self.best = None
        objective = Objective(self.backbone, self.now, content, style)
        mover = PictureOptimizer(objective, x.to(self.device), self.now, self.rate)
        for _ in range(steps):
            step = len(self.history)
            if self._steer(self.recipe.at(step)):
                if not objective.fits(self.now):
                    objective = Objective(self.backbone, self.now, content, style)
                objective.recipe = self.now
                mover = PictureOptimizer(objective, mover.picture(), self.now, self.rate)
                self.best = None
            picture, terms = mover.step()
            note = ""
            if not math.isfinite(terms[0]):
                note = self._recover(scale, picture.shape)
                picture = self.good
                mover = PictureOptimizer(objective, picture, self.now, self.rate)
            elif self.best is None or terms[0] < self.best[0]:
                self.best = (terms[0], picture)
                self.good = picture
            self._report(step, scale, mover, terms, picture, note)

    def _start(self, content: Tensor) -> Tensor:
        """Return the picture to begin a scale with, on the CPU, in [0, 1] or near it."""
        shape = content.shape[-2:]
        if self.good is not None:
            return functional.interpolate(
                self.good.cpu(), size=shape, mode="bicubic", antialias=True
            )
        if self.recipe.start == "content":
            x = content.clone()
        elif self.recipe.start == "noise":
            x = torch.rand(content.shape, generator=self.random)
        else:
            # Cropped to the content's proportions rather than stretched.
            picture = self.pictures[self.recipe.start if self.recipe.start == "style" else "start"]
            x = to_tensor(ImageOps.fit(picture, shape[::-1], Image.Resampling.LANCZOS))
        if self.recipe.start_noise:
            noise = torch.randn(x.shape, generator=self.random)
            x = x + self.recipe.start_noise * noise
        return x

    def _steer(self, wanted: Recipe) -> bool:
        """Adopt the recipe in effect at a step; tell whether it changed."""
        if wanted == self.now:
            return False
        network_changed = (wanted.pooling, wanted.padding) != (self.now.pooling, self.now.padding)
        self.now = wanted
        if network_changed:
            self.backbone = self._load_backbone()
        return True

    def _recover(self, scale: int, shape: torch.Size) -> str:
        """After a non-finite loss: a smaller step from the last good picture, or the end."""
        if self.good is None:
            raise TransferError(
                "the loss is not finite from the start; check the weights file, or use "
                "precision=float32"
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

    def _report(
        self,
        step: int,
        scale: int,
        mover: PictureOptimizer,
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
            layers=dict(zip(mover.objective.layers, terms[4:], strict=True)),
            seconds=time.perf_counter() - self.began,
            note=note,
        )
        self.history.append(record)
        if time.perf_counter() - self.saved_at > SAVE_EVERY:
            self._save_checkpoint()
        if self.on_step is None:
            return
        # Made only when asked for, and not to be had once the callback has returned.
        window = [picture, self._result, mover.picture]
        try:
            wanted = self.on_step(dataclasses.replace(record, _window=window))
        finally:
            window.clear()
        if wanted is not None:
            self.recipe = self.recipe.steered(wanted, step + 1)

    def _save_checkpoint(self, result: Result | None = None) -> None:
        self.saved_at = time.perf_counter()
        try:
            if self.checkpoint is None:
                stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
                folder = paths.RUNS / f"{stamp}-{os.getpid()}-{id(self):x}"
                folder.mkdir(parents=True)
                self.checkpoint = folder / "best.png"
            (result or self._result()).save(self.checkpoint)
        except (OSError, ImageError) as error:
            warnings.warn(
                f"the picture so far could not be saved: {error}", NSTWarning, stacklevel=2
            )
            self.saved_at = float("inf")

    def _result(self, stopped: str = "still running") -> Result:
        if self.good is None:
            raise TransferError("the run was interrupted before it had a picture")
        tensor = self.good.detach().cpu().clamp(0, 1)
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
                pictures=self.pictures,
                history=self.history,
                best=self.best[0] if self.best else None,
                stopped=stopped,
                seconds=seconds,
                machine={
                    "device": str(self.device),
                    "precision": str(self.dtype).removeprefix("torch."),
                    "format": explain_precision(self.recipe.precision, self.dtype, self.device),
                },
            ),
            checkpoint=self.checkpoint,
        )


def _picture(source: Any, bound: int) -> Image.Image:
    """Open what the caller gave as an RGB picture that is large enough and not too long."""
    if isinstance(source, Tensor):
        source = source.detach().float()
        if not source.numel() or not (source.min() >= 0 and source.max() <= 1):
            raise ImageError("expected a tensor with values in [0, 1]; divide by the maximum")
        image = to_pil(source)
        digest = hashlib.sha256(source.cpu().numpy().tobytes()).hexdigest()
        image.info = {"source": "tensor", "sha256": digest}
    else:
        image = open_picture(source, bound)
    short, long = sorted(image.size)
    if short < LEAST_SIDE and long < bound:
        raise ImageError(
            f"{image.info['source']}: only {image.width} x {image.height} pixels; "
            f"at least {LEAST_SIDE} x {LEAST_SIDE} are needed"
        )
    if long > LONGEST * short:
        raise ImageError(
            f"{image.info['source']}: {long / short:.0f} times longer than wide; "
            f"at most {LONGEST} times can be painted, cut a part out"
        )
    return image


def _is_out_of_memory(error: Exception) -> bool:
    """Recognize memory that ran out: Linux, Windows, CUDA and its libraries each say it apart."""
    text = str(error).lower()
    phrases = ("out of memory", "allocate memory", "not enough memory", "alloc_failed")
    return isinstance(error, MemoryError) or any(phrase in text for phrase in phrases)
