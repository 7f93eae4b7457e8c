import torch

from nst_utils.transfer.config import Recipe
from nst_utils.transfer.losses.content import (
    Activations,
    SelfSimilarity,
    content_loss,
    self_similarity_loss,
)

torch.manual_seed(0)

F = torch.randn(1, 5, 6, 7, dtype=torch.float64)

G = torch.randn(1, 5, 6, 7, dtype=torch.float64)

RECIPE = Recipe(content_layer="relu1_1")


def test_content_losses_are_the_formulas():
    n = F.numel()
    squares = ((F - G) ** 2).sum()
    assert torch.isclose(content_loss(F, G, "published"), squares / n)
    assert torch.isclose(content_loss(F, G, "paper"), squares / (4 * n))
    assert torch.isclose(content_loss(F, G, "relative"), squares / (G**2).sum())


def test_half_precision_losses_are_summed_in_float32():
    a, b = torch.randn(1, 8, 30, 30).bfloat16(), torch.randn(1, 8, 30, 30).bfloat16()
    assert content_loss(a, b).dtype == torch.float32
    # Each difference is rounded, their sum is not.
    assert torch.isclose(content_loss(a, b), content_loss(a.float(), b.float()), rtol=1e-3)


def test_weights_multiply_each_position_and_leave_the_energy():
    weights = torch.ones(1, 1, 6, 7, dtype=torch.float64)
    assert content_loss(F, G, weights=weights) == content_loss(F, G)
    weights[..., :3] = 4
    expected = (weights * (F - G) ** 2).mean() / (G**2).mean()
    x = F.clone().requires_grad_()
    loss = content_loss(x, G, weights=weights)
    assert torch.isclose(loss, expected)
    assert torch.autograd.gradcheck(lambda t: content_loss(t, G, weights=weights), x)


def test_a_term_reads_its_weights_at_the_layers_size():
    pixels = torch.ones(1, 1, 12, 14)
    pixels[..., :6] = 4
    for kind in (Activations, SelfSimilarity):
        plain, heavy = kind(RECIPE), kind(RECIPE, pixels)
        for term in (plain, heavy):
            term.learn({"relu1_1": G.float()}, G)
        found = [term({"relu1_1": F.float()}, F) for term in (plain, heavy)]
        assert found[0] < found[1] < 4 * found[0]
        assert heavy.weights.shape == (1, 1, 6, 7)


def test_self_similarity_does_not_see_what_happens_to_all():
    rows = torch.randn(50, 6)
    turn = torch.linalg.qr(torch.randn(6, 6)).Q
    assert self_similarity_loss(3 * rows @ turn, rows).abs() < 1e-4
    assert self_similarity_loss(rows.flip(0), rows) > 0.1
