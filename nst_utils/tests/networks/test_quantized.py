import os
from pathlib import Path

import pytest
import torch

from nst_utils.networks.quantized import decode_quantized, is_quantized
from nst_utils.networks.resnet50 import SPEC
from nst_utils.networks.state_dicts import read_state
from nst_utils.networks.weights_file import WeightsError


def layer(out=4, inner=2, side=3, blocks=3):
    """A convolution whose centroids say where they belong."""
    rows = inner * side * side
    matrix = torch.arange(rows * out, dtype=torch.float32).reshape(rows, out)
    columns = torch.cat(matrix.chunk(blocks, dim=0), dim=1)  # (rows / blocks, blocks * out)
    order = torch.randperm(columns.shape[1], generator=torch.Generator().manual_seed(0))
    places = torch.empty_like(order)
    places[order] = torch.arange(len(order))
    kept = {"centroids": columns.T[order].half(), "assignments": places.to(torch.uint8)}
    return kept | {"n_blocks": blocks, "is_conv": True, "k": side}, matrix


def test_centroids_and_assignments_become_a_weight():
    kept, matrix = layer()
    norm = {"weight": torch.ones(4), "bias": torch.zeros(4)}
    value = {"layer1.0.conv1": kept, "bn1": norm, "conv1": {"weight": torch.ones(4, 3, 7, 7)},
             "fc": kept, "fc_bias": torch.ones(3)}  # fmt: skip
    assert is_quantized(value) and not is_quantized({"a": torch.ones(1)})
    state = decode_quantized(value, Path("x"))
    assert torch.equal(state["layer1.0.conv1.weight"], matrix.T.reshape(4, 2, 3, 3))
    assert state["bn1.running_var"].tolist() == [1] * 4 and "fc.weight" not in state


@pytest.mark.parametrize(
    "change",
    [
        {"k": 0}, {"k": "x"}, {"k": float("inf")}, {"k": float("nan")}, {"k": 10**400},
        {"n_blocks": 0}, {"n_blocks": float("inf")}, {"assignments": None},
        {"centroids": torch.ones(2)},
        {"assignments": torch.zeros(1, dtype=torch.uint8).expand(10**8)},
    ],
)  # fmt: skip
def test_other_layers_are_one_sentence(change):
    kept, _ = layer()
    with pytest.raises(WeightsError, match="layer1.0.conv1 is not a layer of a quantized"):
        decode_quantized({"layer1.0.conv1": kept | change}, Path("x.pth"))


def test_the_source_is_declared_with_license_and_checksum():
    source = SPEC.sources["kill-the-bits"]
    assert source.url and source.filename.endswith(".pth") and len(source.sha256) == 64
    assert "CC BY-NC" in source.license and list(SPEC.sources)[-1] == "kill-the-bits"


@pytest.mark.skipif(
    "NST_QUANTIZED" not in os.environ, reason="NST_QUANTIZED names no pair of files"
)
def test_the_authors_file_is_the_known_state():
    compressed, decoded = map(Path, os.environ["NST_QUANTIZED"].split(os.pathsep))
    found, known = read_state(compressed), read_state(decoded)
    for name, tensor in known.items():
        if "num_batches" not in name:
            assert torch.allclose(found[name], tensor.float(), atol=2e-3), name
