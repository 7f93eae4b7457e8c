import pytest
import torch

from nst_utils import paths
from nst_utils.errors import UnknownNameError, unknown
from nst_utils.networks import resnet50, vgg19
from nst_utils.networks.backbone import load_backbone
from nst_utils.networks.registry import BACKBONES, backbone_spec
from nst_utils.networks.spec import Source
from nst_utils.networks.vgg import Vgg


def test_vgg19_has_16_convolutions_in_five_blocks():
    layers = BACKBONES["vgg19"].layers
    assert sum(layer.startswith("conv") for layer in layers) == 16
    assert layers[:5] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1")
    assert layers[-1] == "pool5"


def test_vgg19_layers_stand_where_torchvision_has_them():
    # The report counts modules of `features`: 0, 5, 10, 19, 21 and 28.
    layers = BACKBONES["vgg19"].layers
    expected = {0: "conv1_1", 5: "conv2_1", 10: "conv3_1", 19: "conv4_1", 21: "conv4_2"}
    assert {i: layers[i] for i in (*expected, 28)} == expected | {28: "conv5_1"}


def test_resnet50_has_its_stages_of_3_4_6_3_blocks():
    layers = BACKBONES["resnet50"].layers
    counts = [sum(layer.startswith(f"layer{i}.") for layer in layers) for i in range(1, 5)]
    assert counts == [3, 4, 6, 3]


def test_unknown_name_suggests_and_lists():
    with pytest.raises(UnknownNameError, match="did you mean 'vgg19'.*vgg19, resnet50"):
        backbone_spec("vgg18")
    assert "did you mean" not in str(unknown("loss", "zzz", ["relative"]))


def test_root_is_above_the_package():
    assert (paths.ROOT / "nst_utils" / "paths.py").is_file()


def test_every_source_is_a_download_or_travels_in_a_package():
    for spec in BACKBONES.values():
        for source in spec.sources.values():
            assert isinstance(source, Source) and bool(source.url) != bool(source.package)


def test_a_network_is_one_file_with_all_that_belongs_to_it():
    assert BACKBONES["vgg19"] == vgg19.SPEC and BACKBONES["resnet50"] == resnet50.SPEC
    for spec in BACKBONES.values():
        read = {spec.content_layer, *spec.style_layers, *spec.judge_layers}
        assert read | spec.halvings | set(spec.aliases) <= set(spec.layers)
    assert vgg19.SPEC.stride("relu4_1") == 8 and resnet50.SPEC.stride("layer4") == 32


def test_another_vgg_is_its_blocks(monkeypatch):
    small = Vgg("VGG16", ((2, 8), (2, 8), (3, 16), (3, 16), (3, 16)))
    spec = small.spec(sources={})
    assert len(spec.layers) == 31 and spec.layers[28:30] == ("conv5_3", "relu5_3")
    monkeypatch.setitem(BACKBONES, "vgg16", spec)
    network = load_backbone("vgg16", "random")
    found = network.extract(torch.rand(1, 3, 40, 33), spec.judge_layers)
    assert found["relu5_1"].shape == (1, 16, 2, 2)
