import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nst_utils.errors import UnknownNameError
from nst_utils.transfer import losses
from nst_utils.transfer.losses import content_loss, gram_matrix, style_loss, total_variation
from nst_utils.transfer.losses.gram import GRAM_CHUNK, gram_of, gram_sums

torch.manual_seed(0)

F = torch.randn(1, 5, 6, 7, dtype=torch.float64)

G = torch.randn(1, 5, 6, 7, dtype=torch.float64)


def test_gram_of_two_constant_channels():
    features = torch.stack([torch.full((3, 4), 2.0), torch.full((3, 4), 5.0)])[None]
    expected = torch.tensor([[[4.0, 10.0], [10.0, 25.0]]])
    assert torch.allclose(gram_matrix(features, "sum"), expected * 12)
    assert torch.allclose(gram_matrix(features, "mean"), expected)
    assert torch.allclose(gram_matrix(features, "chw"), expected / 2)
    assert torch.allclose(gram_matrix(features, "centered"), torch.zeros(1, 2, 2), atol=1e-6)


def test_gram_agrees_with_einsum_in_any_layout():
    expected = torch.einsum("nchw,ndhw->ncd", F, F)
    assert torch.allclose(gram_matrix(F, "sum"), expected)
    assert torch.allclose(gram_matrix(F.to(memory_format=torch.channels_last), "sum"), expected)


def test_centered_gram_is_the_covariance():
    covariance = torch.cov(F[0].flatten(1), correction=0)
    assert torch.allclose(gram_matrix(F, "centered")[0], covariance)


def test_gram_in_bfloat16_is_accumulated_in_float32():
    # 90,000 positions of ones: bfloat16 alone would stop counting at 256, float16 at 65504.
    ones = torch.ones(1, 2, 300, 300)
    for dtype in (torch.bfloat16, torch.float16):
        product = gram_matrix(ones.to(dtype), "sum")
        assert product.dtype == torch.float32
        assert torch.allclose(product, torch.full((1, 2, 2), 90_000.0), rtol=1e-3)
    large = torch.full((1, 2, 64, 64), 4.2, dtype=torch.float16)
    assert torch.isfinite(gram_matrix(large, "sum")).all()


def test_low_precision_gram_has_the_gradient_of_the_plain_one():
    x = torch.randn(1, 6, 40, 40)
    weights = torch.randn(1, 6, 6)
    plain, low = x.clone().requires_grad_(), x.bfloat16().requires_grad_()
    (gram_matrix(plain) * weights).sum().backward()
    (gram_matrix(low) * weights).sum().backward()
    error = (low.grad.float() - plain.grad).norm() / plain.grad.norm()
    assert error < 0.02


def test_style_losses_are_the_formulas():
    a, b = gram_matrix(F, "sum"), gram_matrix(G, "sum")
    d, positions = 5, 42
    squares = ((a - b) ** 2).sum()
    assert torch.isclose(style_loss(a, b, positions, "published"), squares / d**2 / (d * positions))
    expected = squares / (4 * (d * positions) ** 2)
    assert torch.isclose(style_loss(a, b, positions, "paper"), expected)
    assert torch.isclose(style_loss(a, b, positions, "relative"), squares / (b**2).sum())


@given(st.floats(0.01, 100))
def test_relative_losses_do_not_change_with_the_activations_scale(scale):
    assert torch.isclose(content_loss(F * scale, G * scale), content_loss(F, G))
    assert torch.isclose(
        style_loss(gram_matrix(F * scale), gram_matrix(G * scale), 42),
        style_loss(gram_matrix(F), gram_matrix(G), 42),
    )


def test_equal_pictures_have_no_loss_and_zero_targets_no_nan():
    assert content_loss(F, F) == 0
    assert style_loss(gram_matrix(F), gram_matrix(F), 42) == 0
    zero = torch.zeros(1, 2, 3, 3)
    assert torch.isfinite(content_loss(torch.ones(1, 2, 3, 3), zero))
    assert torch.isfinite(style_loss(gram_matrix(zero), gram_matrix(zero), 9))


def test_gradients_agree_with_finite_differences():
    def loss(x):
        return (
            content_loss(x, G, "paper")
            + style_loss(gram_matrix(x, "centered"), gram_matrix(G, "centered"), 42)
            + total_variation(x)
        )

    assert torch.autograd.gradcheck(loss, F.clone().requires_grad_())


def test_unknown_options_are_refused():
    for call in (
        lambda: gram_matrix(F, "mat"),
        lambda: content_loss(F, G, "relativ"),
        lambda: style_loss(gram_matrix(F), gram_matrix(G), 42, "rep"),
        lambda: total_variation(F, power=3),
    ):
        with pytest.raises(UnknownNameError):
            call()
    assert GRAM_CHUNK > 0


def test_smoothing_by_known_answers():
    assert torch.equal(losses.smooth(F), F)
    assert torch.allclose(losses.smooth(F, "scaled"), F / 1000)
    soft = losses.smooth(F, "softmax")
    assert torch.allclose(soft.mean(dim=1), torch.ones(1, 6, 7, dtype=torch.float64))
    flat = losses.smooth(torch.full((1, 5, 2, 2), 7.0), "softmax")
    assert torch.allclose(flat, torch.ones(1, 5, 2, 2))
    whole = losses.smooth(F, "softmax_layer")
    assert whole.shape == F.shape and whole.mean() == pytest.approx(1)
    # All ratios are those of the exponentials, also between positions.
    assert torch.allclose((whole / whole[0, 0, 0, 0]).log(), F - F[0, 0, 0, 0])
    with pytest.raises(UnknownNameError, match="softmax"):
        losses.smooth(F, "soft")


def test_softmax_of_half_precision_is_wide_and_finite():
    huge = torch.tensor([3e4, -3e4]).view(1, 2, 1, 1).to(torch.bfloat16)
    soft = losses.smooth(huge, "softmax")
    assert soft.dtype == torch.float32
    assert soft.flatten().tolist() == pytest.approx([2, 0])


def test_relative_losses_do_not_notice_the_scale_of_activations():
    a, b = gram_matrix(losses.smooth(F, "scaled")), gram_matrix(losses.smooth(G, "scaled"))
    assert style_loss(a, b, 42) == pytest.approx(style_loss(gram_matrix(F), gram_matrix(G), 42))
    assert style_loss(a, b, 42, "published") < 1e-9 * style_loss(
        gram_matrix(F), gram_matrix(G), 42, "published"
    )


def test_moments_are_mean_and_deviation_of_each_channel():
    found = gram_matrix(F, "moments")
    assert found.shape == (1, 5, 2)
    flat = F[0].flatten(1)
    assert torch.allclose(found[0, :, 0], flat.mean(dim=1))
    assert torch.allclose(found[0, :, 1], flat.std(dim=1, correction=0))
    constant = torch.ones(1, 2, 3, 3, requires_grad=True)
    style_loss(gram_matrix(constant, "moments"), torch.zeros(1, 2, 2), 9).backward()
    assert torch.isfinite(constant.grad).all()


@pytest.mark.parametrize("variant", losses.gram.GRAMS)
def test_tiles_add_up_to_the_whole_and_so_do_their_gradients(variant):
    """Sums of two tiles, centered by the mean of the whole, make its matrix and its gradient."""
    cut = torch.randn(1, 5, 5, dtype=torch.float64)
    cut = cut[..., :2] if variant == "moments" else cut
    whole, tiled = F.clone().requires_grad_(), F.clone().requires_grad_()
    (gram_matrix(whole, variant) * cut).sum().backward()
    mean = F.mean(dim=(2, 3))
    tiles = [gram_sums(tile, variant, mean=mean) for tile in (tiled[..., :3], tiled[..., 3:])]
    matrix = gram_of({name: sum(tile[name] for tile in tiles) for name in tiles[0]}, variant)
    torch.testing.assert_close(matrix, gram_matrix(F, variant))
    (matrix * cut).sum().backward()
    torch.testing.assert_close(tiled.grad, whole.grad)


def test_a_batch_has_a_row_of_sums_for_each_picture():
    both = torch.cat([F, G])
    for variant in losses.gram.GRAMS:
        found = gram_matrix(both, variant)
        torch.testing.assert_close(found[:1], gram_matrix(F, variant))
        torch.testing.assert_close(found[1:], gram_matrix(G, variant))
    one, two = (style_loss(gram_matrix(x), gram_matrix(G), 42) for x in (F, G))
    torch.testing.assert_close(style_loss(gram_matrix(both), gram_matrix(G), 42), (one + two) / 2)
