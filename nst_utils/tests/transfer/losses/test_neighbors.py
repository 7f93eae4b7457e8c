import torch

from nst_utils.transfer.losses import neighbors
from nst_utils.transfer.losses.neighbors import nearest, neighbor_loss, unit_rows
from nst_utils.transfer.losses.term import rows_of

torch.manual_seed(0)

F = torch.randn(1, 6, 5, 7)


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


def test_a_picture_is_its_own_neighbor_in_any_order():
    bank = rows_of(F)
    assert neighbor_loss(F, bank).abs() < 1e-6
    shuffled = bank[torch.randperm(len(bank))]
    assert neighbor_loss(F, shuffled).abs() < 1e-6
    other = torch.randn(1, 6, 4, 4)
    assert torch.allclose(neighbor_loss(other, bank), neighbor_loss(other, shuffled), atol=1e-3)


def test_only_the_direction_counts_and_centering_moves_it():
    bank = rows_of(F)
    assert neighbor_loss(3 * F, bank).abs() < 1e-6
    plain, centered = neighbor_loss(F + 5, bank), neighbor_loss(F + 5, bank, centered=True)
    assert plain > 0.1 and centered > 0.1
    # Matched after centering, each position finds itself, whatever was added to all.
    moved = rows_of(F + 5)
    own = 1 - torch.nn.functional.cosine_similarity(moved, bank).mean()
    assert torch.allclose(centered, own, atol=1e-2)


def test_zeros_have_a_loss_and_a_gradient():
    x = torch.zeros(1, 3, 4, 4, requires_grad=True)
    neighbor_loss(x, torch.randn(5, 3)).backward()
    assert torch.isfinite(x.grad).all()
