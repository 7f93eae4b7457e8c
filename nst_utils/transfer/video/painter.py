"""Frame after frame: each begins with the last painting, warped by the motion of the film.

The network is loaded and the style is learned once. While a frame is painted, another thread reads
the next one and finds its motion. L-BFGS forgets what it knew at each frame.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...errors import brief
from ...images.clips import Frame
from ...images.inputs import InputPicture
from ...images.mask_forms import MaskError
from ...images.tensors import normalize, to_pil, to_tensor
from ...parallel import ahead
from ..coloring import SceneColors
from ..config import STEERABLE, Recipe
from ..feedforward.network_file import StyleNetwork
from ..fields import RecipeError
from ..losses.temporal import FrameDifference, Temporal
from ..pictures import RunPictures
from ..result import LiveStep, Result
from ..run import Shared, paint_frame
from .flow import CUT_COLORS, Motion, common_colors, is_cut, motion, warp

BACK = (1, 2, 4)
"""Frames back that a painting is compared with."""


@dataclass(frozen=True)
class Stillness:
    """How flicker between frames is reduced.

    Attributes
    ----------
    steps : int
        Steps of a frame that follows another one of its scene.
    temporal : float
        Weight of `losses.temporal.Temporal`.
    difference : float
        Weight of `losses.temporal.FrameDifference`.
    warped : bool
        Whether a frame begins with the last painting, warped; otherwise with the photo.
    """

    steps: int = 12
    temporal: float = 200.0
    difference: float = 0.0
    warped: bool = True

    def __post_init__(self) -> None:
        whole = isinstance(self.steps, int) and not isinstance(self.steps, bool)
        if not whole or not 1 <= self.steps <= 10_000:
            raise RecipeError(f"steps of a frame must be 1 to 10,000, not {brief(self.steps)}")
        for name in ("temporal", "difference"):
            weight = getattr(self, name)
            if not isinstance(weight, int | float) or not 0 <= weight <= 1e12:
                raise RecipeError(f"{name} must be a number from 0 to 1e12, not {brief(weight)}")
        if not isinstance(self.warped, bool):
            raise RecipeError(f"warped must be true or false, not {brief(self.warped)}")


Changes = Sequence[tuple[float, str, Any]]
"""Changes of a film's recipe: second, field and value each."""


def recipe_at(recipe: Recipe, changes: Changes, seconds: float) -> Recipe:
    """Return the recipe at a time of the film; between two changes numbers move evenly.

    Examples
    --------
    >>> changes = [(0, "beta", 1.0), (2, "beta", 9.0)]
    >>> [recipe_at(Recipe(), changes, second).beta for second in (0, 1, 5)]
    [1.0, 5.0, 9.0]
    """
    now = {}
    for name in dict.fromkeys(name for _, name, _ in changes):
        mine = sorted((s, value) for s, other, value in changes if other == name)
        before = [entry for entry in mine if entry[0] <= seconds]
        after = [entry for entry in mine if entry[0] > seconds]
        if not before:
            continue
        (start, value), *_ = reversed(before)
        if after and isinstance(value, int | float):
            end, goal = after[0]
            value = value + (goal - value) * (seconds - start) / (end - start)
        now[name] = value
    return dataclasses.replace(recipe, **now) if now else recipe


def checked_changes(recipe: Recipe, changes: Any) -> Changes:
    """Return the changes of a film's recipe in order of time, each checked.

    Raises
    ------
    RecipeError
        If an entry is not (second, field, value), names a field that cannot change, or has a value
        out of range.
    UnknownNameError
        If a value is not among the field's choices, or names a layer that does not exist.
    """
    wanted = "a film's schedule is a list of [second, field, value]"
    if not isinstance(changes, list | tuple) or len(changes) > 1000:
        raise RecipeError(f"{wanted}, not {brief(changes)}")
    checked = []
    for entry in changes:
        good = isinstance(entry, list | tuple) and len(entry) == 3
        if not good or not isinstance(entry[0], int | float) or not 0 <= entry[0] <= 1e6:
            raise RecipeError(f"{wanted}; one entry is {brief(entry)}")
        second, name, value = entry
        if name not in STEERABLE:
            raise RecipeError(
                f"{brief(name)} cannot change during a film; only {', '.join(STEERABLE)} can"
            )
        changed = dataclasses.replace(recipe, schedule=(), **{name: value})
        checked.append((second, name, getattr(changed, name)))
    return sorted(checked, key=lambda entry: entry[0])


class Kept(Protocol):
    """Where paintings are kept: those of earlier frames are asked for."""

    def has(self, index: int) -> bool:
        """Tell whether a frame is done."""

    def raw(self, index: int) -> Tensor:
        """Return a painting before it was colored, (1, 3, h, w) in [0, 1]."""

    def picture(self, index: int) -> Image.Image:
        """Return a painting."""

    def save(
        self,
        index: int,
        image: Image.Image,
        raw: Tensor | None,
        needed: Sequence[int],
        record: Mapping[str, Any] | None,
    ) -> None:
        """Keep a frame; of the raw ones only those `needed` are asked for again."""


@dataclass
class Moving:
    """A frame with its motion: what is prepared while the last one is painted.

    Attributes
    ----------
    frame : Frame
    scene : int
        Index of its scene's first frame.
    photo : PIL.Image.Image
        That frame.
    moves : dict of int to Motion
        By how many frames back.
    last : PIL.Image.Image or None
        The frame before it in its scene.
    """

    frame: Frame
    scene: int
    photo: Image.Image
    moves: dict[int, Motion] = field(default_factory=dict)
    last: Image.Image | None = None


def scenes(frames: Iterable[Frame]) -> Iterator[tuple[Frame, Image.Image]]:
    """Yield frames with the first frame of their scene; motion is found only where it is needed."""
    photo = before = None
    for frame in frames:
        now = np.asarray(frame.image)
        unlike = before is not None and common_colors(now, before) < CUT_COLORS
        if photo is None or (unlike and is_cut(now, before, motion(now, before))):
            photo = frame.image
        before = now
        yield frame, photo


def with_motion(frames: Iterable[Frame], done: Callable[[int], bool]) -> Iterator[Moving]:
    """Yield frames with their scene and motion; of frames that are done only what tells a cut."""
    scene, photo, seen = 0, None, {}
    for frame in frames:
        now, moves, last = np.asarray(frame.image), {}, None
        if photo is None:
            photo = frame.image
        elif not frame.damaged:
            before = seen[frame.index - 1]
            move = motion(now, before)
            if is_cut(now, before, move):
                scene, photo, seen = frame.index, frame.image, {}
            else:
                moves, last = {1: move}, Image.fromarray(before)
        if moves and not done(frame.index):
            further = [back for back in BACK[1:] if frame.index - back in seen]
            moves |= {back: motion(now, seen[frame.index - back]) for back in further}
        seen[frame.index] = now
        seen.pop(frame.index - max(BACK), None)
        yield Moving(frame, scene, photo, moves, last)


class NetworkPainter:
    """Paints the frames of a film by a network, each in one pass.

    Parameters
    ----------
    network : StyleNetwork
    kept : Kept
    """

    def __init__(self, network: StyleNetwork, kept: Kept) -> None:
        self.network, self.kept = network, kept

    def paint(self, frames: Iterable[Frame], on_step: Any = None) -> Iterator[tuple[Frame, None]]:
        """Paint what is not kept yet, and yield each frame."""
        for frame, photo in ahead(scenes(frames)):
            if not self.kept.has(frame.index):
                painted = self.network.paint(to_tensor(frame.image), to_tensor(photo))
                self.kept.save(frame.index, to_pil(painted), None, (), None)
            yield frame, None


class Painter:
    """Paints the frames of a film.

    Parameters
    ----------
    styles : sequence of InputPicture
    recipe : Recipe
        Of the first frame of each scene; the others take `Stillness.steps` at its last scale.
    still : Stillness
    kept : Kept
    masks : mapping of str to picture, optional
        As for `run.stylize`; the same in all frames.
    changes : Changes
        Of the recipe, in seconds; see `recipe_at`.
    """

    def __init__(
        self,
        styles: Sequence[InputPicture],
        recipe: Recipe,
        still: Stillness,
        kept: Kept,
        masks: Mapping[str, Any] | None = None,
        changes: Changes = (),
    ) -> None:
        self.styles, self.recipe, self.still, self.kept = list(styles), recipe, still, kept
        self.masks, self.changes = masks, changes
        self.shared = Shared()
        self._last: RunPictures | None = None
        self.temporal = Temporal(still.temporal)
        self.difference = FrameDifference(still.difference, recipe.content_layer)

    def paint(
        self, frames: Iterable[Frame], on_step: Callable[[LiveStep], Any] | None = None
    ) -> Iterator[tuple[Frame, Result | None]]:
        """Paint what is not kept yet; yield each frame, with its result if it was painted.

        A result that is not ``"finished"`` was interrupted: it is not kept, and is the last one.
        """
        for moving in ahead(with_motion(frames, self.kept.has)):
            frame = moving.frame
            if self.kept.has(frame.index):
                yield frame, None
                continue
            result = None
            if not frame.damaged:
                result, raw = self.paint_one(moving, on_step)
                if result.stopped != "finished":
                    yield frame, result
                    return
                image = result.image
            else:  # the painting before it stands in
                raw, image = self.kept.raw(frame.index - 1), self.kept.picture(frame.index - 1)
            needed = [moving.scene, *(frame.index + 1 - back for back in BACK)]
            record = None if result is None else result.provenance
            self.kept.save(frame.index, image, raw, needed, record)
            yield frame, result

    def paint_alone(self, frame: Frame, on_step: Callable[[LiveStep], Any] | None = None) -> Result:
        """Paint a frame as if it were the only one."""
        return self.paint_one(Moving(frame, frame.index, frame.image), on_step)[0]

    def paint_one(
        self, moving: Moving, on_step: Callable[[LiveStep], Any] | None = None
    ) -> tuple[Result, Tensor]:
        """Paint a frame; return its result, and the painting before it was colored."""
        frame = moving.frame
        recipe = recipe_at(self.recipe, self.changes, float(frame.time))
        if moving.moves:
            steps = dict(scales=(recipe.size,), steps=(self.still.steps,), schedule=())
            recipe = dataclasses.replace(recipe, **steps)
        pictures = self._pictures(frame.index, frame.image, recipe, moving)
        photo = to_tensor(moving.photo)
        pictures.scene = SceneColors(photo)
        self.temporal.follow(())
        self.difference.follow(None, None)
        if moving.moves:
            pictures.scene = SceneColors(photo, self.kept.raw(moving.scene))
            self._follow(moving, pictures)
        terms = [term for term in (self.temporal, self.difference) if term.weight]
        return paint_frame(pictures, terms, self.shared, on_step)

    def _pictures(
        self, index: int, image: Image.Image, recipe: Recipe, moving: Moving | None = None
    ) -> RunPictures:
        """Return a frame's pictures; where a mask finds nothing, with the masks of the last one."""
        digest = hashlib.sha256(image.tobytes()).hexdigest()  # faces are remembered by it
        content = InputPicture(image, f"frame {index}", digest)
        try:
            self._last = RunPictures(content, self.styles, recipe, self.masks)
        except MaskError:
            if self._last is None and moving is not None and moving.scene != index:
                self._last = self._pictures(moving.scene, moving.photo, recipe)
            if self._last is None:
                raise
            self._last = self._last.with_content(content, recipe)
        return self._last

    def _follow(self, moving: Moving, pictures: RunPictures) -> None:
        """Begin with the last painting, warped, and compare with earlier ones."""
        index, content = moving.frame.index, pictures.at(self.recipe.size).content
        earlier = []
        for back, move in moving.moves.items():
            # Without single pixels: each would stay in the painting as a dot of the photo.
            seen = torch.from_numpy(cv2.medianBlur(move.seen, 3))[None, None]
            earlier.append((warped(self.kept.raw(index - back), move), seen))
        if self.still.warped:
            last, seen = earlier[0]
            # What was hidden begins with the photo.
            start = torch.where(seen > 0, last, content)
            pictures.inputs["start"] = InputPicture(start, "the last painting", "")
            pictures.recipe = dataclasses.replace(pictures.recipe, start="given")
        self.temporal.follow([(normalize(picture), seen) for picture, seen in earlier])
        if self.difference.weight:
            self._follow_differences(moving, pictures)

    def _follow_differences(self, moving: Moving, pictures: RunPictures) -> None:
        """Show the last painting and the film's last frame to the frame difference."""
        last = dataclasses.replace(pictures.recipe, start="content")
        before = pictures.with_content(InputPicture(moving.last, "the last frame", ""), last)
        film = normalize(before.at(self.recipe.size).content)
        painting = normalize(self.kept.raw(moving.frame.index - 1))
        network = self.shared.network(pictures.recipe)
        with torch.no_grad():
            pair = [(network.extract(x, self.difference.layers), x) for x in (painting, film)]
        self.difference.follow(*pair)


def warped(picture: Tensor, move: Motion) -> Tensor:
    """Return an earlier painting, (1, 3, h, w) in [0, 1], where the motion leads."""
    # A painting is warped again with each frame: bicubic weights would blur it.
    array = warp(picture[0].permute(1, 2, 0).numpy(), move.flow, cv2.INTER_LANCZOS4)
    return torch.from_numpy(array).permute(2, 0, 1)[None].contiguous().clamp(0, 1)
