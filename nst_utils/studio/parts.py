"""Parts of a photo to be marked by a click: they follow objects, and faces are one of them.

Superpixels follow the outlines of the photo (SLIC, Achanta et al., TPAMI 2012). Neighbors are
joined by Ward's method where their colors and the network's activations agree.
"""

from functools import lru_cache

import numpy as np
from PIL import Image
from skimage import color, segmentation
from sklearn.cluster import AgglomerativeClustering
from sklearn.decomposition import PCA

from ..images.inputs import InputPicture, open_input
from ..images.masks import find_faces

SIDE = 320
"""Long side at which the photo is divided, pixels."""

LAYER = "relu4_1"
"""Its activations tell kinds of objects apart; its maps have an eighth of the photo's sides."""

SUPERPIXELS = 250
COMPONENTS = 16
"""Of the activations, besides the three of the color."""

COLOR_WEIGHT = 1.5
"""Root mean square of the three color channels together; that of the activations is 1."""


@lru_cache(maxsize=8)
def propose_parts(content: str, count: int) -> np.ndarray:
    """Divide a photo into parts that hang together.

    Parameters
    ----------
    content : str
        As `samples.open_picture` takes it.
    count : int
        Number of parts. Faces, if there are any, become one further part, numbered `count`.

    Returns
    -------
    ndarray of int
        Shape (h, w): the part that each pixel belongs to.
    """
    picture = open_input(content, 2 * SIDE)
    photo = picture.at(SIDE)[0].permute(1, 2, 0).numpy()
    pixels = segmentation.slic(photo, SUPERPIXELS, compactness=10, sigma=1, start_label=0)
    looks = np.concatenate([_activations(picture, pixels.shape), _colors(photo)], axis=-1)
    number = pixels.max() + 1
    sizes = np.bincount(pixels.ravel(), minlength=number)
    sums = [np.bincount(pixels.ravel(), look.ravel(), number) for look in np.moveaxis(looks, 2, 0)]
    means = np.stack(sums, axis=1) / np.maximum(sizes, 1)[:, None]
    joined = AgglomerativeClustering(min(count, number), connectivity=_neighbors(pixels))
    parts = joined.fit_predict(means)[pixels]
    faces = face_mask(content)
    if faces is not None:
        parts[np.asarray(Image.fromarray(faces).resize(parts.shape[::-1]))] = count
    return parts


@lru_cache(maxsize=32)
def face_mask(content: str) -> np.ndarray | None:
    """Return where the faces of a photo are, True there, of shape (h, w); None without a face."""
    found = find_faces(open_input(content, 2 * SIDE).at(SIDE))
    return None if found is None else found[0, 0].numpy() > 0.5


def outlines(parts: np.ndarray) -> np.ndarray:
    """Return True where two parts meet."""
    return segmentation.find_boundaries(parts, mode="inner")


def _activations(picture: InputPicture, shape: tuple[int, int]) -> np.ndarray:
    """Return the main components of the network's activations, as large as the photo."""
    import torch

    from ..images.tensors import normalize
    from ..networks.backbone import load_backbone
    from .painting_thread import ENGINE_LOCK

    with ENGINE_LOCK, torch.no_grad():
        network = load_backbone("vgg19")
        read = network.extract(normalize(picture.at(SIDE, 16)), [LAYER])[LAYER][0].float()
    rows = read.flatten(1).T.numpy()
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    rows = PCA(min(COMPONENTS, *rows.shape), random_state=0).fit_transform(rows)
    rows /= np.sqrt((rows**2).sum(axis=1).mean()) + 1e-9
    maps = torch.from_numpy(rows.astype(np.float32)).T.reshape(1, -1, *read.shape[1:])
    large = torch.nn.functional.interpolate(maps, shape, mode="bilinear")
    return large[0].permute(1, 2, 0).numpy()


def _colors(photo: np.ndarray) -> np.ndarray:
    lab = color.rgb2lab(photo)
    lab = lab - lab.mean(axis=(0, 1))
    return COLOR_WEIGHT * lab / (np.sqrt((lab**2).sum(axis=-1).mean()) + 1e-9)


def _neighbors(pixels: np.ndarray) -> np.ndarray:
    """Return which superpixels touch each other, as a symmetric matrix of booleans."""
    number = pixels.max() + 1
    touch = np.zeros((number, number), bool)
    for one, other in ((pixels[1:], pixels[:-1]), (pixels[:, 1:], pixels[:, :-1])):
        touch[one, other] = touch[other, one] = True
    return touch
