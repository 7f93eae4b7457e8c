import pytest
import torch
from torch.nn import functional

from nst_utils.networks import winograd
from nst_utils.networks.winograd import (
    convolve,
    expanded,
    gradient,
    is_faster,
    is_transformed_at_use,
    rows,
    transform,
    transform_matrices,
)

ERRORS = {torch.float32: 1e-5, torch.bfloat16: 0.08}
"""Largest error over the largest value: bfloat16's is 1 to 2 percent on average."""


def tensors(n, c, d, h, w, dtype):
    torch.manual_seed(0)
    shapes = {"x": (n, c, h, w), "grad": (n, d, h, w)}
    found = {
        name: torch.randn(shape).relu().to(dtype).contiguous(memory_format=torch.channels_last)
        for name, shape in shapes.items()
    }
    return found["x"], found["grad"], torch.randn(d, c, 3, 3) / (3 * c**0.5), torch.randn(d)


def reference(x, grad, weight, bias):
    """In float64: the convolution and the gradient to its input."""
    x = x.double().requires_grad_()
    y = functional.conv2d(x, weight.double(), bias.double(), padding=1)
    y.backward(grad.double())
    return y.detach(), x.grad


def distance(found, true):
    return ((found.double() - true).abs().max() / true.abs().max()).item()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scratch", [2**24, 2**13])
@pytest.mark.parametrize("shape", [(1, 6, 9, 16, 16), (2, 9, 6, 13, 22), (1, 4, 4, 1, 2)])
def test_convolution_and_gradient_are_the_true_ones(shape, scratch, dtype, monkeypatch):
    monkeypatch.setattr(winograd, "SCRATCH", scratch)  # the smaller one: strips of one row
    monkeypatch.setattr(winograd, "LEAST_STRIP", 2**10)
    x, grad, weight, bias = tensors(*shape, dtype)
    y, to_x = reference(x, grad, weight, bias)
    ready, bias = transform(weight, dtype), bias.to(dtype)
    tolerance = ERRORS[dtype]
    assert distance(convolve(x, ready, bias, False), y) < tolerance
    assert distance(convolve(x, ready, bias, True), y.relu()) < tolerance
    assert distance(gradient(grad, ready), to_x) < tolerance
    masked = gradient(grad, ready, x)
    assert distance(masked, to_x * (x > 0)) < tolerance
    assert (masked[x <= 0] == 0).all()


def test_gradient_is_the_transpose():
    # <A x, g> = <x, A' g> holds to rounding whatever A errs by.
    x, grad, weight, bias = tensors(1, 8, 8, 10, 11, torch.float32)
    ready = transform(weight, torch.float32)
    there = (convolve(x, ready, torch.zeros_like(bias), False) * grad).sum()
    assert torch.isclose(there, (gradient(grad, ready) * x).sum(), rtol=1e-5)


def test_results_are_channels_last_and_inputs_are_left_alone():
    x, grad, weight, bias = tensors(1, 8, 8, 8, 12, torch.float32)
    before = x.clone(), grad.clone()
    ready = transform(weight, torch.float32)
    first = convolve(x, ready, bias, True)
    kept = first.clone()
    for found in (first, gradient(grad, ready, x), gradient(grad, ready)):
        assert not found._is_view()  # else autograd does not add to it in place
        assert found.is_contiguous(memory_format=torch.channels_last)
    # The room that strips share is not what is returned.
    convolve(torch.randn_like(x), ready, bias, True)
    assert torch.equal(first, kept)
    assert torch.equal(x, before[0]) and torch.equal(grad, before[1])


def test_weights_transformed_at_use_are_the_same():
    weight = torch.randn(7, 5, 3, 3)
    assert torch.allclose(expanded(rows(weight)), transform(weight, torch.float32), atol=1e-6)


@pytest.mark.parametrize(
    ("channels", "positions", "dtype", "expected"),
    [
        (512, 3072, torch.float32, True),  # the fourth block at 512 px
        (512, 768, torch.float32, False),  # at 256 px: they would take longer than the products
        (256, 12288, torch.float32, False),  # small enough to keep
        (512, 3072, torch.bfloat16, False),
    ],
)
def test_large_weights_are_not_kept_where_they_are_soon_made(channels, positions, dtype, expected):
    assert is_transformed_at_use(channels, channels, positions, dtype) is expected


def test_maps_of_pictures_are_exact_in_bfloat16():
    exact, rounded = (transform_matrices(dtype) for dtype in (torch.float32, torch.bfloat16))
    assert torch.equal(torch.kron(exact[0], exact[0]), rounded[0].float())
    assert torch.equal(exact[2], rounded[2].float())
    assert [tuple(matrix.shape) for matrix in exact] == [(6, 6), (36, 9), (16, 36)]
    assert rounded[0].shape == (36, 36)


@pytest.mark.parametrize(
    ("channels", "outputs", "positions", "dtype", "expected"),
    [
        (256, 256, 4096, torch.bfloat16, True),
        (64, 128, 4096, torch.float32, True),
        (64, 64, 65536, torch.bfloat16, False),  # the first block
        (3, 64, 65536, torch.bfloat16, False),
        (512, 512, 160, torch.bfloat16, False),  # too small a map
        (512, 512, 4096, torch.float64, False),
    ],
)
def test_it_is_used_where_it_was_measured_to_pay(
    channels, outputs, positions, dtype, expected, monkeypatch
):
    monkeypatch.setattr(winograd, "_multiplies_tiles", lambda: False)
    assert is_faster(channels, outputs, positions, dtype) is expected


def test_processors_that_multiply_whole_tiles_convolve_directly(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    assert not is_faster(512, 512, 4096, torch.bfloat16)
    assert is_faster(512, 512, 4096, torch.float32)
