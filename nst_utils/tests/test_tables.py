import pytest
import torch

from nst_utils import tables
from nst_utils.config import Recipe, recipe
from nst_utils.features import load_backbone
from nst_utils.images import read_image
from nst_utils.transfer import stylize

QUICK = Recipe(size=48, scales=(32, 48), steps=(3, 2), weights="random")


def test_layers_of_the_report_in_the_networks_order():
    found = tables.layers(load_backbone("vgg19"), recipe("report"), torch.zeros(1, 3, 64, 96))
    assert list(found.index) == ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1"]
    assert list(found.place) == [0, 5, 10, 19, 21, 28]  # as the report counts them
    assert found.role["conv4_2"] == "content"
    assert tuple(found.loc["conv3_1"])[3:] == (256, 16, 24, 4)
    assert found.weight.sum() == pytest.approx(2.35)


def test_style_shares_sum_to_one_and_measures_have_a_row_a_run(tiny, pictures):
    results = {"a": stylize(*pictures, QUICK), "b": stylize(*pictures, QUICK.replace(beta=1))}
    shares = tables.style_shares(results)
    assert list(shares.index) == ["1_1", "2_1", "3_1", "4_1", "5_1"]
    assert shares.sum().tolist() == pytest.approx([1, 1])
    content, style = (read_image(path) for path in pictures)
    table = tables.measures(results, content, style)
    assert list(table.index) == ["a", "b"]
    assert table.steps.tolist() == [5, 5]
    assert {"ssim", "edges", "color", "texture", "seconds"} < set(table.columns)
