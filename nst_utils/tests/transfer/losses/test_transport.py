import numpy as np
import pytest
import torch
from scipy import linalg, stats

from nst_utils.transfer.config import Recipe
from nst_utils.transfer.losses import transport
from nst_utils.transfer.losses.transport import GaussianWasserstein

torch.manual_seed(0)

A, B = torch.randn(50, 6), torch.randn(70, 6) * 2 + 1


def test_relaxed_earth_mover_on_four_points():
    """By hand: rows to their cheapest partners cost 0.5, partners to theirs 1.5."""
    rows, bank = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [4.0]])
    assert transport.relaxed_earth_mover(rows, bank, "euclidean") == 1.5
    # Turned around the larger of the two is the same one.
    assert transport.relaxed_earth_mover(bank, rows, "euclidean") == 1.5
    angles = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    ahead = torch.tensor([[2.0, 0.0], [1.0, 1.0]])
    expected = (0 + 1 - 0.5**0.5) / 2
    assert abs(transport.relaxed_earth_mover(angles, ahead) - expected) < 1e-6


def test_relaxed_earth_mover_is_zero_for_the_same_set_and_has_a_gradient():
    assert transport.relaxed_earth_mover(A, A[torch.randperm(50)]).abs() < 1e-6
    x = A.clone().requires_grad_()
    before = transport.relaxed_earth_mover(x, B)
    before.backward()
    with torch.no_grad():
        assert transport.relaxed_earth_mover(x - 5 * x.grad, B) < before


def test_moments_are_those_of_numpy():
    mean, spread = transport.moments(A)
    assert np.allclose(mean, A.numpy().mean(axis=0), atol=1e-6)
    assert np.allclose(spread, np.cov(A.numpy().T, bias=True), atol=1e-5)
    assert transport.moment_distance(transport.moments(A), (mean, spread)) == 0


def test_matrix_root_is_scipys():
    spread = torch.cov(B.T).double()
    root = transport.matrix_root(spread)
    assert np.allclose(root, linalg.sqrtm(spread.numpy()).real, atol=1e-3)


def test_gaussian_wasserstein_is_the_formula():
    def distance(one, two):
        """Return the term's loss times the energy that it is divided by."""
        term = GaussianWasserstein(Recipe(), ("relu1_1",), "relu1_1")
        maps = [{"relu1_1": rows.T[None, :, :, None]} for rows in (one, two)]
        term.learn(maps[1], one)
        term.ready()
        return (term.under(None)(maps[0], one) * term._energy).item()

    (mean, spread), (goal, other) = transport.moments(A), transport.moments(B)
    root = linalg.sqrtm(other.numpy())
    cross = linalg.sqrtm(root @ spread.numpy() @ root).real
    traces = np.trace(spread.numpy() + other.numpy() - 2 * cross)
    assert distance(A, B) == pytest.approx(((mean - goal) ** 2).sum().item() + traces, rel=1e-3)
    assert abs(distance(A, A)) < 1e-3
    # One dimension: (m - m*)^2 + (s - s*)^2.
    one, two = torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0], [9.0]])
    assert distance(one, two) == pytest.approx((1 - 6) ** 2 + (1 - 3) ** 2, rel=1e-3)


def test_sliced_wasserstein_is_that_of_sorted_projections():
    along = transport.directions(12, 6, seed=0)
    assert torch.allclose(along.norm(dim=0), torch.ones(12))
    assert torch.equal(along, transport.directions(12, 6, seed=0))
    goal = transport.quantiles(B, along, 256)
    found = transport.sliced_wasserstein(A, goal, along)
    a, b = (np.sort((x @ along).numpy(), axis=0) for x in (A, B))
    levels = (np.arange(50) + 0.5) / 50
    places = (np.arange(70) + 0.5) / 70
    b = np.stack([np.interp(levels, places, line) for line in b.T], axis=1)
    assert found.item() == pytest.approx(float(((a - b) ** 2).mean()), rel=0.05)
    assert transport.sliced_wasserstein(B, transport.quantiles(B, along, 70), along) < 1e-3


def test_sliced_wasserstein_of_one_line_is_scipys():
    along = torch.ones(1, 1)
    a, b = torch.randn(4000, 1).relu(), torch.randn(4000, 1).relu() * 2
    goal = transport.quantiles(b, along, 4000)
    found = transport.sliced_wasserstein(a, goal, along).item() ** 0.5
    # Of the first power it is at most the root of that of the second.
    assert found >= stats.wasserstein_distance(a[:, 0], b[:, 0]) - 1e-3


def test_following_the_sliced_gradient_turns_one_set_into_the_other():
    along = transport.directions(64, 6, seed=1)
    goal, x = transport.quantiles(B, along, 512), A.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=0.1)
    losses = []
    for _ in range(120):
        optimizer.zero_grad()
        loss = transport.sliced_wasserstein(x, goal, along)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 50
    flat = torch.ones(30, 6, requires_grad=True)
    transport.sliced_wasserstein(flat, goal, along).backward()
    assert torch.isfinite(flat.grad).all()
