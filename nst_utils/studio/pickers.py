"""Widgets that choose a picture: a sample, WikiArt, an upload, a path; buttons with thumbnails."""

import base64
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import ipywidgets as widgets
from PIL import Image

from .. import paths
from ..download import LIMIT
from ..errors import NSTError
from ..images.io import fit
from ..images.samples import list_samples, open_picture
from ..paths import claim_file, is_regular, safe_name
from ..wikiart.catalog import WikiArt
from .browser_widgets import PictureSlot, jpeg
from .toolbar import make_button

THUMB = 64
"""Pixels on the long side of the picture in a picker."""

BUTTON = (128, 80)
"""Pixels of the picture on a button, twice what is seen."""


@dataclass(frozen=True)
class Thumbnail:
    """A picture to press, with a label below it and a help text; one that is chosen has a frame."""

    image: Image.Image
    label: str
    help: str
    press: Callable[[], object]
    chosen: bool = False


class ThumbnailStrip:
    """Buttons in a row, each with its picture; the widget `style` stands anywhere in the page."""

    def __init__(self) -> None:
        self.row = widgets.HBox().add_class("nst-strip")
        self.style = widgets.HTML(layout={"height": "0", "margin": "0"})

    def show(self, thumbnails: Sequence[Thumbnail]) -> None:
        """Replace the pictures."""
        buttons, rules = [], []
        for i, thumbnail in enumerate(thumbnails):
            image = thumbnail.image.convert("RGB")
            image.thumbnail(BUTTON)
            data = base64.b64encode(jpeg(image, 80)).decode()
            name = f"nst-{id(self)}-{i}"
            rules.append(f".{name}{{background-image:url(data:image/jpeg;base64,{data})}}")
            lines = thumbnail.label.count("\n")
            button = make_button(
                thumbnail.label, thumbnail.help, thumbnail.press, width=f"{84 + 23 * lines}px"
            )
            button.layout.height = f"{64 + 13 * lines}px"
            button.add_class(name)
            if thumbnail.chosen:
                button.add_class("nst-chosen")
            buttons.append(button)
        self.style.value = f"<style>{''.join(rules)}</style>"
        for old in self.row.children:
            old.close()
        self.row.children = buttons


class PicturePicker(widgets.HBox):
    """A thumbnail beside the ways to choose another picture.

    `role` is ``content``, ``style`` or ``second style``; `source` is the first picture, as
    `samples.open_picture` takes it, or empty for none. `pick` gets a source that the user chose; if
    it raises `NSTError`, `complain` gets the sentence and the choice goes back. `folder` returns
    where uploads are kept. With `optional`, the user may choose none: an empty source.
    """

    def __init__(
        self,
        role: str,
        source: str,
        say: Callable[[str], str],
        pick: Callable[[str], None],
        complain: Callable[[str], None],
        folder: Callable[[], Path],
        *,
        optional: bool = False,
    ) -> None:
        self.role, self.source = role, source
        self._pick, self._complain, self._folder = pick, complain, folder
        self._quiet = False
        self.slot = PictureSlot(
            {
                "upload": say(f"pick file {role}"),
                "help": say("upload help").format(told_size(LIMIT)),
            },
            self._uploaded,
            lambda name, size: complain(
                say("too large").format(name, told_size(size), told_size(LIMIT))
            ),
            anywhere=role == "content",
        )
        kinds = ("content", "style", "painting") if role == "content" else ("style", "painting")
        known = list_samples().values()
        listed = [s.name for kind in kinds for s in known if s.kind == kind and s.available]
        listed += [s.name for s in known if s.available and s.name not in listed]
        titles = {s.name: f"{s.title[:1].upper()}{s.title[1:]}" for s in known}
        options = [(say("none"), "")] * optional + [(titles[name], name) for name in listed]
        self.menu = widgets.Dropdown(options=options, value=None, layout={"width": "auto"})
        self.path = widgets.Text(
            placeholder=say("path"), continuous_update=False, layout={"width": "100%"}
        )
        label = widgets.Label(say(f"pick {role}"))
        further = widgets.VBox([self.path, *self._wikiart_row(say)]).add_class("nst-for-experts")
        column = widgets.VBox([label, self.menu, further]).add_class("nst-picker-column")
        super().__init__([self.slot, column])
        self.add_class("nst-picker")
        self.show(source)
        self.menu.observe(lambda change: self._chosen(change["new"]), "value")
        self.path.observe(lambda change: self._typed(change["new"]), "value")

    def show(self, source: str) -> None:
        """Show a source as the chosen one, without calling `pick`."""
        self.source = source
        self._quiet = True  # new options also choose the first of them
        try:
            if source not in [value for _, value in self.menu.options]:
                self.menu.options = [*self.menu.options, (short_name(source), source)]
            self.menu.value = source
        finally:
            self._quiet = False
        if not source:
            self.slot.alt, self.slot.thumb = "", b""
            return
        try:
            self.slot.alt = short_name(source)
            self.slot.thumb = jpeg(fit(open_picture(source, 2 * THUMB), 2 * THUMB))
        except NSTError as error:
            self._complain(str(error))

    def _chosen(self, source: str | None) -> None:
        if self._quiet or source is None or source == self.source:
            return
        try:
            self._pick(source)
        except NSTError as error:
            self._complain(str(error))
            source = self.source
        self.show(source)

    def _typed(self, text: str) -> None:
        """Take a path; one that is refused stays, to be mended."""
        source = text.strip().strip("\"'")
        if source:
            self._chosen(source)
            if self.source == source:
                self.path.value = ""

    def _uploaded(self, name: str, data: bytes) -> None:
        """Keep an uploaded file, so that its painting can be made again."""
        name = safe_name(name)
        try:
            open_picture(data, THUMB)
            folder = self._folder()
            path = folder / name
            if not (is_regular(path) and path.read_bytes() == data):
                path = claim_file(folder, name)
                path.write_bytes(data)
        except NSTError as error:
            self._complain(f"{name}: {str(error).removeprefix('upload: ')}")
        except OSError as error:
            self._complain(f"{name} cannot be kept in {self._folder()} ({error.strerror})")
        else:
            self._chosen(str(path))

    def _wikiart_row(self, say: Callable[[str], str]) -> list[widgets.Widget]:
        """Offer a painting drawn from a style of WikiArt, where WikiArt was downloaded."""
        folder = paths.DATA / "wikiart"
        if not folder.is_dir():
            return []
        try:
            wikiart = WikiArt(folder, progress=False)
            styles = sorted(wikiart.catalog["style"].unique())
        except NSTError:
            return []
        menu = widgets.Dropdown(
            options=[(style.replace("_", " "), style) for style in styles], description="WikiArt",
            style={"description_width": "72px"}, layout={"width": "auto"},
        )  # fmt: skip

        def draw() -> None:
            try:
                drawn_from = wikiart.filter(style=menu.value)
                row = drawn_from.sample(1, seed=random.randrange(2**31)).iloc[0]
            except NSTError as error:
                self._complain(str(error))
            else:
                self._chosen(str(wikiart.path(row)))

        return [widgets.HBox([menu, make_button(say("Draw"), "", draw, icon="random")])]


def told_size(size: int) -> str:
    """Return a file's size in words.

    Examples
    --------
    >>> told_size(64 * 2**20)
    '64 MB'
    """
    return f"{size / 2**20:.0f} MB"


def name_pair(content: str, styles: str | Sequence[str]) -> str:
    """Return a caption of the content and its style, or styles."""
    listed = [styles] if isinstance(styles, str) else styles
    return f"{short_name(content)} × {' + '.join(map(short_name, listed))}"


def short_name(source: str) -> str:
    """Return the last part of a path or an address; a long one is cut in its middle."""
    name = source.rstrip("/").replace("\\", "/").rsplit("/", 1)[-1]
    return name if len(name) <= 32 else f"{name[:20]}…{name[-10:]}"
