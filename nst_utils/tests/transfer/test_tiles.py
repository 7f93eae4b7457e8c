import dataclasses

import pytest
import torch

from nst_utils.images.tensors import normalize
from nst_utils.networks.backbone import load_backbone
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import RecipeError
from nst_utils.transfer.objective import Objective
from nst_utils.transfer.regions import Region, StyleImage
from nst_utils.transfer.style import Style
from nst_utils.transfer.tiles import Tiles

from ..conftest import tiny_backbone

SHALLOW = {"relu1_1": 2.0, "relu2_1": 1.0, "relu3_1": 1.0}

DEEP = SHALLOW | {"relu4_1": 1.0, "relu5_1": 1.0}

RECIPE = Recipe(style_layers=SHALLOW, content_layer="relu3_1", tv=0.1)


def picture(height, width, seed=0):
    """A smooth picture with some noise: normalized, and not alike everywhere."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 5, 4, generator=random)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return normalize(smooth + 0.2 * torch.rand(1, 3, height, width, generator=random))


def evaluated(recipe, size, tile, regions=None, weights=None, backbone=None, own=()):
    """Return loss, terms and gradient of a picture."""
    style = regions or picture(90, 77, 1)
    # In float64 no rounding hides what is missing at a border.
    backbone = backbone or tiny_backbone().to("cpu", torch.float64)
    made = Style(backbone, recipe, style, own, tile=tile)
    objective = Objective(made, picture(*size, 2), weights=weights)
    x = picture(*size, 3).requires_grad_()
    total, terms = objective(x)
    total.backward()
    return total.item(), {name: value.item() for name, value in terms.items()}, x.grad


def agree(recipe, size, tile, **more):
    rounding = 1e-4 if "backbone" in more else 1e-5
    total, terms, gradient = evaluated(recipe, size, 0, **more)
    tiled, tiled_terms, tiled_gradient = evaluated(recipe, size, tile, **more)
    assert tiled == pytest.approx(total, rel=rounding)
    assert tiled_terms == pytest.approx(terms, rel=rounding, abs=1e-7)
    assert (tiled_gradient - gradient).abs().max() < rounding * gradient.abs().max()
    assert not torch.equal(tiled_gradient, gradient)  # it was tiled


@pytest.mark.parametrize("gram", ["sum", "mean", "chw", "centered", "moments"])
@pytest.mark.parametrize("statistic", ["gram", "gram_moments"])
def test_loss_and_gradient_are_those_of_the_whole_picture(gram, statistic):
    agree(RECIPE.replace(gram=gram, style_statistic=statistic), (100, 131), 48)


@pytest.mark.parametrize(
    "changes",
    [
        {"style_statistic": "gaussian_wasserstein"},
        {"style_statistic": "sliced_wasserstein"},
        {"style_statistic": "neighbors"},
        {"style_statistic": "hypercolumns"},
        {"style_statistic": "earth_mover"},
        {"content_statistic": "self_similarity"},
        {"loss": "published"},
        {"loss": "paper"},
        {"terms": {"laplacian": 0.5}},
        {"padding": "replicate", "pooling": "average"},
        {"alpha": 0.0, "tv": 0.0},
    ],
    ids=str,
)
def test_every_loss_can_be_tiled(changes):
    agree(dataclasses.replace(RECIPE, **changes), (83, 96), 32)


@pytest.mark.parametrize("size", [(161, 250), (96, 207), (250, 83)])
def test_deep_layers_see_over_the_borders_of_tiles(size):
    agree(RECIPE.replace(style_layers=DEEP), size, 96)


def test_real_weights_agree():
    backbone = load_backbone("vgg19", "oxford", padding="replicate")
    agree(RECIPE, (80, 101), 48, backbone=backbone)


def test_smoothed_layers_agree():
    agree(RECIPE.replace(style_layers=DEEP, smoothing="softmax"), (100, 190), 96)


def test_a_softmax_over_a_whole_layer_reads_the_picture_as_a_whole():
    recipe = RECIPE.replace(style_layers=DEEP, smoothing="softmax_layer")
    plain, tiled = (evaluated(recipe, (100, 190), tile)[2] for tile in (0, 96))
    assert torch.equal(plain, tiled)


def test_resnet_agrees():
    recipe = Recipe(
        backbone="resnet50", style_layers={"relu": 1, "layer1": 1}, content_layer="layer1"
    )
    agree(recipe, (67, 90), 48, backbone=load_backbone("resnet50", "random"))


def test_regions_several_styles_and_content_masks_agree():
    left = torch.zeros(1, 1, 100, 131)
    left[..., :70] = 1
    styles = [StyleImage(picture(80, 90, seed), seed) for seed in (4, 5)]
    part = torch.ones(1, 1, 80, 90)
    part[:, :, 40:] = 0
    regions = [
        Region(tuple(styles), left),
        Region((StyleImage(picture(80, 90, 6), 1.0, part),), 1 - left),
    ]
    weights = 1 + 3 * left
    agree(RECIPE, (100, 131), 48, regions=regions, weights=weights)
    recipe = RECIPE.replace(
        style_statistic="neighbors",
        content_statistic="self_similarity",
        style_layers={"relu3_1": 1},
    )
    agree(recipe, (100, 131), 48, regions=regions, weights=weights)


class Brightest:
    """A term of a user's own that is no sum."""

    name, layers = "brightest", ("relu2_1",)

    def learn(self, features, image, weight):
        self.goal = features["relu2_1"].amax()

    def __call__(self, features, image):
        return (features["relu2_1"].amax() - 2 * self.goal).square() + image.amax()


def test_a_term_of_ones_own_agrees():
    agree(RECIPE, (100, 131), 48, own=[Brightest()])


@pytest.mark.parametrize("name", ["vgg19", "resnet50"])
@pytest.mark.parametrize("size", [(64, 101), (15, 200), (33, 47)])
def test_positions_of_tiles_cover_every_layer_once(name, size):
    backbone = tiny_backbone() if name == "vgg19" else load_backbone(name, "random")
    layers = ["relu3_1", "conv1_2"] if name == "vgg19" else ["relu", "layer1"]
    tiles = Tiles(backbone, layers, size, 48)
    found = backbone.extract(torch.zeros(1, 3, *size), layers)
    for layer in layers:
        covered = torch.zeros(found[layer].shape[-2:])
        assert tiles.sizes[layer] == tuple(covered.shape)
        for tile in tiles:
            covered[tiles.place(tile, layer)] += 1
        assert (covered == 1).all()


def test_reach_is_what_a_position_sees():
    backbone = tiny_backbone()
    assert [backbone.reach(layer) for layer in ("relu1_1", "relu3_1", "relu5_1")] == [1, 10, 70]
    assert load_backbone("resnet50", "random").reach("maxpool") == 5


def test_a_tile_smaller_than_its_margin_is_refused():
    with pytest.raises(RecipeError, match="tile must be at least 80 pixels for the layers"):
        Tiles(tiny_backbone(), ["relu5_1"], (200, 200), 64)


def test_without_gradients_there_is_a_loss():
    style = Style(tiny_backbone(), RECIPE, picture(90, 77, 1), tile=48)
    with torch.no_grad():
        total, _ = Objective(style, picture(100, 131, 2))(picture(100, 131, 3))
    assert total > 0
