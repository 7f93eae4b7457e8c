"""ResNet-50 (He et al., CVPR 2016): its layers, its weights, and how it is built.

torch is imported when the network is built, so that its layers can be listed without it.
"""

from typing import TYPE_CHECKING

from .spec import BackboneSpec, Source

if TYPE_CHECKING:
    from torch import nn

    from .weights_file import WeightsFile

STEM = ("conv1", "bn1", "relu", "maxpool")
STAGES = {"layer1": 3, "layer2": 4, "layer3": 6, "layer4": 3}
"""Bottleneck blocks of each stage."""


def _layers() -> tuple[str, ...]:
    names = list(STEM)
    for stage, blocks in STAGES.items():
        names += [f"{stage}.{i}" for i in range(blocks)] + [stage]
    return tuple(names)


def build(weights: "WeightsFile") -> "nn.ModuleDict":
    """Return its modules by layer, with the weights of a file, or random ones from a seed."""
    import torch
    from torch import nn
    from torchvision.models import resnet50

    from .weights_file import WeightsError, read_state

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = resnet50(weights=None)
    if weights.path is not None:
        state = read_state(weights.path)
        own = network.state_dict()
        for key in own:
            if key not in state and not key.startswith("fc.") and "num_batches" not in key:
                raise WeightsError(f"{weights.path}: not weights of ResNet-50 ({key} is missing)")
        for key in state:
            if key in own and state[key].shape != own[key].shape and not key.startswith("fc."):
                raise WeightsError(
                    f"{weights.path}: not weights of ResNet-50 ({key} has another shape)"
                )
        network.load_state_dict(
            {k: v for k, v in state.items() if not k.startswith("fc.")}, strict=False
        )
    stem = {name: getattr(network, name) for name in STEM}
    # A module's name may hold no dot.
    blocks = {
        f"{stage}/{i}": block for stage in STAGES for i, block in enumerate(getattr(network, stage))
    }
    return nn.ModuleDict(stem | blocks)


SPEC = BackboneSpec(
    title="ResNet-50",
    layers=_layers(),
    halvings=frozenset({"conv1", "maxpool", "layer2.0", "layer3.0", "layer4.0"}),
    sources={
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
    content_layer="layer2",
    style_layers={"relu": 1.0, "layer1": 1.0, "layer2": 1.0, "layer3": 1.0},
    judge_layers=("relu", "layer1", "layer2", "layer3"),
    build=build,
    # As in torchvision's module tree.
    aliases={stage: f"{stage}.{blocks - 1}" for stage, blocks in STAGES.items()},
    known_files={
        "649187c72337b9c10e0a4684fd8c71a6d648f42434f28d030a0d6471ffa4002e": (
            "ResNet-50 (kill-the-bits)"
        )
    },
)
