"""Optimizers for one tensor: one evaluation of loss and gradient a step.

To add one, write its class here and add it to `OPTIMIZERS`. This file imports torch inside
functions only, so that a recipe can list the optimizers without it.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

LBFGS_HISTORY = 20

FIRST_MOVE = 0.03
"""How far L-BFGS's first step moves a pixel on average, in normalized units (0.007 of the range).

The gradient says nothing of the distance. With this one a run saves a step a scale against moves
too small to change anything, and starts more calmly.
"""


class Optimizer(Protocol):
    """What every optimizer offers.

    Parameters
    ----------
    x : Tensor
        What it moves, in place. Contiguous.
    rate : float
        Step length, as a factor.
    unit : float
        Length of one unit of a normalized picture in the space of `x`.

    Attributes
    ----------
    rates : tuple of float
        Usual values of ``learning_rate``: the lowest, which becomes the rate where the optimizer is
        changed, and the highest.
    memory : int
        How many earlier steps it remembers at most, two tensors of the picture's size for each. A
        run in little memory lowers it.
    narrow : bool
        It remembers them in bfloat16: half the memory. A run sets it.
    """

    rates: tuple[float, float]
    memory: int
    narrow: bool

    def __init__(self, x: "Tensor", rate: float, unit: float = 1.0) -> None: ...

    def step(self, loss: float, grad: "Tensor") -> None:
        """Move on from where the loss and its gradient were evaluated; `grad` may be kept."""

    def state_dict(self) -> "dict[str, Tensor]":
        """Return all that it remembers, as tensors.

        A tensor has the picture's shape and number format, or is a list of at most 1,000 numbers,
        best in float64. A checkpoint with other tensors is refused.
        """

    def load_state_dict(self, state: "Mapping[str, Tensor]") -> None:
        """Take back what `state_dict` returned, so that the next step is exactly the same."""


class LBFGS:
    """L-BFGS without a line search: a step that raised the loss is taken again, shorter.

    Every call of `step` asks for one more evaluation. A step stands if it lowered the loss, as
    nearly all do, or raised it by no more than `RISE`. torch's own L-BFGS either takes every step,
    or, called once for each step with its line search, evaluates at least twice. Where the style
    weighs much, steps without a check raise the loss a thousandfold (``benchmark/NOTES.md``).

    References
    ----------
    Nocedal and Wright, "Numerical Optimization", 2006, algorithm 7.4 and equation 3.59. Steps that
    may raise the loss: Grippo, Lampariello and Lucidi, "A Nonmonotone Line Search Technique for
    Newton's Method", SIAM Journal on Numerical Analysis 23, 1986.
    """

    rates, memory, narrow = (1.0, 1.0), LBFGS_HISTORY, False

    def __init__(self, x: "Tensor", rate: float, unit: float = 1.0) -> None:
        self.x, self.first, self.rate = x, FIRST_MOVE * unit, rate
        self._pairs: list[tuple[Tensor, Tensor, float]] = []  # s, y, 1 / (s . y)
        self._scale = 0.0
        # Where the last step began that stood: position, loss, gradient.
        self._base: tuple[Tensor, float, Tensor] | None = None
        self._direction, self._length, self._slope = x, 0.0, 0.0

    def step(self, loss: float, grad: "Tensor") -> None:
        """Move on from where the loss and its gradient were evaluated; the gradient is kept."""
        if self._base is not None:
            before, least, old = self._base
            if loss > (1 + RISE) * least and self._length > SHORTEST * self.rate:
                self._shorten(loss - least, _dot(self._direction, grad))
                self.x.copy_(before).add_(self._direction, alpha=self._length)
                return
            self._remember(self._direction * self._length, grad - old)
        self._base = self.x.clone(), loss, grad
        self._aim(grad)
        if self._slope >= 0:  # not downhill: the remembered pairs are of no use
            self._pairs.clear()
            self._aim(grad)
        self._length = self.rate
        self.x.add_(self._direction, alpha=self._length)

    def state_dict(self) -> "dict[str, Tensor]":
        """Return position and gradient of the last step that stood, and the remembered pairs."""
        import torch

        if self._base is None:
            return {}
        before, least, grad = self._base
        numbers = [least, self._length, self._slope, self._scale, *(p[2] for p in self._pairs)]
        state = {"base": before, "grad": grad, "direction": self._direction}
        for i, (moved, changed, _) in enumerate(self._pairs):
            state |= {f"moved.{i}": moved, f"changed.{i}": changed}
        # In float64, which holds Python's numbers exactly.
        return state | {"numbers": torch.tensor(numbers, dtype=torch.float64)}

    def load_state_dict(self, state: "Mapping[str, Tensor]") -> None:
        """Take back what `state_dict` returned."""
        if not state:
            return
        least, self._length, self._slope, self._scale, *weights = state["numbers"].tolist()
        self._base = state["base"], least, state["grad"]
        self._direction = state["direction"]
        self._pairs = [
            (state[f"moved.{i}"], state[f"changed.{i}"], w) for i, w in enumerate(weights)
        ]

    def _shorten(self, rise: float, slope: float) -> None:
        """Go to the minimum of the cubic through both ends' losses and slopes."""
        length = self._length
        middle = self._slope + slope - 3 * rise / length
        # Never of a negative number: a step began downhill, and rose.
        root = math.sqrt(middle**2 - self._slope * slope)
        lowest = length * (1 - (slope + root - middle) / (slope - self._slope + 2 * root))
        # Neither on the spot nor again where it rose.
        self._length = min(max(lowest, length / 10), length / 2)

    def _remember(self, moved: "Tensor", changed: "Tensor") -> None:
        if self.narrow:
            moved, changed = moved.bfloat16(), changed.bfloat16()
        product, square = _dot(moved, changed), _dot(changed, changed)
        if product > 1e-10 * square * self._scale:  # the loss is convex along the step
            self._pairs.append((moved, changed, 1 / product))
            del self._pairs[: -self.memory]
            self._scale = product / square

    def _aim(self, grad: "Tensor") -> None:
        self._direction = self._ahead(grad)
        self._slope = _dot(self._direction, grad)

    def _ahead(self, grad: "Tensor") -> "Tensor":
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
"""Largest relative rise of the loss after which a step is still accepted.

In bfloat16 the gradient is wrong by a few percent, and near the end every second step raises the
loss a little. To repeat these steps would cost more than it gains.
"""

SHORTEST = 1e-3
"""Length, over the learning rate, down to which a step that raised the loss is shortened. A shorter
step is accepted: the rise is then rounding."""


class Adam:
    """Adam, torch's own (Kingma and Ba, ICLR 2015)."""

    rates, memory, narrow = (0.02, 0.05), 1, False

    def __init__(self, x: "Tensor", rate: float, unit: float = 1.0) -> None:
        import torch

        self.x = x
        self._adam = torch.optim.Adam([x], lr=rate)

    def step(self, loss: float, grad: "Tensor") -> None:
        """Move on; see `Optimizer`."""
        self.x.grad = grad
        self._adam.step()

    def state_dict(self) -> "dict[str, Tensor]":
        """Return the step count and both moments."""
        return dict(self._adam.state.get(self.x, {}))

    def load_state_dict(self, state: "Mapping[str, Tensor]") -> None:
        """Take back what `state_dict` returned."""
        if state:
            self._adam.state[self.x] = dict(state)


OPTIMIZERS: dict[str, type[Optimizer]] = {"lbfgs": LBFGS, "adam": Adam}
"""By the value of `Recipe.optimizer`."""


def _dot(a: "Tensor", b: "Tensor") -> float:
    a, b = (t.float() if t.itemsize == 2 else t for t in (a, b))
    return a.flatten().dot(b.flatten()).item()


class RunningMean:
    """An exponential moving average of the pictures of all steps, its bias corrected.

    It evens out the noise of single steps, above all Adam's (as Kingma and Ba, ICLR 2015, do for
    moments). A decay of 0 keeps nothing; 0.9 averages about the last ten.
    """

    def __init__(self, decay: float) -> None:
        self.decay, self.sum, self.weight = decay, None, 0.0

    def add(self, picture: "Tensor") -> None:
        """Take in a step's picture."""
        if not self.decay:
            return
        before = 0.0 if self.sum is None else self.decay * self.sum
        self.sum = before + (1 - self.decay) * picture
        self.weight = self.decay * self.weight + 1 - self.decay

    def value(self, otherwise: "Tensor") -> "Tensor":
        """Return the mean, or something else where there is none."""
        return otherwise if self.sum is None else self.sum / self.weight
