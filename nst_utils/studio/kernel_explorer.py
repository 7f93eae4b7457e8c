"""A kernel moved over a photo by sliders: what lies under it, and what comes out."""

import ipywidgets as widgets

from ..errors import check_choice
from ..experiments.building_blocks import KERNELS
from ..images.samples import open_picture
from ..plotting.album import PREVIEW_DPI, render_figure
from ..plotting.background import kernel_figure
from .asleep import Asleep
from .browser_widgets import jpeg
from .labels import studio_translator


class KernelExplorer(Asleep, widgets.VBox):
    """A menu of kernels and its numbers, two sliders for the place, a picture that follows.

    Parameters
    ----------
    photo : path, picture or sample's name
        Shown at 64 pixels, so that single pixels can be seen.
    kernel : str
        The first one, out of `building_blocks.KERNELS`.
    language : {"en", "vi"}
        Of the labels.

    Raises
    ------
    UnknownNameError
        For another kernel or language.
    """

    def __init__(self, photo: object, kernel: str = "vertical edges", language: str = "en") -> None:
        self._say = say = studio_translator(language)
        check_choice("kernel", kernel, KERNELS)
        self._photo, self._language = open_picture(photo, 64), language
        side = len(KERNELS[kernel])
        self.kernel = widgets.Dropdown(
            options=[(say(name), name) for name in KERNELS], value=kernel, layout={"width": "auto"}
        )
        self.row, self.column = (
            widgets.IntSlider(
                value=(whole - side) // 3, min=0, max=whole - side, description=say(name)
            )
            for name, whole in (("row", self._photo.height), ("column", self._photo.width))
        )
        self.numbers = widgets.HTML()
        self.picture = widgets.Image(format="jpeg", layout={"max_width": "100%"})
        controls = (self.kernel, self.row, self.column)
        for control in controls:
            control.observe(self._draw, names="value")
        row = widgets.HBox(controls, layout={"flex_flow": "row wrap"})
        super().__init__([row, self.numbers, self.picture])
        self._draw()

    def __repr__(self) -> str:
        return f"<KernelExplorer: {self.kernel.value} at {self.row.value}, {self.column.value}>"

    def still(self) -> tuple[bytes, str, str]:
        """Return the picture, the kernel with its numbers, and how to move it."""
        rows = "; ".join(" ".join(row) for row in self._rows())
        told = f"{self._say(self.kernel.value)}: {rows}"
        return self.picture.value, told, f"{told}. {self._say('explorer asleep')}"

    def _rows(self) -> list[list[str]]:
        return [[f"{number:.3g}" for number in row] for row in KERNELS[self.kernel.value]]

    def _draw(self, _: object = None) -> None:
        place = [(self.row.value, self.column.value)]
        kernel = KERNELS[self.kernel.value]
        figure = kernel_figure(self._photo, kernel, place, language=self._language)
        self.picture.value = jpeg(render_figure(figure, PREVIEW_DPI), 85)
        rows = "".join(f"<tr><td>{'<td>'.join(row)}</tr>" for row in self._rows())
        self.numbers.value = f"{self._say('kernel numbers')}<table>{rows}</table>"
        self.leave()
