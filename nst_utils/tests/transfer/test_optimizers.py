import pytest
import torch

from nst_utils.images.tensors import normalize
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.descent import Descent
from nst_utils.transfer.optimizers import FIRST_MOVE, LBFGS, OPTIMIZERS, RunningMean
from nst_utils.transfer.state import CheckpointError


class Quadratic:
    """Distance to a gray picture: the simplest objective with a known minimum."""

    def __init__(self):
        self.goal = normalize(torch.full((1, 3, 8, 8), 0.5))

    def __call__(self, x):
        loss = (x - self.goal).square().mean()
        return loss, {"gap": loss.detach()}

    def state_dict(self):
        return {}


@pytest.mark.parametrize("space", ["unit", "normalized"])
@pytest.mark.parametrize(("optimizer", "rate"), [("lbfgs", 1.0), ("adam", 0.05)])
def test_moves_to_the_minimum(space, optimizer, rate):
    recipe = Recipe(optimizer=optimizer, learning_rate=rate, space=space)
    optimizer = Descent(Quadratic(), torch.rand(1, 3, 8, 8), recipe)
    values = [optimizer.step()[1] for _ in range(60)]
    assert values[-1] < 5e-3 * values[0]
    assert torch.allclose(optimizer.picture(), torch.full((1, 3, 8, 8), 0.5), atol=0.05)


def test_a_step_returns_what_was_evaluated():
    start = torch.rand(1, 3, 8, 8)
    objective = Quadratic()
    picture, total, terms = Descent(objective, start, Recipe()).step()
    assert torch.allclose(picture, start, atol=1e-6)
    assert total == pytest.approx(objective(normalize(start))[0].item(), rel=1e-4)
    assert terms == {"gap": total}


def test_the_parameter_stays_contiguous_for_lbfgs():
    start = torch.rand(1, 3, 8, 8).to(memory_format=torch.channels_last)
    assert Descent(Quadratic(), start, Recipe()).x.is_contiguous()


def test_adam_in_the_reports_space_moves_the_normalized_tensor():
    recipe = Recipe(optimizer="adam", learning_rate=1e-3)
    optimizer = Descent(Quadratic(), torch.rand(1, 3, 8, 8), recipe)
    before = optimizer.x.detach().clone()
    optimizer.step()
    # Adam's first step is the learning rate in every coordinate.
    assert torch.allclose((optimizer.x - before).abs().max(), torch.tensor(1e-3), rtol=1e-2)


def rosenbrock(x):
    """Return the banana valley's value and gradient; its minimum is 0 at (1, 1)."""
    x = x.clone().requires_grad_()
    value = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    value.backward()
    return value.item(), x.grad


def made(x, first, rate, memory):
    """Return an L-BFGS with another first move and memory than the package's."""
    optimizer = LBFGS(x, rate, first / FIRST_MOVE)
    optimizer.memory = memory
    return optimizer


def descend(value_of, x, steps, rate=1.0, memory=20):
    optimizer = made(x, 0.03, rate, memory)
    values = []
    for _ in range(steps):
        value, grad = value_of(x)
        values.append(value)
        optimizer.step(value, grad)
    return values


def test_lbfgs_goes_down_a_bent_valley():
    values = descend(rosenbrock, torch.tensor([-1.2, 1.0], dtype=torch.float64), 80)
    assert min(values) < 1e-12
    # scipy's L-BFGS-B, with a line search, evaluates this 44 times.
    assert next(i for i, value in enumerate(values) if value < 1e-6) < 60


def test_lbfgs_takes_a_step_that_raised_the_loss_again_from_where_it_began():
    def quartic(x):
        x = x.clone().requires_grad_()
        value = x.pow(4).sum()
        value.backward()
        return value.item(), x.grad

    x = torch.tensor([3.0, -2.0])
    optimizer = made(x, 50.0, 1.0, 5)  # far beyond the minimum
    before, (value, grad) = x.clone(), quartic(x)
    optimizer.step(value, grad)
    direction = x - before
    worse, grad = quartic(x)
    assert worse > value
    optimizer.step(worse, grad)
    part = (x - before) / direction
    assert torch.allclose(part, part[0].expand(2))
    assert 0.1 <= part[0].item() <= 0.5


@pytest.mark.parametrize(("rise", "stands"), [(1.09, True), (1.11, False)])
def test_lbfgs_lets_a_small_rise_stand(rise, stands):
    x = torch.tensor([1.0, 1.0])
    optimizer = made(x, 0.1, 1.0, 5)
    optimizer.step(2.0, torch.tensor([1.0, 0.5]))
    stood = x.clone()
    optimizer.step(2.0 * rise, torch.tensor([1.5, 0.9]))
    # Taken again, it ends between where it began and where it rose.
    between = ((x - 1) / (stood - 1) < 1).all() and ((x - 1) / (stood - 1) > 0).all()
    assert bool(between) is not stands


def test_lbfgs_never_ends_higher_than_it_began_however_long_the_first_step():
    curvature = torch.logspace(0, 4, 30)

    def bowl(x):
        return (curvature * x * x).sum().item() / 2, curvature * x

    for first in (1e-4, 1.0, 1e4):
        values = descend(bowl, torch.ones(30), 120)
        assert min(values[-5:]) < 1e-3 * values[0], first


def test_lbfgs_goes_on_where_only_rounding_raises_the_loss():
    """In bfloat16 a loss may rise although the picture became better: no step is lost for good."""
    noise = torch.Generator().manual_seed(0)

    def rough(x):
        value = x.square().sum().item() * (1 + 0.01 * torch.randn(1, generator=noise).item())
        return value, 2 * x

    x = torch.ones(30)
    optimizer = made(x, 0.03, 0.3, 10)
    for _ in range(200):
        optimizer.step(*rough(x))
    assert x.square().sum().item() < 1e-3


def test_lbfgs_stays_where_the_gradient_is_zero():
    x = torch.tensor([1.0, 2.0])
    optimizer = made(x, 0.1, 1.0, 5)
    for _ in range(3):
        optimizer.step(0.0, torch.zeros(2))
    assert x.tolist() == [1.0, 2.0]


def test_lbfgs_remembers_so_many_steps_and_no_more():
    x = torch.tensor([-1.2, 1.0], dtype=torch.float64)
    optimizer = made(x, 0.03, 1.0, 3)
    for _ in range(20):
        optimizer.step(*rosenbrock(x))
    assert len(optimizer._pairs) == 3


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_on_exactly_from_its_state(name):
    recipe = Recipe(optimizer=name, learning_rate=1.0 if name == "lbfgs" else 0.05)
    whole = Descent(Quadratic(), torch.rand(1, 3, 8, 8), recipe)
    for _ in range(7):
        whole.step()
    other = Descent(Quadratic(), torch.zeros(1, 3, 8, 8), recipe)
    other.load_state_dict({name: tensor.clone() for name, tensor in whole.state_dict().items()})
    for _ in range(5):
        one, two = whole.step(), other.step()
        assert torch.equal(one[0], two[0]) and one[1] == two[1]


def test_a_state_of_another_shape_is_refused():
    recipe = Recipe()
    descent = Descent(Quadratic(), torch.rand(1, 3, 8, 8), recipe)
    descent.step()
    state = descent.state_dict()
    with pytest.raises(CheckpointError, match="base of shape"):
        descent.load_state_dict(state | {"optimizer/base": torch.zeros(1, 3, 9, 9)})


def test_the_running_mean_weighs_late_pictures_and_starts_unbiased():
    mean = RunningMean(0.5)
    assert mean.value(3.0) == 3.0
    mean.add(torch.tensor(1.0))
    assert mean.value(0.0) == 1.0
    mean.add(torch.tensor(4.0))
    assert mean.value(0.0) == pytest.approx(3.0)
