"""The recipe: everything that decides a picture, frozen, checked, and JSON both ways.

Free of torch, so that a notebook, the command line and a scheduler can build, check and ship
recipes without loading a network.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from .registry import BACKBONES, GRAMS, backbone_spec, unknown
from .values import SCALE_STEP, RecipeError, check, fit_steps, ladder, parse, split_steps

QUICK_LAYERS = {
    "vgg19": ("relu3_4", {f"relu{block}_1": 1.0 for block in range(1, 6)}),
    "resnet50": ("layer2", {"relu": 1.0, "layer1": 1.0, "layer2": 1.0, "layer3": 1.0}),
}
"""Content layer and style layers of the default recipe, for each backbone."""

QUICK_STEPS = (60, 30)
"""Steps of the default recipe at its two scales."""

STEERABLE = (
    "alpha beta tv learning_rate style_layers content_layer loss gram smoothing pooling padding "
    "optimizer"
).split()
"""Fields that may change during a run, through ``schedule`` or through ``on_step``."""


def _choice(default: str, choices: Sequence[str], help: str) -> Any:
    return field(default=default, metadata={"choices": tuple(choices), "help": help})


def _number(default: float, help: str, *, low: float = 0.0, strict: bool = False) -> Any:
    return field(default=default, metadata={"low": low, "strict": strict, "help": help})


def _plain(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


def _layers(default: Mapping[str, float], help: str) -> Any:
    return field(default_factory=lambda: dict(default), metadata={"help": help})


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a picture besides the content and the style image.

    The defaults are the recipe ``quick``. Each field's help text is in its metadata and is what
    ``python -m nst_utils recipes --fields`` prints. Values are checked and brought to their own
    type on construction. Make a changed copy with `replace`; do not write into ``style_layers``.

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

    backbone: str = _choice("vgg19", tuple(BACKBONES), "network that reads the pictures")
    weights: str = _plain("auto", "auto, a source's name, random, or a .pt or .pth file")
    content_layer: str = _plain(
        QUICK_LAYERS["vgg19"][0], "layer whose activations keep the content"
    )
    style_layers: dict[str, float] = _layers(
        QUICK_LAYERS["vgg19"][1],
        "layers whose Gram matrices carry the style, each with its weight",
    )
    alpha: float = _number(1.0, "weight of the content loss")
    beta: float = _number(20.0, "weight of the style loss")
    tv: float = _number(0.05, "weight of the total variation, squared, per pixel")
    loss: str = _choice("relative", ("relative", "report", "paper"), "how losses are normalized")
    gram: str = _choice("mean", GRAMS, "variant of the Gram matrix")
    smoothing: str = _choice(
        "none", ("none", "scaled", "softmax"), "what is done to the activations of deep layers"
    )
    pooling: str = _choice("max", ("max", "average"), "pooling of the network")
    padding: str = _choice("replicate", ("zero", "replicate"), "padding of the first convolution")
    optimizer: str = _choice("lbfgs", ("lbfgs", "adam"), "method that moves the picture")
    learning_rate: float = _number(1.0, "step length of the optimizer", strict=True)
    size: int = _plain(512, "long side of the result, pixels")
    scales: tuple[int, ...] = _plain((), "long sides, ascending, ending at size; empty: a ladder")
    steps: tuple[int, ...] = _plain((), "steps per scale; one number is the total")
    start: str = _plain("content", "content, style, noise, or a picture file")
    start_noise: float = _number(0.0, "standard deviation of noise added to the start")
    space: str = _choice("normalized", ("unit", "normalized"), "tensor that the optimizer moves")
    precision: str = _choice(
        "auto", ("auto", "float32", "bfloat16"), "number format of weights and activations"
    )
    device: str = _plain("auto", "auto, cpu, cuda, cuda:1, mps")
    seed: int = _plain(0, "seed of the noise in the start")
    schedule: tuple[tuple[int, str, Any], ...] = _plain(
        (), "changes during the run: [step, field, value]"
    )

    def __post_init__(self) -> None:
        """Check every field and bring it to its own type."""
        for spec in fields(self):
            object.__setattr__(self, spec.name, check(spec, getattr(self, spec.name)))
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
                f"scales must ascend and end at size {self.size}, not {list(self.scales)}"
            )
        if len(steps) != len(self.scales):
            raise RecipeError(
                f"steps must be one number, or one for each of the {len(self.scales)} scales, "
                f"not {list(steps)}"
            )
        spec = backbone_spec(self.backbone)
        if self.weights not in spec.weights and not self.weights.endswith((".pt", ".pth")):
            valid = [*spec.weights, "a .pt or .pth file"]
            raise unknown(f"weights for {self.backbone}", self.weights, valid)
        known = spec.layers
        for layer in (self.content_layer, *self.style_layers):
            if layer not in known:
                raise unknown(f"layer of {self.backbone}", layer, known)
        object.__setattr__(self, "schedule", tuple(self._checked_schedule()))

    def _checked_schedule(self) -> Iterator[tuple[int, str, Any]]:
        """Yield the schedule's entries, each value checked by its field's own rules."""
        for step, name, value in sorted(self.schedule, key=lambda entry: entry[0]):
            if name not in STEERABLE:
                raise unknown("field in schedule", name, STEERABLE)
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
        """Return a copy with some fields changed and the ladder of scales kept in step.

        A new ``size`` without ``scales`` makes a new ladder (see `ladder`), or stays at one scale
        if the recipe had one. One number of ``steps`` is the total, split over the scales in this
        recipe's proportions.

        Raises
        ------
        RecipeError, UnknownNameError
            As for `Recipe`.

        Examples
        --------
        >>> Recipe().replace(size=256, steps=30).steps
        (20, 10)
        """
        known = [spec.name for spec in fields(self)]
        for name in changes:
            if name not in known:
                raise unknown("recipe field", name, known)
        if "scales" in changes:
            scales = check(_spec("scales"), changes["scales"])
            size = changes.setdefault("size", scales[-1])
        else:
            size = check(_spec("size"), changes.get("size", self.size))
            same = size == self.size or len(self.scales) == 1
            scales = (*self.scales[:-1], size) if same else ladder(size)
        if "backbone" in changes and changes["backbone"] != self.backbone:
            moved = {"content_layer", "style_layers"} - changes.keys()
            if moved:
                raise RecipeError(
                    f"a recipe for {self.backbone} names that network's layers: give "
                    f"{' and '.join(sorted(moved))} for {changes['backbone']} too, "
                    "or start from config.recipe(name, backbone=…)"
                )
        steps = check(_spec("steps"), changes.get("steps", self.steps))
        if len(steps) == 1 and len(scales) > 1:
            shares = [a / b for a, b in zip(self.steps, self.steps[1:], strict=False)]
            scales, steps = split_steps(steps[0], scales, shares or (SCALE_STEP,))
        elif "steps" not in changes and len(steps) != len(scales):
            steps = fit_steps(steps, len(scales))
        return dataclasses.replace(self, **changes | {"scales": scales, "steps": steps})

    def at(self, step: int) -> "Recipe":
        """Return the recipe in effect at a step: the schedule's changes up to it, applied.

        Its own schedule is empty: what is still to come is not in effect.

        Examples
        --------
        >>> Recipe(schedule=[[5, "beta", 99]]).at(7).beta
        99.0
        """
        changes = {name: value for when, name, value in self.schedule if when <= step}
        return dataclasses.replace(self, schedule=(), **changes)

    def steered(self, wanted: "Recipe", step: int) -> "Recipe":
        """Return this recipe with what another one changes put into its schedule, from a step on.

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
            raise RecipeError(f"on_step must return a Recipe or None, not {wanted!r:.60}")
        now = self.at(step - 1)
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

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values, in order."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    def to_json(self, indent: int | None = None) -> str:
        """Return the recipe as JSON; `from_json` reads it back to an equal recipe."""
        return json.dumps(dataclasses.asdict(self), indent=indent)

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
            values = json.loads(text)
        except (TypeError, ValueError) as error:
            raise RecipeError(f"expected a recipe as JSON text: {error}") from None
        if not isinstance(values, dict):
            raise RecipeError(f"expected a JSON object of recipe fields, not {values!r:.60}")
        for name in values:
            if name not in {spec.name for spec in fields(cls)}:
                raise unknown("recipe field", name, [spec.name for spec in fields(cls)])
        return cls(**values)


def _spec(name: str) -> dataclasses.Field:
    return next(spec for spec in fields(Recipe) if spec.name == name)


_REPORT_VGG19 = {"conv1_1": 1.0, "conv2_1": 0.75, "conv3_1": 0.2, "conv4_1": 0.2, "conv5_1": 0.2}
_REPORT_RESNET50 = {"conv1": 1.0, "layer1": 0.75, "layer2": 0.2, "layer3": 0.2, "layer4": 0.2}

_REPORT = {
    "alpha": 1.0,
    "beta": 1e3,
    "tv": 0.0,
    "loss": "report",
    "gram": "sum",
    "padding": "zero",
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "size": 128,
    "scales": (128,),
    "steps": (20_000,),
    "precision": "float32",
}

_LAYERS: dict[str, dict[str, tuple[str, dict[str, float]]]] = {
    "quick": QUICK_LAYERS,
    "report": {"vgg19": ("conv4_2", _REPORT_VGG19), "resnet50": ("layer4", _REPORT_RESNET50)},
    "report-as-run": {
        # The in-place ReLUs overwrote the tapped conv outputs: what was measured is the ReLU's.
        "vgg19": (
            "relu4_2",
            {name.replace("conv", "relu"): weight for name, weight in _REPORT_VGG19.items()},
        ),
        # Keys '0' to '4' are conv1, bn1, relu, maxpool, layer1. The ReLU works in place on bn1's
        # output, so '1' and '2' hold the same values: relu with both weights, 0.75 + 0.2.
        "resnet50": ("layer1", {"conv1": 1.0, "relu": 0.95, "maxpool": 0.2, "layer1": 0.2}),
    },
    "gatys2016": {
        "vgg19": ("relu4_2", {f"relu{block}_1": 0.2 for block in range(1, 6)}),
    },
}
_LAYERS["report-personal"] = _LAYERS["report"]

_CHANGES: dict[str, dict[str, Any]] = {
    "quick": {},
    "report": _REPORT,
    "report-as-run": _REPORT,
    "report-personal": _REPORT
    | {"learning_rate": 3e-3, "steps": (5_000,), "size": 400}
    | {"scales": (400,)},
    "gatys2016": {
        # The paper's alpha / beta = 1e-3 belongs to its own units: content as half a sum, a
        # network normalized per channel. In these units a beta of 1 keeps the photo and 10 loses
        # it; 3 was chosen by eye.
        "beta": 3.0,
        "tv": 0.0,
        "loss": "paper",
        "gram": "sum",
        "pooling": "average",
        "padding": "zero",
        "scales": (512,),
        "steps": (300,),
        "start": "noise",
        "precision": "float32",
    },
}

RECIPES: dict[str, str] = {
    "quick": "the default: relative losses, coarse to fine, L-BFGS, automatic precision",
    "report": "what the report means to do: layers as it names them, before the ReLU",
    "report-as-run": "what its code does: in-place ReLUs and wrong ResNet-50 keys included",
    "report-personal": "the report's recipe for a personal photo: 5,000 steps at 0.003",
    "gatys2016": "Gatys et al. 2016: noise start, average pooling, one scale, L-BFGS",
}
"""The named recipes, each with one line of help."""


@cache
def _named(name: str, backbone: str) -> Recipe:
    layers = _LAYERS[name]
    if backbone not in layers:
        raise RecipeError(f"recipe {name} is for {' or '.join(layers)}, not for {backbone}")
    content_layer, style_layers = layers[backbone]
    return Recipe(
        backbone=backbone,
        content_layer=content_layer,
        style_layers=style_layers,
        **_CHANGES[name],
    )


def recipe(name: str = "quick", **overrides: Any) -> Recipe:
    """Return a named recipe, with fields changed as in `Recipe.replace`.

    Parameters
    ----------
    name : str
        One of `RECIPES`.
    **overrides
        Recipe fields. ``backbone`` also selects the layers that the recipe uses on that network.

    Raises
    ------
    UnknownNameError
        For a recipe, field, backbone or layer that does not exist.
    RecipeError
        For a value out of range.

    Examples
    --------
    >>> recipe("report", backbone="resnet50").content_layer
    'layer4'
    >>> recipe(size=256).scales
    (128, 256)
    """
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    backbone = overrides.pop("backbone", "vgg19")
    backbone_spec(backbone)
    return _named(name, backbone).replace(**overrides)


def parse_value(name: str, text: str) -> Any:
    """Read one field's value as written on a command line.

    Numbers, lists (``256,512``) and JSON are understood; ``style_layers`` is written
    ``relu1_1:1+relu2_1:0.75`` (a layer without a number weighs 1).

    Raises
    ------
    UnknownNameError
        If there is no such field.
    RecipeError
        If the text cannot be the field's value.

    Examples
    --------
    >>> parse_value("beta", "1e3"), parse_value("scales", "128,256")
    (1000.0, (128, 256))
    >>> parse_value("style_layers", "relu1_1+relu2_1:0.5")
    {'relu1_1': 1.0, 'relu2_1': 0.5}
    """
    names = [spec.name for spec in fields(Recipe)]
    if name not in names:
        raise unknown("recipe field", name, names)
    return parse(_spec(name), text)


def build_recipe(name: str, changes: tuple[str, ...] = (), **options: str | None) -> Recipe:
    """Build a recipe from what a command line says.

    Parameters
    ----------
    name : str
        One of `RECIPES`.
    changes : tuple of str
        ``FIELD=VALUE`` each; they win over `options`.
    **options : str or None
        Recipe fields as text; None is left out.

    Raises
    ------
    RecipeError, UnknownNameError
        As for `recipe` and `parse_value`.
    """
    overrides = {
        field: parse_value(field, text) for field, text in options.items() if text is not None
    }
    for change in changes:
        field, equals, text = change.partition("=")
        if not equals:
            raise RecipeError(f"--set takes FIELD=VALUE, not {change!r}")
        overrides[field.strip()] = parse_value(field.strip(), text)
    return recipe(name, **overrides)
