"""One step: evaluate the picture, compute the gradient of its pixels, move them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ..images.tensors import IMAGENET_STD, denormalize, normalize
from .config import Recipe
from .losses.term import joined, under
from .memory import Plan
from .objective import Objective
from .optimizers import OPTIMIZERS
from .state import CheckpointError

MOST_NUMBERS = 1000
"""Single numbers that an optimizer may remember, in one tensor."""

WHOLE = Plan()


class Descent:
    """A picture, its objective, and the optimizer that moves it in the space of the recipe.

    Parameters
    ----------
    objective : Objective
        What is minimized; it may be replaced between two steps.
    picture : Tensor, shape (1, 3, H, W)
        The start, in [0, 1] or near it.
    recipe : Recipe
        Optimizer, learning rate, space.
    rate : float
        Factor on the learning rate.
    plan : Plan
        What the optimizer may remember.
    """

    def __init__(
        self,
        objective: Objective,
        picture: Tensor,
        recipe: Recipe,
        rate: float = 1.0,
        plan: Plan = WHOLE,
    ) -> None:
        self.objective, self.space = objective, recipe.space
        start = normalize(picture) if self.space == "normalized" else picture
        # Contiguous for L-BFGS's sums; the network converts to channels last.
        self.x = start.detach().clone().contiguous().requires_grad_()
        unit = 1.0 if self.space == "normalized" else IMAGENET_STD[0]
        kind = OPTIMIZERS[recipe.optimizer]
        self.optimizer = kind(self.x.detach(), recipe.learning_rate * rate, unit)
        self.optimizer.memory = min(kind.memory, plan.pairs)
        self.optimizer.narrow = plan.narrow

    def picture(self) -> Tensor:
        """Return a copy of the current picture, in [0, 1] or near it."""
        x = self.x.detach()
        return denormalize(x) if self.space == "normalized" else x.clone()

    def step(self) -> tuple[Tensor, float, dict[str, float]]:
        """Evaluate the picture and move it; return what was evaluated, its loss and its terms."""
        evaluated = self.picture()
        self.x.grad = None
        x = self.x if self.space == "normalized" else normalize(self.x)
        total, terms = self.objective(x)
        total.backward()
        loss, *values = torch.stack([total.detach(), *terms.values()]).tolist()
        self.optimizer.step(loss, self.x.grad)
        return evaluated, loss, dict(zip(terms, values, strict=True))

    def state_dict(self) -> dict[str, Tensor]:
        """Return the picture, and what optimizer and terms remember."""
        parts = {"optimizer/": self.optimizer, "term/": self.objective}
        return {"x": self.x.detach(), **joined(parts)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back picture and optimizer; the terms take theirs when the objective is made.

        A tensor that is missing or has another shape raises KeyError or `CheckpointError`.
        """
        own = under("optimizer/", state)
        for name, tensor in {"x": state["x"], **own}.items():
            single = tensor.ndim < 2 and tensor.numel() <= MOST_NUMBERS
            narrow = self.optimizer.narrow and tensor.dtype == torch.bfloat16
            form = torch.bfloat16 if narrow and name != "x" else self.x.dtype
            if not single and (tensor.shape, tensor.dtype) != (self.x.shape, form):
                raise CheckpointError(
                    f"the checkpoint holds {name} of shape {tuple(tensor.shape)}, {tensor.dtype}, "
                    f"but the picture has {tuple(self.x.shape)}, {form}"
                )
            if not tensor.isfinite().all():
                raise CheckpointError(f"the checkpoint holds {name} with numbers not finite")
        with torch.no_grad():
            self.x.copy_(state["x"])
        self.optimizer.load_state_dict(
            {k: t.to(self.x.device) if t.ndim > 1 else t for k, t in own.items()}
        )
