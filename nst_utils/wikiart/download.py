"""Download WikiArt from Kaggle or Hugging Face, by their own packages, which are optional."""

import contextlib
import itertools
import re
import warnings
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .. import paths
from ..errors import NSTError, NSTWarning, one_line
from ..images.formats import ImageError
from ..images.io import read_image
from ..parallel import bar_options
from ..paths import is_regular, make_folder, replacing, safe_name, write_text
from .index import WikiArtError

SOURCES = {
    "kaggle": ("steubk/wikiart", 34e9),
    "huggingface": ("huggan/wikiart", 34e9),
}
"""Name of the dataset there, and its size in bytes; unpacking takes more."""

REVISION = ".revision"
"""File that notes which version of the Hugging Face dataset a folder is filled from."""

_BUFFER = 2000
_SHORT = "no answer, no access or no room"


def _missing(package: str) -> WikiArtError:
    return WikiArtError(
        f"the package {package} is needed for this and not installed; "
        f"run pip install {package} and try again"
    )


def download_kaggle() -> Path:
    """Download the Kaggle copy with kagglehub, which resumes a broken download.

    Returns
    -------
    Path
        Where kagglehub keeps the dataset. ``data/wikiart`` becomes a link to it, where the system
        has links.

    Raises
    ------
    WikiArtError
        If kagglehub is not installed, or the download fails.
    """
    try:
        import kagglehub
    except ImportError:
        raise _missing("kagglehub") from None
    try:
        place = Path(kagglehub.dataset_download(SOURCES["kaggle"][0]))
    except Exception as error:  # kagglehub raises many types
        reason = one_line(error, 200)
        raise WikiArtError(
            f"Kaggle: {reason or _SHORT}; check the network and the key in ~/.kaggle/kaggle.json"
        ) from None
    # Where the system has no links, the caller shows the place.
    with contextlib.suppress(OSError, NSTError):
        make_folder(paths.DATA).joinpath("wikiart").symlink_to(place, target_is_directory=True)
    return place


def _pinned(folder: Path) -> str:
    """Return the version of the dataset that a folder is filled from, a commit's hash.

    The first call takes the newest one, and notes it in the folder: numbers of pictures mean the
    same for every further call.
    """
    note = folder / REVISION
    if is_regular(note) and note.stat().st_size < 100:
        known = note.read_text(encoding="utf-8", errors="replace").strip()
        if re.fullmatch("[0-9a-f]{40}", known):
            return known
    import huggingface_hub

    newest = huggingface_hub.HfApi().dataset_info(SOURCES["huggingface"][0]).sha
    make_folder(folder)
    write_text(note, newest)
    return newest


def stream_huggingface(
    folder: Path,
    count: int,
    *,
    seed: int = 0,
    dataset: Any = None,
    progress: bool = True,
) -> int:
    """Download some pictures of the Hugging Face dataset into style folders.

    Existing files are kept, so a call that failed can be repeated; it reads the version of the
    dataset that the first one read. Unreadable pictures are skipped
    with one warning at the end.

    Parameters
    ----------
    folder : Path
        Destination.
    count : int
        Number of pictures.
    seed : int
        Seed of the shuffle.
    dataset : datasets.IterableDataset, optional
        The dataset; opened on the Hugging Face Hub by default.
    progress : bool
        Show a progress bar.

    Returns
    -------
    int
        Number of pictures written by this call.

    Raises
    ------
    WikiArtError
        If ``datasets`` is not installed, or the stream cannot be opened or breaks off.
    """
    if count < 1:
        raise WikiArtError(f"count must be at least 1, not {count}")
    if dataset is None:
        try:
            import datasets
        except ImportError:
            raise _missing("datasets") from None
        try:
            # Without streaming, even a slice downloads the whole dataset.
            dataset = datasets.load_dataset(
                SOURCES["huggingface"][0], split="train", streaming=True, revision=_pinned(folder)
            )
            # Pictures come as bytes, because one that cannot be decoded would end the stream.
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
        for i, row in enumerate(tqdm(rows, "streaming", count, **bar_options(progress))):
            style = safe_name(styles[row["style"]].replace(" ", "_").replace("/", "_"))
            artist = artists[row["artist"]].lower().replace(" ", "-").replace("_", "-")
            artist = safe_name(artist.replace("/", "-"))
            path = folder / style / f"{artist}_{seed}-{i:05}.jpg"
            if path.is_file():
                continue
            make_folder(path.parent)
            picture = row["image"]  # a PIL image, or a dict with the bytes of a file
            try:
                image = read_image(
                    (picture.get("bytes") or b"") if isinstance(picture, dict) else picture
                )
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
            f"{len(bad)} pictures of the stream cannot be read and were skipped ({bad[0]})",
            NSTWarning,
            stacklevel=2,
        )
    return written
