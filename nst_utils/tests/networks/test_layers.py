import pytest
import torch
from torch import nn
from torch.nn import functional

from nst_utils.networks import layers as fast_layers
from nst_utils.networks.backbone import load_backbone
from nst_utils.networks.layers import Convolution, MaxPool, can_pack

SEED = torch.Generator().manual_seed(0)

WEIGHT, BIAS = torch.randn(16, 8, 3, 3, generator=SEED), torch.randn(16, generator=SEED)


def layer(dtype=torch.float32):
    return Convolution(lambda: WEIGHT, BIAS, "cpu", dtype)


def run(function, x):
    x = x.clone().requires_grad_()
    y = function(x)
    (y.float() * torch.linspace(-1, 1, y.numel()).view(y.shape)).sum().backward()
    return y.detach().float(), x.grad.float()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("way", ["plain", "packed", "winograd"])
def test_convolution_and_its_gradient_are_torchs(dtype, relu, way, monkeypatch):
    if way == "plain":
        monkeypatch.setattr(fast_layers, "can_pack", lambda _: False)
    elif not can_pack(dtype):
        pytest.skip(f"this build of torch does not pack weights in {dtype}")
    monkeypatch.setattr(fast_layers.winograd, "is_faster", lambda *_: way == "winograd")
    own = layer(dtype)

    def plain(x):
        y = functional.conv2d(x, WEIGHT.to(dtype), BIAS.to(dtype), padding=1)
        return functional.relu(y) if relu else y

    # Two sizes in turn: weights are laid out for the first.
    for shape in ((1, 8, 12, 10), (2, 8, 31, 7)):
        x = torch.randn(shape).to(dtype)
        ours, theirs = run(lambda x: own(x, relu), x), run(plain, x)
        # In bfloat16 activations near 0 change sides, and with them the ReLU's gradient.
        tolerance = 1e-4 if dtype == torch.float32 else 0.15 if relu else 0.05
        for a, b in zip(ours, theirs, strict=True):
            assert a.shape == b.shape
            assert (a - b).norm() <= tolerance * b.norm()


def test_gradients_given_from_outside_are_not_written_into():
    x = torch.randn(1, 8, 6, 6, requires_grad=True)
    for fresh in (False, True):
        y = layer()(x, True, fresh=fresh)
        given = torch.ones_like(y)
        y.backward(given)
        # Unless the caller says that nobody reads them again.
        assert torch.equal(given, (y > 0).float() if fresh else torch.ones_like(y))


def test_a_sums_gradient_is_never_written_into():
    # It is one number, seen at every place.
    x = torch.randn(1, 8, 6, 6)
    for a, b in zip(
        *(run(lambda x, fresh=fresh: layer()(x, True, fresh=fresh), x) for fresh in (False, True)),
        strict=True,
    ):
        assert torch.equal(a, b)
    found = []
    for fresh in (False, True):
        x = torch.randn(1, 8, 6, 6, generator=torch.Generator().manual_seed(0)).requires_grad_()
        layer()(x, True, fresh=fresh).sum().backward()
        found.append(x.grad)
    assert torch.equal(*found)


@pytest.mark.skipif(not can_pack(torch.float32), reason="this build of torch packs no weights")
def test_weights_are_laid_out_anew_for_every_size(monkeypatch):
    # In another size's layout each call would first bring them to its own.
    monkeypatch.setattr(fast_layers.winograd, "is_faster", lambda *_: False)
    seen, pack = [], fast_layers._pack
    monkeypatch.setattr(fast_layers, "_pack", lambda w, shape: seen.append(shape) or pack(w, shape))
    own = layer()
    with torch.no_grad():
        for side in (6, 6, 12, 12, 6):
            own(torch.randn(1, 8, side, side))
    assert [shape[-1] for shape in seen] == [6, 12, 6]


def test_large_weights_are_transformed_at_use_and_not_kept(monkeypatch):
    monkeypatch.setattr(fast_layers.winograd, "is_faster", lambda *_: True)
    x, found = torch.randn(1, 8, 10, 14), []
    for at_use in (False, True):
        monkeypatch.setattr(
            fast_layers.winograd, "is_transformed_at_use", lambda *_, at_use=at_use: at_use
        )
        own = layer()
        found.append(run(lambda x, own=own: own(x, True), x))
        assert set(own._ready) == {"bias", "rows" if at_use else "winograd"}
    for a, b in zip(*found, strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_pooling_keeps_two_bytes_for_each_output():
    x = torch.randn(1, 8, 16, 12).relu().requires_grad_()
    y = MaxPool()(x)
    kept = y.grad_fn.saved_tensors
    assert sum(tensor.numel() * tensor.itemsize for tensor in kept) == 2 * y.numel()


def test_where_no_position_passed_the_relu_pooling_hands_nothing_back():
    x = torch.zeros(1, 2, 4, 5, requires_grad=True)
    MaxPool()(x, taken=True).sum().backward()
    assert (x.grad == 0).all()


def test_as_a_layer_of_torchs_own_it_is_the_same():
    x = torch.randn(1, 8, 6, 6)
    plain = layer().plain()
    assert isinstance(plain, nn.Conv2d) and not plain.weight.requires_grad
    assert torch.allclose(plain(x), layer()(x), atol=1e-5)


@pytest.mark.parametrize("pays", [False, True])
@pytest.mark.parametrize("pooled", [False, True])
def test_a_relus_gradient_can_be_left_to_its_only_reader(pooled, pays, monkeypatch):
    monkeypatch.setattr(fast_layers.winograd, "is_faster", lambda *_: pays)
    wider = torch.randn(8, 16, 3, 3, generator=torch.Generator().manual_seed(1))
    second = Convolution(lambda: wider, torch.zeros(8))

    def own(x, left):
        y = layer()(x, True, left=left)
        return MaxPool()(y, taken=left) if pooled else second(y, taken=left)

    x = torch.randn(1, 8, 10, 14)
    for a, b in zip(*(run(lambda x, left=left: own(x, left), x) for left in (0, 1)), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_layouts_for_small_pictures_make_room_for_those_of_large_ones(monkeypatch):
    own = layer()
    for pays, kept in ((False, {"forward", "backward"}), (True, {"winograd"})):
        monkeypatch.setattr(fast_layers.winograd, "is_faster", lambda *_, pays=pays: pays)
        run(lambda x: own(x, True), torch.randn(1, 8, 10, 14))
        assert set(own._ready) == {"bias"} | kept


def test_a_build_without_packed_weights_is_noticed(monkeypatch):
    def broken(*_):
        raise RuntimeError("no such operator")

    monkeypatch.setattr(fast_layers, "_pack", broken)
    assert not can_pack.__wrapped__(torch.float32)
    monkeypatch.setattr(fast_layers, "_pack", lambda weight, shape: torch.zeros_like(weight))
    assert not can_pack.__wrapped__(torch.float32)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1, 3, 8, 6), (2, 4, 7, 9), (1, 3, 3, 2)])
@pytest.mark.parametrize("strip", [1, fast_layers.STRIP])
def test_pooling_and_its_gradient_are_torchs(dtype, shape, strip, monkeypatch):
    monkeypatch.setattr(fast_layers, "STRIP", strip)
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
