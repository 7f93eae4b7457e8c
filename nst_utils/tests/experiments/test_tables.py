import pytest
import torch

from nst_utils.experiments import tables
from nst_utils.images.io import read_image
from nst_utils.networks.backbone import load_backbone
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.presets import recipe
from nst_utils.transfer.run import stylize

from ..conftest import tiny_backbone

QUICK = Recipe(size=48, scales=(32, 48), steps=(3, 2), weights="random")


def test_layers_of_the_report_in_the_networks_order():
    backbone = load_backbone("vgg19")
    found = tables.layers(backbone, recipe("report"), torch.zeros(1, 3, 64, 96))
    assert list(found.index) == ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1"]
    # As the report counts them.
    assert [backbone.layers.index(name) for name in found.index] == [0, 5, 10, 19, 21, 28]
    assert found.role["conv4_2"] == "content"
    assert tuple(found.loc["conv3_1"])[2:] == (256, 16, 24, 4)
    assert found.weight.sum() == pytest.approx(2.35)


def test_measures_have_a_row_a_run(tiny, pictures):
    results = {"a": stylize(*pictures, QUICK), "b": stylize(*pictures, QUICK.replace(beta=8))}
    content, style = (read_image(path) for path in pictures)
    table = tables.measures(results, content, style)
    assert list(table.index) == ["a", "b"]
    assert table.steps.tolist() == [5, 5]
    assert {"ssim", "edges", "color", "texture", "seconds"} < set(table.columns)


def test_activations_of_two_networks():
    x = torch.rand(1, 3, 32, 32)
    read = {"a": (tiny_backbone(), ["relu1_1", "relu2_1"]), "b": (tiny_backbone(6), ["relu1_1"])}
    table = tables.activations(read, x)
    assert list(table.index) == [("a", "relu1_1"), ("a", "relu2_1"), ("b", "relu1_1")]
    assert ((table["entropy"] > 0) & (table["entropy"] <= 1.000001)).all(axis=None)
    # Activations of order 1 are flattened by a softmax.
    assert (table["peak", "softmax"] < table["peak", "plain"]).all()
