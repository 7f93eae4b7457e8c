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
"""SHA-256 sums (or their published beginnings) to display names."""


def backbone_spec(name: str) -> BackboneSpec:
    """Look a backbone up; an unknown name raises `UnknownNameError` that lists the valid ones."""
    if name not in BACKBONES:
        raise unknown("backbone", name, BACKBONES)
    return BACKBONES[name]
