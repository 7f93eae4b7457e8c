import pytest
import torch

from nst_utils.config import Recipe
from nst_utils.features import normalize
from nst_utils.movers import Mover


class Quadratic:
    """Distance to a gray picture: the simplest objective with a known minimum."""

    def __init__(self):
        self.goal = normalize(torch.full((1, 3, 8, 8), 0.5))

    def __call__(self, x):
        loss = (x - self.goal).square().mean()
        return loss, loss.detach()[None]


@pytest.mark.parametrize("space", ["unit", "normalized"])
@pytest.mark.parametrize(("optimizer", "rate"), [("lbfgs", 1.0), ("adam", 0.05)])
def test_moves_to_the_minimum(space, optimizer, rate):
    recipe = Recipe(optimizer=optimizer, learning_rate=rate, space=space)
    mover = Mover(Quadratic(), torch.rand(1, 3, 8, 8), recipe, 1.0)
    values = [mover.step()[1][0] for _ in range(60)]
    assert values[-1] < 5e-3 * values[0]
    assert torch.allclose(mover.picture(), torch.full((1, 3, 8, 8), 0.5), atol=0.05)


def test_a_step_returns_what_was_evaluated():
    start = torch.rand(1, 3, 8, 8)
    objective = Quadratic()
    picture, terms = Mover(objective, start, Recipe(), 1.0).step()
    assert torch.allclose(picture, start, atol=1e-6)
    assert terms[0] == pytest.approx(objective(normalize(start))[0].item(), rel=1e-4)


def test_the_parameter_stays_contiguous_for_lbfgs():
    start = torch.rand(1, 3, 8, 8).to(memory_format=torch.channels_last)
    assert Mover(Quadratic(), start, Recipe(), 1.0).x.is_contiguous()


def test_adam_in_the_reports_space_moves_the_normalized_tensor():
    recipe = Recipe(optimizer="adam", learning_rate=1e-3)
    mover = Mover(Quadratic(), torch.rand(1, 3, 8, 8), recipe, 1.0)
    before = mover.x.detach().clone()
    mover.step()
    # Adam's first step is the learning rate in every coordinate.
    assert torch.allclose((mover.x - before).abs().max(), torch.tensor(1e-3), rtol=1e-2)
