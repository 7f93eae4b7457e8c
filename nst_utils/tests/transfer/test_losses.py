import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nst_utils.errors import UnknownNameError
from nst_utils.transfer import losses
from nst_utils.transfer.losses import content_loss, gram, style_loss, total_variation

torch.manual_seed(0)

F = torch.randn(1, 5, 6, 7, dtype=torch.float64)

G = torch.randn(1, 5, 6, 7, dtype=torch.float64)


def test_gram_of_two_constant_channels():
    features = torch.stack([torch.full((3, 4), 2.0), torch.full((3, 4), 5.0)])[None]
    expected = torch.tensor([[[4.0, 10.0], [10.0, 25.0]]])
    assert torch.allclose(gram(features, "sum"), expected * 12)
    assert torch.allclose(gram(features, "mean"), expected)
    assert torch.allclose(gram(features, "chw"), expected / 2)
    assert torch.allclose(gram(features, "centered"), torch.zeros(1, 2, 2), atol=1e-6)


def test_gram_agrees_with_einsum_in_any_layout():
    expected = torch.einsum("nchw,ndhw->ncd", F, F)
    assert torch.allclose(gram(F, "sum"), expected)
    assert torch.allclose(gram(F.to(memory_format=torch.channels_last), "sum"), expected)


def test_centered_gram_is_the_covariance():
    covariance = torch.cov(F[0].flatten(1), correction=0)
    assert torch.allclose(gram(F, "centered")[0], covariance)


def test_gram_in_bfloat16_is_accumulated_in_float32():
    # 90,000 positions of ones: bfloat16 alone would stop counting at 256, float16 at 65504.
    ones = torch.ones(1, 2, 300, 300)
    for dtype in (torch.bfloat16, torch.float16):
        product = gram(ones.to(dtype), "sum")
        assert product.dtype == torch.float32
        assert torch.allclose(product, torch.full((1, 2, 2), 90_000.0), rtol=1e-3)
    large = torch.full((1, 2, 64, 64), 4.2, dtype=torch.float16)
    assert torch.isfinite(gram(large, "sum")).all()


def test_low_precision_gram_has_the_gradient_of_the_plain_one():
    x = torch.randn(1, 6, 40, 40)
    weights = torch.randn(1, 6, 6)
    plain, low = x.clone().requires_grad_(), x.bfloat16().requires_grad_()
    (gram(plain) * weights).sum().backward()
    (gram(low) * weights).sum().backward()
    error = (low.grad.float() - plain.grad).norm() / plain.grad.norm()
    assert error < 0.02


def test_content_losses_are_the_formulas():
    n = F.numel()
    squares = ((F - G) ** 2).sum()
    assert torch.isclose(content_loss(F, G, "report"), squares / n)
    assert torch.isclose(content_loss(F, G, "paper"), squares / (4 * n))
    assert torch.isclose(content_loss(F, G, "relative"), squares / (G**2).sum())


def test_style_losses_are_the_formulas():
    a, b = gram(F, "sum"), gram(G, "sum")
    d, positions = 5, 42
    squares = ((a - b) ** 2).sum()
    assert torch.isclose(style_loss(a, b, positions, "report"), squares / d**2 / (d * positions))
    expected = squares / (4 * (d * positions) ** 2)
    assert torch.isclose(style_loss(a, b, positions, "paper"), expected)
    assert torch.isclose(style_loss(a, b, positions, "relative"), squares / (b**2).sum())


@given(st.floats(0.01, 100))
def test_relative_losses_do_not_change_with_the_activations_scale(scale):
    assert torch.isclose(content_loss(F * scale, G * scale), content_loss(F, G))
    assert torch.isclose(
        style_loss(gram(F * scale), gram(G * scale), 42), style_loss(gram(F), gram(G), 42)
    )


def test_equal_pictures_have_no_loss_and_zero_targets_no_nan():
    assert content_loss(F, F) == 0
    assert style_loss(gram(F), gram(F), 42) == 0
    zero = torch.zeros(1, 2, 3, 3)
    assert torch.isfinite(content_loss(torch.ones(1, 2, 3, 3), zero))
    assert torch.isfinite(style_loss(gram(zero), gram(zero), 9))


def test_total_variation_of_known_pictures():
    board = ((torch.arange(4)[:, None] + torch.arange(4)) % 2)[None, None].float()
    assert total_variation(board) == 24 / 16
    assert total_variation(board * 3, power=2) == 9 * 24 / 16
    assert total_variation(board * 3, power=1) == 3 * 24 / 16
    assert total_variation(torch.ones(1, 3, 5, 5)) == 0


def test_total_variation_reaches_the_picture():
    x = torch.rand(1, 3, 5, 5, requires_grad=True)
    total_variation(x).backward()
    assert x.grad.abs().sum() > 0


def test_half_precision_losses_are_summed_in_float32():
    a, b = torch.randn(1, 8, 30, 30).bfloat16(), torch.randn(1, 8, 30, 30).bfloat16()
    assert content_loss(a, b).dtype == torch.float32
    # Each difference is rounded, their sum is not.
    assert torch.isclose(content_loss(a, b), content_loss(a.float(), b.float()), rtol=1e-3)


def test_gradients_agree_with_finite_differences():
    def loss(x):
        return (
            content_loss(x, G, "paper")
            + style_loss(gram(x, "centered"), gram(G, "centered"), 42)
            + total_variation(x)
        )

    assert torch.autograd.gradcheck(loss, F.clone().requires_grad_())


def test_unknown_options_are_refused():
    for call in (
        lambda: gram(F, "mat"),
        lambda: content_loss(F, G, "relativ"),
        lambda: style_loss(gram(F), gram(G), 42, "rep"),
        lambda: total_variation(F, power=3),
    ):
        with pytest.raises(UnknownNameError):
            call()
    assert losses.GRAM_CHUNK > 0


def test_smoothing_by_known_answers():
    assert torch.equal(losses.smooth(F), F)
    assert torch.allclose(losses.smooth(F, "scaled"), F / 1000)
    soft = losses.smooth(F, "softmax")
    assert torch.allclose(soft.mean(dim=1), torch.ones(1, 6, 7, dtype=torch.float64))
    flat = losses.smooth(torch.full((1, 5, 2, 2), 7.0), "softmax")
    assert torch.allclose(flat, torch.ones(1, 5, 2, 2))
    with pytest.raises(UnknownNameError, match="softmax"):
        losses.smooth(F, "soft")


def test_softmax_of_half_precision_is_wide_and_finite():
    huge = torch.tensor([3e4, -3e4]).view(1, 2, 1, 1).to(torch.bfloat16)
    soft = losses.smooth(huge, "softmax")
    assert soft.dtype == torch.float32
    assert soft.flatten().tolist() == pytest.approx([2, 0])


def test_relative_losses_do_not_notice_the_scale_of_activations():
    a, b = gram(losses.smooth(F, "scaled")), gram(losses.smooth(G, "scaled"))
    assert style_loss(a, b, 42) == pytest.approx(style_loss(gram(F), gram(G), 42))
    assert style_loss(a, b, 42, "report") < 1e-9 * style_loss(gram(F), gram(G), 42, "report")


def test_moments_are_mean_and_deviation_of_each_channel():
    found = gram(F, "moments")
    assert found.shape == (1, 5, 2)
    flat = F[0].flatten(1)
    assert torch.allclose(found[0, :, 0], flat.mean(dim=1))
    assert torch.allclose(found[0, :, 1], flat.std(dim=1, correction=0))
    constant = torch.ones(1, 2, 3, 3, requires_grad=True)
    style_loss(gram(constant, "moments"), torch.zeros(1, 2, 2), 9).backward()
    assert torch.isfinite(constant.grad).all()
