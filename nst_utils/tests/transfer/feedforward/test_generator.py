import pytest
import torch

from nst_utils.transfer.feedforward.generator import Generator, new_generator


@pytest.mark.parametrize("size", [(16, 16), (33, 50), (5, 7), (64, 61)])
def test_any_size_comes_out_as_it_went_in(size):
    painted = Generator((4, 4, 4), 1)(torch.rand(2, 3, *size))
    assert painted.shape == (2, 3, *size)
    assert painted.min() >= 0 and painted.max() <= 1


def test_a_size_that_4_does_not_divide_is_not_shifted():
    network = new_generator(0, (4, 4, 4), 1)
    network.eval()
    wide = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        whole, part = network(wide), network(wide[..., :62, :63])
    inner = (..., slice(20, 40), slice(20, 40))
    assert (whole[inner] - part[inner]).abs().mean() < 0.3 * whole[inner].std()


def test_the_same_seed_gives_the_same_network():
    before = torch.get_rng_state()
    one, two, other = (new_generator(seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    names = one.state_dict()
    assert all(torch.equal(names[name], two.state_dict()[name]) for name in names)
    assert not torch.equal(one.out.weight, other.out.weight)
    assert 100_000 < sum(p.numel() for p in one.parameters()) < 200_000
