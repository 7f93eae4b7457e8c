import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nst_utils.errors import NSTError
from nst_utils.experiments import building_blocks as blocks
from nst_utils.networks.backbone import load_backbone
from nst_utils.transfer import losses


@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2)
)
def test_convolution_and_its_side_agree_with_torch(height, width, side, stride, padding):
    rng = np.random.default_rng(height)
    x, kernel = rng.normal(size=(height, width)), rng.normal(size=(side, side))
    if side > min(height, width) + 2 * padding:
        with pytest.raises(NSTError, match="does not fit"):
            blocks.convolve(x, kernel, stride=stride, padding=padding)
        return
    ours = blocks.convolve(x, kernel, stride=stride, padding=padding)
    pair = (torch.from_numpy(a)[None, None] for a in (x, kernel))
    theirs = functional.conv2d(*pair, stride=stride, padding=padding)[0, 0]
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-12)


def test_pooling_gradients_and_masks():
    x = np.arange(30.0).reshape(5, 6)
    for kind, theirs in (("max", functional.max_pool2d), ("average", functional.avg_pool2d)):
        expected = theirs(torch.from_numpy(x)[None], 2)[0].numpy()
        np.testing.assert_allclose(blocks.pool(x, kind), expected)
    by_hand = blocks.linear_gradients(x, np.ones((2, 6)), np.ones((5, 2)))
    assert by_hand["weight"].shape == (2, 6) and (by_hand["bias"] == 5).all()
    assert (by_hand["x"] == 2).all()
    masks = blocks.dropout_masks((1000,), 0.25, 20)
    assert set(np.unique(masks)) == {0, 1 / 0.75}
    assert abs(masks.mean() - 1) < 0.02
    with pytest.raises(NSTError, match="below 1"):
        blocks.dropout_masks((3,), 1.0, 1)
    distance = blocks.dropout_ensemble(0.5, [1, 1000])
    assert distance[1000] < distance[1] / 10


def test_gradients_fade_by_the_initial_gain_and_stay_in_the_others():
    norms = blocks.gradient_norms(depth=30, width=16, seeds=2)
    first = norms[norms["layer"] == 1].groupby("stack")["norm"].mean()
    assert first["plain"] < 1e-5
    assert 0.3 < first["residual"] < first["residual, no factor"]
    assert min(first["gain 1"], first["normalized"]) > 100 * first["plain"]


def test_activations_of_deep_stacks():
    depths = blocks.activation_depth(depth=8, width=64)
    last = depths[depths["layer"] == 8].set_index("function")
    assert 0.3 < last["flat"]["ReLU"] < 0.7
    assert last["zeros"]["tanh"] == 0


def test_costs_agree_with_the_losses():
    rng = np.random.default_rng(3)
    painted, target = rng.normal(size=(2, 3, 4, 5))
    table = blocks.costs(painted, target)
    x, y = (torch.from_numpy(a)[None] for a in (painted, target))
    grams = [losses.gram_matrix(a, "sum") for a in (x, y)]
    for kind in ("paper", "report"):
        assert table[kind]["content"] == pytest.approx(losses.content_loss(x, y, kind).item())
        assert table[kind]["style"] == pytest.approx(losses.style_loss(*grams, 20, kind).item())
    assert table["paper"]["total variation"] == pytest.approx(losses.total_variation(x).item())


def test_dead_units_and_first_filters():
    vgg = load_backbone("vgg19", "random")
    dead = blocks.dead_units(
        vgg, [torch.zeros(1, 3, 16, 16), torch.randn(1, 3, 16, 16)], ["relu1_1"]
    )
    assert dead.loc["relu1_1", "zeros"] > 0.5  # one of the two pictures has no edge at all
    filters = blocks.first_filters(vgg, 6)
    assert filters.shape == (6, 3, 3, 3)
    assert np.abs(filters).max(axis=(1, 2, 3)) == pytest.approx(np.ones(6))
