import torch

from nst_utils.transfer.config import Recipe
from nst_utils.transfer.losses import neighbors
from nst_utils.transfer.losses.neighbors import Neighbors, nearest, unit_rows

torch.manual_seed(0)

F = torch.randn(1, 6, 5, 7)
RECIPE = Recipe(style_layers={"relu1_1": 1.0})


def test_matches_are_those_of_the_largest_cosine():
    queries, bank = torch.randn(40, 6), torch.randn(60, 6)
    cosines = torch.nn.functional.cosine_similarity(queries[:, None], bank[None], dim=2)
    found = nearest(unit_rows([queries]), unit_rows([bank]))
    best = cosines.max(dim=1).values
    # In bfloat16 two that are nearly as near may change places.
    assert torch.allclose(cosines[torch.arange(40), found], best, atol=0.02)


def test_matching_in_blocks_changes_nothing(monkeypatch):
    queries, bank = unit_rows([torch.randn(50, 8)]), unit_rows([torch.randn(30, 8)])
    whole = nearest(queries, bank)
    monkeypatch.setattr(neighbors, "LARGEST_BLOCK", 4 * 30 * 7)
    sizes = []
    argmax = torch.Tensor.argmax
    monkeypatch.setattr(
        torch.Tensor, "argmax", lambda x, **k: sizes.append(x.numel()) or argmax(x, **k)
    )
    assert torch.equal(nearest(queries, bank), whole)
    assert len(sizes) == 8 and max(sizes) <= 30 * 7


def test_columns_of_several_layers_make_one_row():
    one, two = torch.randn(9, 4), torch.randn(9, 3)
    apart = unit_rows([one, two]).float()
    assert torch.allclose(apart, unit_rows([torch.cat([one, two], dim=1)]).float(), atol=1e-2)
    assert torch.allclose(apart.norm(dim=1), torch.ones(9), atol=1e-2)
    assert unit_rows([one, two], centered=True).float().mean(dim=0).abs().max() < 0.2


def loss(features, style):
    """Return the loss of activations beside those of a style image."""
    term = Neighbors(RECIPE, ("relu1_1",), "relu1_1")
    term.learn({"relu1_1": style}, style)
    return term.under(None)({"relu1_1": features}, features)


def test_a_picture_is_its_own_neighbor_in_any_order():
    assert loss(F, F).abs() < 1e-6
    shuffled = F.flatten(2)[..., torch.randperm(35)].reshape(F.shape)
    assert loss(F, shuffled).abs() < 1e-6
    other = torch.randn(1, 6, 4, 4)
    assert torch.allclose(loss(other, F), loss(other, shuffled), atol=1e-3)


def test_only_the_direction_counts_and_a_shift_moves_it():
    assert loss(3 * F, F).abs() < 1e-6
    moved = loss(F + 5, F)
    assert moved > 0.1
    # Matched after centering, each position finds itself, whatever was added to all.
    own = 1 - torch.nn.functional.cosine_similarity(F + 5, F).mean()
    assert torch.allclose(moved, own, atol=1e-2)


def test_zeros_have_a_loss_and_a_gradient():
    x = torch.zeros(1, 3, 4, 4, requires_grad=True)
    loss(x, torch.randn(1, 3, 1, 5)).backward()
    assert torch.isfinite(x.grad).all()
