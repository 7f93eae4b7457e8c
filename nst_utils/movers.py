"""Optimizers that move a picture: one evaluation a step, in the space that a recipe names."""

import torch
from torch import Tensor

from .config import Recipe
from .features import denormalize, normalize
from .objective import Objective
from .registry import IMAGENET_STD

LBFGS_GAIN = 1e3
"""L-BFGS sees the loss times this: torch drops curvature below 1e-10, which small losses have."""

LBFGS_HISTORY = 20

FIRST_MOVE = 0.03
"""How far L-BFGS's first step moves a pixel on average, in normalized units (0.007 of the range).

torch divides the first gradient by its sum over all pixels, which moves nothing and measures the
curvature over next to no distance; with this length a run saves a step a scale, and starts more
calmly.
"""


class Mover:
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
        # torch's L-BFGS wants a contiguous parameter; the network converts to channels last.
        self.x = start.detach().clone().contiguous().requires_grad_()
        self.lbfgs = recipe.optimizer == "lbfgs"
        if self.lbfgs:
            # One evaluation a step and no line search; the tolerances would stop a run early.
            first = FIRST_MOVE if self.space == "normalized" else FIRST_MOVE * IMAGENET_STD[0]
            self.rate = recipe.learning_rate * rate
            self.optimizer = torch.optim.LBFGS(
                [self.x],
                lr=self.rate * first * self.x.numel(),
                max_iter=1,
                history_size=memory,
                tolerance_grad=0,
                tolerance_change=0,
            )
        else:
            self.optimizer = torch.optim.Adam([self.x], lr=recipe.learning_rate * rate)

    def picture(self) -> Tensor:
        """Return a copy of the current picture, in [0, 1] or near it."""
        x = self.x.detach()
        return denormalize(x) if self.space == "normalized" else x.clone()

    def step(self) -> tuple[Tensor, list[float]]:
        """Evaluate the picture, move it, and return what was evaluated with its loss terms."""
        evaluated = self.picture()
        found: list[Tensor] = []

        def closure() -> Tensor:
            self.optimizer.zero_grad()
            x = self.x if self.space == "normalized" else normalize(self.x)
            total, terms = self.objective(x)
            scaled = total * LBFGS_GAIN if self.lbfgs else total
            scaled.backward()
            found.append(terms)
            return scaled

        self.optimizer.step(closure)
        if self.lbfgs:
            self.optimizer.param_groups[0]["lr"] = self.rate
        return evaluated, found[0].tolist()
