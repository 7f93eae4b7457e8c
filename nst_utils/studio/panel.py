"""The studio: a panel of widgets beside a painting that follows them.

The view only: what is painted, and how it is steered, is the `controller`'s. Widgets are changed in
the owner's thread alone, by a task that looks at the controller ten times a second.
"""

import asyncio
import base64
import html
import math
import time
from pathlib import Path
from typing import Any

import ipywidgets as widgets
from PIL import Image

from ..errors import NSTError
from ..networks.registry import BACKBONES
from ..paths import ROOT
from ..plotting.loss_curves import LiveCurve
from ..transfer.config import Recipe
from ..transfer.fields import GRAMS
from .controller import Controller, studio_recipe
from .history import BUDGET, Snapshot
from .labels import studio_translator
from .pickers import PicturePicker, jpeg
from .replay import as_code, as_command

LOOK_EVERY = 0.1

CURVE_EVERY = 0.5
"""Seconds between two looks at the controller, and between two drawings of the curve."""

PICTURE_HEIGHT = 320

CURVE = (470, 180)
"""Pixels: with these the panel fits a window of 1280 by 800."""

SIZES = (128, 192, 256, 384, 512, 768, 1024)

RATES = {"lbfgs": 1.0, "adam": 0.02}
"""Step length that suits an optimizer; the other one's would move nothing or burst."""

SLIDERS = {"alpha": (-2, 2), "beta": (-1, 4), "tv": (-4, 1), "learning_rate": (-3, 1)}

STOP = 0.01
"""Powers of ten between which each weight's slider runs; the lowest total variation
is none. `STOP` is the way from one stop to the next."""

_STYLE = """<style>
.nst-studio {--jp-widgets-inline-height: 24px; --jp-widgets-margin: 1px}
.nst-studio button {padding: 0 6px}
.nst-studio .widget-tab-contents {padding: 4px}
.nst-strip {overflow-x: auto; overflow-y: hidden}
.nst-strip button {line-height: 14px; padding: 42px 0 0; font-size: 11px;
 background-size: 64px 42px; background-position: top; background-repeat: no-repeat}
.nst-status {white-space: normal; line-height: 18px}
.nst-bad {color: #B00020; font-weight: 600}
</style>"""


class Studio(widgets.VBox):
    """A panel that paints while one moves its sliders.

    Parameters
    ----------
    content, style : str
        Sample names, paths or addresses.
    recipe : Recipe, optional
        To begin with; ``quick`` at `size`, as long as one likes, when left out.
    size : int
        Long side in pixels, without `recipe`.
    language : {"en", "vi"}
        Of the labels.
    folder : Path, optional
        Where pictures are saved; below ``data/runs/studio`` when left out.

    Attributes
    ----------
    controllers : list of Controller
        One, or two while comparing.

    Raises
    ------
    UnknownNameError
        For another language.

    Examples
    --------
    In a notebook, ``Studio("chelsea", "nocturne")`` shows the panel.
    """

    def __init__(
        self,
        content: str = "chelsea",
        style: str = "nocturne",
        recipe: Recipe | None = None,
        *,
        size: int = 256,
        language: str = "en",
        folder: Path | None = None,
    ) -> None:
        self._say, self._language, self._folder = studio_translator(language), language, folder
        settings = recipe or studio_recipe(size)
        self.controllers = [Controller(content, style, settings, folder=folder)]
        self._active = 0
        self._quiet = False  # while the panel itself sets its controls
        self._complaint = self._news = ""
        self._shown: list[Image.Image | None] = [None, None]
        self._drawn: tuple[Any, ...] = ()
        self._drawn_at = 0.0
        self._strip: list[Snapshot] = []
        self._photos: dict[Any, Image.Image] = {}
        self._curve = LiveCurve(*CURVE, language)
        self._make_pickers()
        self._make_buttons()
        self._make_controls()
        self._make_views()
        super().__init__(self._arranged(), layout=widgets.Layout(width="100%", max_width="1180px"))
        self.add_class("nst-studio")
        self._show_recipe()
        self.refresh()
        self._task = _run_beside(self._look())

    def __repr__(self) -> str:
        """Say in one line what is painted; a notebook shows the panel itself."""
        controller = self.controller
        return (
            f"<Studio: {controller.content} in the style of {controller.style}, "
            f"{controller.status().state}>"
        )

    @property
    def controller(self) -> Controller:
        """The one that the controls speak of."""
        return self.controllers[self._active]

    def close(self) -> None:
        """End the painting and its thread, and close the panel."""
        for controller in self.controllers:
            controller.close()
        if self._task is not None:
            self._task.cancel()
        super().close()

    # The parts.

    def _make_pickers(self) -> None:
        self._pickers = {}
        for role in ("content", "style"):
            source = getattr(self.controller, role)
            self._pickers[role] = PicturePicker(
                role,
                source,
                self._say,
                lambda chosen, role=role: self._choose(**{role: chosen}),
                self._complain,
                self.controller.folder / "uploads",
            )
        self._swap = self._button("Swap", "swap help", "exchange", self._swapped)
        self._swap.description = ""
        self._swap.layout.width = "40px"
        self._swap.layout.flex = "0 0 auto"

    def _make_buttons(self) -> None:
        self._buttons = {
            "start": self._button("Start", "start help", "play", self._each("start"), "success"),
            "pause": self._button("Pause", "pause help", "pause", self._each("pause")),
            "step": self._button("Step", "step help", "step-forward", self._each("step")),
            "reset": self._button("Reset", "reset help", "fast-backward", self._each("reset")),
            "undo": self._button("Undo", "undo help", "undo", self._undo),
            "save": self._button("Save", "save help", "save", self._save),
            "code": self._button("Code", "code help", "code", lambda: self._write(as_code)),
            "command": self._button(
                "Command", "command help", "terminal", lambda: self._write(as_command)
            ),
            "close": self._button("Close", "close help", "times", self.close),
        }
        self._compare_button = widgets.ToggleButton(
            description=self._say("Compare"), tooltip=self._say("compare help"), icon="columns"
        )
        self._compare_button.layout.width = "auto"
        self._compare_button.observe(lambda change: self._compared(change["new"]), "value")
        self._side = widgets.ToggleButtons(
            options=[("A", 0), ("B", 1)], tooltips=[f"{self._say('controls of')} {x}" for x in "AB"]
        )
        self._side.style.button_width = "30px"
        self._side.layout = widgets.Layout(display="none", flex="0 0 auto")
        self._side.observe(lambda change: self._switched(change["new"]), "value")

    def _make_controls(self) -> None:
        narrow = {"description_width": "122px"}
        full = widgets.Layout(width="98%")
        self._sliders: dict[str, widgets.Widget] = {}
        for name, (low, high) in SLIDERS.items():
            label = self._say("tv slider" if name == "tv" else name)
            self._sliders[name] = widgets.FloatLogSlider(
                value=1, min=low, max=high, step=STOP, description=label, style=narrow,
                readout_format=".3g", layout=full,
            )  # fmt: skip
            self._sliders[name].observe(lambda change, name=name: self._slid(name, change), "value")
        self._layers: dict[str, widgets.FloatSlider] = {}
        self._layer_box = widgets.VBox()
        recipe = self.controller.wanted
        choices = {
            "backbone": [(spec.title, name) for name, spec in BACKBONES.items()],
            "weights": _weights(recipe, self._say),
            "content_layer": list(BACKBONES[recipe.backbone].layers),
            "gram": list(GRAMS),
            "pooling": ["max", "average"],
            "optimizer": ["lbfgs", "adam"],
            "start": _with(["content", "style", "noise"], recipe.start),
            "size": sorted({*SIZES, recipe.size}),
        }
        self._menus: dict[str, widgets.Dropdown] = {}
        for name, options in choices.items():
            label = self._say("start field" if name == "start" else name)
            menu = widgets.Dropdown(options=options, description=label, style=narrow, layout=full)
            menu.observe(lambda change, name=name: self._picked(name, change), "value")
            self._menus[name] = menu
        self._budget = widgets.BoundedIntText(
            BUDGET, min=1, max=100_000, description=self._say("budget"), style=narrow, layout=full
        )
        self._budget.observe(self._budgeted, "value")

    def _make_views(self) -> None:
        # Without tooltips: ipywidgets 8.1 shows an error in place of a picture that has one.
        self._images = [widgets.Image(format="jpeg") for _ in range(2)]
        for image in self._images:
            image.add_class("nst-picture")
        self._boxes = [
            widgets.Box(
                [image], layout=widgets.Layout(overflow="auto", height=f"{PICTURE_HEIGHT}px")
            )
            for image in self._images
        ]
        self._wipe = widgets.IntSlider(
            0,
            0,
            100,
            description=self._say("wipe"),
            readout=False,
            layout=_wide(),
            style={"description_width": "initial"},
        )
        self._wipe.observe(lambda _: self._show_pictures(again=True), "value")
        self._zoom = widgets.Dropdown(
            options=[(self._say("fit"), 1), ("2x", 2), ("4x", 4)], description=self._say("zoom")
        )
        self._zoom.layout = widgets.Layout(width="130px")
        self._zoom.style.description_width = "50px"
        self._zoom.observe(lambda _: self._arrange_pictures(), "value")
        self._strip_box = widgets.HBox(layout=widgets.Layout(height="76px"))
        self._strip_box.add_class("nst-strip")
        self._strip_style = widgets.HTML(layout=widgets.Layout(height="0", margin="0"))
        self._chart = widgets.Image(format="png")
        self._chart.add_class("nst-curve")
        self._chart.layout = widgets.Layout(width="100%", max_width=f"{CURVE[0]}px")
        self._status = widgets.HTML()
        self._status.add_class("nst-status")
        self._progress = widgets.IntProgress(0, 0, BUDGET, layout=_wide(height="10px"))
        self._text = widgets.HTML(layout=_wide())
        self._arrange_pictures()

    def _arranged(self) -> list[widgets.Widget]:
        pickers = widgets.HBox(
            [self._pickers["content"], self._swap, self._pickers["style"]],
            layout=widgets.Layout(align_items="center"),
        )
        toolbar = widgets.HBox(
            [*list(self._buttons.values())[:-1], self._compare_button, self._buttons["close"]],
            layout=widgets.Layout(flex_flow="row wrap"),
        )
        tabs = widgets.Tab(
            [
                widgets.VBox([*self._sliders.values(), self._layer_box]),
                widgets.VBox([*self._menus.values(), self._budget]),
            ],
            titles=[self._say("weights tab"), self._say("method tab")],
        )
        left = widgets.VBox(
            [
                widgets.HBox(self._boxes),
                widgets.HBox([self._side, self._wipe, self._zoom]),
                self._strip_box,
            ]
        )
        left.layout = widgets.Layout(width="46%", min_width="0")
        right = widgets.VBox([tabs, self._chart])
        right.layout = widgets.Layout(width="54%", min_width="0")
        head = widgets.HTML(_STYLE, layout=widgets.Layout(height="0", margin="0"))
        return [
            widgets.HBox([head, self._strip_style], layout=widgets.Layout(height="0")),
            pickers,
            toolbar,
            self._status,
            self._progress,
            self._text,
            widgets.HBox([left, right]),
        ]

    def _button(
        self, name: str, help: str, icon: str, press: Any, style: str = ""
    ) -> widgets.Button:
        button = widgets.Button(
            description=self._say(name), tooltip=self._say(help), icon=icon, button_style=style
        )
        button.layout.width = "auto"
        button.on_click(lambda _: self._try(press))
        return button

    # What the user does.

    def _try(self, action: Any) -> None:
        """Do what was asked for, or say in the panel why it cannot be done."""
        self._complaint = self._news = ""
        try:
            action()
        except NSTError as error:
            self._complain(str(error))
        self.refresh()

    def _complain(self, text: str) -> None:
        self._complaint = text
        self._show_status()

    def _each(self, method: str) -> Any:
        return lambda: [getattr(controller, method)() for controller in self.controllers]

    def _set(self, **fields: Any) -> None:
        if not self._quiet:
            self._try(lambda: self.controller.set(**fields))

    def _slid(self, name: str, change: dict[str, Any]) -> None:
        value = float(f"{change['new']:.3g}")
        if name == "tv" and value <= 10 ** SLIDERS["tv"][0]:
            value = 0.0
        before = getattr(self.controller.wanted, name)
        # The browser moves a handle to the slider's nearest stop, which nobody asked for.
        if not (before and value and abs(math.log10(value / before)) < STOP * 0.55):
            self._set(**{name: value})

    def _layered(self, layer: str, change: dict[str, Any]) -> None:
        self._set(style_layers=self.controller.wanted.style_layers | {layer: change["new"]})

    def _picked(self, name: str, change: dict[str, Any]) -> None:
        fields = {name: change["new"]}
        if name == "optimizer":
            fields["learning_rate"] = RATES[change["new"]]
        self._set(**fields)
        if not self._quiet:
            self._show_recipe()

    def _budgeted(self, change: dict[str, Any]) -> None:
        for controller in self.controllers:
            controller.budget = change["new"]

    def _choose(self, **pictures: str) -> None:
        self._complaint = self._news = ""
        for controller in self.controllers:
            controller.choose(**pictures)
        self.refresh()

    def _swapped(self) -> None:
        self._choose(content=self.controller.style, style=self.controller.content)

    def _undo(self) -> None:
        self.controller.undo()
        self._show_recipe()

    def _go_back(self, snapshot: Snapshot) -> None:
        self.controller.back_to(snapshot)
        self._show_recipe()

    def _save(self) -> None:
        from .export import save_painting

        self._news = self._say("saving")
        self._show_status()
        found = save_painting(self.controller, self._language)
        names = ", ".join(path.name for path in found)
        self._news = self._say("saved").format(f"{_place(found[0].parent)}: {names}")

    def _write(self, form: Any) -> None:
        """Show text to copy, with a button of its own: a browser copies only upon a click there."""
        passages = self.controller.passages()
        text = form(self.controller.content, self.controller.style, passages)
        rows = min(14, text.count("\n") + 1 + len(text) // 140)
        copy = (
            "const t=this.parentElement.querySelector('textarea');t.select();"
            "document.execCommand('copy');"
            f"this.textContent='{html.escape(self._say('Copied'))}'"
        )
        hide = "this.parentElement.style.display='none'"
        self._text.value = (
            f'<div><button class="jupyter-button" onclick="{copy}">{self._say("Copy")}</button> '
            f'<button class="jupyter-button" onclick="{hide}">{self._say("Hide")}</button>'
            f'<textarea readonly rows="{rows}" style="width:100%;font-family:monospace;'
            f'font-size:11px">{html.escape(text)}</textarea></div>'
        )

    def _compared(self, wanted: bool) -> None:
        """Put a second painting beside the first, or take it away."""
        if wanted and len(self.controllers) == 1:
            first = self.controllers[0]
            second = Controller(
                first.content, first.style, first.wanted, budget=first.budget, folder=self._folder
            )
            self.controllers.append(second)
        elif not wanted and len(self.controllers) == 2:
            self.controllers.pop().close()
            self._side.value = 0
        self._shown = [self._shown[0], None]
        self._side.layout.display = "" if wanted else "none"
        self._arrange_pictures()
        self.refresh()

    def _switched(self, side: int) -> None:
        self._active = min(side, len(self.controllers) - 1)
        self._drawn, self._strip = (), []
        self._show_recipe()
        self.refresh()

    # What the panel shows.

    async def _look(self) -> None:
        while not all(controller.status().state == "closed" for controller in self.controllers):
            try:
                self.refresh()
            except Exception as error:  # the panel must not die of one bad look
                self._complain(f"unexpected {type(error).__name__}: {error}")
            await asyncio.sleep(LOOK_EVERY)

    def refresh(self) -> None:
        """Look at the controllers once, and show what is new."""
        self._show_pictures()
        self._show_status()
        self._show_strip()
        self._show_curve()
        for role, picker in self._pickers.items():
            if picker.source != getattr(self.controller, role):
                picker.show(getattr(self.controller, role))

    def _show_pictures(self, *, again: bool = False) -> None:
        for i, controller in enumerate(self.controllers):
            frame = controller.frame()
            if frame is not None:
                self._shown[i] = frame.image
            elif not controller.points and self._shown[i] is not None:
                self._shown[i] = None  # it begins anew
            elif not again and self._images[i].value and self._shown[i] is not None:
                continue
            photo = self._photo(controller, self._shown[i])
            if photo is not None:
                value = jpeg(_wiped(photo, self._shown[i] or photo, self._wipe.value))
                if value != self._images[i].value:
                    self._images[i].value = value

    def _photo(self, controller: Controller, like: Image.Image | None) -> Image.Image | None:
        """Return the content as large as a painting, or as the painting will be."""
        from ..images.io import fit
        from ..images.samples import open_picture

        size = like.size if like else controller.wanted.size
        key = (controller.content, size)
        if key not in self._photos:
            try:
                photo = open_picture(controller.content, 2 * controller.wanted.size)
            except NSTError as error:
                self._complain(str(error))
                return None
            if like:
                photo = photo.resize(like.size, Image.Resampling.LANCZOS)
            self._photos = {key: photo if like else fit(photo, size, enlarge=True)}
        return self._photos[key]

    def _show_status(self) -> None:
        status = self.controller.status()
        state = status.state
        if state == "running" and not status.step:
            state = "starting"
        parts = [f"<b>{self._say(state)}</b>"]
        if status.message:
            parts[0] = f'<span class="nst-bad">{html.escape(status.message)}</span>'
        if status.step:
            parts.append(f"{self._say('step')} {status.step}")
            parts.append(f"{status.scale} px")
        if status.rate:
            parts.append(f"{status.rate:.1f} {self._say('steps a second')}")
        if status.label:
            parts.append(html.escape(status.label))
        text = " · ".join(parts)
        if self._news:
            text += f"<br>{html.escape(self._news)}"
        if self._complaint:
            text += f'<br><span class="nst-bad">{html.escape(self._complaint)}</span>'
        self._status.value = f'<div role="status">{text}</div>'
        self._progress.max, self._progress.value = status.budget, status.done
        # Both stay enabled: a click that comes before the panel has caught up must not be lost.
        running = status.state == "running"
        self._buttons["start"].button_style = "" if running else "success"
        self._buttons["pause"].button_style = "warning" if running else ""

    def _show_curve(self) -> None:
        points, marks = list(self.controller.points), list(self.controller.marks)
        now = (self._active, len(points), points[-1] if points else None, tuple(marks))
        soon = time.monotonic() - self._drawn_at < CURVE_EVERY
        if now == self._drawn or (soon and self._drawn and now[3] == self._drawn[3]):
            return
        named = [(step, ", ".join(self._name(x) for x in what.split(", "))) for step, what in marks]
        self._chart.value = self._curve.draw(
            [point.step for point in points],
            {
                term: [getattr(point, term) for point in points]
                for term in ("total", "content", "style", "tv")
            },
            [point.scale for point in points],
            named,
        )
        self._drawn, self._drawn_at = now, time.monotonic()

    def _name(self, field: str) -> str:
        label = {"tv": "tv", "style_layers": "style_layers"}.get(field)
        return label or self._say(field).split(" (")[0].split(",")[0]

    def _show_strip(self) -> None:
        snapshots = list(self.controller.snapshots)
        if snapshots == self._strip:
            return
        buttons, rules = [], []
        for i, snapshot in enumerate(snapshots):
            thumb = snapshot.image.copy()
            thumb.thumbnail((128, 80))
            data = base64.b64encode(jpeg(thumb, 80)).decode()
            name = f"nst-{id(self)}-{i}"
            rules.append(f".{name}{{background-image:url(data:image/jpeg;base64,{data})}}")
            button = self._button(
                "Step", "snapshot help", "", lambda shot=snapshot: self._go_back(shot)
            )
            button.layout = widgets.Layout(width="64px", height="58px", flex="0 0 auto")
            button.description = f"{snapshot.step}" + (" •" if snapshot.moved else "")
            button.tooltip = self._say("snapshot help").format(snapshot.step)
            button.add_class(name)
            buttons.append(button)
        self._strip_style.value = f"<style>{''.join(rules)}</style>"
        for old in self._strip_box.children:
            old.close()
        self._strip_box.children = buttons
        self._strip = snapshots

    def _show_recipe(self) -> None:
        """Set the controls to the recipe that is wanted."""
        wanted = self.controller.wanted
        self._quiet = True
        try:
            for name, slider in self._sliders.items():
                low, high = (10**power for power in SLIDERS[name])
                slider.value = min(high, max(low, getattr(wanted, name)))
            if list(self._layers) != list(wanted.style_layers):
                self._make_layers(wanted)
            for layer, slider in self._layers.items():
                slider.max = max(slider.max, wanted.style_layers[layer])
                slider.value = wanted.style_layers[layer]
            self._menus["content_layer"].options = list(BACKBONES[wanted.backbone].layers)
            self._menus["weights"].options = _weights(wanted, self._say)
            for name, menu in self._menus.items():
                menu.value = getattr(wanted, name)
        finally:
            self._quiet = False

    def _make_layers(self, wanted: Recipe) -> None:
        for old in self._layers.values():
            old.close()
        self._layers = {}
        for layer in wanted.style_layers:
            slider = widgets.FloatSlider(
                1, min=0, max=2, step=0.05, description=layer, layout=widgets.Layout(width="98%")
            )
            slider.style.description_width = "122px"
            slider.observe(lambda change, layer=layer: self._layered(layer, change), "value")
            self._layers[layer] = slider
        self._layer_box.children = list(self._layers.values())

    def _arrange_pictures(self) -> None:
        """Give one picture the whole width, or each of two a half; larger than its box by zoom."""
        two = len(self.controllers) == 2
        for i, (box, image) in enumerate(zip(self._boxes, self._images, strict=True)):
            box.layout.display = "" if i == 0 or two else "none"
            box.layout.width = "50%" if two else "100%"
            share = f"{100 * self._zoom.value}%"
            image.layout = widgets.Layout(
                width=share, height=share, object_fit="contain", flex="0 0 auto", margin="0"
            )


def _wide(**layout: str) -> widgets.Layout:
    return widgets.Layout(width="98%", **layout)


def _with(options: list[str], value: str) -> list[str]:
    return options if value in options else [*options, value]


def _weights(recipe: Recipe, say: Any) -> list[tuple[str, str]]:
    """Return the choices of trained weights for a recipe's network."""
    names = _with(list(BACKBONES[recipe.backbone].weights), recipe.weights)
    return [(say("untrained") if name == "random" else name, name) for name in names]


def _wiped(photo: Image.Image, painting: Image.Image, percent: int) -> Image.Image:
    """Return the photo's left part beside the painting's right part."""
    if not percent or photo.size != painting.size:
        return painting
    edge = round(painting.width * percent / 100)
    image = painting.copy()
    image.paste(photo.crop((0, 0, edge, photo.height)), (0, 0))
    if 0 < edge < image.width:
        image.paste("white", (edge - 1, 0, edge + 1, image.height))
    return image


def _place(folder: Path) -> str:
    """Return a folder's name as seen from the clone, where it is inside."""
    return str(folder.relative_to(ROOT)) if folder.is_relative_to(ROOT) else str(folder)


def _run_beside(look: Any) -> asyncio.Task | None:
    """Run a coroutine on the notebook's own loop; without one the panel is refreshed by hand."""
    try:
        return asyncio.get_running_loop().create_task(look)
    except RuntimeError:
        look.close()
        return None
