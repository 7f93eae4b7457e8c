"""The studio's tab that paints what a camera sees, by a network of one style."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ipywidgets as widgets

from .. import paths
from ..errors import NSTError
from ..images.samples import open_picture
from ..paths import claim_file, is_regular, user_path
from .browser_widgets import CameraView, jpeg

SIDE = 256
"""Long side of a frame, pixels."""

MOST = 50
"""Networks to choose from."""

_WORDS = {
    "on": "camera on", "onHelp": "camera help", "off": "camera off", "none": "camera none",
    "denied": "camera denied", "shutter": "shutter", "shutterHelp": "shutter help",
    "painted": "camera painted", "rate": "camera rate",
}  # fmt: skip


def list_networks() -> list[Path]:
    """Return the files that may be networks of one style: in this folder, the clone, its data."""
    folders = dict.fromkeys(
        folder.absolute() for folder in (Path.cwd(), paths.HOME, paths.DATA / "networks")
    )
    found = [path for folder in folders for path in sorted(folder.glob("*.safetensors"))]
    return [path for path in found if is_regular(path)][:MOST]


class CameraTab:
    """A camera beside its painting, a menu of networks, a shutter.

    `complain` gets a sentence when something cannot be done. `folder` returns where photos are
    kept, `saved` gets the files that were kept.
    """

    def __init__(
        self,
        say: Callable[[str], str],
        complain: Callable[[str], None],
        folder: Callable[[], Path],
        saved: Callable[[Sequence[Path]], None],
    ) -> None:
        self._complain, self._folder, self._saved = complain, folder, saved
        self._loaded: tuple[str, object] = "", None
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="nst-camera")
        words = {name: say(label) for name, label in _WORDS.items()}
        self.view = CameraView(words, self._worker, self.paint, self.shoot, side=SIDE)
        networks = [(path.stem, str(path)) for path in list_networks()]
        self.menu = widgets.Dropdown(
            options=networks, description=say("camera network"), layout={"width": "98%"}
        )
        self.path = widgets.Text(
            placeholder=say("camera path"), continuous_update=False, layout={"width": "98%"}
        )
        self.path.observe(lambda change: self._typed(change["new"]), "value")
        self.hint = widgets.HTML("" if networks else say("camera untrained"))
        self.box = widgets.VBox([self.menu, self.path, self.hint, self.view])

    def close(self) -> None:
        """Let the thread that paints end."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _typed(self, text: str) -> None:
        """Add a network to the menu, and choose it."""
        source = text.strip().strip("\"'")
        if not source:
            return
        try:
            self._load(source)
        except NSTError as error:
            self._complain(str(error))
            return
        if source not in [value for _, value in self.menu.options]:
            self.menu.options = [*self.menu.options, (user_path(source).stem, source)]
        self.menu.value, self.path.value, self.hint.value = source, "", ""

    def _load(self, source: str) -> "object":
        from ..transfer.feedforward.network_file import load_network

        if self._loaded[0] != source:
            self._loaded = source, load_network(source)
        return self._loaded[1]

    # In the worker's thread.

    def paint(self, data: bytes) -> bytes:
        """Return a frame's painting, both as JPEG files; empty if it cannot be painted."""
        from ..images.tensors import to_pil, to_tensor
        from .painting_thread import ENGINE_LOCK

        try:
            if self.menu.value is None:
                return b""
            frame = to_tensor(open_picture(data, SIDE))
            network = self._load(self.menu.value)
            with ENGINE_LOCK:
                return jpeg(to_pil(network.paint(frame)))
        except NSTError as error:
            self._complain(str(error))
            return b""

    def shoot(self, data: bytes) -> None:
        """Keep a photo and its painting, which holds its record."""
        from .painting_thread import ENGINE_LOCK

        try:
            if self.menu.value is None:
                return
            network = self._load(self.menu.value)
            photo = claim_file(self._folder(), "camera.jpg")
            photo.write_bytes(data)
            with ENGINE_LOCK:
                painting = network.paint_file(photo)
            path = claim_file(photo.parent, f"{photo.stem}_painted.png")
            self._saved([painting.save(path), photo])
        except (NSTError, OSError) as error:
            self._complain(str(error))
