import pytest
import torch

from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import GRAMS
from nst_utils.transfer.losses import LOSSES, load_loss, losses_for
from nst_utils.transfer.losses.gram import gram_matrix
from nst_utils.transfer.losses.term import LayerMask, rows_of

FEATURES = torch.rand(1, 5, 6, 8, generator=torch.Generator().manual_seed(1))
LEFT = torch.cat([torch.ones(1, 1, 6, 4), torch.zeros(1, 1, 6, 4)], 3)


def test_every_entry_of_the_registry_is_a_term():
    for name, loss in LOSSES.items():
        kind = load_loss(name)
        assert callable(kind.learn) and callable(kind.__call__) and loss.help
        assert name in losses_for(loss.field)


@pytest.mark.parametrize("variant", GRAMS)
def test_weights_of_one_change_nothing(variant):
    ones = torch.ones(1, 1, 6, 8)
    torch.testing.assert_close(gram_matrix(FEATURES, variant, ones), gram_matrix(FEATURES, variant))


@pytest.mark.parametrize("variant", GRAMS)
def test_a_region_is_the_statistic_of_its_positions(variant):
    expected = gram_matrix(FEATURES[..., :4], variant)
    torch.testing.assert_close(gram_matrix(FEATURES, variant, LEFT), expected)


@pytest.mark.parametrize("variant", GRAMS)
def test_a_region_in_bfloat16_is_near_that_in_float32(variant):
    low = gram_matrix(FEATURES.bfloat16(), variant, LEFT)
    torch.testing.assert_close(low, gram_matrix(FEATURES, variant, LEFT), rtol=0.03, atol=0.01)


def test_the_statistics_of_two_halves_add_up():
    soft = torch.rand(1, 1, 6, 8, generator=torch.Generator().manual_seed(2))
    parts = [gram_matrix(FEATURES, "sum", w) for w in (soft, 1 - soft)]
    torch.testing.assert_close(sum(parts), gram_matrix(FEATURES, "sum"))
    means = [gram_matrix(FEATURES, "mean", w) * w.mean() for w in (soft, 1 - soft)]
    torch.testing.assert_close(sum(means), gram_matrix(FEATURES, "mean"))


def test_rows_inside_a_mask():
    assert len(rows_of(FEATURES, LayerMask(LEFT))) == 24
    assert len(rows_of(FEATURES)) == 48
    # A mask thinner than a position keeps the one that it covers most.
    thin = torch.zeros(1, 1, 60, 80)
    thin[..., 33, 70] = 1
    assert len(LayerMask(thin).positions(FEATURES)) == 1


def test_deep_positions_on_the_border_do_not_count():
    mask = torch.zeros(1, 1, 12, 16)
    mask[..., :7] = 1  # cuts the positions of the fourth column in half
    weights = LayerMask(mask).at(FEATURES)
    assert weights[0, 0, 0].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert LayerMask(mask).turned(1).mask.shape == (1, 1, 16, 12)


@pytest.mark.parametrize("name", losses_for("style_statistic"))
def test_what_was_learned_serves_several_contents(name):
    """Copies for two contents share the targets and nothing of the pictures that they see."""
    recipe = Recipe(style_layers={"relu1_1": 1.0})
    [term] = load_loss(name).build(recipe, ["relu1_1"])
    image, maps = torch.rand(1, 3, 6, 8), {"relu1_1": FEATURES}
    term.learn(maps, image)
    term.ready()
    one, two = term.under(None), term.under(LayerMask(LEFT))
    if term.queries:
        one.match(maps, image)
        two.match(maps, image)
    first = one(maps, image).item()
    two({"relu1_1": FEATURES.flip(3)}, image)
    again = term.under(None)
    if term.queries:
        again.match(maps, image)
    assert again(maps, image).item() == first and term.mask is None
