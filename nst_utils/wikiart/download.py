"""Getting WikiArt: from Kaggle or Hugging Face, through their own packages, which are optional."""

import itertools
import os
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .. import paths
from ..atomic import replacing
from ..errors import one_line
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

    A file that is there already is not written again, so a broken stream can be resumed.

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
        except Exception as error:
            raise WikiArtError(
                f"Hugging Face: {one_line(error, 200) or _SHORT}; check the network"
            ) from None
    styles = dataset.features["style"].names
    artists = dataset.features["artist"].names
    written = 0
    rows = itertools.islice(dataset.shuffle(seed=seed, buffer_size=_BUFFER), count)
    try:
        for i, row in enumerate(tqdm(rows, "streaming", count, disable=not progress)):
            style = styles[row["style"]].replace(" ", "_").replace(os.sep, "_")
            artist = artists[row["artist"]].lower().replace(" ", "-").replace("_", "-")
            path = folder / style / f"{artist.replace(os.sep, '-')}_{seed}-{i:05}.jpg"
            if path.is_file():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as draft:
                row["image"].convert("RGB").save(draft, "JPEG", quality=95)
            written += 1
    except (OSError, RuntimeError, KeyError, TypeError, IndexError) as error:
        raise WikiArtError(
            f"Hugging Face: the stream broke off after {written} pictures "
            f"({one_line(error, 150)}); run it again to go on"
        ) from None
    return written
