"""ResNet-50: its layers, its weights, and how it is built."""

import torch
from torch import nn

from .weights import WeightsError, WeightsFile, read_state


def build_resnet50(weights: WeightsFile) -> nn.ModuleDict:
    """Return its modules by layer, with the weights of a file, or random ones."""
    from torchvision.models import resnet50

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
    stages = {f"layer{i}": getattr(network, f"layer{i}") for i in range(1, 5)}
    blocks = {f"{stage}/{i}": block for stage, seq in stages.items() for i, block in enumerate(seq)}
    stem = {name: getattr(network, name) for name in ("conv1", "bn1", "relu", "maxpool")}
    return nn.ModuleDict(stem | blocks)
