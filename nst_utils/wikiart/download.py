"""Getting WikiArt: from Kaggle or Hugging Face, through their own packages, which are optional."""

import itertools
import warnings
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from .. import paths
from ..errors import NSTWarning, one_line
from ..images.formats import ImageError
from ..images.io import read_image
from ..parallel import hides_bar
from ..paths import make_folder, replacing, safe_name
from .index import WikiArtError

SOURCES = {
    "kaggle": ("kagglehub", "steubk/wikiart", 34e9),
    "huggingface": ("datasets", "huggan/wikiart", 34e9),
}
"""Package, name there, and bytes of the whole set; plan for 40 GB and room to unzip."""

_BUFFER = 2000
_SHORT = "no answer, no access or no room"


def _missing(package: str) -> WikiArtError:
    return WikiArtError(
        f"the package {package} is needed for this and not installed; "
        f"run pip install {package} and try again"
    )


def download_kaggle() -> Path:
    """Download the Kaggle copy with kagglehub, which resumes what was broken off.

    Returns
    -------
    Path
        Where kagglehub keeps it; ``data/wikiart`` becomes a link to it where links can be made.

    Raises
    ------
    WikiArtError
        If kagglehub is not installed, or the download fails: its own words are in the message.
    """
    try:
        import kagglehub
    except ImportError:
        raise _missing("kagglehub") from None
    try:
        place = Path(kagglehub.dataset_download(SOURCES["kaggle"][1]))
    except Exception as error:  # kagglehub raises many types
        reason = one_line(error, 200)
        raise WikiArtError(
            f"Kaggle: {reason or _SHORT}; check the network, and for access the key in "
            "~/.kaggle/kaggle.json"
        ) from None
    link = paths.DATA / "wikiart"
    if not link.exists():
        try:
            link.symlink_to(place, target_is_directory=True)
        except OSError:  # no links on this system: the caller shows where it is
            return place
    return place


def stream_huggingface(
    folder: Path,
    count: int,
    *,
    seed: int = 0,
    dataset: Any = None,
    progress: bool = True,
) -> int:
    """Stream pictures of the Hugging Face dataset into style folders.

    See `WikiArt.from_huggingface` for the parameters.

    A file that is there already is not written again, so a broken stream can be resumed. A
    picture that cannot be read is passed over, with a warning in the end.

    Returns
    -------
    int
        Pictures newly written.

    Raises
    ------
    WikiArtError
        If ``datasets`` is not installed, the stream cannot be opened, or it breaks off.
    """
    if count < 1:
        raise WikiArtError(f"count must be at least 1, not {count}")
    if dataset is None:
        try:
            import datasets
        except ImportError:
            raise _missing("datasets") from None
        try:
            # Streaming: a slice without it would fetch every shard.
            dataset = datasets.load_dataset(
                SOURCES["huggingface"][1], split="train", streaming=True
            )
            # As bytes: a picture that cannot be decoded would else end the stream.
            dataset = dataset.cast_column("image", datasets.Image(decode=False))
        except Exception as error:
            raise WikiArtError(
                f"Hugging Face: {one_line(error, 200) or _SHORT}; check the network"
            ) from None
    written, bad = 0, []
    try:
        styles = dataset.features["style"].names
        artists = dataset.features["artist"].names
        rows = itertools.islice(dataset.shuffle(seed=seed, buffer_size=_BUFFER), count)
        for i, row in enumerate(tqdm(rows, "streaming", count, disable=hides_bar(progress))):
            style = safe_name(styles[row["style"]].replace(" ", "_").replace("/", "_"))
            artist = artists[row["artist"]].lower().replace(" ", "-").replace("_", "-")
            artist = safe_name(artist.replace("/", "-"))
            path = folder / style / f"{artist}_{seed}-{i:05}.jpg"
            if path.is_file():
                continue
            make_folder(path.parent)
            try:
                image = _picture_of(row["image"])
            except ImageError as error:
                bad.append(f"picture {i}: {one_line(error, 100)}")
                continue
            with replacing(path) as draft:
                image.save(draft, "JPEG", quality=95)
            written += 1
    except Exception as error:  # the library and the network raise many types
        raise WikiArtError(
            f"Hugging Face: the stream broke off after {written} pictures "
            f"({one_line(error, 150) or _SHORT}); run it again to go on"
        ) from None
    if bad:
        warnings.warn(
            f"{len(bad)} pictures of the stream cannot be read and were passed over ({bad[0]})",
            NSTWarning,
            stacklevel=2,
        )
    return written


def _picture_of(value: Any) -> Image.Image:
    """Return a row's picture, which is one already, or a file's bytes.

    Raises
    ------
    ImageError
        If it cannot be read.
    """
    if isinstance(value, dict):
        value = value.get("bytes") or b""
    return read_image(value)
