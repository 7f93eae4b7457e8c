import pytest
import torch
from torch import nn
from torch.nn import functional

from nst_utils import kernels
from nst_utils.features import load_backbone
from nst_utils.kernels import Convolution, MaxPool, packs

CPU = torch.device("cpu")


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return nn.Conv2d(8, 16, 3, padding=1).requires_grad_(False)


def run(function, x):
    x = x.clone().requires_grad_()
    y = function(x)
    (y.float() * torch.linspace(-1, 1, y.numel()).view(y.shape)).sum().backward()
    return y.detach().float(), x.grad.float()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_convolution_and_its_gradient_are_torchs(layer, dtype, relu, packed, monkeypatch):
    if not packed:
        monkeypatch.setattr(kernels, "packs", lambda _: False)
    elif not packs(dtype):
        pytest.skip(f"this build of torch does not pack weights in {dtype}")
    own = Convolution(layer, CPU, dtype)

    def plain(x):
        y = functional.conv2d(x, layer.weight.to(dtype), layer.bias.to(dtype), padding=1)
        return functional.relu(y) if relu else y

    # Two sizes in turn: weights are laid out for the first.
    for shape in ((1, 8, 12, 10), (2, 8, 31, 7)):
        x = torch.randn(shape).to(dtype)
        ours, theirs = run(lambda x: own(x, relu), x), run(plain, x)
        tolerance = 1e-4 if dtype == torch.float32 else 0.05
        for a, b in zip(ours, theirs, strict=True):
            assert a.shape == b.shape
            assert (a - b).abs().max() <= tolerance * b.abs().max()


def test_gradients_given_from_outside_are_not_written_into(layer):
    x = torch.randn(1, 8, 6, 6, requires_grad=True)
    y = Convolution(layer, CPU, torch.float32)(x, True)
    given = torch.ones_like(y)
    y.backward(given)
    assert (given == 1).all()


def test_only_plain_3_by_3_convolutions_are_taken():
    assert Convolution.fits(nn.Conv2d(4, 4, 3, padding=1))
    for other in (
        nn.Conv2d(4, 4, 3),
        nn.Conv2d(4, 4, 3, padding=1, stride=2),
        nn.Conv2d(4, 4, 3, padding=1, bias=False),
        nn.Conv2d(4, 4, 3, padding=1, groups=2),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(4, 4, 1),
        nn.ReLU(),
    ):
        assert not Convolution.fits(other)


def test_a_build_without_packed_weights_is_noticed(monkeypatch):
    def broken(*_):
        raise RuntimeError("no such operator")

    monkeypatch.setattr(kernels, "_pack", broken)
    assert not packs.__wrapped__(torch.float32)
    monkeypatch.setattr(kernels, "_pack", lambda weight, shape: torch.zeros_like(weight))
    assert not packs.__wrapped__(torch.float32)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1, 3, 8, 6), (2, 4, 7, 9)])
def test_pooling_and_its_gradient_are_torchs(dtype, shape):
    # Ties, as a ReLU makes them: the gradient must go to the same one.
    x = torch.randn(shape).relu().to(dtype).contiguous(memory_format=torch.channels_last)
    ours, theirs = run(MaxPool(), x), run(lambda x: functional.max_pool2d(x, 2), x)
    assert torch.equal(ours[0], theirs[0]) and torch.equal(ours[1], theirs[1])


def test_weights_are_converted_only_when_they_are_needed():
    network = load_backbone("vgg19").to("cpu", torch.float32)
    with torch.no_grad():
        network.extract(torch.randn(1, 3, 16, 16), ["relu2_1"])
    kept = {key: set(module._ready) for key, module in network._modules.items() if "conv" in key}
    assert kept["conv2_1"] and not kept["conv2_2"] and not kept["conv5_4"]
    assert not any("backward" in ways for ways in kept.values())
    # What is shared stays as it is, and can be placed again.
    again = network.to("cpu", torch.bfloat16)
    assert again.extract(torch.randn(1, 3, 16, 16), ["conv1_1"])["conv1_1"].dtype == torch.bfloat16
    assert load_backbone("vgg19").dtype == torch.float32
