"""Buttons that show a picture: a strip of moments, a gallery of what was saved."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ipywidgets as widgets
from PIL import Image

from .pickers import jpeg

SIZE = (128, 80)
"""Pixels of the picture on a button, twice what is seen."""


@dataclass(frozen=True)
class Thumbnail:
    """A picture to press.

    Attributes
    ----------
    image : PIL.Image.Image
    label, help : str
        Below the picture, and when the pointer rests on it.
    press : callable
        What is done then.
    """

    image: Image.Image
    label: str
    help: str
    press: Callable[[], object]


class ThumbnailStrip:
    """Buttons in a row, each with its picture.

    Attributes
    ----------
    row, style : ipywidgets widgets
        To be arranged by whoever shows them; the style stands anywhere in the page.
    """

    def __init__(self) -> None:
        self.row = widgets.HBox()
        self.row.add_class("nst-strip")
        self.style = widgets.HTML(layout=widgets.Layout(height="0", margin="0"))

    def show(self, thumbnails: Sequence[Thumbnail]) -> None:
        """Show other pictures than before."""
        buttons, rules = [], []
        for i, thumbnail in enumerate(thumbnails):
            image = thumbnail.image.convert("RGB")
            image.thumbnail(SIZE)
            data = base64.b64encode(jpeg(image, 80)).decode()
            name = f"nst-{id(self)}-{i}"
            rules.append(f".{name}{{background-image:url(data:image/jpeg;base64,{data})}}")
            button = widgets.Button(
                description=thumbnail.label,
                tooltip=thumbnail.help,
                layout=widgets.Layout(width="84px", height="64px", flex="0 0 auto"),
            )
            button.on_click(lambda _, press=thumbnail.press: press())
            button.add_class(name)
            buttons.append(button)
        self.style.value = f"<style>{''.join(rules)}</style>"
        for old in self.row.children:
            old.close()
        self.row.children = buttons
