"""Optimizers that move a picture: one evaluation a step, in the space that a recipe names."""

import math

import torch
from torch import Tensor

from ..images.tensors import IMAGENET_STD, denormalize, normalize
from .config import Recipe
from .objective import Objective

LBFGS_HISTORY = 20

FIRST_MOVE = 0.03
"""How far L-BFGS's first step moves a pixel on average, in normalized units (0.007 of the range).

The gradient says nothing of the distance. With this one a run saves a step a scale against moves
too small to change anything, and starts more calmly.
"""


class LBFGS:
    """L-BFGS for one tensor that looks back: a step that threw the loss up is taken again, shorter.

    Every call of `step` asks for one more evaluation, whatever comes of it. Nothing is searched
    for: a step that lowers the loss stands, as nearly all do, and so does one that raised it by
    no more than `RISE`.

    Parameters
    ----------
    x : Tensor
        Moved in place. Contiguous.
    first : float
        How far the first step moves a number on average.
    rate : float
        Length of every later step, as a factor.
    memory : int
        Steps that it remembers.

    Notes
    -----
    torch's own either takes every step, or evaluates at least twice for each of them. Where the
    style weighs much, unguarded steps throw the loss up a thousandfold (``benchmark/NOTES.md``).

    References
    ----------
    Nocedal and Wright, "Numerical Optimization", 2006, algorithm 7.4 and equation 3.59. Steps that
    may raise the loss: Grippo, Lampariello and Lucidi, "A Nonmonotone Line Search Technique for
    Newton's Method", SIAM Journal on Numerical Analysis 23, 1986.
    """

    def __init__(self, x: Tensor, first: float, rate: float, memory: int) -> None:
        self.x, self.first, self.rate, self.memory = x, first, rate, memory
        self._pairs: list[tuple[Tensor, Tensor, float]] = []  # s, y, 1 / (s . y)
        self._scale = 0.0
        # Where the last step began that stood: position, loss, gradient.
        self._base: tuple[Tensor, float, Tensor] | None = None
        self._direction, self._length, self._slope = x, 0.0, 0.0

    def step(self, loss: float, grad: Tensor) -> None:
        """Move on from where the loss and its gradient were evaluated.

        Parameters
        ----------
        loss : float
        grad : Tensor
            Of the shape of ``x``. Kept.
        """
        if self._base is not None:
            before, least, old = self._base
            if loss > (1 + RISE) * least and self._length > SHORTEST * self.rate:
                self._shorten(loss - least, _dot(self._direction, grad))
                torch.add(before, self._direction, alpha=self._length, out=self.x)
                return
            self._remember(self._direction * self._length, grad - old)
        self._base = self.x.clone(), loss, grad
        self._aim(grad)
        if self._slope >= 0:  # not down: what it remembers is worth nothing
            self._pairs.clear()
            self._aim(grad)
        self._length = self.rate
        self.x.add_(self._direction, alpha=self._length)

    def forget(self) -> None:
        """Take the next loss for another one, not to be compared with the last; keep the pairs."""
        self._base = None

    def _shorten(self, rise: float, slope: float) -> None:
        """Go to the minimum of the cubic through both ends' losses and slopes."""
        length = self._length
        middle = self._slope + slope - 3 * rise / length
        # Never of a negative number: a step began downhill, and rose.
        root = math.sqrt(middle**2 - self._slope * slope)
        lowest = length * (1 - (slope + root - middle) / (slope - self._slope + 2 * root))
        # Neither on the spot nor again where it rose.
        self._length = min(max(lowest, length / 10), length / 2)

    def _remember(self, moved: Tensor, changed: Tensor) -> None:
        product, square = _dot(moved, changed), _dot(changed, changed)
        if product > 1e-10 * square * self._scale:  # the loss is convex along the step
            self._pairs.append((moved, changed, 1 / product))
            del self._pairs[: -self.memory]
            self._scale = product / square

    def _aim(self, grad: Tensor) -> None:
        self._direction = self._ahead(grad)
        self._slope = _dot(self._direction, grad)

    def _ahead(self, grad: Tensor) -> Tensor:
        """Return the direction: the gradient by the inverse of the curvature that is known."""
        if not self._pairs:
            mean = grad.abs().mean().item() or 1.0
            self._scale = self.first / mean / self.rate
        ahead, shares = grad.neg(), []
        for moved, changed, weight in reversed(self._pairs):
            shares.append(weight * _dot(moved, ahead))
            ahead.add_(changed, alpha=-shares[-1])
        ahead.mul_(self._scale)
        for (moved, changed, weight), share in zip(self._pairs, reversed(shares), strict=True):
            ahead.add_(moved, alpha=share - weight * _dot(changed, ahead))
        return ahead


RISE = 0.1
"""Part of the loss by which a step may raise it, and stand.

In bfloat16 the gradient is wrong by a few percent, and near the end every second step raises the
loss a little; taken back, they would cost more than they are worth.
"""

SHORTEST = 1e-3
"""Part of a step below which it stands even if the loss rose: by rounding, then."""


def _dot(a: Tensor, b: Tensor) -> float:
    return torch.dot(a.flatten(), b.flatten()).item()


_USUAL_RATES = {"lbfgs": "1", "adam": "0.02 to 0.05"}


def explain_unchanged(recipe: Recipe) -> str:
    """Say that no step was better than the picture that its scale began with, and what may help."""
    return (
        "no step lowered the loss, the picture is the start image unchanged: the step length "
        f"is probably too long, set learning_rate below {recipe.learning_rate:g} (usual with "
        f"{recipe.optimizer}: {_USUAL_RATES[recipe.optimizer]}), or the style weighs too little, "
        "raise beta"
    )


class RunningMean:
    """A mean over late pictures, each step's share falling by a factor, its bias corrected.

    Against the noise of single steps, above all Adam's (as in Kingma and Ba, ICLR 2015, for
    moments).

    Parameters
    ----------
    decay : float
        0 keeps nothing; 0.9 averages about the last ten.
    """

    def __init__(self, decay: float) -> None:
        self.decay, self._sum, self._weight = decay, None, 0.0

    def add(self, picture: Tensor, *, good: bool = True) -> None:
        """Take in a step's picture, unless it went wrong."""
        if not self.decay or not good:
            return
        if self._sum is None:
            self._sum = torch.zeros_like(picture)
        self._sum = self.decay * self._sum + (1 - self.decay) * picture
        self._weight = self.decay * self._weight + 1 - self.decay

    def value(self, otherwise: Tensor) -> Tensor:
        """Return the mean, or something else where there is none."""
        return otherwise if self._sum is None else self._sum / self._weight


class PictureOptimizer:
    """An optimizer and the tensor that it moves, in the space that the recipe names.

    Parameters
    ----------
    objective : Objective
        What is brought down.
    picture : Tensor, shape (1, 3, H, W)
        To begin with, in [0, 1] or near it.
    recipe : Recipe
        Optimizer, learning rate, space.
    rate : float
        Factor on the learning rate.
    memory : int
        Steps that L-BFGS remembers.
    """

    def __init__(
        self,
        objective: Objective,
        picture: Tensor,
        recipe: Recipe,
        rate: float,
        memory: int = LBFGS_HISTORY,
    ) -> None:
        self.objective, self.space = objective, recipe.space
        start = normalize(picture) if self.space == "normalized" else picture
        # Contiguous for L-BFGS's sums; the network converts to channels last.
        self.x = start.detach().clone().contiguous().requires_grad_()
        self.lbfgs = self.adam = None
        if recipe.optimizer == "lbfgs":
            first = FIRST_MOVE if self.space == "normalized" else FIRST_MOVE * IMAGENET_STD[0]
            self.lbfgs = LBFGS(self.x.detach(), first, recipe.learning_rate * rate, memory)
        else:
            self.adam = torch.optim.Adam([self.x], lr=recipe.learning_rate * rate)

    def picture(self) -> Tensor:
        """Return a copy of the current picture, in [0, 1] or near it."""
        x = self.x.detach()
        return denormalize(x) if self.space == "normalized" else x.clone()

    def turn_to(self, objective: Objective) -> None:
        """Go on under another objective; what L-BFGS knows of the curvature is kept."""
        self.objective = objective
        if self.lbfgs:
            self.lbfgs.forget()

    def step(self) -> tuple[Tensor, list[float]]:
        """Evaluate the picture, move it, and return what was evaluated with its loss terms."""
        evaluated = self.picture()
        self.x.grad = None
        x = self.x if self.space == "normalized" else normalize(self.x)
        total, terms = self.objective(x)
        total.backward()
        values = terms.tolist()
        if self.lbfgs:
            self.lbfgs.step(values[0], self.x.grad)
        else:
            self.adam.step()
        return evaluated, values
