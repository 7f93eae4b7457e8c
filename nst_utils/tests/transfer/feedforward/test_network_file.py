import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from nst_utils.errors import NSTError
from nst_utils.images.colors import color_moments
from nst_utils.transfer.feedforward import network_file
from nst_utils.transfer.feedforward.generator import new_generator
from nst_utils.transfer.feedforward.network_file import (
    FORM,
    NetworkError,
    StyleNetwork,
    check_network_output,
    load_network,
)


@pytest.fixture
def network():
    record = {
        "form": FORM, "channels": [4, 4, 4], "blocks": 1, "steps": 1, "seconds": 0.5,
        "style": {"source": "a.jpg", "sha256": "0" * 64},
    }  # fmt: skip
    moments = color_moments(torch.rand(1, 3, 9, 9))
    return StyleNetwork(new_generator(0, (4, 4, 4), 1).eval(), *moments, record)


def test_a_network_comes_back_as_it_was(network, tmp_path):
    path = network.save(tmp_path / "net.safetensors")
    again, photo = load_network(path), torch.rand(1, 3, 21, 30)
    assert again.record == network.record
    assert torch.equal(again.paint(photo), network.paint(photo))
    assert torch.allclose(again.covariance, network.covariance)


def test_a_photo_gets_the_styles_colors(network):
    photo = torch.rand(1, 3, 40, 40) * 0.3 + 0.35
    mean, covariance = color_moments(network.recolored(photo))
    assert torch.allclose(mean, network.mean, atol=0.03)
    # Of a scene every frame is moved by the same map.
    part = photo[..., :20]
    assert torch.equal(network.recolored(part, photo), network.recolored(photo)[..., :20])


def changed(path, change, tensors=None):
    """Write a network's file with another record or other tensors."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        record = json.loads(file.metadata()["nst_utils"])
    kept = load_file(path)
    kept.update(tensors or {})
    kept = {name: tensor for name, tensor in kept.items() if tensor is not None}
    save_file(kept, path, {"nst_utils": json.dumps(record | change)})


def test_a_strangers_file_is_checked(network, tmp_path):
    nan = torch.full((3,), float("nan"))
    for change, tensors, told in (
        ({"form": "another"}, None, "form"),
        ({"channels": [4, 4, 4000]}, None, "channels"),
        ({"blocks": 2}, None, "must have shape"),
        ({"channels": [4, 4, 8]}, None, "must have shape"),
        ({}, {"network.out.bias": torch.zeros(4)}, "must have shape"),
        ({}, {"network.out.bias": None}, "not nothing"),
        ({}, {"network.out.bias": nan}, "not between -1e6 and 1e6"),
        ({}, {"more": torch.zeros(1)}, "belongs to no such network"),
    ):
        path = network.save(tmp_path / "net.safetensors")
        changed(path, change, tensors)
        with pytest.raises(NetworkError, match=told):
            load_network(path)
    data = network.save(tmp_path / "net.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(data[:3000])
    (tmp_path / "text.safetensors").write_bytes(b"no network at all")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    for name, told in (
        ("cut", "not a whole network"),
        ("text", "not a whole network"),
        ("other", "no record of its training"),
        ("none", "no such file"),
    ):
        with pytest.raises(NetworkError, match=told):
            load_network(tmp_path / f"{name}.safetensors")


def test_outputs_that_are_refused(tmp_path):
    for name, told in (("net.pt", "must end in"), ("no/net.safetensors", "does not exist")):
        with pytest.raises(NetworkError, match=told):
            check_network_output(tmp_path / name)


def test_a_strangers_wide_network_is_refused_before_it_takes_the_memory(network, monkeypatch):
    monkeypatch.setattr(network_file.memory, "room", lambda device: 5e8)
    assert network.paint_file("coffee", 64).tensor.shape[-1] == 64
    wide = dataclasses.replace(network, generator=new_generator(0, (256, 4, 4), 1))
    with pytest.raises(NSTError, match="of memory, but 500 MB are free; the largest"):
        wide.paint_file("coffee", 1024)
    with pytest.raises(NSTError, match="of memory"):  # as of a film or a camera, too
        wide.paint(torch.zeros(1, 3, 700, 1024))


def test_a_network_takes_no_other_files_place(tmp_path):
    (tmp_path / "vgg.safetensors").write_bytes(b"weights of somebody's own")
    with pytest.raises(NetworkError, match="would be lost"):
        check_network_output(tmp_path / "vgg.safetensors")
