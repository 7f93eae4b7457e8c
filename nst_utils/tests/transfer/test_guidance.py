import pytest
import torch

from nst_utils.transfer import layer_statistics, neighbor_statistics
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import GRAMS
from nst_utils.transfer.guidance import Guide, guided_gram, guided_moments, rows_inside
from nst_utils.transfer.losses import gram
from nst_utils.transfer.transport import moments

FEATURES = torch.rand(1, 5, 6, 8, generator=torch.Generator().manual_seed(1))
LEFT = torch.cat([torch.ones(1, 1, 6, 4), torch.zeros(1, 1, 6, 4)], 3)


@pytest.mark.parametrize("variant", GRAMS)
def test_weights_of_one_change_nothing(variant):
    ones = torch.ones(1, 1, 6, 8)
    expected = gram(FEATURES, variant)
    torch.testing.assert_close(guided_gram(FEATURES, ones, variant), expected)
    assert torch.equal(guided_gram(FEATURES, None, variant), expected)


@pytest.mark.parametrize("variant", GRAMS)
def test_a_region_is_the_statistic_of_its_positions(variant):
    expected = gram(FEATURES[..., :4], variant)
    torch.testing.assert_close(guided_gram(FEATURES, LEFT, variant), expected)


def test_the_statistics_of_two_halves_add_up():
    soft = torch.rand(1, 1, 6, 8, generator=torch.Generator().manual_seed(2))
    parts = [guided_gram(FEATURES, w, "sum") for w in (soft, 1 - soft)]
    torch.testing.assert_close(sum(parts), gram(FEATURES, "sum"))
    means = [guided_gram(FEATURES, w, "mean") * w.mean() for w in (soft, 1 - soft)]
    torch.testing.assert_close(sum(means), gram(FEATURES, "mean"))


def test_moments_and_rows_inside():
    rows = FEATURES.flatten(2)[0].T
    one, two = moments(rows), guided_moments(rows, torch.ones(48))
    for a, b in zip(one, two, strict=True):
        torch.testing.assert_close(a, b)
    inside = rows_inside(FEATURES, Guide(LEFT))
    assert len(inside) == 24
    assert len(rows_inside(FEATURES, None)) == 48
    # A mask thinner than a position keeps the one that it covers most.
    thin = torch.zeros(1, 1, 60, 80)
    thin[..., 33, 70] = 1
    assert len(Guide(thin).positions(FEATURES)) == 1


def test_deep_positions_on_the_border_do_not_count():
    mask = torch.zeros(1, 1, 12, 16)
    mask[..., :7] = 1  # cuts the positions of the fourth column in half
    weights = Guide(mask).at(FEATURES)
    assert weights[0, 0, 0].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert Guide(mask).turned(1).mask.shape == (1, 1, 16, 12)


def test_every_statistic_takes_a_guide():
    recipe = Recipe(style_layers={"relu1_1": 1.0})
    for kind in (layer_statistics.SlicedWasserstein, neighbor_statistics.Neighbors):
        assert kind(recipe, ["relu1_1"], Guide(LEFT)).guide is not None
