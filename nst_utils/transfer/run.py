"""The optimization: a picture moves until the network sees the content in it, and the style.

`stylize` runs a recipe, coarse to fine over its scales. It reports every step to a callback, keeps
the best picture that it evaluated, saves its state now and then, and survives interruption and
losses that are not finite. `resume` goes on from a saved state. Neither prints or plots.
"""

import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .. import __version__
from ..errors import NSTError, NSTWarning, brief, ignoring, one_line
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
from .config import Recipe, check_recipe
from .descent import Descent
from .fields import RecipeError
from .losses.term import Term, checked_terms, under, weights_of
from .memory import check_plan, make_plan, room
from .objective import Objective
from .optimizers import OPTIMIZERS, RunningMean
from .pictures import RunPictures, ScalePictures
from .regions import Region
from .result import LiveStep, Result, StepRecord, provenance
from .start import begin, enlarge
from .state import Checkpoint, CheckpointError, Keeper, RunState, code_version, load_checkpoint
from .style import Style, active_layers
from .tiles import check_tile, margin_of

SAVE_EVERY = 60.0
"""Seconds between two saves of the state."""

WORTH_SAVING = 10.0
"""Seconds after which a run that Ctrl-C ends saves its state."""

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
    start: Any = None,
    terms: Sequence[Term] = (),
    on_step: OnStep | None = None,
    checkpoint: Any = None,
    checkpoint_every: float = SAVE_EVERY,
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
        Masks by the names that the recipe gives them: white or 1 is covered. A name that is not
        here is a file.
    start : optional
        The picture to start from, in any form that `content` takes; the recipe's ``start`` becomes
        ``"given"``. A tensor is taken as it is, without rounding to 8 bits.
    terms : sequence of Term
        Losses of your own, objects as `losses.term.Term` describes them, with their weights.
    on_step : callable, optional
        Called with a `LiveStep` after every step. It may return a changed recipe, made from the one
        in effect: ``live.in_effect.replace(beta=50)``. Its changes (see `config.STEERABLE`) hold
        from the next step on, clear the optimizer's memory, and join the ``schedule`` of the
        result's recipe. It may raise `StopRun`.
    checkpoint : path, optional
        File in which the run saves its state, from the first step on; see `resume`. When left out,
        a run that takes long saves it below ``data/runs`` and removes it when it has finished.
    checkpoint_every : float
        Seconds between two saves.

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
        If `recipe` is no Recipe, if it does not fit the number of styles, if `masks`, `terms`,
        `start` or `checkpoint` are not as described above, or if `on_step` changes a field that
        cannot change during a run.
    UnknownNameError
        If this machine does not have the recipe's device.
    MaskError
        If a mask is not valid or covers nothing, or a region asks for faces and there are none.
    TransferError
        If there is no picture to return: the first loss is not finite, or the memory ran out.
    NSTError
        If the size cannot fit into the memory. It is raised before anything is computed.

    References
    ----------
    Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR
    2016. Coarse to fine: Gatys et al., "Controlling Perceptual Factors in Neural Style
    Transfer", CVPR 2017.
    """
    if recipe is not None:
        check_recipe(recipe)
    with own_settings(), watching_signals():
        recipe = recipe or Recipe()
        if start is not None:
            recipe = recipe.replace(start="given")
        pictures = RunPictures(content, style, recipe, masks, start)
        random = torch.Generator().manual_seed(recipe.seed)
        state = RunState(pictures.recipe, random.get_state())
        keeper = Keeper(checkpoint, checkpoint_every)
        return _Run(pictures, state, checked_terms(terms), on_step, keeper).paint()


def resume(
    path: Any,
    *,
    content: Any = None,
    style: Any = None,
    terms: Sequence[Term] = (),
    on_step: OnStep | None = None,
    checkpoint_every: float = SAVE_EVERY,
) -> Result:
    """Go on with a run from its checkpoint.

    On the same machine, with as many threads, it ends with exactly the picture of a run that was
    never interrupted.

    Parameters
    ----------
    path : path
        The checkpoint. The run goes on saving its state there.
    content, style : optional
        The pictures, to make sure that they are the run's; the checkpoint holds its own copies.
    terms, on_step, checkpoint_every
        As for `stylize`; the same terms as there.

    Raises
    ------
    CheckpointError
        If the file is missing or damaged, or the run was made with other pictures, weights, terms,
        versions, device or number format.
    TransferError, NSTError
        As for `stylize`.
    """
    with own_settings(), watching_signals():
        kept = load_checkpoint(path)
        own = checked_terms(terms)
        kept.check_inputs(content, style, weights_of(own))
        masks = {form: kept.pictures[role] for form, role in kept.masks.items()}
        start = kept.pictures.get("start")
        pictures = RunPictures(
            kept.pictures["content"], kept.styles, kept.state.recipe, masks, start
        )
        taken = len(kept.state.history)
        try:
            run = _Run(pictures, kept.state, own, on_step, Keeper(kept.path, checkpoint_every))
            kept.check_made(run.made())
            return run.paint()
        except NSTError:
            raise
        except Exception as error:  # a state that somebody made up may lack anything
            if len(kept.state.history) > taken:
                raise
            raise CheckpointError(
                f"{kept.path}: the state does not fit its own recipe ({one_line(error, 120)}); "
                "start the run again"
            ) from error


class Shared:
    """What the runs of one film share: the network, and what was learned of the styles."""

    def __init__(self) -> None:
        self.networks: dict[tuple[str, ...], Backbone] = {}
        self.styles: list[tuple[int, Style]] = []

    def network(self, recipe: Recipe) -> Backbone:
        """Return a recipe's network on its device and in its number format, loaded once."""
        key = (recipe.pooling, recipe.padding)
        if key not in self.networks:
            network = load_backbone(
                recipe.backbone, recipe.weights, pooling=recipe.pooling, padding=recipe.padding
            )
            device = pick_device(recipe.device)
            self.networks[key] = network.to(device, pick_precision(recipe.precision, device))
        return self.networks[key]

    def style(
        self,
        scale: int,
        backbone: Backbone,
        recipe: Recipe,
        regions: Sequence[Region],
        own: Sequence[Term],
        tile: int = 0,
    ) -> Style:
        """Return the style at a scale, learned once."""
        for known, style in self.styles:
            if known == scale and style.fits(recipe):
                return style.placed(recipe, regions, own)
        style = Style(backbone, recipe, regions, (), tile)
        self.styles.append((scale, style))
        return style.placed(recipe, regions, own)


def paint_frame(
    pictures: RunPictures, terms: Sequence[Term], shared: Shared, on_step: OnStep | None = None
) -> tuple[Result, Tensor]:
    """Paint one frame of a film.

    Parameters
    ----------
    pictures : RunPictures
        With the recipe of this frame.
    terms : sequence of Term
        Losses between frames; they do not learn the style.
    shared : Shared
        The same one for all frames.
    on_step : callable, optional
        As for `stylize`.

    Returns
    -------
    result : Result
        As from `stylize`.
    raw : Tensor, shape (1, 3, H, W)
        The painting before it was colored: what the next frame begins with.
    """
    with own_settings(), ignoring(NSTWarning):
        # A frame may be no better than the warped one before it.
        random = torch.Generator().manual_seed(pictures.recipe.seed)
        state = RunState(pictures.recipe, random.get_state())
        run = _Run(pictures, state, terms, on_step, Keeper(None, math.inf), shared)
        return run.paint(), state.good.detach().cpu()


class _Run:
    """One run; `paint` goes through the scales."""

    def __init__(
        self,
        pictures: RunPictures,
        state: RunState,
        own: Sequence[Term],
        on_step: OnStep | None,
        keeper: Keeper,
        shared: Shared | None = None,
    ) -> None:
        self.shared = shared
        self.began = time.perf_counter() - state.seconds
        self.pictures, self.state, self.own = pictures, state, own
        if not callable(on_step) and on_step is not None:
            raise RecipeError(f"on_step must be a function, not {brief(on_step)}")
        self.on_step, self.keeper = on_step, keeper
        recipe = state.recipe
        self.now = recipe.at(max(0, len(state.history) - 1))  # the recipe in effect
        self.device = pick_device(recipe.device)
        self.dtype = pick_precision(recipe.precision, self.device)
        self.random = torch.Generator()
        self.random.set_state(state.random)
        self.backbone = (shared or Shared()).network(self.now)
        self.here: ScalePictures | None = None  # the pictures at this scale
        self.seen: ScalePictures | None = None  # those that the good picture was painted from
        self.descent: Descent | None = None
        self.between = True  # between two steps
        if state.good is not None:
            state.good = state.good.to(self.device)
            self.seen = pictures.at(recipe.scales[state.good_place])

    def paint(self) -> Result:
        """Go through the scales; whatever ends the run, return the best picture."""
        state = self.state
        stopped, recipe, total = "finished", state.recipe, sum(state.recipe.steps)
        scale = recipe.scales[state.place]
        try:
            for scale in recipe.scales[state.place :]:
                self._paint_scale(scale, recipe.steps[state.place])
                if state.place + 1 < len(recipe.scales):
                    state.place, state.taken = state.place + 1, 0
        except KeyboardInterrupt:
            stopped = f"interrupted after {len(state.history)} of {total} steps"
            if requested() not in ("", "SIGINT"):
                stopped += f" by {requested()}"
        except StopRun as reason:
            stopped = f"stopped after {len(state.history)} of {total} steps"
            stopped += f": {reason}" if str(reason) else ""
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if state.good is None:
                raise TransferError(
                    f"not enough memory at {scale} pixels; choose a smaller size"
                ) from None
            stopped = f"stopped after {len(state.history)} of {total} steps: out of memory"
        self._end(stopped)
        self.descent = None  # of a large picture gigabytes, before its colors take some
        return self._result(stopped)

    def _end(self, stopped: str) -> None:
        """Keep the state of a run that was interrupted; warn of one that changed nothing."""
        state = self.state
        if stopped == "finished":
            self.keeper.remove()
        # Whoever sent SIGTERM may kill the process before its caller has saved anything.
        long = self._seconds() > WORTH_SAVING or requested() != "SIGINT"
        asked = self.shared is None and bool(requested()) and long
        if self.keeper.path is not None or asked:
            self._save()
        # A step may rise before it is taken again, shorter; after a change losses start anew.
        judged = len(state.history) >= 3 and not state.recipe.schedule
        if stopped == "finished" and not state.lowered and judged:
            warnings.warn(_explain_unchanged(self.now), NSTWarning, stacklevel=4)

    def _paint_scale(self, scale: int, steps: int) -> None:
        state = self.state
        mean = RunningMean(state.recipe.average)
        mean.sum, mean.weight = state.mean_sum, state.mean_weight
        if state.taken < steps:
            self._begin_scale(scale)
            if not state.taken:
                mean = RunningMean(state.recipe.average)
        for _ in range(state.taken, steps):
            step = len(state.history)
            if self._follow_schedule(step):
                self._turn()
                mean = RunningMean(state.recipe.average)
            self.between = False
            picture, total, terms = self.descent.step()
            note, weights = "", self.descent.objective.weights
            if not math.isfinite(total):
                note = self._recover(scale, picture.shape, terms)
                picture = state.good
                self.descent = self._descent(picture)
            else:
                self._judge(picture, total)
                mean.add(picture)
            state.mean_sum, state.mean_weight = mean.sum, mean.weight
            state.taken += 1
            record = StepRecord(step, scale, total, terms, weights, self._seconds(), note)
            self._record_step(record, picture)
            if requested():
                raise KeyboardInterrupt
        if state.recipe.average:
            state.good = mean.value(state.good)

    def _begin_scale(self, scale: int) -> None:
        """Make objective and optimizer of a scale, or take them up where its state was saved."""
        state = self.state
        self.here = self.pictures.at(scale)
        moving, state.moving = state.moving, {}
        x = self.here.content if moving else self._start(self.here)
        x = x.to(self.device)
        if moving:
            check_plan(state.plan, state.recipe, x[0, 0].numel())
        else:
            self._plan()
        self.descent = Descent(self._objective(x, moving), x, self.now, state.rate, state.plan)
        if moving:
            self.descent.load_state_dict(moving)
        else:
            state.best = None

    def _objective(self, picture: Tensor, moving: Mapping[str, Tensor] | None = None) -> Objective:
        """Learn styles and content at this scale, under the recipe in effect."""
        here, state = self.here, self.state
        regions = [region.prepared(self.device) for region in here.regions]
        finer = len(state.recipe.scales) - 1 - state.place
        if self.shared is None:
            style = Style(self.backbone, self.now, regions, self.own, state.tile)
        else:
            scale = max(here.content.shape[-2:])
            learned = self.backbone, self.now, regions, self.own
            style = self.shared.style(scale, *learned, state.tile)
        return Objective(
            style,
            normalize(here.content.to(self.device)),
            normalize(picture),
            state.recipe.coarse_content**finer,
            None if here.weights is None else here.weights.to(self.device),
            under("term/", moving) if moving else None,
        )

    def _plan(self) -> None:
        """Decide how the scale is painted in the memory that is free now."""
        layers = [*active_layers(self.now), self.now.content_layer]
        form = str(self.dtype).removeprefix("torch.")
        margin = margin_of(self.backbone, layers)
        plan = make_plan(
            self.state.recipe,
            self.here.content[0, 0].numel(),
            room(self.device),
            form,
            margin,
            self.state.recipe.steps[self.state.place],
        )
        if plan.tile < self.state.recipe.size:
            check_tile(plan.tile, margin)
        self.state.tile, self.state.pairs, self.state.narrow = plan.tile, plan.pairs, plan.narrow

    def _descent(self, picture: Tensor) -> Descent:
        """Begin the optimizer anew, under the same objective."""
        state = self.state
        return Descent(self.descent.objective, picture, self.now, state.rate, state.plan)

    def _turn(self) -> None:
        """Go on under the recipe that is in effect now."""
        picture, objective = self.descent.picture(), self.descent.objective
        if not objective.style.fits(self.now):
            self.descent.objective = objective = self._objective(picture)
        objective.recipe = self.now
        self.descent, self.state.best = self._descent(picture), None

    def _start(self, here: ScalePictures) -> Tensor:
        """Return the picture to begin a scale with, in [0, 1] or near it."""
        state = self.state
        if state.good is not None:
            # MPS has no bicubic enlargement of its own.
            last = state.good.cpu() if self.device.type == "mps" else state.good
            return enlarge(last, here, state.recipe)
        return begin(state.recipe, self.pictures.inputs, here.content, self.random)

    def _follow_schedule(self, step: int) -> bool:
        """Adopt what the schedule changes at a step; tell whether anything did."""
        recipe = self.state.recipe
        changing = any(when == step for when, _, _ in recipe.schedule)
        if not changing and step not in (recipe.finish_begins, recipe.texture_begins):
            return False
        before, self.now = self.now, recipe.at(step)
        if self.now == before:
            return False
        if (before.pooling, before.padding) != (self.now.pooling, self.now.padding):
            self.backbone = (self.shared or Shared()).network(self.now)
        return True

    def _judge(self, picture: Tensor, total: float) -> None:
        """Keep a picture that is the best so far."""
        state = self.state
        if state.best is not None and total >= state.best:
            return
        state.lowered = state.lowered or state.best is not None
        state.best, state.good, state.good_place = total, picture, state.place
        self.seen = self.here
        defer()

    def _recover(self, scale: int, shape: torch.Size, terms: dict[str, float]) -> str:
        """After a non-finite loss: a smaller step from the last good picture, or the end."""
        state = self.state
        if state.good is None:
            broken = ", ".join(name for name, value in terms.items() if not math.isfinite(value))
            raise TransferError(
                f"the loss is not finite from the start ({broken or 'the sum'}); check the weights "
                "file and terms of your own, give smaller alpha and beta, or use precision=float32"
            )
        state.recoveries += 1
        if state.good.shape != shape:
            raise StopRun(f"the loss is not finite at {scale} pixels")
        if state.recoveries > MAX_RECOVERIES:
            raise StopRun(f"the loss was not finite {state.recoveries} times")
        state.rate /= 2
        return (
            f"the loss was not finite: back to the last good picture, step length x {state.rate:g}"
        )

    def _record_step(self, record: StepRecord, picture: Tensor) -> None:
        """Record a step, ask the callback what to do next, and save the state now and then."""
        state = self.state
        state.history.append(record)
        self.between = True
        if self.on_step is not None:
            descent, here = self.descent, self.here
            live = LiveStep(
                record,
                state.recipe,
                self.now,
                lambda: here.colored(picture),
                lambda: here.colored(descent.picture()),
                self._result,
            )
            try:
                wanted = self.on_step(live)
            finally:
                live.close()
            if wanted is not None:
                wanted = self.pictures.public(wanted) if isinstance(wanted, Recipe) else wanted
                state.recipe = state.recipe.steered(wanted, record.step + 1)
        if self.keeper.due():
            self._save()

    def _save(self) -> None:
        """Save the state, unless a step was cut through: then what was saved before stands."""
        state = self.state
        if not self.between:
            return
        steps = state.recipe.steps[state.place]
        going = self.descent is not None and 0 < state.taken < steps
        pictures = self.pictures
        roles = {id(picture): role for role, picture in pictures.inputs.items()}
        masks = {form: roles[id(p)] for form, p in pictures.masks.items() if id(p) in roles}
        own = weights_of(self.own)

        def write(path: Path) -> None:
            now = dataclasses.replace(
                state,
                moving=self.descent.state_dict() if going else {},
                random=self.random.get_state(),
                seconds=self._seconds(),
            )
            Checkpoint(path, now, pictures.inputs, masks, own, self.made()).save()

        self.keeper.save(write)

    def _seconds(self) -> float:
        return time.perf_counter() - self.began

    def _machine(self) -> dict[str, Any]:
        return {
            "device": str(self.device),
            "precision": str(self.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
        }

    def made(self) -> dict[str, Any]:
        """Return what the run is made with: what must be the same where it goes on."""
        return {
            "weights": f"{self.backbone.weights_label}, {self.backbone.weights.sha256[:16]}",
            **self._machine(),
            "nst_utils": f"{__version__} ({code_version()})",
            "torch": torch.__version__,
        }

    def _result(self, stopped: str = "still running") -> Result:
        state = self.state
        if state.good is None:
            raise TransferError("the run was interrupted before it had a picture")
        tensor = self.seen.colored(state.good).detach().cpu().clamp(0, 1)
        seconds = self._seconds()
        return Result(
            tensor=tensor,
            history=list(state.history),
            recipe=state.recipe,
            seconds=seconds,
            stopped=stopped,
            weights_label=self.backbone.weights_label,
            provenance=provenance(
                recipe=state.recipe,
                weights=self.backbone.weights,
                pictures=self.pictures.inputs,
                history=state.history,
                best=state.best,
                stopped=stopped,
                seconds=seconds,
                machine=self._machine()
                | ({"tile": state.tile} if state.tile else {})
                | {"format": explain_precision(state.recipe.precision, self.dtype, self.device)},
                own_terms=weights_of(self.own),
            ),
            checkpoint=self.keeper.path,
        )


def _explain_unchanged(recipe: Recipe) -> str:
    """Say that no step was better than the picture that its scale began with, and what may help."""
    usual = " to ".join(f"{rate:g}" for rate in sorted({*OPTIMIZERS[recipe.optimizer].rates}))
    return (
        "no step lowered the loss, the picture is the start image unchanged: the step length "
        f"is probably too long, set learning_rate below {recipe.learning_rate:g} (usual with "
        f"{recipe.optimizer}: {usual}), or the style weighs too "
        "little, raise beta"
    )
