"""Descriptors of many paintings from a frozen network, computed once and kept on disk.

A descriptor is a matrix with one row for each painting: 81,444 files take 2 GB on disk. Finished
rows stay if the computation is interrupted. If a file of descriptors is missing or damaged, its
rows are computed again. A painting that could not be read is not tried again.
"""

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from skimage import color
from torch import Tensor
from tqdm import tqdm

from .. import paths
from ..errors import NSTError, NSTWarning, ignoring
from ..images.formats import ImageError
from ..images.io import read_image
from ..images.tensors import normalize, to_tensor
from ..networks.backbone import Backbone
from ..networks.device import pick_device, pick_precision
from ..parallel import ahead, bar_options
from ..paths import alone_with, make_folder
from ..transfer.losses import gram_matrix
from ..wikiart.catalog import WikiArt
from ..wikiart.files import check_file
from ..wikiart.names import file_of
from .batch import batch_code
from .feature_files import FeatureFiles

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
STATISTICS = ("mean", "moments", "gram")
"""Descriptors of a layer: mean of each channel; means and deviations; Gram matrix."""

PROJECTED = 32
"""Channels that a layer is projected to, by fixed random directions, before its Gram matrix."""

PIXELS, BINS = 16, 6
"""Side of the thumbnail whose pixels are kept; bins for each of L, a and b."""

MEASURING = ("experiments/style_features.py", "experiments/feature_files.py")

_UNKNOWN, _DONE, _UNREADABLE = range(3)


class StyleFeatures:
    """Descriptors of many paintings, on disk.

    Made by `extract_features`.

    Attributes
    ----------
    folder, root : Path
        Folders of the descriptors and of the paintings.
    catalog : DataFrame
        Rows of the dataset's catalog for the paintings that were read, in the order of `array`.
    names : tuple of str
        Descriptors: ``pixels``, ``colors``, and for each layer ``mean relu1_1``, ``moments …``,
        ``gram …``.
    problems : DataFrame
        ``path`` and ``problem`` of the files that could not be read.
    """

    def __init__(
        self, folder: Path, root: Path, catalog: pd.DataFrame, sizes: dict[str, int]
    ) -> None:
        self.folder, self.root = folder, root
        self._files = FeatureFiles(folder, len(catalog), {"state": 1} | sizes)
        state = self._files.matrix("state")[:, 0]
        self._read = np.flatnonzero(state == _DONE)
        self.catalog = catalog.iloc[self._read].reset_index(drop=True)
        self.names = tuple(sizes)
        bad = catalog.iloc[np.flatnonzero(state == _UNREADABLE)]["path"]
        told = [check_file(str(file_of(root, name)))[0] or "cannot be read" for name in bad]
        self.problems = pd.DataFrame({"path": bad.tolist(), "problem": told}, dtype=str)

    def __len__(self) -> int:
        """Return the number of paintings."""
        return len(self.catalog)

    def array(self, *names: str) -> np.ndarray:
        """Return descriptors side by side, float32, a row for each painting of `catalog`."""
        for name in names:
            if name not in self.names:
                raise NSTError(f"no descriptor {name!r}; there are {', '.join(self.names)}")
        return self._files.matrix(*names)[self._read]


def extract_features(
    wikiart: WikiArt,
    backbone: Backbone,
    *,
    layers: Sequence[str] = LAYERS,
    size: int = 128,
    folder: Path | None = None,
    progress: bool = True,
) -> StyleFeatures:
    """Compute descriptors of every painting; continue where an earlier call ended.

    Parameters
    ----------
    wikiart : WikiArt
        The dataset; files with a known problem are left out.
    backbone : Backbone
        The network.
    layers : sequence of str
        Layers to describe by `STATISTICS`.
    size : int
        Side of the central square that is read, pixels.
    folder : Path, optional
        Where descriptors are kept, by default ``data/runs/features``. Each dataset, network, size
        and version of the code has its own folder there.
    progress : bool
        Show a bar.

    Returns
    -------
    StyleFeatures
        A file that cannot be read is left out, with one warning for all.

    Raises
    ------
    NSTError
        If there is nothing to read, or the size is below 32: the deepest layer would have a single
        position.
    """
    if size < 32:
        raise NSTError(f"pictures must be read at 32 pixels or more, not {size}")
    catalog = wikiart.catalog[wikiart.catalog["problem"] == ""].reset_index(drop=True)
    if catalog.empty:
        raise NSTError(f"{wikiart.root.name}: no file without a problem, nothing to describe")
    layers = backbone.check_layers(layers)
    place = (folder or paths.RUNS / "features") / _key(
        wikiart.root, catalog, backbone, layers, size
    )
    make_folder(place)
    sizes = _sizes(backbone, layers)
    with alone_with(place / "rows"):
        files = FeatureFiles(place, len(catalog), {"state": 1} | sizes)
        _describe(wikiart.root, catalog, backbone, layers, size, files, progress)
    features = StyleFeatures(place, wikiart.root, catalog, sizes)
    if len(features.problems):
        first = features.problems["path"].iloc[0]
        warnings.warn(
            f"{len(features.problems)} of {len(catalog)} files could not be read and are left out "
            f"({first}: {features.problems['problem'].iloc[0]})",
            NSTWarning,
            stacklevel=2,
        )
    return features


def _describe(
    root: Path,
    catalog: pd.DataFrame,
    backbone: Backbone,
    layers: Sequence[str],
    size: int,
    files: FeatureFiles,
    progress: bool,
) -> None:
    """Compute missing rows; finished ones are on disk, however the loop ends."""
    states = [(block, files.load(block)["state"][:, 0]) for block in files.blocks()]
    missing = [(block, np.flatnonzero(state == _UNKNOWN)) for block, state in states]
    count = sum(len(rows) for _, rows in missing)
    device = pick_device()
    placed = backbone.to(device, pick_precision("auto", device))
    directions = {layer: _directions(_width(backbone, layer)) for layer in layers}
    bar = tqdm(
        total=len(catalog),
        initial=len(catalog) - count,
        desc="describing",
        unit="file",
        **bar_options(progress and count > 0),
    )
    with bar:
        for block, rows in missing:
            if not len(rows):
                continue
            names, matrices = catalog["path"].iloc[block].tolist(), files.load(block)
            try:
                for batch in _batches(root, names, rows, size):
                    _fill(matrices, batch, placed, directions)
                    bar.update(len(batch))
            finally:
                files.save(block, matrices)


def _fill(
    matrices: dict[str, np.ndarray],
    batch: Sequence[tuple[int, Image.Image | None]],
    backbone: Backbone,
    directions: dict[str, Tensor],
) -> None:
    """Write the descriptors of a batch into its rows, and that they are there."""
    readable = [(i, image) for i, image in batch if image is not None]
    if readable:
        rows = [i for i, _ in readable]
        pictures = [image for _, image in readable]
        for name, values in _described(pictures, backbone, directions).items():
            matrices[name][rows] = values
    for i, image in batch:
        matrices["state"][i] = _DONE if image is not None else _UNREADABLE


def _batches(
    root: Path, names: Sequence[str], rows: np.ndarray, size: int, count: int = 16
) -> Iterator[list[tuple[int, Image.Image | None]]]:
    """Read pictures ahead in a thread, and yield them in batches; None for a damaged one."""
    parts = [rows[i : i + count] for i in range(0, len(rows), count)]
    return ahead(
        [(int(i), read_square(file_of(root, names[i]), size)) for i in part] for part in parts
    )


def read_square(path: Path, size: int) -> Image.Image | None:
    """Return a picture's central square, or None if it cannot be read."""
    try:
        with ignoring(NSTWarning):  # a truncated file still shows a painting
            image = read_image(path, 3 * size)
    except (ImageError, OSError):
        return None
    side = min(image.size)
    x, y = (image.width - side) // 2, (image.height - side) // 2
    return image.resize(
        (size, size), Image.Resampling.LANCZOS, (x, y, x + side, y + side), reducing_gap=3
    )


def _described(
    pictures: Sequence[Image.Image], backbone: Backbone, directions: dict[str, Tensor]
) -> dict[str, np.ndarray]:
    """Return the descriptors of a batch of squares, one row for each."""
    small = [image.resize((PIXELS, PIXELS), Image.Resampling.BOX) for image in pictures]
    rows = {
        "pixels": np.stack([np.asarray(image, np.float32).ravel() / 255 for image in small]),
        "colors": np.stack([_colors(image) for image in pictures]),
    }
    batch = torch.cat([normalize(to_tensor(image)) for image in pictures])
    with torch.no_grad():
        for layer, x in backbone.read(batch, list(directions)):
            x = x.float()
            mean, deviation = x.mean(dim=(2, 3)), x.std(dim=(2, 3), correction=0)
            rows[f"mean {layer}"] = mean.cpu().numpy()
            rows[f"moments {layer}"] = torch.cat([mean, deviation], 1).cpu().numpy()
            fewer = torch.einsum("nchw,cd->ndhw", x, directions[layer].to(x.device))
            matrix = gram_matrix(fewer).cpu().numpy()
            rows[f"gram {layer}"] = matrix[:, *np.triu_indices(PROJECTED)]
    return rows


def _colors(image: Image.Image) -> np.ndarray:
    """Return a picture's color histogram in CIELAB, as square roots of shares."""
    image = image.resize((64, 64), Image.Resampling.BOX)
    lab = color.rgb2lab(np.asarray(image)).reshape(-1, 3)
    spans = ((0, 100), (-80, 80), (-80, 80))
    lab = np.clip(lab, [low for low, _ in spans], [high for _, high in spans])
    counts, _ = np.histogramdd(lab, bins=BINS, range=spans)
    return np.sqrt(counts.ravel() / len(lab)).astype(np.float32)


def _directions(width: int) -> Tensor:
    """Return orthonormal random directions to project a layer's channels on."""
    generator = torch.Generator().manual_seed(width)
    square = torch.randn(width, PROJECTED, generator=generator)
    return torch.linalg.qr(square)[0]


def _width(backbone: Backbone, layer: str) -> int:
    return backbone.extract(torch.zeros(1, 3, 32, 32), [layer])[layer].shape[1]


def _sizes(backbone: Backbone, layers: Sequence[str]) -> dict[str, int]:
    sizes = {"pixels": 3 * PIXELS**2, "colors": BINS**3}
    for layer in layers:
        width = _width(backbone, layer)
        sizes |= {f"mean {layer}": width, f"moments {layer}": 2 * width}
        sizes[f"gram {layer}"] = PROJECTED * (PROJECTED + 1) // 2
    return sizes


def _key(
    root: Path, catalog: pd.DataFrame, backbone: Backbone, layers: Sequence[str], size: int
) -> str:
    """Return a folder's name: a hash of all that decides the numbers, files' dates included."""
    digest = hashlib.sha256(batch_code(*MEASURING).encode())
    digest.update(f"{backbone.weights.sha256} {backbone.name} {layers} {size}".encode())
    for name in catalog["path"]:
        path = file_of(root, name)
        known = path.stat() if path.is_file() else None
        told = (known.st_size, known.st_mtime_ns) if known else ()
        digest.update(f"{name} {told}\n".encode())
    return digest.hexdigest()[:24]
