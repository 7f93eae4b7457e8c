"""A film of a painting: how it came about, frame by frame."""

from dataclasses import dataclass, field

from PIL import Image

FRAMES = 80
"""Most frames that are kept. Beyond it, every second one is dropped and the stride doubles."""

SIDE = 480
"""Long side of a frame, pixels."""


@dataclass
class Film:
    """Pictures of a run at even steps, however long it gets.

    `frames` holds steps since the beginning and their pictures, one in `stride` steps.
    """

    frames: list[tuple[int, Image.Image]] = field(default_factory=list)
    stride: int = 1

    def add(self, step: int, image: Image.Image) -> None:
        """Keep a picture if its step is a multiple of the stride."""
        if step % self.stride:
            return
        frame = image.copy()
        frame.thumbnail((SIDE, SIDE))
        self.frames.append((step, frame))
        if len(self.frames) > FRAMES:
            self.stride *= 2
            self.frames = [kept for kept in self.frames if kept[0] % self.stride == 0]

    def cut(self, step: int) -> None:
        """Forget what came after a step; after step 0 everything."""
        self.frames = [kept for kept in self.frames if kept[0] <= step]
        if not self.frames:
            self.stride = 1
