import pytest
import torch
from torch.nn import functional

from nst_utils.transfer.feedforward import generator
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


def test_one_picture_is_normalized_as_many_are_and_keeps_its_layout():
    norm = generator._Norm(6, affine=True)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    pictures = torch.randn(3, 6, 20, 14).contiguous(memory_format=torch.channels_last)
    for picture, expected in zip(pictures.split(1), norm(pictures), strict=True):
        found = norm(picture)
        assert torch.allclose(found[0], expected, atol=1e-5)
        assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.fixture
def trained():
    """A network whose layers all change what they get."""
    network = new_generator(3, (4, 5, 6), 2).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.manual_seed(1)))
    return network


@torch.no_grad()
def test_known_statistics_are_a_part_of_the_convolutions(trained):
    picture = torch.rand(1, 3, 60, 44, generator=torch.manual_seed(0))
    before = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    fixed = trained.settled(picture)
    torch.testing.assert_close(fixed(picture), trained(picture), rtol=0, atol=1e-5)
    assert all(torch.equal(before[name], now) for name, now in trained.state_dict().items())
    darker = 0.3 * picture
    assert (fixed(darker) - trained(darker)).abs().max() > 0.01


@pytest.mark.parametrize("size", [(200, 330), (97, 402), (129, 64)])
@torch.no_grad()
def test_tiles_have_no_seams(trained, size, monkeypatch):
    picture = torch.rand(1, 3, *size, generator=torch.manual_seed(0))
    monkeypatch.setattr(generator, "THUMBNAIL", max(size))  # the statistics of the whole
    tiled = trained.paint_tiles(picture, 64)
    torch.testing.assert_close(tiled, trained(picture), rtol=0, atol=1e-5)
    monkeypatch.undo()
    assert trained.paint_tiles(torch.rand(1, 3, 2, 90), 64).shape == (1, 3, 2, 90)


@torch.no_grad()
def test_blocks_give_what_single_pixels_give(trained):
    x = torch.rand(1, 6, 9, 7, generator=torch.manual_seed(0))
    layer = trained.up[0]
    plain = functional.interpolate(x, scale_factor=2.0, mode="nearest")
    plain = layer.norm(layer.conv(functional.pad(plain, (1, 1, 1, 1), mode="reflect")))
    torch.testing.assert_close(layer(x), plain, rtol=0, atol=1e-5)
    kernel = generator._block_kernel(trained.out.weight, 4)
    wide = torch.rand(1, 4, 20, 28, generator=torch.manual_seed(0))
    blocks = functional.pixel_shuffle(functional.conv2d(wide, kernel, stride=4), 4)
    plain = functional.conv2d(wide, trained.out.weight)
    torch.testing.assert_close(blocks, plain, rtol=0, atol=1e-5)
