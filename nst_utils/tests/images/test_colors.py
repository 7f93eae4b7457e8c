import numpy as np
import pytest
import skimage
import torch
from hypothesis import given
from hypothesis import strategies as st

from nst_utils.images.colors import (
    recolor,
    smooth_within_edges,
    to_gray,
    with_colors,
    with_hues,
)


def picture(seed: int, height: int = 40, width: int = 50) -> torch.Tensor:
    """Colors in the middle of the range, so that nothing is clipped."""
    mixed = torch.randn(3, 3, generator=torch.Generator().manual_seed(seed)) * 0.02
    noise = torch.randn(3, height * width, generator=torch.Generator().manual_seed(seed + 1))
    return (0.5 + mixed @ noise).view(1, 3, height, width).clamp(0, 1)


def test_mean_and_covariance_become_the_other_pictures():
    one, two = picture(0), picture(7, 30, 20)
    moved = recolor(one, two)
    assert moved.shape == one.shape and moved.dtype == torch.float32
    for a, b in ((moved, two),):
        a, b = a.flatten(2)[0].double(), b.flatten(2)[0].double()
        assert torch.allclose(a.mean(dim=1), b.mean(dim=1), atol=1e-4)
        assert torch.allclose(torch.cov(a), torch.cov(b), atol=1e-4)


def test_a_picture_in_its_own_colors_stays():
    one = picture(3)
    assert torch.allclose(recolor(one, one), one, atol=1e-5)


def test_the_map_keeps_what_is_reddest():
    """Its matrix is symmetric and positive: along every axis of color the order stays."""
    one, two = picture(1), picture(2)
    moved = recolor(one, two).flatten(2)[0].double()
    rows = one.flatten(2)[0].double()
    centered = [x - x.mean(dim=1, keepdim=True) for x in (rows, moved)]
    transport = torch.linalg.lstsq(centered[0].T, centered[1].T).solution
    assert torch.allclose(transport, transport.T, atol=1e-3)
    assert torch.linalg.eigvalsh((transport + transport.T) / 2).min() > 0


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_constant_and_gray_pictures_have_a_map_too(value):
    flat, colored = torch.full((1, 3, 8, 9), value), picture(4)
    gray = colored.mean(dim=1, keepdim=True).expand(1, 3, -1, -1)
    for one, two in ((flat, colored), (colored, flat), (flat, flat), (gray, colored)):
        moved = recolor(one, two)
        assert torch.isfinite(moved).all() and 0 <= moved.min() and moved.max() <= 1
    assert torch.allclose(recolor(colored, flat), flat.new_tensor(value), atol=0.02)
    # What is gray takes the style's colors along the line from dark to light.
    assert (recolor(gray, colored).std(dim=1) > 0).any()


@given(st.integers(0, 10**6), st.floats(0.01, 3))
def test_any_colors_stay_in_range(seed, contrast):
    generator = torch.Generator().manual_seed(seed)
    one, two = (torch.rand(1, 3, 6, 7, generator=generator) for _ in range(2))
    moved = recolor(((one - 0.5) * contrast + 0.5).clamp(0, 1), two)
    assert torch.isfinite(moved).all() and 0 <= moved.min() and moved.max() <= 1


def test_another_lightness_keeps_the_colors_to_a_gray_level():
    photo, painting = picture(4), picture(5)
    kept = with_colors(painting, photo)
    lab, wanted = (skimage.color.rgb2lab(p[0].permute(1, 2, 0).numpy()) for p in (kept, photo))
    assert np.abs(lab[..., 1:] - wanted[..., 1:]).max() < 1
    same = with_colors(photo, photo)
    assert torch.allclose(same, photo, atol=2e-3)
    for flat in (torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.5)):
        assert torch.isfinite(with_colors(flat, photo[..., :4, :4])).all()
        assert torch.isfinite(with_colors(photo[..., :4, :4], flat)).all()


def test_gray_pictures_have_the_lightness_of_another():
    photo, style = picture(6) * 0.3 + 0.6, picture(7) * 0.3
    gray = to_gray(style, photo)
    assert torch.allclose(gray[:, :1].expand_as(gray), gray, atol=1e-3)
    lightness = [
        skimage.color.rgb2lab(p[0].permute(1, 2, 0).numpy())[..., 0] for p in (gray, photo)
    ]
    assert abs(lightness[0].mean() - lightness[1].mean()) < 2
    assert torch.isfinite(to_gray(torch.full((1, 3, 4, 4), 0.2), photo)).all()


def test_only_what_a_mask_covers_makes_up_the_colors():
    one, two = picture(8), picture(9)
    half = torch.zeros(1, 1, *one.shape[-2:])
    half[..., : one.shape[-1] // 2] = 1
    left = recolor(one[..., : one.shape[-1] // 2], two)
    masked = recolor(one, two, half)[..., : one.shape[-1] // 2]
    assert torch.allclose(masked, left, atol=1e-4)
    assert torch.allclose(recolor(one, two, torch.ones_like(half)), recolor(one, two), atol=1e-5)


def test_noise_is_smoothed_and_an_edge_of_the_guide_stays():
    guide = torch.zeros(1, 1, 40, 60)
    guide[..., 30:] = 1
    noise = torch.randn(1, 2, 40, 60, generator=torch.Generator().manual_seed(0)) * 0.1
    smooth = smooth_within_edges(guide + noise, guide)
    assert (smooth - guide).std() < 0.3 * noise.std()
    step = (smooth[..., 30] - smooth[..., 29]).mean()
    assert step.item() == pytest.approx(1, abs=0.1)
    assert torch.allclose(
        smooth_within_edges(guide, torch.full_like(guide, 0.5))[0, 0, 5, 5], guide[0, 0, 5, 5]
    )
    # Without an edge in the guide it is a mean of means.
    plain = smooth_within_edges(guide, torch.full_like(guide, 0.5))
    assert 0.3 < plain[0, 0, 20, 30] < 0.7


def test_hues_follow_the_edges_of_the_lightness():
    """The colors' border lies three pixels beside the picture's: they are brought together."""
    painting = torch.full((1, 3, 40, 60), 0.35)
    painting[..., 30:] = 0.65
    colors = torch.tensor([0.6, 0.4, 0.4]).view(1, 3, 1, 1).repeat(1, 1, 40, 60)
    colors[..., 33:] = torch.tensor([0.4, 0.4, 0.6]).view(3, 1, 1)
    a = {}
    for name, change in (("plain", with_colors), ("fitted", with_hues)):
        lab = skimage.color.rgb2lab(change(painting, colors)[0].permute(1, 2, 0).numpy())
        assert np.abs(lab[20, 5, 0] - lab[20, 25, 0]) < 3
        a[name] = lab[20, :, 2]
    between, right = slice(30, 33), 55
    off = {name: abs(values[between].mean() - values[right]) for name, values in a.items()}
    assert off["fitted"] < 0.5 * off["plain"]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 2)])
def test_hues_of_the_smallest_pictures(shape):
    one = torch.rand(1, 3, *shape)
    assert with_hues(one, one).shape == one.shape
