"""A large picture in a notebook, as near as one likes."""

from typing import Any

from ..images.samples import open_picture
from .asleep import Asleep
from .browser_widgets import PictureView
from .labels import studio_translator
from .pickers import short_name

_TOOLS = ("larger", "smaller", "actual", "fit", "full")


class ZoomView(Asleep, PictureView):
    """A picture that the wheel enlarges; see `zoom`."""

    def __init__(self, image: Any, name: str, language: str = "en") -> None:
        self._say = studio_translator(language)
        words = {tool: self._say(tool) for tool in _TOOLS}
        caption = " · ".join(filter(None, (name, f"{image.width} × {image.height}")))
        super().__init__(words, alone=True, caption=caption)
        self.show(painting=image)

    def __repr__(self) -> str:
        return f"<ZoomView: {self.caption}>"

    def still(self) -> tuple[bytes, str, str]:
        """Return the picture, its name and size, and how to zoom."""
        return self.painting, self.caption, f"{self.caption}. {self._say('zoom asleep')}"


def zoom(picture: Any, language: str = "en") -> ZoomView:
    """Show a picture to be enlarged: by the wheel, a double click, buttons or the keys + - 0 1.

    The browser gets the whole picture with a long side of `browser_widgets.SHOWN` pixels, and of a
    larger one the parts that are looked at.

    Parameters
    ----------
    picture : path, address, sample name, PIL.Image.Image, ndarray or Result
    language : {"en", "vi"}
        Of the tools.

    Raises
    ------
    ImageError
        If the picture cannot be read.
    UnknownNameError
        For another language.
    """
    image = open_picture(getattr(picture, "image", picture))  # a result has one
    source = image.info.get("source", "")
    return ZoomView(image, "" if source == "picture" else short_name(source), language)
