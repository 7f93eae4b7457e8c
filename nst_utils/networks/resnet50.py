"""ResNet-50 (He et al., CVPR 2016): layers, weights, construction.

torch is imported when the network is built, so that layers can be listed without it.
"""

from pathlib import Path
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
    """Return the network's modules by layer, with the weights of a file or with random ones."""
    import torch
    from torch import nn
    from torchvision.models import resnet50

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = resnet50(weights=None)
    if weights.path is not None:
        _load(network, weights.path)
    stem = {name: getattr(network, name) for name in STEM}
    # torch allows no dot in the name of a module.
    blocks = {
        f"{stage}/{i}": block for stage in STAGES for i, block in enumerate(getattr(network, stage))
    }
    return nn.ModuleDict(stem | blocks)


def _load(network: "nn.Module", path: Path) -> None:
    """Load a state dict with torchvision's names, or with those of an ``nn.Sequential``."""
    from .state_dicts import match_names, read_state
    from .weights_file import WeightsError

    own = {key: tensor for key, tensor in network.state_dict().items() if not key.startswith("fc.")}
    needed = [key for key in own if "num_batches" not in key]
    numbers = {name: str(i) for i, name in enumerate((*STEM, *STAGES))}
    parts = [key.partition(".") for key in needed]
    numbered = [f"{numbers[first]}.{rest}" for first, _, rest in parts]
    state = match_names(read_state(path), [needed, numbered], "ResNet-50", path)
    for key, tensor in state.items():
        if tensor.shape != own[key].shape:
            raise WeightsError(f"{path}: not weights of ResNet-50 ({key} has another shape)")
    network.load_state_dict({key: tensor.float() for key, tensor in state.items()}, strict=False)
    _check_input(network, path)


def _check_input(network: "nn.Module", path: Path) -> None:
    """Refuse weights that expect another input than normalized RGB.

    The first batch normalization stores the variance of its input in training. On photos the
    variance must be about the same.
    """
    import torch

    from ..images.samples import open_sample
    from ..images.tensors import normalize, to_tensor
    from .weights_file import WeightsError

    remembered = network.bn1.running_var
    if not (remembered - 1).abs().max() > 1e-6:
        return  # untrained
    photos = [normalize(to_tensor(open_sample(name, 224))) for name in ("astronaut", "coffee")]
    with torch.no_grad():
        seen = torch.cat([network.conv1(photo).flatten(2)[0] for photo in photos], 1)
    ratio = (remembered.clamp_min(1e-12) / seen.var(1).clamp_min(1e-12)).median().item()
    if not 1 / 20 < ratio < 20:
        larger = ratio**0.5
        told = "pixels in 0 to 255, as converted from Caffe" if larger > 20 else "another range"
        raise WeightsError(
            f"{path}: these weights expect {told} (inputs about {larger:.2g} times those of "
            "ImageNet-normalized RGB); give weights trained as torchvision's are"
        )


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
        # The authors' two other files are larger and more accurate (73.8 and 76.1 %), but their
        # checksums are not known here. They can be read as local files.
        "kill-the-bits": Source(
            label="ResNet-50 (kill-the-bits)",
            filename="resnet50_large_blocks.pth",
            sha256="e2b6b85665a24660035170927bc9e5ea4ca5ae2528c1cbc364af109ac712bce9",
            size=3_629_468,
            license="CC BY-NC 4.0 (Stock et al., ICLR 2020); ImageNet, compressed, 68.2 % top-1",
            url="https://raw.githubusercontent.com/facebookresearch/kill-the-bits/"
            "346ac154ed61d4111efea460700494c7abd2f21b/src/models/compressed/"
            "resnet50_large_blocks.pth",
        ),
    },
    deep=("layer3", "layer4"),
    content_layer="layer2",
    style_layers={"relu": 1.0, "layer1": 1.0, "layer2": 1.0, "layer3": 1.0},
    judge_layers=("relu", "layer1", "layer2", "layer3"),
    build=build,
    # A stage's name stands for its last block, as in torchvision's module tree.
    aliases={stage: f"{stage}.{blocks - 1}" for stage, blocks in STAGES.items()},
    known_files={
        "649187c72337b9c10e0a4684fd8c71a6d648f42434f28d030a0d6471ffa4002e": (
            "ResNet-50 (kill-the-bits)"
        )
    },
)
