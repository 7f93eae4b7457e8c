"""The networks by name; free of torch and of disk access."""

from ..errors import unknown
from . import resnet50, vgg19
from .spec import BackboneSpec

BACKBONES: dict[str, BackboneSpec] = {"vgg19": vgg19.SPEC, "resnet50": resnet50.SPEC}

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
    if name not in BACKBONES:
        raise unknown("backbone", name, BACKBONES)
    return BACKBONES[name]
