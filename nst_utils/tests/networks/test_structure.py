import pytest

from nst_utils.errors import UnknownNameError
from nst_utils.networks import registry, structure


def test_vgg19_counts_as_published():
    table = structure.layer_table("vgg19")
    assert table["parameters"].sum() == 143_667_240
    assert table["multiplications"].sum() == 19_632_062_464
    assert tuple(table.index[:37]) == registry.BACKBONES["vgg19"].layers
    assert table["receptive field"][["conv1_1", "relu3_1", "relu5_1"]].tolist() == [3, 24, 156]
    assert table.loc["conv5_1", ["channels", "height", "width"]].tolist() == [512, 14, 14]
    assert structure.fully_connected_parameters(table, "conv1_1") == 3 * 224**2 * 64 * 224**2


def test_resnet50_counts_as_published():
    assert structure.layer_table("resnet50")["parameters"].sum() == 25_557_032
    stages = structure.stage_table()
    assert stages["blocks"].dropna().tolist() == [3, 4, 6, 3]
    assert stages["projections"].dropna().tolist() == [1, 1, 1, 1]
    assert stages["parameters"].sum() == 25_557_032
    keys = structure.report_keys()
    assert keys["module"].tolist() == ["conv1", "bn1", "relu", "maxpool", "layer1"]
    with pytest.raises(UnknownNameError):
        structure.layer_table("alexnet")
