"""Shapes, parameters and multiplications of each layer of a network.

They are counted on torchvision's own modules, on torch's ``meta`` device: its tensors have shapes
but no values, so that half a gigabyte of weights is not allocated.
"""

from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor, nn

from .registry import backbone_spec
from .resnet50 import STAGES, STEM


def layer_table(name: str, size: int = 224) -> pd.DataFrame:
    """Return a table of a published network's layers, classifier included, in order.

    Parameters
    ----------
    name : str
        One of `registry.BACKBONES` that torchvision builds under the same name.
    size : int
        Side of the square picture in pixels.

    Returns
    -------
    DataFrame
        Indexed by layer; VGG's have the names of `Backbone.layers`. Columns: ``kind``,
        ``channels``, ``height``, ``width``, ``parameters``, ``multiplications`` (for one picture),
        and ``receptive field`` (side in pixels; missing in fully connected layers, which see the
        whole picture, and in ResNet-50, whose paths differ).
    """
    rows = []
    network = _build(name)
    chain = hasattr(network, "features")  # VGG: each layer follows the one before
    names = iter(backbone_spec(name).layers)
    field, step = 1, 1
    for path, module, x, y in _passes(network, size):
        kind = type(module).__name__
        row = {"layer": next(names, path) if chain and y.ndim == 4 else path}
        row |= {"kind": kind, "channels": y.shape[1]}
        row |= {"height": y.shape[2], "width": y.shape[3]} if y.ndim == 4 else {}
        row["parameters"] = sum(p.numel() for p in module.parameters())
        row["multiplications"] = _multiplications(module, x, y)
        if chain and y.ndim == 4:
            if isinstance(module, nn.Conv2d | nn.MaxPool2d):
                side, stride = (
                    value if isinstance(value, int) else value[0]
                    for value in (module.kernel_size, module.stride)
                )
                field, step = field + (side - 1) * step, step * stride
            row["receptive field"] = field
        rows.append(row)
    whole = ["channels", "height", "width", "parameters", "multiplications", "receptive field"]
    table = pd.DataFrame(rows).set_index("layer")
    kept = [column for column in whole if column in table]
    return table.astype(dict.fromkeys(kept, "Int64"))


def stage_table(size: int = 224) -> pd.DataFrame:
    """Return a table of ResNet-50's stages: blocks, shapes, parameters, multiplications.

    It is indexed by the names of torchvision's modules. ``blocks`` is missing in the stem;
    ``projections`` counts the blocks whose shortcut is a convolution instead of the identity.
    """
    table = layer_table("resnet50", size)
    network = _build("resnet50")
    rows = {}
    for name in (*STEM, *STAGES, "fc"):
        part = table[table.index.str.split(".").str[0] == name]
        last = part.iloc[-1]
        row = {"channels": last["channels"], "height": last["height"], "width": last["width"]}
        row |= {key: part[key].sum() for key in ("parameters", "multiplications")}
        if name in STAGES:
            blocks = getattr(network, name)
            row["blocks"] = len(blocks)
            row["projections"] = sum(block.downsample is not None for block in blocks)
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").astype("Int64").rename_axis("stage")


def report_keys() -> pd.DataFrame:
    """Return the modules of ResNet-50 that the report's keys '0' to '4' select.

    Columns: ``report`` (the name that the report gives), ``module`` (the one selected), ``type``.
    """
    said = ("conv1", "layer1", "layer2", "layer3", "layer4")
    children = list(_build("resnet50").named_children())[:-2]
    rows = [
        {"key": str(i), "report": said[i], "module": name, "type": type(module).__name__}
        for i, (name, module) in enumerate(children[:5])
    ]
    return pd.DataFrame(rows).set_index("key")


def fully_connected_parameters(table: pd.DataFrame, layer: str, inputs: str | None = None) -> int:
    """Return how many weights a convolution would have as a fully connected layer.

    `table` is a `layer_table`; `inputs` is the layer before, by default a picture in RGB.
    """
    out = table.loc[layer]
    before = table.loc[inputs] if inputs else out
    channels = before["channels"] if inputs else 3
    numbers = channels * before["height"] * before["width"]
    return int(numbers) * int(out["channels"] * out["height"] * out["width"])


def _build(name: str) -> nn.Module:
    from torchvision import models

    backbone_spec(name)  # raises for an unknown name
    with torch.device("meta"):
        return getattr(models, name)(weights=None).eval()


def _passes(network: nn.Module, size: int) -> Iterator[tuple[str, nn.Module, Tensor, Tensor]]:
    """Run a forward pass and yield the name of each layer, the layer, its input and its output."""
    passed = []
    for path, module in network.named_modules():
        if not list(module.children()):
            module.register_forward_hook(
                lambda module, x, y, path=path: passed.append((path, module, x[0], y))
            )
    with torch.no_grad():
        network(torch.empty(1, 3, size, size, device="meta"))
    yield from passed


def _multiplications(module: nn.Module, x: Tensor, y: Tensor) -> int:
    if isinstance(module, nn.Conv2d):
        return y.numel() * module.weight[0].numel()
    return module.weight.numel() if isinstance(module, nn.Linear) else 0
