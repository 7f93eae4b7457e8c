"""A film of a painting: how it came about, frame by frame."""

import io
from dataclasses import dataclass, field

from PIL import Image

FRAMES = 80
"""Most frames that are kept; beyond, every second one goes, and only every second step comes."""

SIDE = 320
"""Long side of a frame, pixels."""

SECONDS = 8.0
"""A film lasts about that long, its last frame two seconds more."""


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

    def as_gif(self) -> bytes:
        """Return an animated GIF, which browsers and slide shows play.

        Raises
        ------
        ValueError
            If there are fewer than two frames.
        """
        if len(self.frames) < 2:
            raise ValueError("a film needs two frames or more")
        # A run that went on at another size has frames of several shapes.
        size = self.frames[-1][1].size
        pictures = [image.resize(size) for _, image in self.frames]
        # One palette for all of them: it is made once, and colors do not flicker.
        few = pictures[:: max(1, len(pictures) // 8)]
        sheet = Image.new("RGB", (size[0], size[1] * len(few)))
        for i, picture in enumerate(few):
            sheet.paste(picture, (0, i * size[1]))
        palette = sheet.quantize(256)
        pictures = [picture.quantize(palette=palette) for picture in pictures]
        each = max(20, round(1000 * SECONDS / len(pictures) / 10) * 10)
        data = io.BytesIO()
        pictures[0].save(
            data, "GIF", save_all=True, append_images=pictures[1:], loop=0,
            duration=[each] * (len(pictures) - 1) + [2000],
        )  # fmt: skip
        return data.getvalue()
