import math

import pytest

from nst_utils.errors import NSTError, NSTWarning
from nst_utils.experiments import structure_search as module
from nst_utils.experiments.metrics import ssim
from nst_utils.experiments.structure_search import TOLERANCE, Secant, keep_structure
from nst_utils.images.samples import open_picture
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.run import stylize

# Three fine steps of a random network cannot take a style's detail away again.
SMALL = Recipe(size=48, scales=(32, 48), steps=(6, 3), detail="content", weights="random")


@pytest.mark.parametrize("start", [1e-3, 1.0, 30.0, 1e5])
@pytest.mark.parametrize("wanted", [0.3, 0.5, 0.75])
def test_the_secant_method_finds_a_falling_curve(start, wanted):
    asked = []

    def measure(beta):
        asked.append(beta)
        return 0.15 + 0.75 / (1 + (beta / 20) ** 0.6)

    found = Secant(measure, start).find(wanted)
    assert abs(measure(found) - wanted) < TOLERANCE
    assert len(asked) <= module.MOST_SHORT + 1


def test_what_is_out_of_reach_ends_at_the_bound():
    search = Secant(lambda beta: 0.5 - 0.01 * math.log(beta), 30)
    assert search.find(0.9) == pytest.approx(module.LOWEST)


def test_the_painting_keeps_what_was_asked(tiny, pictures):
    kept = keep_structure(*pictures, SMALL.replace(color="free"), 0.9, progress=False)
    assert kept.kept == pytest.approx(ssim(kept.result.image, open_picture(pictures[0])))
    assert kept.reached
    assert kept.seconds >= kept.result.seconds
    assert 1 <= kept.short <= module.MOST_SHORT and 1 <= kept.whole <= module.MOST_WHOLE


def test_with_one_scale_a_run_that_kept_what_was_asked_is_not_made_again(tiny, pictures):
    one = SMALL.replace(scales=(48,), steps=(6,), color="free")
    usual = ssim(stylize(*pictures, one).image, open_picture(pictures[0]))
    kept = keep_structure(*pictures, one, usual, progress=False)
    assert (kept.short, kept.whole, kept.kept) == (0, 1, pytest.approx(usual))


def test_whole_runs_that_keep_less_than_short_ones_are_searched_by_themselves(
    pictures, tmp_path, monkeypatch
):
    """The short ones never get down to what is asked; the whole ones do at a common beta."""

    class Painting:
        def __init__(self, recipe):
            self.recipe, self.stopped, self.seconds = recipe, "finished", 1.0
            low, high = (0.6, 0.9) if len(recipe.scales) == 1 else (0.41, 0.9)
            self.image = low + (high - low) / (1 + (recipe.beta / 10) ** 0.8)

    monkeypatch.setattr(module, "stylize", lambda _c, _s, recipe, **_: Painting(recipe))
    monkeypatch.setattr(module, "ssim", lambda image, _: image)
    for wanted in (0.45, 0.5, 0.55, 0.7, 0.85):
        kept = keep_structure(*pictures, SMALL.replace(beta=30), wanted, progress=False)
        assert kept.reached and kept.whole <= module.MOST_WHOLE
    with pytest.warns(NSTWarning, match="nearest is 0.41"):
        assert not keep_structure(*pictures, SMALL, 0.3, progress=False).reached


@pytest.mark.filterwarnings("ignore:no step lowered the loss")
def test_the_nearest_is_painted_and_said(tiny, pictures):
    with pytest.warns(NSTWarning, match="keep=0.999 is out of reach.*the nearest is 0.8"):
        kept = keep_structure(*pictures, SMALL.replace(color="recolored"), 0.999, progress=False)
    assert not kept.reached


@pytest.mark.parametrize("keep", [0, 1, -3, "half", None, True, float("nan")])
def test_other_values_are_refused(pictures, keep):
    with pytest.raises(NSTError, match="between 0 and 1"):
        keep_structure(*pictures, SMALL, keep)


@pytest.mark.parametrize("without", [{"alpha": 0.0}, {"beta": 0.0}])
def test_what_weighs_nothing_against_the_style_is_refused(pictures, without):
    with pytest.raises(NSTError, match="alpha and beta must be above 0"):
        keep_structure(*pictures, SMALL.replace(**without), 0.5, progress=False)
