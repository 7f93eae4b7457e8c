"""The studio's sliders and menus: they show a recipe and report which field the user changed."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import ipywidgets as widgets

from ..networks.registry import BACKBONES
from ..transfer.config import Recipe
from ..transfer.fields import COLORS, DETAILS, GRAMS, STARTS
from .labels import field_name
from .state import BUDGET
from .toolbar import make_button

SIZES = (128, 192, 256, 384, 512, 768, 1024)

STROKES = (0.25, 0.5, 1, 2, 4)
"""Sizes of strokes, in those of the style picture."""

RATES = {"lbfgs": 1.0, "adam": 0.02}
"""Step length that suits an optimizer; the other one's would move nothing or burst."""

SLIDERS = {"alpha": (-2, 2), "beta": (-1, 4), "tv": (-4, 1), "learning_rate": (-3, 1)}
"""Powers of ten between which each weight's slider runs; the lowest total variation is none."""

PRESETS = {"subtle": 3.0, "balanced": 8.0, "wild": 30.0}
"""Weights of the style in plain words."""

STOP = 0.01
"""The way from one stop of a slider to the next, in powers of ten."""

_WIDE = {"width": "98%"}
_LABEL = {"description_width": "150px"}


class Controls:
    """Sliders for the weights and menus for the method, in two tabs; others may follow.

    `change` gets the fields that the user changed, as keywords; it is not called while `show` runs.
    `change_budget` gets another number of steps.
    """

    def __init__(
        self,
        recipe: Recipe,
        say: Callable[[str], str],
        change: Callable[..., None],
        change_budget: Callable[[int], None],
    ) -> None:
        self._recipe, self._say, self._change = recipe, say, change
        self._quiet = False  # while the panel itself sets its controls
        self.sliders = {name: self._make_slider(name) for name in SLIDERS}
        self.layers: dict[str, widgets.FloatSlider] = {}
        self._layer_box = widgets.VBox()
        choices = {
            "backbone": [(spec.title, name) for name, spec in BACKBONES.items()],
            "weights": self._weights(recipe),
            "content_layer": list(BACKBONES[recipe.backbone].layers),
            "color": list(COLORS),
            "detail": list(DETAILS),
            "style_scale": _strokes(recipe.style_scale),
            "gram": list(GRAMS),
            "pooling": ["max", "average"],
            "optimizer": ["lbfgs", "adam"],
            "start": _with(list(STARTS), recipe.start),
            "size": sorted({*SIZES, recipe.size}),
        }
        self.menus = {name: self._make_menu(name, options) for name, options in choices.items()}
        self.budget = widgets.BoundedIntText(
            BUDGET, min=1, max=100_000, description=say("budget"), style=_LABEL, layout=_WIDE
        )
        self.budget.observe(lambda change: change_budget(change["new"]), "value")
        self.presets = [self._make_preset(name, beta) for name, beta in PRESETS.items()]
        hint = widgets.HTML(f"<i>{say('face help')}</i>")
        row = [widgets.Label(say("how much")), *self.presets, hint]
        presets = widgets.HBox(row, layout=widgets.Layout(flex_flow="row wrap"))
        weights = widgets.VBox([presets, *self.sliders.values(), self._layer_box])
        method = widgets.VBox([*self.menus.values(), self.budget])
        titles = [say("weights tab"), say("method tab")]
        self.tabs = widgets.Tab([weights, method], titles=titles)
        self.show(recipe)

    def add_tab(self, box: widgets.Widget, title: str) -> None:
        """Add another tab behind these two."""
        titles = [*self.tabs.titles, title]
        self.tabs.children = [*self.tabs.children, box]
        self.tabs.titles = titles

    def show(self, recipe: Recipe) -> None:
        """Set every control to a recipe."""
        self._recipe, self._quiet = recipe, True
        try:
            for name, slider in self.sliders.items():
                low, high = (10**power for power in SLIDERS[name])
                slider.value = min(high, max(low, getattr(recipe, name)))
            if list(self.layers) != list(recipe.style_layers):
                self._make_layers(recipe)
            for layer, slider in self.layers.items():
                slider.max = max(slider.max, recipe.style_layers[layer])
                slider.value = recipe.style_layers[layer]
            self.menus["content_layer"].options = list(BACKBONES[recipe.backbone].layers)
            self.menus["weights"].options = self._weights(recipe)
            for name, menu in self.menus.items():
                if name == "style_scale":
                    menu.options = _strokes(recipe.style_scale)
                menu.value = getattr(recipe, name)
        finally:
            self._quiet = False

    def note(self, recipe: Recipe) -> None:
        """Take the recipe that holds now, without moving a control."""
        self._recipe = recipe

    def _make_slider(self, name: str) -> widgets.FloatLogSlider:
        low, high = SLIDERS[name]
        label = field_name(name, self._say)
        slider = widgets.FloatLogSlider(
            value=1, min=low, max=high, step=STOP, description=label, style=_LABEL,
            readout_format=".3g", layout=_WIDE,
        )  # fmt: skip
        slider.observe(lambda change: self._slid(name, change["new"]), "value")
        return slider

    def _make_preset(self, name: str, beta: float) -> widgets.Button:
        def press() -> None:
            self._tell(alpha=1.0, beta=beta)
            self.show(self._recipe)

        return make_button(self._say(name), f"alpha 1, beta {beta:g}", press)

    def _make_menu(self, name: str, options: list[Any]) -> widgets.Dropdown:
        label = field_name(name, self._say)
        menu = widgets.Dropdown(options=options, description=label, style=_LABEL, layout=_WIDE)
        menu.observe(lambda change: self._picked(name, change["new"]), "value")
        return menu

    def _make_layers(self, recipe: Recipe) -> None:
        for old in self.layers.values():
            old.close()
        self.layers = {}
        for layer in recipe.style_layers:
            slider = widgets.FloatSlider(
                1, min=0, max=2, step=0.05, description=layer, style=_LABEL, layout=_WIDE
            )
            slider.observe(partial(self._weighed, layer), "value")
            self.layers[layer] = slider
        self._layer_box.children = list(self.layers.values())

    def _slid(self, name: str, value: float) -> None:
        value = float(f"{value:.3g}")
        if name == "tv" and value <= 10 ** SLIDERS["tv"][0]:
            value = 0.0
        before = getattr(self._recipe, name)
        # The browser moves a handle to the slider's nearest stop, which nobody asked for.
        if not (before and value and abs(math.log10(value / before)) < STOP * 0.55):
            self._tell(**{name: value})

    def _weighed(self, layer: str, change: Mapping[str, Any]) -> None:
        self._tell(style_layers=self._recipe.style_layers | {layer: change["new"]})

    def _picked(self, name: str, value: Any) -> None:
        fields = {name: value}
        if name == "optimizer":
            fields["learning_rate"] = RATES[value]
        self._tell(**fields)
        if not self._quiet:
            self.show(self._recipe)

    def _tell(self, **fields: Any) -> None:
        if not self._quiet:
            self._change(**fields)

    def _weights(self, recipe: Recipe) -> list[tuple[str, str]]:
        """Return the choices of trained weights for a recipe's network."""
        names = _with(list(BACKBONES[recipe.backbone].weights), recipe.weights)
        return [(self._say("untrained") if name == "random" else name, name) for name in names]


def _strokes(value: tuple[float, ...]) -> list[tuple[str, tuple[float, ...]]]:
    """Return the sizes of strokes to choose from, a recipe's own among them."""
    known = [(float(scale),) for scale in STROKES]
    return [(", ".join(f"{x:g}" for x in s), s) for s in _with(known, value)]


def _with(options: list[Any], value: Any) -> list[Any]:
    return options if value in options else [*options, value]
