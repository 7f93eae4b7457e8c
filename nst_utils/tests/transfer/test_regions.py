import numpy as np
import pytest
import torch
from PIL import Image

from nst_utils.errors import NSTError, NSTWarning
from nst_utils.experiments.metrics import ssim
from nst_utils.images.mask_forms import MaskError
from nst_utils.images.tensors import normalize
from nst_utils.transfer import proposals
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import RecipeError
from nst_utils.transfer.losses import losses_for
from nst_utils.transfer.pictures import RunPictures, mask_files
from nst_utils.transfer.regions import Region, StyleImage, check_regions
from nst_utils.transfer.run import stylize

SMALL = Recipe(
    size=48,
    scales=(32, 48),
    steps=(3, 2),
    weights="random",
    style_layers={"relu1_1": 1, "relu2_1": 1},
)
HALVES = (("box:0,0,1,0.5", 1), ("rest", 2))


def style_of(result, step=0):
    """Return the style loss of a step."""
    return result.history[step].weighted()["style"]


@pytest.fixture
def three(pictures, tmp_path):
    """A content and two styles."""
    noise = np.random.default_rng(5).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "other.png")
    return pictures[0], [pictures[1], tmp_path / "other.png"]


@pytest.mark.parametrize("kind", losses_for("style_statistic"))
def test_two_equal_styles_blended_are_one(tiny, pictures, kind):
    # A flat content has activations at exactly 0, which rounding 0.7 x + 0.3 x turns on and off.
    content, style = pictures[1], pictures[0]
    recipe = SMALL.replace(style_statistic=kind, size=32, scales=(32,), steps=2)
    one = stylize(content, style, recipe)
    two = stylize(content, [style] * 2, recipe.replace(blend=(7, 3)))
    assert style_of(two) == pytest.approx(style_of(one), rel=1e-3, abs=1e-6)
    if kind != "earth_mover":  # draws other samples for the second
        assert (one.tensor - two.tensor).abs().max() < 0.02


@pytest.mark.parametrize("kind", losses_for("style_statistic"))
def test_a_mask_of_ones_changes_nothing(tiny, pictures, kind):
    recipe = SMALL.replace(style_statistic=kind)
    whole = recipe.replace(regions=(("ones", 1),))
    one, two = (
        stylize(*pictures, recipe),
        stylize(*pictures, whole, masks={"ones": np.ones((5, 9))}),
    )
    assert torch.equal(one.tensor, two.tensor)


@pytest.mark.parametrize("kind", losses_for("style_statistic"))
def test_regions_run_with_every_statistic(tiny, three, kind):
    result = stylize(*three, SMALL.replace(style_statistic=kind, regions=HALVES))
    assert style_of(result, -1) > 0
    assert [role for role in result.provenance if role.startswith("style")] == ["style", "style 2"]


@pytest.mark.parametrize("color", ["free", "recolored", "content", "match", "only"])
def test_where_no_style_goes_the_photo_stays(tiny, pictures, color):
    recipe = SMALL.replace(regions=(("box:0,0,0.5,1", 1),), color=color, steps=(3, 3))
    result = stylize(*pictures, recipe)
    photo = RunPictures(*pictures, recipe).inputs["content"].at(48, 16)
    difference = (result.tensor - photo).abs()
    assert difference[..., 30:].max() < 1e-5
    assert difference[..., :18].max() > 0.01


def test_a_half_is_painted_like_the_whole_of_it(tiny, pictures):
    """A region counts by its area: pixels there move as fast as in a picture all of that style."""
    whole = stylize(*pictures, SMALL.replace(scales=(48,), steps=8))
    half = stylize(*pictures, SMALL.replace(scales=(48,), steps=8, regions=(("box:0,0,0.5,1", 1),)))
    start = RunPictures(*pictures, SMALL).at(48).photo
    moved = [(r.tensor - start)[..., :20].abs().mean().item() for r in (whole, half)]
    assert 0.5 < moved[1] / moved[0] < 2


def test_overlaps_are_shared_and_the_rest_is_what_is_left(three):
    recipe = SMALL.replace(regions=(("a", 1), ("b", 1), ("rest", 2)))
    masks = {"a": np.tri(15, 20), "b": np.ones((15, 20)) * (np.arange(20) < 10)}
    here = RunPictures(*three, recipe, masks).at(48)
    total = sum(region.mask for region in here.regions)
    assert torch.allclose(total, torch.ones_like(total), atol=1e-5)
    assert mask_files(recipe) == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"regions": (("box:0,0,1,1", 3),)}, "names style 3, but there are 2"),
        ({"regions": (("faces", 0),)}, "no region has a style"),
        ({"regions": (("light:0.5", 1),)}, "style 2 is in no region"),
        ({"regions": (("box:1,0,0,1", 1), ("rest", 2))}, "left < right"),
        ({"regions": HALVES, "blend": (1, 2)}, "set one of them"),
        ({"blend": (1, 2, 3)}, "3 numbers for 2 styles"),
        ({"style_scale": (1, 2, 3)}, "3 numbers for 2 styles"),
    ],
)
def test_what_does_not_fit_is_one_sentence(tiny, three, change, told):
    with pytest.raises((RecipeError, MaskError), match=told):
        stylize(*three, SMALL.replace(**change))


def test_masks_that_cover_nothing_or_belong_nowhere(tiny, three):
    recipe = SMALL.replace(regions=(("mine", 1), ("rest", 2)))
    with pytest.raises(MaskError, match="covers nothing of the content"):
        stylize(*three, recipe, masks={"mine": np.zeros((9, 9))})
    with pytest.raises(MaskError, match="'rest' covers nothing"):
        stylize(*three, recipe, masks={"mine": np.ones((9, 9))})
    with pytest.raises(RecipeError, match="no mask of the recipe is called"):
        stylize(*three, recipe, masks={"mine": np.ones((9, 9)) / 2, "other": np.ones((9, 9))})
    with pytest.raises(NSTError, match="mask 'no.png'"):
        stylize(*three, SMALL.replace(regions=(("no.png", 1), ("rest", 2))))
    with pytest.raises(RecipeError, match="1 to 16 style images, not 0"):
        stylize(three[0], [], SMALL)
    with pytest.raises(RecipeError, match="all came as 0"):
        Recipe(blend=(0, 0))


def test_a_part_of_the_style_is_all_that_is_read(tiny, three):
    """The style's other half does not matter."""
    image = Image.open(three[1][0]).convert("RGB").resize((64, 64))
    spoiled = image.copy()
    spoiled.paste((255, 0, 0), (32, 0, 64, 64))
    recipe = SMALL.replace(regions=(("box:0,0,1,1", 1, "box:0,0,0.4,1"),), scales=(48,), steps=1)
    one, two = (style_of(stylize(three[0], style, recipe)) for style in (image, spoiled))
    assert one == pytest.approx(two, rel=0.05)


def test_proposed_parts_add_up_and_paint(tiny, three, monkeypatch):
    monkeypatch.setattr(proposals, "load_backbone", lambda _: tiny)
    run = RunPictures(*three, SMALL.replace(regions=(("proposed:3/1", 1), ("rest", 2))))
    parts = proposals.propose_parts(run.inputs["content"], run.inputs["style"], 3)
    for part in parts:
        assert torch.allclose(part.sum(0), torch.ones_like(part[0]), atol=1e-5)
    areas = parts[0].mean(dim=(1, 2))
    assert areas.tolist() == sorted(areas.tolist(), reverse=True)
    assert stylize(*three, run.recipe).history


def test_stroke_size_of_one_is_the_old_picture_and_others_differ(tiny, pictures):
    one = stylize(*pictures, SMALL)
    assert torch.equal(one.tensor, stylize(*pictures, SMALL.replace(style_scale=1)).tensor)
    with pytest.warns(NSTWarning, match="strokes 2 times as large need 96"):
        two = stylize(*pictures, SMALL.replace(style_scale=2))
    assert not torch.equal(one.tensor, two.tensor)
    with pytest.raises(NSTError, match="at least 16 are needed, raise style_scale or size"):
        stylize(*pictures, SMALL.replace(style_scale=0.25))


def test_averaged_iterates_are_smoother_and_kept(tiny, pictures):
    recipe = SMALL.replace(optimizer="adam", learning_rate=0.05, scales=(48,), steps=12)
    plain, mean = (stylize(*pictures, recipe.replace(average=a)) for a in (0.0, 0.9))
    assert not torch.equal(plain.tensor, mean.tensor)
    assert ssim(plain.image, mean.image) > 0.8


def test_regions_are_checked_without_a_run():
    check_regions(SMALL, 1)
    region = Region((StyleImage(torch.zeros(1, 3, 4, 4)),), torch.ones(1, 1, 4, 4))
    prepared = region.prepared(torch.device("cpu"))
    expected = normalize(region.styles[0].picture)
    assert torch.equal(prepared.styles[0].picture, expected) and prepared.mask is not None


def test_faces_are_found_however_small_the_painting(tiny):
    recipe = SMALL.replace(regions=(("faces", 0), ("rest", 1)))
    here = RunPictures("astronaut", "mosaic", recipe).at(32)
    assert 0.9 < here.regions[0].mask.mean() < 0.995
