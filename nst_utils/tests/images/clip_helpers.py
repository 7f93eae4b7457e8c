"""Small clips that tests make: moving pictures, with sound, turned, cut short."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

NTSC = Fraction(30000, 1001)


def moving(count: int, size: tuple[int, int] = (48, 36), shift: int = 2) -> list[Image.Image]:
    """A smooth pattern that moves to the left, so many pixels a frame."""
    width, height = size
    y, x = np.mgrid[:height, : width + shift * count]
    waves = np.stack([np.sin(x / 5), np.cos((x + y) / 7), np.sin(y / 4 + x / 9)], -1)
    sheet = (127 + 90 * waves).astype(np.uint8)
    return [Image.fromarray(sheet[:, i * shift : i * shift + width]) for i in range(count)]


def film(
    path: Path,
    count: int = 6,
    *,
    rate: Fraction = NTSC,
    sound: str = "",
    turned: int = 0,
    codec: str = "libx264",
    size: tuple[int, int] = (48, 36),
    container: dict[str, str] | None = None,
) -> Path:
    """Write a small film."""
    with av.open(str(path), "w", options=container or {}) as output:
        stream = output.add_stream(codec, rate=rate, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv444p"
        if codec == "libx264" and not size[0] % 2 and not size[1] % 2:
            stream.pix_fmt = "yuv420p"
        if turned:
            stream.set_display_rotation(turned)
        voice = output.add_stream(sound, rate=48000, layout="mono") if sound else None
        for image in moving(count, size):
            output.mux(stream.encode(av.VideoFrame.from_image(image)))
        output.mux(stream.encode(None))
        if voice:
            samples = np.sin(np.arange(int(48000 * count / rate)) / 20).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            frame.sample_rate = 48000
            fifo = av.AudioFifo()
            fifo.write(frame)
            for part in fifo.read_many(voice.codec_context.frame_size or 960, partial=True):
                output.mux(voice.encode(part))
            output.mux(voice.encode(None))
    return path


def packets(path: Path) -> list[bytes]:
    """The sound's packets."""
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(audio=0) if p.size]
