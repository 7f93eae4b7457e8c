"""A film painted: frames are kept as they are done, so that the same call goes on.

The frames lie in a folder below ``data/runs/film`` that is named by all that decides them: clip,
styles, masks, weights, recipe and code. When the film is written they are removed.
`repeat_film` paints a film again from the record inside it, `paint_ways` a clip in several ways,
measured alike.
"""

import contextlib
import hashlib
import itertools
import json
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from .. import __version__, paths
from ..download import sha256
from ..errors import NSTError, NSTWarning, brief, counted, one_line
from ..images.clip_files import check_clip_output, kind_of_output, warn_of_silence, write_clip
from ..images.clips import Clip, ClipError, Frame, open_clip
from ..images.inputs import LEAST_SIDE, InputPicture
from ..images.io import read_image
from ..images.masks import as_mask_picture
from ..images.png import check_lost, holds_finished, read_provenance, save_png
from ..images.tensors import to_tensor
from ..networks.weights import find_weights
from ..parallel import bar_options
from ..paths import alone_with, make_folder, make_run_folder, public_name, replacing, utc_now
from ..signals import requested, watching_signals
from ..transfer.config import Recipe
from ..transfer.feedforward.network_file import network_of
from ..transfer.fields import STARTS, RecipeError
from ..transfer.memory import check_memory
from ..transfer.pictures import mask_files, style_bound
from ..transfer.presets import recipe as named_recipe
from ..transfer.result import LiveStep
from ..transfer.run import stylize
from ..transfer.state import code_version
from ..transfer.video.painter import Changes, NetworkPainter, Painter, Stillness, checked_changes
from ..transfer.video.sample import NAME, sample_clip
from ..untrusted import DataError, check_schema
from .batch import run_key
from .film_measures import Flicker, flicker, style_gap
from .reproduce import ROLE, RepeatError, changed_since, find_input, read_record, with_weights

SIZE = 384
"""Long side of a film where no recipe says another one, pixels."""

MANY = 1000
"""Above this number of frames a warning says that the film takes hours."""


class FilmError(NSTError, RuntimeError):
    """A film that cannot go on; what was painted stays."""


@dataclass(frozen=True)
class Film:
    """A painted film.

    Attributes
    ----------
    path : Path
        The file, or the folder of frames.
    frames : int
        How many are painted.
    stopped : str
        ``"finished"``, or why it ended earlier; the same call goes on.
    record : dict
        What the file says of how it was made, its measures among it.
    """

    path: Path
    frames: int
    stopped: str
    record: dict[str, Any]


class KeptFrames:
    """The frames of a film that are done, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._raw = {int(p.stem) for p in folder.glob("*.npy") if p.stem.isdecimal()}

    def _place(self, index: int, suffix: str = ".png") -> Path:
        return self.folder / f"{index:06}{suffix}"

    def has(self, index: int) -> bool:
        """Tell whether a frame is done: its picture is written last, whole or not at all."""
        return self._place(index).is_file()

    def picture(self, index: int) -> Image.Image:
        """Return a painting."""
        return read_image(self._place(index))

    def raw(self, index: int) -> Tensor:
        """Return a painting before it was colored; where that is lost, as it was colored."""
        try:
            array = np.load(self._place(index, ".npy"), allow_pickle=False)
            if array.dtype == np.float16 and array.ndim == 4 and array.shape[:2] == (1, 3):
                return torch.from_numpy(array.astype(np.float32)).clamp(0, 1)
        except (OSError, ValueError, EOFError):
            pass
        return to_tensor(self.picture(index))

    def save(
        self,
        index: int,
        image: Image.Image,
        raw: Tensor | None,
        needed: Sequence[int],
        record: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep a frame; of the raw ones only those `needed` are asked for again."""
        try:
            if raw is not None:
                with replacing(self._place(index, ".npy")) as draft:
                    np.save(draft, raw.numpy().astype(np.float16))
            save_png(image, self._place(index), record or {})
        except (OSError, NSTError) as error:
            raise FilmError(
                f"frame {index} cannot be kept in {self.folder} ({one_line(error, 200)}); free "
                "some space, then the same command goes on"
            ) from None
        self._raw.add(index)
        for old in self._raw - {*needed, index}:
            self._place(old, ".npy").unlink(missing_ok=True)
            self._raw.remove(old)


def film(
    clip: Any,
    style: Any = None,
    recipe: Recipe | None = None,
    *,
    output: Any,
    network: Any = None,
    start: float | None = None,
    end: float | None = None,
    every: int = 1,
    masks: Mapping[str, Any] | None = None,
    still: Stillness | None = None,
    schedule: Changes = (),
    measured: bool = True,
    on_step: Callable[[LiveStep], Any] | None = None,
) -> Film:
    """Paint a film in the style of a picture, with little flicker from frame to frame.

    Parameters
    ----------
    clip : path, Clip or ``"sample"``
        MP4, MOV, WebM, MKV, AVI, an animated GIF or WebP, or a folder of frames. Transparency
        becomes white.
    style : path, address, sample name, picture, or list of them
        As for `run.stylize`. Beside a network it is only measured against.
    recipe : Recipe, optional
        Of the first frame of each scene; `presets.recipe` at 384 pixels when left out. Beside a
        network only its size counts.
    network : path or StyleNetwork, optional
        A network of one style, which paints instead; see `feedforward.training.train`.
    output : path
        ``.mp4``, ``.mov``, ``.webm``, ``.gif``, ``.webp``, or a folder.
    start, end : float, optional
        The part of the clip to paint, in seconds.
    every : int
        Paint one frame of so many; the film lasts as long as before.
    masks : mapping of str to picture, optional
        As for `run.stylize`.
    still : Stillness, optional
        Steps of each further frame, and the weights of the losses between frames.
    schedule : sequence of (second, field, value)
        Changes of the recipe on the way; numbers move evenly from one to the next.
    measured : bool
        Whether to measure the flicker and the style gap when the film is done; for the ceiling of
        the flicker one frame is painted once more.
    on_step : callable, optional
        As for `run.stylize`, in every frame. The film's record does not hold what it changes, so
        such a film cannot be repeated from it.

    Returns
    -------
    Film
        Also after Ctrl-C, with the frames that are done; the same call goes on.

    Raises
    ------
    ClipError
        If the clip cannot be read, or the film cannot be written.
    FilmError
        If a frame cannot be kept, or another process paints this film or its output.
    ImageError, MaskError, RecipeError, WeightsError
        As for `run.stylize`; also if `output` is an input, or holds what was not painted here.
    """
    with watching_signals():
        recipe, still = recipe or named_recipe(size=SIZE), still or Stillness()
        path = check_clip_output(output)
        styles = style if isinstance(style, list | tuple) else [style]
        check_lost(path, clip.path if isinstance(clip, Clip) else clip, *styles, network)
        clip = open_film(clip)
        if (start, end, every) != (None, None, 1):  # a clip may be a part already
            clip = clip.part(start, end, every)
        warn_of_silence(clip, path)
        if style is None and network is None:
            raise FilmError("name a style picture, or a network of one style")
        if clip.count > MANY and network is None:
            warnings.warn(
                f"{clip.count:,} frames take hours, some seconds each: every=2 or start= and end= "
                "paint fewer, and a network of one style is much faster",
                NSTWarning,
                stacklevel=2,
            )
        changes = checked_changes(recipe, schedule)
        seconds = clip.count / clip.rate
        if changes and changes[-1][0] > seconds:
            warnings.warn(
                f"the schedule goes on to {changes[-1][0]:g} s, but the film ends after "
                f"{float(seconds):.2f} s: its last changes are not reached",
                NSTWarning,
                stacklevel=2,
            )
        if strange := (masks or {}).keys() - {*mask_files(recipe)}:
            raise RecipeError(f"no mask of the recipe is called {brief(sorted(strange)[0])}")
        steered = on_step is not None
        run = _FilmRun(clip, style, recipe, still, changes, masks, path, network, steered)
        folder = make_folder(run.kept.folder)
        with alone_with(folder, wait=False) as alone, alone_with(path, wait=False) as first:
            if not alone or not first:
                raise FilmError(
                    f"another process paints this film, or one for {path}; wait, or choose another "
                    "output"
                )
            try:
                return run.paint(measured, on_step)
            finally:
                with contextlib.suppress(OSError):  # not empty, or gone
                    folder.rmdir()


def open_film(clip: Any) -> Clip:
    """Open a clip, or the made-up one where it is called ``sample``; see `clips.open_clip`."""
    return sample_clip() if isinstance(clip, str) and clip == NAME else open_clip(clip)


class _FilmRun:
    """One film; `paint` goes through its frames."""

    def __init__(
        self,
        clip: Clip,
        style: Any,
        recipe: Recipe,
        still: Stillness,
        changes: Changes,
        masks: Mapping[str, Any] | None,
        path: Path,
        network: Any,
        steered: bool,
    ) -> None:
        self.clip, self.still, self.changes, self.path = clip, still, changes, path
        first = next(iter(clip.frames(recipe.size))).image
        if min(first.size) < LEAST_SIDE:
            large_enough = -(-LEAST_SIDE * max(first.size) // min(first.size))
            raise ClipError(
                f"{clip.source}: frames of {first.width} x {first.height} pixels are too small to "
                f"paint; choose size={large_enough} or more"
            )
        # Both sides are even: the recipe's size follows.
        self.recipe = recipe.replace(size=max(first.size))
        if network is None:
            check_memory(first.size, self.recipe)  # before the motion is looked for
        styles = list(style) if isinstance(style, list | tuple) else [style]
        bound = style_bound(recipe)
        self.styles = [InputPicture.open(s, bound) for s in styles if s is not None]
        self.masks = {
            form: as_mask_picture((masks or {}).get(form, form)) for form in mask_files(recipe)
        }
        self.network = None if network is None else network_of(network)
        part = (clip.source, clip.start, clip.end, clip.every, clip.count)
        if self.network is None:
            weights = find_weights(recipe.backbone, recipe.weights).sha256
            more = (str(part), str(still), str(changes), code_version())
        else:
            weights = self.network.sha256
            more = (str(part), "network", code_version())
        pictures = [p.sha256 for p in (clip, *self.styles, *self.masks.values())]
        if recipe.start not in STARTS:
            pictures.append(InputPicture.open(recipe.start, bound).sha256)
        if steered:  # what it changes is not known: its frames are no others'
            more = (*more, "steered")
        key = run_key(self.recipe, weights, pictures, *more)
        self.kept = KeptFrames(paths.RUNS / "film" / key)
        if self.network is None:
            self.painter = Painter(
                self.styles, self.recipe, still, self.kept, self.masks or None, changes
            )
        else:
            self.painter = NetworkPainter(self.network, self.kept)
        self.damaged: list[int] = []

    def paint(self, measured: bool, on_step: Callable[[LiveStep], Any] | None) -> Film:
        """Paint what is not there yet, write the film, measure it."""
        stopped = self._paint_frames(on_step)
        count = next(i for i in itertools.count() if not self.kept.has(i))
        if not count:
            raise FilmError(f"no frame was painted: {stopped}")
        if stopped != "finished" and holds_finished(self.path):
            raise FilmError(
                f"{stopped}; {self.path} holds a finished film and stays as it was; the frames so "
                "far are kept, and the same command goes on"
            )
        record = self._record(count, stopped)
        if stopped == "finished" and measured:
            record["measures"] = self._measure(count, on_step)
        self._write(count, record)
        if stopped == "finished":
            shutil.rmtree(self.kept.folder, ignore_errors=True)
        return Film(self.path, count, stopped, record)

    def _paint_frames(self, on_step: Callable[[LiveStep], Any] | None) -> str:
        """Paint the frames; return how it ended."""
        total, second = self.clip.count, int(self.clip.rate) + 1
        done = 0
        bar = tqdm(total=total, unit="frame", smoothing=0.1, **bar_options())
        try:
            for frame, result in self.painter.paint(self.clip.frames(self.recipe.size), on_step):
                if frame.damaged:
                    self._name_damaged(frame)
                if result is not None and result.stopped != "finished":
                    return f"{result.stopped.split(' after')[0]} after {done} of {total} frames"
                done = frame.index + 1
                self._move(bar)
                # The first second can be watched while the others are painted.
                if done == second < total / 2 and not self.path.exists():
                    self._write(done, self._record(done, f"{done} of {total} frames"))
                if requested():
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            return f"interrupted after {done} of {total} frames"
        except ClipError as error:
            if not done:
                raise
            return f"ended after {counted(done, 'frame')}: {error}"
        finally:
            with contextlib.suppress(OSError, ValueError):
                bar.close()
        return "finished"

    def _move(self, bar: tqdm) -> None:
        with contextlib.suppress(OSError, ValueError):
            bar.update()
            rate = bar.format_dict["rate"]
            if rate:
                bar.set_postfix_str(f"{60 * rate:.3g} frames a minute", refresh=False)

    def _name_damaged(self, frame: Frame) -> None:
        if frame.index in self.damaged:
            return
        self.damaged.append(frame.index)
        warnings.warn(
            f"frame {frame.index} ({float(frame.time):.2f} s) of {self.clip.source} is damaged: "
            "the painting before it stands in",
            NSTWarning,
            stacklevel=2,
        )

    def _painted(self, count: int) -> Iterator[tuple[Frame, Image.Image]]:
        for frame in itertools.islice(self.clip.frames(self.recipe.size), count):
            yield frame, self.kept.picture(frame.index)

    def _pairs(self, count: int) -> Iterator[tuple[Image.Image, Image.Image]]:
        return ((frame.image, picture) for frame, picture in self._painted(count))

    def _write(self, count: int, record: Mapping[str, Any]) -> None:
        def painted() -> Iterator[Frame]:
            return (replace(frame, image=picture) for frame, picture in self._painted(count))

        try:
            write_clip(self.path, painted, self.clip, record)
        except ClipError as error:
            raise FilmError(
                f"{one_line(error, 300)}; its {counted(count, 'frame')} stay, and the same command "
                "goes on"
            ) from None

    def _record(self, count: int, stopped: str) -> dict[str, Any]:
        """Return what the film's file says of how it was made."""
        clip, digest = self.clip, hashlib.sha256()
        for index in range(count):
            digest.update(self.kept.picture(index).tobytes())
        size = self.kept.picture(0).size
        of_film: dict[str, Any] = {
            "frames": count,
            "frames_sha256": digest.hexdigest(),
            "size": list(size),
            "rate": str(clip.rate),
            "start": None if clip.start is None else float(clip.start),
            "end": None if clip.end is None else float(clip.end),
            "every": clip.every,
            "damaged": self.damaged,
        }
        content = {"source": public_name(clip.source), "sha256": clip.sha256}
        told = {"content": content, "stopped": stopped, "film": of_film}
        if self.network is not None:
            versions = {"nst_utils": __version__, "torch": torch.__version__}
            return told | {"network": self.network.record, "versions": versions, "date": utc_now()}
        of_film |= asdict(self.still) | {"schedule": [list(change) for change in self.changes]}
        base = read_provenance(self.kept.folder / "000000.png") or {}
        for name in ("losses", "steps", "seconds"):
            base.pop(name, None)
        return base | told

    def _measure(self, count: int, on_step: Callable[[LiveStep], Any] | None) -> dict[str, Any]:
        """Return the warping error, its floor and its ceiling, and the gaps to the style."""
        found = flicker(self._pairs(count))
        # Without two frames to compare nothing is known, and 0 would look as if it were still.
        measures: dict[str, Any] = found.mean() if found.floor else {}
        if self.network is None and found.floor:
            measures |= self._ceiling(found, on_step)
        if self.styles:
            measures["style"] = style_gap(self._pairs(count), count, self.styles[0].image)
        return measures

    def _ceiling(self, found: Flicker, on_step: Callable[[LiveStep], Any] | None) -> dict[str, Any]:
        """Paint the second frame alone, without the losses between frames.

        Return ``ceiling``, its warping error against the film's first frame, and ``of_that_pair``,
        the warping error of the film's own second frame. Return nothing if the two frames are of
        two scenes, or the painting was interrupted.
        """
        if 1 not in found.painted:
            return {}
        frames = self.clip.frames(self.recipe.size)
        one, two = next(frames), next(frames)
        result = self.painter.paint_alone(two, on_step)
        if result.stopped != "finished":
            return {}
        pair = [(one.image, self.kept.picture(0)), (two.image, result.image)]
        return {"ceiling": flicker(pair).painted[1], "of_that_pair": found.painted[1]}


_SECONDS = {"type": ["number", "null"], "minimum": 0, "maximum": 1e6}
FILM = {
    "type": "object",
    "required": ["frames", "frames_sha256", "steps", "temporal", "difference", "schedule"],
    "properties": {
        "frames": {"type": "integer", "minimum": 1},
        "frames_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "start": _SECONDS,
        "end": _SECONDS,
        "every": {"type": "integer", "minimum": 1, "maximum": 1000},
        "steps": {"type": "integer", "minimum": 1, "maximum": 10_000},
        "temporal": {"type": "number", "minimum": 0},
        "difference": {"type": "number", "minimum": 0},
        "schedule": {"type": "array", "maxItems": 1000},
    },
}
"""Schema of what a record says of a film."""


@dataclass(frozen=True)
class FilmComparison:
    """A film and the same film painted again.

    Attributes
    ----------
    film : Film
        The new one.
    identical : bool
        Whether every pixel of every frame agrees, before frames were compressed.
    changed : dict
        Versions and settings that differ: name to ``(then, now)``.
    """

    film: Film
    identical: bool
    changed: dict[str, tuple[str, str]]

    def __str__(self) -> str:
        """Say in one sentence whether the two agree."""
        if self.identical:
            return f"identical: every pixel agrees, in each frame ({self.film.frames} in all)"
        cause = ", ".join(f"{name} {then} -> {now}" for name, (then, now) in self.changed.items())
        return "not identical" + (f"; changed since: {cause}" if cause else "")


def repeat_film(
    path: Path,
    *,
    output: Any = None,
    content: Any = None,
    style: Any = None,
    inputs: Mapping[str, Any] | None = None,
    trust: bool = False,
) -> FilmComparison:
    """Paint a film again from the record inside it.

    Parameters
    ----------
    path : Path
        A film written by `film`.
    output : path, optional
        Where the new one goes; below ``data/runs`` when left out.
    content, style, inputs, trust
        As for `reproduce.repeat_run`; the content is the clip.

    Raises
    ------
    RepeatError
        If there is no sound record of a finished film, or an input is missing or another one.
    """
    record = read_record(path)
    try:
        check_schema(record.get("film"), FILM, "the record of a film")
    except DataError as error:
        raise RepeatError(f"{path}: {error}") from None
    of_film = record["film"]
    recipe = with_weights(Recipe.from_json(json.dumps(record["recipe"])), record, path, trust)
    given = {"style": style} | dict(inputs or {})
    if recipe.start not in STARTS:
        raise RepeatError(f"{path}: it began with a file, which a film's record does not hold")
    roles = [r for r in record if r.startswith("style") and ROLE.fullmatch(r)]
    masks = {}
    for number, form in enumerate(mask_files(recipe), 1):
        role = f"mask {number}"
        if role not in record:
            raise RepeatError(f"{path}: its record names a {role} picture without a checksum")
        masks[form] = find_input(record[role], role, given.get(role), path, trust)
    made = film(
        _find_clip(record["content"], content, path, trust),
        [find_input(record[role], role, given.get(role), path, trust) for role in roles],
        recipe,
        output=output or make_run_folder("repeated") / f"film{kind_of_output(path) or '.mp4'}",
        start=of_film.get("start"),
        end=of_film.get("end"),
        every=of_film.get("every", 1),
        masks=masks,
        still=Stillness(
            of_film["steps"],
            of_film["temporal"],
            of_film["difference"],
            of_film.get("warped", True),
        ),
        schedule=of_film["schedule"],
        measured=False,
    )
    same = made.record["film"]["frames_sha256"] == of_film["frames_sha256"]
    return FilmComparison(made, same, changed_since(record, made.record))


def _find_clip(entry: Mapping[str, str], given: Any, film: Path, trust: bool) -> Clip:
    """Find the clip by its checksum."""
    if entry["source"] == sample_clip().source and given is None:
        return sample_clip()
    found = find_input(entry, "content", given, film, trust, lambda p: open_film(p).sha256)
    return open_film(found)


WAYS = "ways.csv"

ANIMATION = {"quality": 75, "method": 6, "loop": 0}
"""How frames are kept; they are measured before."""


@dataclass(frozen=True)
class PaintedWay:
    """A clip as it was painted in one way.

    Attributes
    ----------
    frames : list of PIL.Image.Image
        Empty for a stored film that no notebook shows: of it only the measures are kept.
    measures : dict of str to float
        ``seconds`` a frame, ``warping_error``, ``floor``, and the gaps of `metrics.measure`.
    """

    frames: list[Image.Image]
    measures: dict[str, float]


def paint_ways(
    ways: Mapping[str, Stillness | Path | None],
    clip: Clip,
    style: Any,
    recipe: Recipe,
    *,
    stored: str,
    fresh: bool = False,
) -> dict[str, PaintedWay]:
    """Paint a clip in several ways, and measure flicker and style of each.

    Parameters
    ----------
    ways : mapping of str to way
        A `Stillness`: by `film`. A path: by this network of one style. None: each frame
        by itself, as if it were the only one.
    clip : Clip
    style : path, address, sample name or picture
    recipe : Recipe
    stored : str
        Folder below ``data/results`` whose results are read. What is not there, or is asked for
        `fresh`, is painted and kept in the folder of this name below ``data/runs/results``.
    fresh : bool
        Paint also what is stored.

    Returns
    -------
    dict of str to PaintedWay
        By the names of `ways`.

    Raises
    ------
    NSTError
        If a stored table cannot be read, a film was interrupted, or painting fails as
        `run.stylize` and `film` say.
    """
    picture = InputPicture.open(style, 2 * recipe.size)
    part = (clip.source, clip.sha256, clip.size, clip.start, clip.end, clip.every, clip.count)
    own, films = paths.RUNS / "results" / stored, {}
    for name, way in ways.items():
        told = sha256(way) if isinstance(way, Path) else str(way)
        key = run_key(recipe, "", [picture.sha256], str(part), told)
        places = [own] if fresh else [paths.RESULTS / stored, own]
        known = None if fresh else _read_way(places, key)
        films[name] = known or _keep_way(own, key, name, _paint_way(way, clip, picture, recipe))
    return films


def _paint_way(way: Any, clip: Clip, style: InputPicture, recipe: Recipe) -> PaintedWay:
    began = perf_counter()
    if way is None:
        frames = [stylize(f.image, style, recipe).image for f in clip.frames(recipe.size)]
    else:
        folder = make_run_folder("film")
        options = {"still": way} if isinstance(way, Stillness) else {"network": way}
        made = film(clip, style, recipe, output=folder, measured=False, **options)
        if made.stopped != "finished":
            raise NSTError(f"the film was {made.stopped}; the same call goes on")
        frames = [frame.image for frame in open_clip(folder).frames()]
    seconds = (perf_counter() - began) / len(frames)
    return PaintedWay(frames, {"seconds": seconds} | measure_film(clip, frames, style.image))


def measure_film(clip: Clip, frames: list[Image.Image], style: Image.Image) -> dict[str, float]:
    """Return the warping error of a painted clip, its floor, and its gaps to the style."""
    photos = [frame.image for frame in clip.frames(max(frames[0].size))]
    gaps = style_gap(zip(photos, frames, strict=True), len(frames), style)
    return flicker(zip(photos, frames, strict=True)).mean() | gaps


def _read_way(folders: list[Path], key: str) -> PaintedWay | None:
    for folder in folders:
        path = folder / WAYS
        if not path.is_file():
            continue
        try:
            table = pd.read_csv(path).set_index("key")
            row = table.drop(columns=["way", "date"]).astype(float)
        except (OSError, ValueError, KeyError) as error:
            raise NSTError(f"{path}: not a table of painted films ({error})") from None
        if key in row.index:
            file = folder / f"{key}.webp"
            frames = [frame.image for frame in open_clip(file).frames()] if file.is_file() else []
            return PaintedWay(frames, row.loc[key].to_dict())
    return None


def _keep_way(folder: Path, key: str, name: str, made: PaintedWay) -> PaintedWay:
    path = make_folder(folder) / WAYS
    first, *others = made.frames
    with replacing(folder / f"{key}.webp") as draft:
        first.save(draft, "WEBP", save_all=True, append_images=others, **ANIMATION)
    rounded = {measure: round(value, 6) for measure, value in made.measures.items()}
    row = {"key": key, "way": name, "date": utc_now(), **rounded}
    rows = pd.read_csv(path).to_dict("records") if path.is_file() else []
    rows = [old for old in rows if old["key"] != key] + [row]
    with replacing(path) as draft:
        pd.DataFrame(rows).to_csv(draft, index=False)
    return made
