"""Training of a network of one style, with this package's losses.

The loss has the same terms as an optimized painting; each picture of a batch has its own sums over
positions, and where a face is found in a photo, its content counts more. The learning rate falls
along a cosine over the planned steps. How many steps fit into the minutes is measured during
training. The state is saved now and then, so that the same call can go on after an interruption.
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import platform
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from ... import __version__, paths
from ...errors import NSTError, NSTWarning, brief
from ...images.colors import color_moments
from ...images.inputs import InputPicture
from ...images.masks import find_faces, read_mask
from ...images.samples import open_sample
from ...images.tensors import normalize, to_pil, to_tensor
from ...networks.backbone import load_backbone
from ...networks.device import own_settings, pick_device, pick_precision
from ...parallel import bar_options
from ...paths import make_folder, public_name, replacing, utc_now
from ...signals import defer, requested, watching_signals
from ...untrusted import DataError, parse_json
from ..config import Recipe
from ..fields import RecipeError
from ..memory import Plan, number_format, room
from ..objective import Objective
from ..presets import recipe
from ..state import code_version
from ..style import Style
from .generator import new_generator
from .network_file import FORM, NetworkError, StyleNetwork, check_network_output, load_network
from .photos import HELD_OUT, Crops, open_photos

SAVE_EVERY = 30.0
"""Seconds between two saves of the state and two paintings of the held-out photo."""

PLAN_EVERY = 10
"""Steps after which the steps that still fit are counted anew."""

SHIFT = 8
"""Largest shift, in pixels, between two crops whose paintings should agree."""

NOISE = 0.02
"""Standard deviation of the noise on the shifted crops, which is not to change their painting."""

PREVIEW = 256


@dataclass(frozen=True)
class Settings:
    """How a network is trained.

    Attributes
    ----------
    side : int
        Of a crop, pixels.
    batch : int
        Crops a step.
    style_size : int
        Long side of the style picture, pixels: its strokes have this size at every size of photo.
    rate : float
        Learning rate of Adam at the beginning.
    steady : float
        Weight of the difference between the paintings of a crop and of the same crop shifted.
    seed : int
    """

    side: int = 160
    batch: int = 2
    style_size: int = 384
    rate: float = 2e-3
    steady: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        bounds = {"side": (32, 1024), "batch": (1, 64), "style_size": (32, 2048)}
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= high:
                raise RecipeError(f"{name} must be {low} to {high}, not {brief(value)}")
        if not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise RecipeError(f"seed must be 0 to {2**63 - 1}, not {brief(self.seed)}")
        if not 0 < self.rate <= 1:
            raise RecipeError(f"rate must be above 0 and at most 1, not {brief(self.rate)}")
        if not 0 <= self.steady <= 1e6:
            raise RecipeError(f"steady must be 0 to 1,000,000, not {brief(self.steady)}")


def training_recipe(**changes: Any) -> Recipe:
    """Return the losses that a network is trained with; fields may be changed as in `recipe`."""
    layers = {f"relu{block}_1": 1.0 for block in range(1, 5)}
    chosen = {"content_layer": "relu3_1", "style_layers": layers, "beta": 6.0, "tv": 0.02}
    return recipe("thorough", **(chosen | changes))


@dataclass
class Step:
    """What a step of the training tells.

    Attributes
    ----------
    step, planned : int
        Its number, from 1, and how many there will be.
    total : float
        The loss.
    terms : dict of str to float
        Before their weights.
    seconds : float
        Of training so far.
    """

    step: int
    planned: int
    total: float
    terms: dict[str, float]
    seconds: float


def train(
    style: Any,
    *,
    output: Any,
    photos: Any = None,
    minutes: float = 10.0,
    steps: int | None = None,
    losses: Recipe | None = None,
    settings: Settings | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> StyleNetwork:
    """Train a network that paints any photo in one style.

    Parameters
    ----------
    style : path, address, sample name, picture
    output : path
        The file, ``.safetensors``.
    photos : path, optional
        A folder of photos, or a clip; the sample photos when left out.
    minutes : float
        How long to train.
    steps : int, optional
        Train so many steps instead.
    losses : Recipe, optional
        `training_recipe` when left out.
    settings : Settings, optional
    on_step : callable, optional
        Called after every step. It may raise KeyboardInterrupt.

    Returns
    -------
    StyleNetwork
        Also after Ctrl-C: then as far as it is trained; the same call goes on. After a step or
        more it is in `output`.

    Raises
    ------
    NetworkError
        If the file cannot be written.
    PhotosError, ImageError
        If there are no photos, or no style picture.
    RecipeError
        For a number out of its range.
    WeightsError
        If the weights of the network that reads the pictures cannot be had.
    NSTError
        If the loss is not finite, or the saved state of this training is damaged.
    """
    with own_settings(), watching_signals():
        return _Training(style, output, photos, minutes, steps, losses, settings).run(on_step)


class _Training:
    """One training; `run` goes through the steps."""

    def __init__(
        self,
        style: Any,
        output: Any,
        photos: Any,
        minutes: float,
        steps: int | None,
        losses: Recipe | None,
        settings: Settings | None,
    ) -> None:
        if not isinstance(minutes, int | float) or not 0 < minutes <= 10_000:
            raise RecipeError(f"minutes must be above 0 and at most 10,000, not {brief(minutes)}")
        if steps is not None and (not isinstance(steps, int) or not 1 <= steps <= 10**7):
            raise RecipeError(f"steps must be a whole number of at least 1, not {brief(steps)}")
        self.path = check_network_output(output)
        self.settings, self.losses = settings or Settings(), losses or training_recipe()
        self.minutes, self.wanted = minutes, steps
        set_, now = self.settings, self.losses
        # The network that reads the crops takes most; with few layers about half of the estimate.
        needed = Plan().bytes(now, set_.batch * set_.side**2, number_format(now)) / 2
        if pick_device(now.device).type == "cpu" and needed > room(torch.device("cpu")):
            raise NSTError(
                f"{set_.batch} crops of {set_.side} pixels do not fit into the memory: take a "
                "smaller side or batch"
            )
        picture = InputPicture.open(style, 2 * set_.style_size)
        self.style_entry = {"source": public_name(picture.source), "sha256": picture.sha256}
        style_tensor = picture.at(set_.style_size, 16)
        moments = color_moments(style_tensor)
        self.network = StyleNetwork(new_generator(set_.seed), *moments, {})
        self.crops = Crops(open_photos(photos), self.network.recolored, set_.side, self._mask)
        self.photos = None if photos is None else public_name(photos)
        self.device = pick_device(now.device)
        self.dtype = pick_precision(now.precision, self.device)
        backbone = load_backbone(
            now.backbone, now.weights, pooling=now.pooling, padding=now.padding
        ).to(self.device, self.dtype)
        self.label, self.weights_sha256 = backbone.weights_label, backbone.weights.sha256
        self.style = Style(backbone, now, normalize(style_tensor.to(self.device)))
        generator = self.network.generator.to(self.device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(generator.parameters(), lr=set_.rate)
        self.random = torch.Generator().manual_seed(set_.seed)
        self.step, self.planned, self.seconds = 0, steps or 0, 0.0
        self.first = self.mean = math.nan
        self.folder = paths.RUNS / "train" / self._key()

    def _key(self) -> str:
        photos = [hashlib.sha256(photo.tobytes()).hexdigest() for photo in self.crops.photos]
        parts = [
            self.style_entry["sha256"], *photos, self.losses.to_json(), str(self.settings),
            f"{self.wanted} steps" if self.wanted else f"{float(self.minutes)} minutes",
            code_version(), self.weights_sha256,
        ]  # fmt: skip
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]

    def run(self, on_step: Callable[[Step], None] | None) -> StyleNetwork:
        with paths.alone_with(self.path, wait=False) as alone:
            if not alone:
                raise NetworkError(
                    f"{self.path}: another process trains a network for this file; wait, or choose "
                    "another output"
                )
            return self._run(on_step)

    def _run(self, on_step: Callable[[Step], None] | None) -> StyleNetwork:
        make_folder(self.folder)
        self._load()
        stopped, saved_at, began = "finished", time.perf_counter(), time.perf_counter()
        before = self.seconds
        total = self.wanted or round(60 * self.minutes)
        bar = tqdm(
            total=total, initial=self.step if self.wanted else round(self.seconds),
            unit="step" if self.wanted else "s", desc="training", **bar_options(),
        )  # fmt: skip
        try:
            while not self._done():
                told = self._advance()
                self.seconds = before + time.perf_counter() - began
                told.seconds = self.seconds
                self._move(bar, told)
                if on_step is not None:
                    on_step(told)
                defer()
                if requested():
                    raise KeyboardInterrupt
                if time.perf_counter() - saved_at > SAVE_EVERY:
                    self._save()
                    saved_at = time.perf_counter()
        except KeyboardInterrupt:
            stopped = f"interrupted after {self.step} of {self.planned} steps"
        finally:
            with contextlib.suppress(OSError, ValueError):
                bar.close()
        network = self._finished(stopped)
        if stopped == "finished":
            paths.remove_run_file(self.folder / "state.safetensors")
        elif self.step:
            self._save()
        if self.step and stopped != "finished" and self._holds_finished():
            warnings.warn(
                f"{self.path} holds a network whose training ended: it stays as it was, and the "
                "same command goes on with this one",
                NSTWarning,
                stacklevel=3,
            )
        elif self.step:  # else nothing is learned, and there may be a good network
            network.save(self.path)
        return network

    def _holds_finished(self) -> bool:
        with contextlib.suppress(NSTError):
            return load_network(self.path).record.get("stopped") == "finished"
        return False

    def _done(self) -> bool:
        if self.wanted:
            return self.step >= self.wanted
        return self.step > 0 and self.seconds >= 60 * self.minutes

    def _plan(self) -> None:
        """Count the steps that fit into the minutes."""
        if self.wanted or (self.planned and self.step % PLAN_EVERY):
            return
        each = self.seconds / self.step if self.step else 1.0
        left = max(0.0, 60 * self.minutes - self.seconds)
        self.planned = max(self.step + 1, self.step + round(left / max(each, 1e-6)))

    def _advance(self) -> Step:
        """Take one step."""
        self._plan()
        share = min(1.0, self.step / max(1, self.planned))
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.rate * max(0.01, (1 + math.cos(math.pi * share)) / 2)
        shift = SHIFT if self.settings.steady else 0
        crops, moved, masks = self.crops.draw(self.settings.batch, self.random, shift)
        contents = normalize(crops.to(self.device))
        weights = 1 + (self.losses.content_factor - 1) * masks.to(self.device)
        objective = Objective(self.style, contents, weights=weights)
        painted = self._paint(crops)
        loss, terms = objective(normalize(painted))
        if shift:
            loss = loss + self.settings.steady * self._unsteadiness(painted, moved)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        total = loss.item()
        if not math.isfinite(total):
            raise NSTError(
                f"the loss is not finite at step {self.step}; choose a lower rate or precision "
                "float32"
            )
        self.optimizer.step()
        self.step += 1
        self.planned = max(self.planned, self.step)
        self.first = total if self.step == 1 else self.first
        self.mean = total if math.isnan(self.mean) else 0.98 * self.mean + 0.02 * total
        values = {name: value.item() for name, value in terms.items()}
        return Step(self.step, self.planned, total, values, self.seconds)

    def _mask(self, photo: Tensor) -> Tensor | None:
        """Return where the content of a photo counts more, or None."""
        form = self.losses.content_mask
        if form == "none" or self.losses.content_factor == 1:
            return None
        return find_faces(photo) if form == "faces" else read_mask(form, photo)

    def _paint(self, crops: Tensor) -> Tensor:
        x = crops.to(self.device, memory_format=torch.channels_last)
        half = self.dtype == torch.bfloat16
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            return self.network.generator(x).float()

    def _unsteadiness(self, painted: Tensor, moved: Tensor) -> Tensor:
        """Return the difference between paintings of the same place in two shifted crops."""
        noise = NOISE * torch.randn(moved.shape, generator=self.random)
        other = self._paint((moved + noise).clamp(0, 1))
        dy, dx = self.crops.offset
        height, width = painted.shape[-2:]
        ours, theirs = painted[..., dy:, dx:], other[..., : height - dy, : width - dx]
        # Near the border the networks see unlike surroundings.
        inner = (..., slice(SHIFT, -SHIFT), slice(SHIFT, -SHIFT))
        return (ours[inner] - theirs[inner]).square().mean()

    def _move(self, bar: tqdm, told: Step) -> None:
        with contextlib.suppress(OSError, ValueError):
            bar.set_postfix_str(f"step {told.step} of {told.planned}, loss {self.mean:.3g}", False)
            bar.update(max(0, (told.step if self.wanted else int(self.seconds)) - bar.n))

    def _finished(self, stopped: str) -> StyleNetwork:
        """Return the network with its record."""
        generator = self.network.generator
        record = {
            "form": FORM,
            "channels": [layer.conv.out_channels for layer in generator.down],
            "blocks": len(generator.blocks),
            "style": self.style_entry,
            "photos": len(self.crops.photos),
            "photos_source": self.photos or "samples",
            "steps": self.step,
            "planned": self.planned,
            "seconds": round(self.seconds, 1),
            "losses": {"first": self.first, "last": self.mean},
            "recipe": self.losses.to_dict(),
            "settings": dataclasses.asdict(self.settings),
            "weights": self.label,
            "stopped": stopped,
            "device": str(self.device),
            "precision": str(self.dtype).removeprefix("torch."),
            "versions": {
                "nst_utils": __version__,
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
            "date": utc_now(),
        }
        return dataclasses.replace(self.network, record=record)

    def _save(self) -> None:
        """Save the state and the painting of the held-out photo; where that fails, go on."""
        state = self.optimizer.state_dict()["state"]
        tensors = {f"network.{k}": t for k, t in self.network.generator.state_dict().items()}
        for number, entry in state.items():
            tensors |= {f"adam.{number}.{name}": t for name, t in entry.items()}
        tensors["random"] = self.random.get_state()
        tensors = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
        plain = {name: getattr(self, name) for name in _PLAIN}
        with contextlib.suppress(OSError, SafetensorError, NSTError):
            with replacing(self.folder / "state.safetensors") as draft:
                save_file(tensors, draft, {"state": json.dumps(plain)})
            self.preview().save(self.folder / "preview.png")

    def preview(self) -> Any:
        """Return the painting of a photo that is not trained on."""
        photo = to_tensor(open_sample(HELD_OUT).resize((PREVIEW, PREVIEW)))
        painted = self.network.paint(photo, device=str(self.device))
        self.network.generator.train()
        return to_pil(painted)

    def _load(self) -> None:
        """Go on where a training of the same call was interrupted."""
        path = self.folder / "state.safetensors"
        if not path.is_file():
            return
        try:
            self._take(path)
        except (SafetensorError, OSError, KeyError, ValueError, RuntimeError, DataError):
            path.unlink(missing_ok=True)
            raise NSTError(
                f"{path}: the saved training is damaged and was removed; start it again"
            ) from None

    def _take(self, path: Path) -> None:
        with safe_open(path, "pt") as file:
            plain = parse_json((file.metadata() or {}).get("state", ""), "a training's state")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        generator = self.network.generator
        generator.load_state_dict({k: tensors[f"network.{k}"] for k in generator.state_dict()})
        state = self.optimizer.state_dict()
        for number in range(len(list(generator.parameters()))):
            names = ("step", "exp_avg", "exp_avg_sq")
            state["state"][number] = {n: tensors[f"adam.{number}.{n}"] for n in names}
        self.optimizer.load_state_dict(state)
        self.random.set_state(tensors["random"])
        for name, kind in _PLAIN.items():
            setattr(self, name, kind(plain[name]))


_PLAIN = {"step": int, "planned": int, "seconds": float, "first": float, "mean": float}
"""What the state holds besides tensors."""
