import pytest
import torch

from nst_utils.transfer import detail
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.detail import band_of_styles, finest_band, resized
from nst_utils.transfer.pictures import ScalePictures
from nst_utils.transfer.regions import Region, StyleImage
from nst_utils.transfer.run import stylize
from nst_utils.transfer.start import enlarge


def noise(height, width, seed=0):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def here(content, style):
    regions = [Region((StyleImage(style),))]
    return ScalePictures(content, content, regions, regions, "free")


def test_a_picture_is_what_is_left_of_it_and_its_finest_band():
    picture = noise(32, 48)
    blurred, band = finest_band(picture, (16, 24))
    assert torch.allclose(blurred + band, picture, atol=1e-6)
    assert band.abs().mean() > 0.1
    smooth = resized(noise(4, 6), (32, 48))
    assert finest_band(smooth, (16, 24))[1].abs().max() < 0.05


def test_a_finer_scale_begins_with_the_contents_finest_band():
    content = noise(32, 48)
    small, pictures = resized(content, (16, 24)), here(content, noise(32, 48, seed=1))
    assert torch.allclose(enlarge(small, pictures, Recipe(detail="content")), content, atol=1e-5)
    blurred = enlarge(small, pictures, Recipe(detail="none"))
    assert (blurred - content).abs().mean() > 0.1
    # What began with something else has no edges of the content to sharpen.
    other = enlarge(small, pictures, Recipe(detail="content", start="noise"))
    assert torch.equal(other, blurred)


def test_a_blurred_style_gets_its_own_detail_back():
    """Each of its patches is in the bank, and nearest to itself."""
    style = noise(32, 32)
    small = resized(style, (16, 16))
    sharp = enlarge(small, here(noise(32, 32, seed=1), style), Recipe(detail="style"))
    assert torch.allclose(sharp, style, atol=1e-4)


def test_strips_and_a_whole_are_one(monkeypatch):
    picture, regions = noise(40, 24), [Region((StyleImage(noise(32, 32, seed=1)),))]
    whole = band_of_styles(picture, regions, 0.5)
    monkeypatch.setattr(detail, "LARGEST_BLOCK", 8 * 1024 * 24 * 7)  # strips of seven rows
    assert torch.equal(band_of_styles(picture, regions, 0.5), whole)


def test_each_region_has_its_own_style_and_the_photo_keeps_its_own():
    left = torch.zeros(1, 1, 32, 32)
    left[..., :16] = 1
    style, flat = noise(32, 32), torch.full((1, 3, 32, 32), 0.5)
    picture = resized(resized(style, (16, 16)), (32, 32))
    band = band_of_styles(picture, [Region((StyleImage(style),), left)], 0.5)
    assert band[..., :16].abs().mean() > 0.1
    assert band[..., 16:].abs().max() == 0
    two = [Region((StyleImage(style),), left), Region((StyleImage(flat),), 1 - left)]
    assert torch.allclose(band_of_styles(picture, two, 0.5), band, atol=1e-5)


def test_styles_share_the_bank_by_their_weights_and_masks_say_what_is_meant():
    flat, style = torch.full((1, 3, 64, 64), 0.5), noise(64, 64)
    both = (StyleImage(flat, 3.0), StyleImage(style, 1.0))
    keys, values = detail._bank(both, 0.5)
    assert len(keys) == len(values) == detail.BANK
    assert (values.abs().sum(dim=1) > 1e-4).float().mean().item() == pytest.approx(0.25, abs=0.01)
    upper = torch.zeros(1, 1, 64, 64)
    upper[..., :16, :] = 1
    style[..., 16:, :] = 0.5
    keys, values = detail._bank((StyleImage(style, 1.0, upper),), 0.5)
    assert len(keys) == 16 * 64
    assert values.abs().mean() > 0.1
    nothing = StyleImage(style, 1.0, torch.zeros(1, 1, 64, 64))
    assert len(detail._bank((nothing,), 0.5)[0]) == detail.BANK  # all of it, where nothing is meant


def test_a_run_begins_its_finer_scale_with_the_styles_detail(tiny, pictures):
    settings = Recipe(size=32, scales=(16, 32), steps=(2, 1), weights="random", device="cpu")
    begun = {}
    for kind in ("content", "both"):
        shown = []
        stylize(
            *pictures,
            settings.replace(detail=kind),
            on_step=lambda live, shown=shown: shown.append(live.picture()),
        )
        begun[kind] = shown
    assert torch.equal(begun["content"][1], begun["both"][1])  # the coarser scale is as it was
    assert not torch.equal(begun["content"][2], begun["both"][2])
