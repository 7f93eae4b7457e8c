"""The recipe: everything that decides a picture, frozen, checked, and JSON both ways.

Free of torch, so that a notebook, the command line and a scheduler can build, check and ship
recipes without loading a network.
"""

import dataclasses
import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..errors import brief, check_choice, unknown
from ..networks.registry import BACKBONES, backbone_spec
from ..networks.spec import is_weights_name
from ..untrusted import DataError, parse_json
from . import fields as kinds
from .fields import RecipeError, check_field
from .losses import LOSSES, losses_for
from .optimizers import OPTIMIZERS
from .scales import SCALE_STEP, fit_steps, ladder, split_steps

QUICK_STEPS = (60, 30)
"""Steps of the default recipe at its two scales."""

TEXTURE_STRIDE = 4
"""Most pixels between the positions of a layer that `texture_steps` read: VGG19's first three
blocks. What deeper layers see was settled at coarser scales."""

STEERABLE = (
    "alpha beta tv terms learning_rate style_layers content_layer loss gram smoothing pooling "
    "padding optimizer style_statistic content_statistic"
).split()
"""Fields that may change during a run, through ``schedule`` or through ``on_step``."""

BEFORE = {"color": "free", "detail": "content", "content_mask": "none"}
"""Values that a recipe has if it was written before these fields existed."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a picture besides the content and the style image.

    The defaults are the recipe ``quick``. Each field's help text is in its metadata and is what
    ``python -m nst_utils recipes --fields`` prints. Values are checked and brought to their own
    type on construction. Change a copy with `replace`; do not write into ``style_layers``.

    Raises
    ------
    RecipeError
        For a value out of its range or of the wrong type.
    UnknownNameError
        For a field, layer, backbone or option that does not exist; suggests the nearest.

    Examples
    --------
    >>> Recipe(size=256, steps=50).scales, Recipe(size=256, steps=50).steps
    ((128, 256), (35, 15))
    >>> Recipe.from_json(Recipe().to_json()) == Recipe()
    True
    """

    backbone: str = kinds.choice("vgg19", tuple(BACKBONES), "network that reads the pictures")
    weights: str = kinds.text(
        "auto", "auto, a source's name, random, or a .pt, .pth or .safetensors file"
    )
    content_layer: str = kinds.text(
        BACKBONES["vgg19"].content_layer, "layer whose activations keep the content"
    )
    style_layers: dict[str, float] = kinds.weights(
        BACKBONES["vgg19"].style_layers,
        "layers whose activations carry the style, each with its weight",
        "layer", "relu1_1:1+relu2_1:0.5",
    )  # fmt: skip
    alpha: float = kinds.number(1.0, "weight of the content loss")
    beta: float = kinds.number(8.0, "weight of the style loss")
    tv: float = kinds.number(0.0, "weight of the total variation, squared, per pixel")
    loss: str = kinds.choice(
        "relative", ("relative", "published", "paper"), "how losses are normalized"
    )
    style_statistic: str = kinds.choice(
        "gram", losses_for("style_statistic"), "what of the style's activations is matched"
    )
    content_statistic: str = kinds.choice(
        "activations", losses_for("content_statistic"), "what of the content's activations is kept"
    )
    content_mask: str = kinds.text(
        "faces", "where the content counts more: a mask as in regions, faces, or none"
    )
    content_factor: float = kinds.number(
        4.0, "factor on the content loss under content_mask", high=1e6
    )
    terms: dict[str, float] = kinds.weights(
        {}, f"further losses, each with its weight: {', '.join(losses_for('terms'))}",
        "loss", "laplacian:1", losses_for("terms"),
    )  # fmt: skip
    coarse_content: float = kinds.number(
        1.0, "alpha is multiplied by this once for each finer scale to come", above=True, high=64
    )
    finish: float = kinds.number(
        0.0, "part of the last scale's steps that match neighbors, without content", high=1
    )
    gram: str = kinds.choice("centered", kinds.GRAMS, "variant of the Gram matrix")
    smoothing: str = kinds.choice(
        "none", kinds.SMOOTHINGS, "what is done to the activations of deep layers"
    )
    pooling: str = kinds.choice("max", ("max", "average"), "pooling of the network")
    padding: str = kinds.choice(
        "replicate", ("zero", "replicate"), "padding of the first convolution"
    )
    optimizer: str = kinds.choice("lbfgs", tuple(OPTIMIZERS), "method that moves the picture")
    learning_rate: float = kinds.number(
        1.0, "step length; another optimizer brings its usual one", above=True, high=1e6
    )
    size: int = kinds.whole(512, "long side of the result, pixels", low=1, high=kinds.MAX_SIZE)
    scales: tuple[int, ...] = kinds.whole_numbers(
        "long sides, ascending, ending at size; empty: a ladder",
        "whole numbers, for example 256,512",
    )
    steps: tuple[int, ...] = kinds.whole_numbers(
        "steps per scale; one number is the total",
        "a whole number, or one for each scale, for example 60,30",
    )
    color: str = kinds.choice("recolored_twice", kinds.COLORS, kinds.COLOR_HELP)
    blend: tuple[float, ...] = kinds.numbers(
        (), "weights of several styles; empty: all alike", "numbers, for example 7,3",
        low=0, high=1e6,
    )  # fmt: skip
    style_scale: tuple[float, ...] = kinds.numbers(
        (1.0,), "size of the strokes, 0.25 to 4; one number, or one for each style",
        "numbers, for example 2 or 1,0.5", low=0.25, high=4,
    )  # fmt: skip
    regions: tuple[tuple[str, int, str], ...] = kinds.regions(
        "where each style goes: [mask, number of the style, mask of the style]"
    )
    average: float = kinds.number(
        0.0, "decay of a mean over late iterates; 0: none, 0.9: of about ten", high=0.999
    )
    start: str = kinds.text(
        "content",
        "content, style, noise, instant, a file, or given (from Python)",
        kinds.starts_unless_valid,
    )
    start_noise: float = kinds.number(
        0.0, "standard deviation of noise added to the start", high=1e3
    )
    detail: str = kinds.choice(
        "both", kinds.DETAILS, "whose finest details a finer scale begins with"
    )
    space: str = kinds.choice(
        "normalized",
        ("unit", "normalized"),
        "pixels that the optimizer moves: RGB in [0, 1] (unit), or ImageNet-normalized RGB",
    )
    precision: str = kinds.choice(
        "auto", ("auto", "float32", "bfloat16"), "number format of weights and activations"
    )
    tile: str = kinds.text(
        "auto", "side of the tiles in which large pictures are read, pixels; auto: as memory "
        "asks; none", kinds.tiles_unless_valid,
    )  # fmt: skip
    texture_steps: int = kinds.whole(
        0,
        "last steps of the last scale that read only shallow layers: strokes, no structure",
        low=0,
    )
    device: str = kinds.text("auto", "auto, cpu, cuda, cuda:1, mps", kinds.devices_unless_valid)
    seed: int = kinds.whole(
        0, "seed of the start's noise, and of positions and directions that losses draw", low=0
    )
    schedule: tuple[tuple[int, str, Any], ...] = kinds.changes(
        "changes during the run: [step, field, value]"
    )

    def __post_init__(self) -> None:
        for spec in fields(self):
            object.__setattr__(self, spec.name, check_field(spec, getattr(self, spec.name)))
        if not self.scales:
            object.__setattr__(self, "scales", ladder(self.size))
        steps = self.steps or fit_steps(QUICK_STEPS, len(self.scales))
        object.__setattr__(self, "steps", steps)
        if len(steps) == 1 and len(self.scales) > 1:
            scales, steps = split_steps(steps[0], self.scales, (SCALE_STEP,))
            object.__setattr__(self, "scales", scales)
            object.__setattr__(self, "steps", steps)
        if list(self.scales) != sorted(set(self.scales)) or self.scales[-1] != self.size:
            raise RecipeError(
                f"scales must ascend and end at size {self.size}, not {brief(self.scales)}"
            )
        if len(steps) != len(self.scales):
            raise RecipeError(
                f"steps must be one number, or one for each of the {len(self.scales)} scales, "
                f"not {brief(steps)}"
            )
        spec = backbone_spec(self.backbone)
        if self.weights not in spec.weights and not is_weights_name(self.weights):
            valid = [*spec.weights, "a .pt, .pth or .safetensors file"]
            raise unknown(f"weights for {self.backbone}", self.weights, valid)
        known = spec.layers
        for layer in (self.content_layer, *self.style_layers):
            check_choice(f"layer of {self.backbone}", layer, known)
        if self.texture_steps:
            self._texture({})
        object.__setattr__(self, "schedule", tuple(self._checked_schedule()))

    def _checked_schedule(self) -> Iterator[tuple[int, str, Any]]:
        """Yield the schedule's entries, each value checked by its field's own rules."""
        for step, name, value in sorted(self.schedule, key=lambda entry: entry[0]):
            check_choice("field in schedule", name, STEERABLE)
            if not 0 <= step < sum(self.steps):
                raise RecipeError(
                    f"schedule names step {step}, but the run has steps 0 to {sum(self.steps) - 1}"
                )
            changed = dataclasses.replace(self, schedule=(), **{name: value})
            yield step, name, getattr(changed, name)

    def __hash__(self) -> int:
        """Hash by content, so that recipes can key results; equal recipes hash alike."""
        return hash(json.dumps(dataclasses.asdict(self), sort_keys=True))

    def replace(self, **changes: Any) -> "Recipe":
        """Return a copy with some fields changed, and those that go with them.

        A new ``size`` without ``scales`` makes a new ladder (see `ladder`), or stays at one scale
        if the recipe had one. One number of ``steps`` is the total, split over the scales in this
        recipe's proportions. Another ``optimizer`` without a ``learning_rate`` brings its usual
        one: the other's is too small for it, or diverges.

        Raises
        ------
        RecipeError, UnknownNameError
            As for `Recipe`.

        Examples
        --------
        >>> Recipe().replace(size=256, steps=30).steps
        (20, 10)
        >>> Recipe().replace(optimizer="adam").learning_rate
        0.02
        """
        return dataclasses.replace(self, **_kept_in_step(self, changes))

    def at(self, step: int) -> "Recipe":
        """Return the recipe in effect at a step: the schedule's changes up to it, applied.

        Its own schedule is empty: what is still to come is not in effect.

        Examples
        --------
        >>> Recipe(schedule=[[5, "beta", 99]]).at(7).beta
        99.0
        """
        changes = {name: value for when, name, value in self.schedule if when <= step}
        if step >= self.texture_begins:
            changes |= self._texture(changes)
        if step >= self.finish_begins:
            changes |= {"alpha": 0.0, "style_statistic": "neighbors"}
        return dataclasses.replace(self, schedule=(), **changes)

    @property
    def texture_begins(self) -> int:
        """The first of the `texture_steps`; the number of steps where there are none."""
        return sum(self.steps) - min(self.texture_steps, self.steps[-1])

    def _texture(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the changes that leave only shallow layers."""
        spec = backbone_spec(self.backbone)
        layers = changes.get("style_layers", self.style_layers)
        content = changes.get("content_layer", self.content_layer)
        shallow = {k: w for k, w in layers.items() if spec.stride(k) <= TEXTURE_STRIDE and w}
        if not shallow:
            raise RecipeError(
                f"texture_steps need a style layer with positions at most {TEXTURE_STRIDE} pixels "
                f"apart, for example {next(iter(spec.style_layers))}"
            )
        if spec.stride(content) > TEXTURE_STRIDE:
            content = max(shallow, key=spec.layers.index)
        return {"style_layers": shallow, "content_layer": content}

    @property
    def finish_begins(self) -> int:
        """The first step of the part that `finish` names; the number of steps if `finish` is 0."""
        return sum(self.steps) - round(self.finish * self.steps[-1])

    def steered(self, wanted: "Recipe", step: int) -> "Recipe":
        """Return this recipe with what another one changes put into its schedule, from a step on.

        The other recipe was made from the one in effect, which has no schedule, or from this one.
        A step past the end changes nothing, since it is never taken.

        Raises
        ------
        RecipeError
            If `wanted` is no recipe, or changes what cannot change during a run.

        Examples
        --------
        >>> Recipe().steered(Recipe(beta=50), 7).schedule
        ((7, 'beta', 50.0),)
        """
        if not isinstance(wanted, Recipe):
            raise RecipeError(f"on_step must return a Recipe or None, not {brief(wanted)}")
        if any(entry not in self.schedule for entry in wanted.schedule):
            raise RecipeError(
                "on_step cannot change the schedule: return live.in_effect.replace(…) with the "
                "values that hold from the next step on"
            )
        now = self if wanted.schedule else self.at(step - 1)
        changes = [
            spec.name
            for spec in fields(Recipe)
            if spec.name != "schedule" and getattr(wanted, spec.name) != getattr(now, spec.name)
        ]
        fixed = [name for name in changes if name not in STEERABLE]
        if fixed:
            raise RecipeError(
                f"{' and '.join(fixed)} cannot change during a run; only {', '.join(STEERABLE)} can"
            )
        if not changes or step >= sum(self.steps):
            return self
        moves = tuple((step, name, getattr(wanted, name)) for name in changes)
        return self.replace(schedule=self.schedule + moves)

    def style_weight(self, name: str) -> float:
        """Return the weight of a style term, ``style/relu1_1``, beside the other style terms."""
        layerwise = LOSSES[self.style_statistic].layerwise
        return self.style_layers.get(name.removeprefix("style/"), 1.0) if layerwise else 1.0

    def style_shares(self, names: Iterable[str]) -> dict[str, float]:
        """Return what style terms are multiplied by in the style loss; ``beta`` comes on top."""
        weights = {name: self.style_weight(name) for name in names}
        total = sum(weights.values()) if self.loss == "relative" else 1.0
        return {name: weight / total for name, weight in weights.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values, in order."""
        # Not `dataclasses.asdict`: it copies each value once more, which a folder of thousands of
        # photos notices.
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.loads(json.dumps(values))

    def to_json(self, indent: int | None = None, *, defaults: bool = True) -> str:
        """Return the recipe as JSON, with or without the fields that have their default.

        `from_json` reads both back to an equal recipe.
        """
        values, usual = self.to_dict(), {} if defaults else _default_values()
        # The fields of `BEFORE` mean something else where they are left out beside a schedule.
        kept = {k: v for k, v in values.items() if defaults or k in BEFORE or v != usual[k]}
        return json.dumps(kept, indent=indent)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Read a recipe from JSON text; fields left out take their default.

        Raises
        ------
        RecipeError
            If the text is not a JSON object, or a value is out of range.
        UnknownNameError
            If it names a field that does not exist.
        """
        try:
            values = parse_json(text, "a recipe")
        except DataError as error:
            raise RecipeError(str(error)) from None
        if not isinstance(values, dict):
            raise RecipeError(f"expected a JSON object of recipe fields, not {brief(values)}")
        for name in values:
            field_of(name)
        if values.get("loss") == "report":  # its name in older recipes
            values["loss"] = "published"
        # A complete recipe that lacks these fields was written before they existed.
        return cls(**(BEFORE | values if "schedule" in values else values))


@functools.cache
def _default_values() -> dict[str, Any]:
    return Recipe().to_dict()


def _kept_in_step(recipe: Recipe, changes: dict[str, Any]) -> dict[str, Any]:
    """Return changes with the fields that go with them; see `Recipe.replace`."""
    for name in changes:
        field_of(name)
    optimizer = check_field(field_of("optimizer"), changes.get("optimizer", recipe.optimizer))
    if optimizer != recipe.optimizer:
        changes = {"learning_rate": OPTIMIZERS[optimizer].rates[0]} | changes
    if "scales" in changes:
        scales = check_field(field_of("scales"), changes["scales"])
        size = changes.setdefault("size", scales[-1])
    else:
        size = check_field(field_of("size"), changes.get("size", recipe.size))
        same = size == recipe.size or len(recipe.scales) == 1
        scales = (*recipe.scales[:-1], size) if same else ladder(size)
    if "backbone" in changes and changes["backbone"] != recipe.backbone:
        moved = {"content_layer", "style_layers"} - changes.keys()
        if moved:
            raise RecipeError(
                f"a recipe for {recipe.backbone} names that network's layers: give "
                f"{' and '.join(sorted(moved))} for {changes['backbone']} too, "
                "or start from config.recipe(name, backbone=…)"
            )
    steps = check_field(field_of("steps"), changes.get("steps", recipe.steps))
    if len(steps) == 1 and len(scales) > 1:
        shares = [a / b for a, b in zip(recipe.steps, recipe.steps[1:], strict=False)]
        scales, steps = split_steps(steps[0], scales, shares or (SCALE_STEP,))
    elif "steps" not in changes and len(steps) != len(scales):
        steps = fit_steps(steps, len(scales))
    return changes | {"scales": scales, "steps": steps}


def field_of(name: str) -> dataclasses.Field:
    """Return a field of `Recipe`, or raise `UnknownNameError` with the nearest."""
    named = {spec.name: spec for spec in fields(Recipe)}
    check_choice("recipe field", name, named)
    return named[name]


def check_recipe(recipe: Any) -> None:
    """Raise `RecipeError` for what is no recipe."""
    if not isinstance(recipe, Recipe):
        raise RecipeError(
            f"expected a Recipe, for example nst_utils.recipe('quick'), not {brief(recipe)}"
        )
