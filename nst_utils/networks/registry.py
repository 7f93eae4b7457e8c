"""The networks by name; free of torch.

To add a network, write a module here whose `SPEC` describes it (`vgg.Vgg` does for one of that
family), and add its name.
"""

from importlib import import_module

from ..errors import check_choice
from .spec import BackboneSpec

NAMES = ("vgg19", "resnet50")

BACKBONES: dict[str, BackboneSpec] = {n: import_module(f".{n}", __package__).SPEC for n in NAMES}

KNOWN_FILES: dict[str, str] = {
    digest: label
    for spec in BACKBONES.values()
    for digest, label in (
        *((source.sha256, source.label) for source in spec.sources.values()),
        *spec.known_files.items(),
    )
}
"""Display names by SHA-256, or by its first digits where only those are published."""


def backbone_spec(name: str) -> BackboneSpec:
    """Return a backbone's description; an unknown name raises `UnknownNameError`."""
    check_choice("backbone", name, BACKBONES)
    return BACKBONES[name]
