"""What a page without a kernel shows in place of a widget: its last picture, and one line."""

import base64
import html
from collections import deque
from typing import Any

VIEW = "application/vnd.jupyter.widget-view+json"

# With a kernel, the widget is shown and its last picture is hidden. Without one, the picture is
# shown and JupyterLab's "model not found" is hidden. The picture appears after 3 seconds, because
# the widget may still be loading.
_STYLE = """<style>
@keyframes nst-wait {from {visibility: hidden}}
.nst-asleep {animation: nst-wait 3s step-end}
.jp-OutputArea:has(.nst-awake) .nst-asleep {display: none}
.jp-OutputArea:has(.nst-asleep) > * > .jupyter-widgets:not(:has(*)) {display: none}
</style>"""

_PLACES = 4
"""Most outputs of a notebook, the newest ones, in which a widget updates its last picture."""


class Asleep:
    """A widget that leaves its last picture in the notebook.

    An output with a widget's view shows nothing else in a page that trusts the notebook. So another
    output follows it, which is seen where the widget is not. A subclass has ``still()``: it returns
    the picture (JPEG), what it shows, and what to do, in a sentence.
    """

    _left: "deque[Any] | None" = None

    def leave(self) -> None:
        """Keep what there is to be seen now, wherever the widget was displayed."""
        for place in self._left or ():
            place.update(self._stands_for(), raw=True)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        bundle = self._repr_mimebundle_()
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        self.add_class("nst-awake")
        display({VIEW: data[VIEW]}, raw=True)
        place = display(self._stands_for(), raw=True, display_id=True)
        if _in_notebook():
            self._left = self._left if self._left is not None else deque(maxlen=_PLACES)
            self._left.append(place)

    def _stands_for(self) -> dict[str, str]:
        picture, alt, line = self.still()
        data = base64.b64encode(picture).decode()
        shown = (
            f'{_STYLE}<div class="nst-asleep"><img src="data:image/jpeg;base64,{data}" '
            f'alt="{html.escape(alt)}" style="max-width: 100%"><p>{html.escape(line)}</p></div>'
        )
        return {"text/html": shown, "text/plain": repr(self)}


def _in_notebook() -> bool:
    """Tell whether what was displayed can be changed afterwards: a terminal only adds lines."""
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")
