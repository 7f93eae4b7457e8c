import numpy as np
import skimage
import torch

from nst_utils.images.colors import recolor
from nst_utils.transfer import coloring
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.regions import Region, StyleImage
from nst_utils.transfer.run import stylize

SMALL = Recipe(size=48, scales=(48,), steps=(4,), weights="random")
PHOTO = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(1)) * 0.6 + 0.2
STYLE = torch.rand(1, 3, 16, 18, generator=torch.Generator().manual_seed(2)) ** 2
EVERYWHERE = [Region((StyleImage(STYLE),))]


def lab(picture):
    return skimage.color.rgb2lab(picture[0].permute(1, 2, 0).numpy())


def test_each_color_does_what_its_name_says():
    assert coloring.color_content("free", PHOTO, EVERYWHERE) is PHOTO
    for kind in ("recolored", "recolored_twice", "lightness", "only"):
        moved = coloring.color_content(kind, PHOTO, EVERYWHERE)
        assert torch.equal(moved, recolor(PHOTO, STYLE))
    gray = coloring.color_content("content", PHOTO, EVERYWHERE)
    assert np.abs(lab(gray)[..., 1:]).max() < 1
    matched = coloring.color_style("match", EVERYWHERE[0].styles[0], PHOTO, None).picture
    assert torch.equal(matched, recolor(STYLE, PHOTO))
    assert coloring.color_style("free", EVERYWHERE[0].styles[0], PHOTO, None).picture is STYLE


def test_content_keeps_a_and_b_to_a_gray_level(tiny, pictures):
    from nst_utils.transfer.pictures import RunPictures

    recipe = SMALL.replace(color="content", beta=300)
    result = stylize(*pictures, recipe)
    photo = RunPictures(*pictures, recipe).at(48).photo
    # One gray level of 8 bits is about 0.7 in a and b.
    assert np.abs(lab(result.tensor)[..., 1:] - lab(photo)[..., 1:]).max() < 1


def test_only_has_the_lightness_of_the_recolored_photo():
    muted = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(3))
    painting = 0.1 * muted + 0.45  # colors that a screen shows at any lightness
    kept = coloring.color_painting("only", painting, PHOTO, EVERYWHERE)
    wanted = recolor(PHOTO, STYLE)
    gap = np.abs(lab(kept)[..., 0] - lab(wanted)[..., 0])
    assert np.median(gap) < 0.5


def test_lightness_has_the_colors_of_the_recolored_photo():
    flat = torch.full((1, 3, 20, 24), 0.5)
    wanted = lab(recolor(PHOTO, flat * 0.2 + STYLE[..., :1, :1] * 0.8))
    regions = [Region((StyleImage(flat * 0.2 + STYLE[..., :1, :1] * 0.8),))]
    painting = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(3)) * 0.2 + 0.4
    kept = lab(coloring.color_painting("lightness", painting, PHOTO, regions))
    assert np.abs(kept[..., 1:].mean((0, 1)) - wanted[..., 1:].mean((0, 1))).max() < 3
    assert np.corrcoef(kept[..., 0].ravel(), lab(painting)[..., 0].ravel())[0, 1] > 0.9


def test_blended_styles_share_the_colors():
    styles = (StyleImage(STYLE, 3.0), StyleImage(PHOTO, 1.0))
    mixed = coloring.recolored(PHOTO, [Region(styles)])
    expected = 0.75 * recolor(PHOTO, STYLE) + 0.25 * recolor(PHOTO, PHOTO)
    assert torch.allclose(mixed, expected, atol=1e-6)
