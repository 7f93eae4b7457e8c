import dataclasses

import pytest
import torch

from nst_utils.errors import UnknownNameError
from nst_utils.images.tensors import normalize
from nst_utils.networks import device
from nst_utils.networks.device import explain_precision, pick_device, pick_precision
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import RecipeError
from nst_utils.transfer.losses.picture import Laplacian
from nst_utils.transfer.objective import Objective
from nst_utils.transfer.style import Style

from ..conftest import tiny_backbone

CONTENT = normalize(torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(2)))

STYLE = normalize(torch.rand(1, 3, 48, 32, generator=torch.Generator().manual_seed(3)))

RECIPE = Recipe(
    content_layer="conv2_2", style_layers={"relu1_1": 1, "relu2_1": 3, "relu3_1": 0}, tv=0.5
)


def test_total_is_the_weighted_sum_of_its_terms():
    found = Objective(Style(tiny_backbone(), RECIPE, STYLE), CONTENT)
    total, terms = found(STYLE[..., :32, :].repeat(1, 1, 1, 2)[..., :40])
    assert found.style.layers == ["relu1_1", "relu2_1"]  # a weight of 0 is not computed
    assert list(terms) == ["content", "style/relu1_1", "style/relu2_1", "tv"]
    content, first, second, tv = (value.item() for value in terms.values())
    style = (first + 3 * second) / 4  # relative: a weighted mean
    assert total.item() == pytest.approx(RECIPE.alpha * content + RECIPE.beta * style + 0.5 * tv)
    assert total.item() == pytest.approx(sum(w * terms[n].item() for n, w in found.weights.items()))


def test_report_losses_are_written_out():
    """The report's lines, done by hand on the same features, give the same total."""
    recipe = Recipe(
        content_layer="conv2_2", style_layers={"conv1_1": 1, "conv2_1": 0.75}, beta=1e3,
        loss="published", gram="sum", tv=0,
    )  # fmt: skip
    backbone, x, style = tiny_backbone(), CONTENT * 0.7, STYLE[..., :32, :].expand(1, 3, 32, 32)
    content = CONTENT[..., :32]
    x = x[..., :32]
    total, _ = Objective(Style(backbone, recipe, style), content)(x)
    layers = ["conv1_1", "conv2_1", "conv2_2"]
    target, c, s = (backbone.extract(t, layers) for t in (x, content, style))
    expected = ((target["conv2_2"] - c["conv2_2"]) ** 2).mean()
    for name, weight in recipe.style_layers.items():
        _, d, h, w = target[name].shape
        grams = [f[name].view(d, h * w) @ f[name].view(d, h * w).t() for f in (target, s)]
        expected = expected + 1e3 * weight * ((grams[0] - grams[1]) ** 2).mean() / (d * h * w)
    assert total.item() == pytest.approx(expected.item(), rel=1e-4)


def test_content_image_has_no_content_loss_and_style_image_no_style_loss():
    _, terms = Objective(Style(tiny_backbone(), RECIPE, CONTENT), CONTENT)(CONTENT)
    assert terms["content"] == 0
    assert terms["style/relu1_1"] == terms["style/relu2_1"] == 0


def test_plain_gram_of_a_larger_style_is_scaled_to_the_picture():
    recipe = dataclasses.replace(RECIPE, gram="sum", style_layers={"conv1_1": 1}, padding="zero")
    flat, wide = torch.full((1, 3, 32, 32), 0.5), torch.full((1, 3, 64, 96), 0.5)
    _, terms = Objective(Style(tiny_backbone(), recipe, wide), flat)(flat)
    # Only the border, where zeros were padded, tells the sizes apart.
    assert terms["style/conv1_1"] < 0.02


def test_targets_have_no_gradient_and_are_kept():
    found = Objective(Style(tiny_backbone(), RECIPE, STYLE), CONTENT)
    assert not found.content.target.requires_grad
    before = found.content.target.clone()
    x = CONTENT.clone().requires_grad_()
    found(x)[0].backward()
    assert torch.equal(found.content.target, before)
    assert x.grad.abs().sum() > 0


def test_fits_where_only_weights_change():
    found = Objective(Style(tiny_backbone(), RECIPE, STYLE), CONTENT)
    assert found.style.fits(
        RECIPE.replace(alpha=3, beta=1, style_layers={"relu1_1": 5, "relu2_1": 1})
    )
    assert not found.style.fits(RECIPE.replace(gram="mean"))
    assert not found.style.fits(RECIPE.replace(style_layers={"relu1_1": 1}))
    assert not found.style.fits(RECIPE.replace(content_layer="relu2_2"))


def test_device_and_precision():
    assert pick_device("cpu").type == "cpu"
    assert pick_device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(UnknownNameError, match="'cuda:99' is not on this machine"):
        pick_device("cuda:99")
    with pytest.raises(UnknownNameError, match="'toaster'"):
        pick_device("toaster")
    assert pick_precision("float32", torch.device("cpu")) == torch.float32
    assert pick_precision("auto", torch.device("mps")) == torch.float32


@pytest.mark.parametrize("able", [True, False])
def test_precision_auto_asks_the_hardware(monkeypatch, able):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": able})
    expected = torch.bfloat16 if able else torch.float32
    assert pick_precision("auto", torch.device("cpu")) == expected
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: able)
    assert pick_precision("auto", torch.device("cuda")) == expected


def test_bfloat16_follows_float32():
    backbone = tiny_backbone()
    exact = Objective(Style(backbone, RECIPE, STYLE), CONTENT)(CONTENT)[0]
    rough = Objective(Style(backbone.to("cpu", torch.bfloat16), RECIPE, STYLE), CONTENT)(CONTENT)[0]
    assert rough.dtype == torch.float32
    assert rough.item() == pytest.approx(exact.item(), rel=0.05)


def test_only_deep_layers_are_smoothed():
    recipe = dataclasses.replace(
        RECIPE, style_layers={"relu1_1": 1, "relu4_1": 1}, content_layer="relu5_1", loss="published"
    )
    backbone = tiny_backbone()
    plain, scaled = (
        Objective(Style(backbone, dataclasses.replace(recipe, smoothing=kind), STYLE), CONTENT)(
            CONTENT
        )[1]
        for kind in ("none", "scaled")
    )
    assert scaled["style/relu1_1"] == plain["style/relu1_1"] > 0
    deep = "style/relu4_1"  # a fourth power of the activations
    assert 0 < scaled[deep] < 1e-9 * plain[deep]
    assert not Objective(Style(backbone, recipe, STYLE), CONTENT).style.fits(
        dataclasses.replace(recipe, smoothing="softmax")
    )


def test_auto_says_which_format_it_took_and_why(monkeypatch):
    cpu = torch.device("cpu")
    for able, words in ((False, "float32 (this cpu multiplies no"), (True, "bfloat16 (this cpu")):
        monkeypatch.setattr(device, "_cpu_has_bfloat16", lambda able=able: able)
        dtype = pick_precision("auto", cpu)
        assert explain_precision("auto", dtype, cpu).startswith(words)
    assert explain_precision("float16", torch.float16, cpu) == "float16"


class Histogram:
    """A loss of a user's own: how many pixels are how bright, softly counted."""

    name, layers, weight = "histogram", (), 2.0

    def count(self, image):
        levels = torch.linspace(-2, 2, 9).view(9, 1)
        return torch.softmax(-20 * (image.flatten()[None] - levels) ** 2, dim=0).mean(dim=1)

    def learn(self, features, image, weight):
        self.goal = getattr(self, "goal", 0) + weight * self.count(image)

    def __call__(self, features, image):
        return (self.count(image) - self.goal).square().sum()


def test_a_term_of_ones_own_is_in_the_sum_and_stays_untouched():
    own = Histogram()
    style = Style(tiny_backbone(), RECIPE, STYLE, [own])
    found, plain = (
        Objective(style, CONTENT),
        Objective(Style(tiny_backbone(), RECIPE, STYLE), CONTENT),
    )
    total, terms = found(CONTENT)
    assert found.weights["histogram"] == 2
    assert total.item() == pytest.approx((plain(CONTENT)[0] + 2 * terms["histogram"]).item())
    assert terms["histogram"] > 0 and not hasattr(own, "goal")


@pytest.mark.parametrize("returned", [3.0, None, "x", torch.ones(3), torch.ones(1)])
def test_a_term_that_returns_no_number_is_named(returned):
    own = Histogram()
    own.__class__ = type("Odd", (Histogram,), {"__call__": lambda *_: returned})
    for recipe in (RECIPE, RECIPE.replace(tile=32)):
        found = Objective(Style(tiny_backbone(), recipe, STYLE, [own]), CONTENT)
        with pytest.raises(RecipeError, match="the term histogram must return its loss as"):
            found(CONTENT)


def test_one_style_serves_two_contents():
    style = Style(tiny_backbone(), RECIPE, STYLE)
    other = CONTENT.flip(2)
    one, two = Objective(style, CONTENT), Objective(style, other)
    alone = Objective(Style(tiny_backbone(), RECIPE, STYLE), CONTENT)
    two(other)
    assert one(other)[0] == alone(other)[0] != two(other)[0]


def test_further_losses_of_the_recipe_are_named_with_their_weights(monkeypatch):
    # The registry's name is the one that counts, whatever the class is called.
    monkeypatch.setattr(Laplacian, "name", "tv")
    recipe = RECIPE.replace(terms={"laplacian": 0.5})
    found = Objective(Style(tiny_backbone(), recipe, STYLE), CONTENT)
    assert found.weights["laplacian"] == 0.5
    assert (
        found(CONTENT)[1]["laplacian"]
        == 0
        < found(STYLE[..., :32, :].tile(2)[..., :40])[1]["laplacian"]
    )
    assert not found.style.fits(RECIPE) and found.style.fits(recipe.replace(terms={"laplacian": 3}))
