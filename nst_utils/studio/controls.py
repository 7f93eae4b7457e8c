"""The studio's sliders and menus: they show a recipe and report which field the user changed."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import ipywidgets as widgets

from ..networks.registry import BACKBONES
from ..transfer.config import Recipe
from ..transfer.fields import COLORS, DETAILS, GRAMS, STARTS
from ..transfer.optimizers import OPTIMIZERS
from .browser_widgets import NumberSlider
from .faces import KINDS, fields_for, kind_of
from .labels import LABELS, field_help, field_name
from .state import BUDGET, told_time
from .toolbar import make_button

SIZES = (128, 192, 256, 384, 512, 768, 1024)

STROKES = (0.25, 0.5, 1, 2, 4)
"""Sizes of strokes, in those of the style picture."""

SLIDERS = {
    "alpha": (0.01, 100.0), "beta": (0.1, 10_000.0), "tv": (1e-4, 10.0),
    "learning_rate": (1e-3, 10.0),
}  # fmt: skip
"""Lowest and highest value of each slider; the lowest stop of total variation is 0."""

STRENGTHS = {"subtle": 3.0, "balanced": 8.0, "wild": 30.0}
"""Values of beta over alpha, by the word for each."""

_WIDE = {"width": "98%"}
_LABEL = {"description_width": "150px"}


class Controls:
    """A dial for the strength and a menu for the size; everything else is in two tabs.

    `change` gets the fields that the user changed, as keywords; it is not called while `show` runs.
    `change_budget` gets another number of steps. `keep` gets the share of the photo that is to
    stay.
    """

    def __init__(
        self,
        recipe: Recipe,
        say: Callable[[str], str],
        change: Callable[..., None],
        change_budget: Callable[[int], None],
        keep: Callable[[float], None],
    ) -> None:
        self._recipe, self._say, self._change = recipe, say, change
        self._first = recipe
        self._quiet = False  # while the panel itself sets its controls
        self.strength = NumberSlider(
            low=1.0, high=100.0, log=True, usual=STRENGTHS["balanced"], label=say("strength"),
            help=say("strength help"),
            marks=[[value, say(word)] for word, value in STRENGTHS.items()],
        )  # fmt: skip
        self.strength.observe(lambda change: self._strengthened(change["new"]), "value")
        self.sliders = {name: self._make_slider(name) for name in SLIDERS}
        self.layers: dict[str, NumberSlider] = {}
        self._layer_box = widgets.VBox()
        choices = {
            "backbone": [(spec.title, name) for name, spec in BACKBONES.items()],
            "weights": self._weights(recipe),
            "content_layer": list(BACKBONES[recipe.backbone].layers),
            "color": self._in_words("color", COLORS),
            "detail": self._in_words("detail", DETAILS),
            "style_scale": _strokes(recipe.style_scale),
            "gram": list(GRAMS),
            "pooling": ["max", "average"],
            "optimizer": list(OPTIMIZERS),
            "start": self._in_words("start", _with(list(STARTS), recipe.start)),
            "size": [(str(size), size) for size in sorted({*SIZES, recipe.size})],
        }
        self.menus = {name: self._make_menu(name, options) for name, options in choices.items()}
        self.budget = widgets.BoundedIntText(
            BUDGET, min=1, max=100_000, description=say("budget"), style=_LABEL, layout=_WIDE
        )
        self.budget.observe(lambda change: change_budget(change["new"]), "value")
        self.menus["size"].style.description_width = "auto"
        self.menus["size"].layout = {"width": "230px"}
        self.faces = widgets.Dropdown(
            options=self._in_words("faces", KINDS), description=say("faces"),
            tooltip=say("faces help"), layout={"width": "300px", "display": "none"},
        )  # fmt: skip
        self.faces.observe(
            lambda change: self._tell(**fields_for(self._recipe, change["new"])), "value"
        )
        self.keep = NumberSlider(
            value=0.5, usual=0.5, label=say("keep share"), help=say("keep help")
        )
        find = make_button(say("keep find"), say("keep help"), lambda: keep(self.keep.value))
        kept = widgets.HBox([self.keep, find]).add_class("nst-keep")
        simple = [self.strength, self.menus["size"], self.faces]
        self.simple = widgets.HBox(simple).add_class("nst-simple")
        weights = widgets.VBox([*self.sliders.values(), self._layer_box, kept])
        further = [menu for name, menu in self.menus.items() if name != "size"]
        method = widgets.VBox([*further, self.budget])
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
            self._show_strength(recipe)
            self.faces.value = kind_of(recipe)
            for name, slider in self.sliders.items():
                slider.value = getattr(recipe, name)
            if list(self.layers) != list(recipe.style_layers):
                self._make_layers(recipe)
            for layer, slider in self.layers.items():
                slider.value = recipe.style_layers[layer]
            self.menus["content_layer"].options = list(BACKBONES[recipe.backbone].layers)
            self.menus["weights"].options = self._weights(recipe)
            for name, menu in self.menus.items():
                if name == "style_scale":
                    menu.options = _strokes(recipe.style_scale)
                if name == "size" and recipe.size not in [size for _, size in menu.options]:
                    menu.options = [*menu.options, (str(recipe.size), recipe.size)]
                menu.value = getattr(recipe, name)
        finally:
            self._quiet = False

    def show_faces(self, found: bool) -> None:
        """Offer what becomes of faces, if there is one."""
        self.faces.layout.display = "" if found else "none"

    def _show_strength(self, recipe: Recipe) -> None:
        self.strength.value = float(f"{recipe.beta / max(recipe.alpha, 1e-9):.3g}")

    def note(self, recipe: Recipe) -> None:
        """Take the recipe that holds now; only what shows the same numbers is moved."""
        self._recipe, self._quiet = recipe, True
        try:
            self._show_strength(recipe)
            self.sliders["beta"].value = recipe.beta
        finally:
            self._quiet = False

    def foretell(self, forecast: Callable[[int], float | None]) -> None:
        """Write beside each size how long its painting will take, if that is known."""
        menu, options = self.menus["size"], []
        for size in sorted({*SIZES, self._recipe.size}):
            seconds = forecast(size)
            time = "" if seconds is None else f" · {told_time(seconds, self._say)}"
            options.append((f"{size}{time}", size))
        if list(menu.options) != options:
            self._quiet, quiet = True, self._quiet
            try:
                menu.options = options  # also chooses the first of them
                menu.value = self._recipe.size
            finally:
                self._quiet = quiet

    def _make_slider(self, name: str) -> NumberSlider:
        low, high = SLIDERS[name]
        slider = NumberSlider(
            low=low, high=high, log=True, zero=name == "tv", usual=getattr(self._first, name),
            label=field_name(name, self._say), help=field_help(name, self._say),
        )  # fmt: skip
        slider.observe(lambda change: self._tell(**{name: change["new"]}), "value")
        return slider

    def _make_menu(self, name: str, options: list[Any]) -> widgets.Dropdown:
        menu = widgets.Dropdown(
            options=options, description=field_name(name, self._say), style=_LABEL, layout=_WIDE,
            tooltip=field_help(name, self._say),
        )  # fmt: skip
        menu.observe(lambda change: self._picked(name, change["new"]), "value")
        return menu

    def _make_layers(self, recipe: Recipe) -> None:
        for old in self.layers.values():
            old.close()
        self.layers = {}
        for layer, weight in recipe.style_layers.items():
            slider = NumberSlider(
                low=0.0, high=max(4.0, 2 * weight), usual=weight, label=layer,
                help=field_help("style_layers", self._say),
            )  # fmt: skip
            slider.observe(partial(self._weighed, layer), "value")
            self.layers[layer] = slider
        self._layer_box.children = list(self.layers.values())

    def _strengthened(self, value: float) -> None:
        self._tell(beta=float(f"{value * (self._recipe.alpha or 1.0):.3g}"))

    def _weighed(self, layer: str, change: Mapping[str, Any]) -> None:
        self._tell(style_layers=self._recipe.style_layers | {layer: change["new"]})

    def _picked(self, name: str, value: Any) -> None:
        self._tell(**{name: value})
        if not self._quiet:
            self.show(self._recipe)

    def _tell(self, **fields: Any) -> None:
        if not self._quiet:
            self._change(**fields)

    def _in_words(self, name: str, values: list[str] | tuple[str, ...]) -> list[tuple[str, str]]:
        """Return choices with their words; one without words stands as it is."""
        keys = [f"value {name} {value}" for value in values]
        words = [self._say(k) if k in LABELS else v for k, v in zip(keys, values, strict=True)]
        return list(zip(words, values, strict=True))

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
