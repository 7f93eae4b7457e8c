"""Style statistics layer by layer: Gram matrices, moments, Wasserstein distances."""

from typing import Any

from torch import Tensor

from . import losses, transport
from .config import Recipe
from .guidance import Guide, guided_gram, guided_moments, rows_inside
from .neighbors import rows_of

DIRECTIONS = 64
"""Along which activations are projected, at most; half as many as channels where there are few."""

QUANTILES = 1024
"""Levels at which sorted projections are compared."""


class GramMatrices:
    """Gram matrices, or what `Recipe.gram` names in their place (Gatys et al., CVPR 2016)."""

    rotations = (0,)
    queries = False

    def __init__(self, recipe: Recipe, layers: list[str], guide: Guide | None = None) -> None:
        self.recipe, self.terms, self.guide = recipe, tuple(layers), guide
        self._targets: dict[str, Any] = {}
        self._energies: dict[str, Tensor] = {}

    def learn(
        self,
        name: str,
        features: Tensor,
        image: Tensor,
        positions: float,
        guide: Guide | None = None,
        weight: float = 1.0,
    ) -> None:
        """Take in a layer of a style image; the picture has `positions` of it.

        Of several styles the statistics are added up, each by its weight.
        """
        self._add(name, weight, *self._statistics(features, positions, guide))

    def _statistics(
        self, features: Tensor, positions: float, guide: Guide | None
    ) -> tuple[Tensor, ...]:
        """Return what of a style's layer is matched.

        A sum over positions is brought to as many as the picture has.
        """
        weights = guide.at(features) if guide else None
        matrix = guided_gram(features, weights, self.recipe.gram)
        if self.recipe.gram == "sum":
            own = weights.sum() if guide else features[0, 0].numel()
            matrix = matrix * (positions / own)
        return (matrix,)

    def _add(self, name: str, weight: float, *tensors: Tensor) -> None:
        """Add a style's statistics, by its weight, to those of the others."""
        if weight != 1:
            tensors = tuple(weight * tensor for tensor in tensors)
        if name in self._targets:
            tensors = tuple(a + b for a, b in zip(self._targets[name], tensors, strict=True))
        self._targets[name] = tensors

    def ready(self) -> None:
        """Go over from styles to the picture."""
        for name, (matrix,) in self._targets.items():
            self._energies[name] = losses.mean_square(matrix)

    def see(self, name: str, features: Tensor, image: Tensor) -> Tensor:
        """Take in a layer of the picture; return what `losses` is to be given of it."""
        weights = self.guide.at(features) if self.guide else None
        return losses.style_loss(
            guided_gram(features, weights, self.recipe.gram),
            self._targets[name][0],
            features[0, 0].numel(),
            self.recipe.loss,
            self._energies[name],
        )

    def losses(self, seen: dict[str, Tensor], image: Tensor) -> list[Tensor]:
        """Return the loss terms of the picture, in the order of `terms`."""
        return [seen[name] for name in self.terms]


class GramAndMoments(GramMatrices):
    """Gram matrices beside each channel's mean and deviation (Galerne et al., SPST, 2022).

    The loss of a layer is the mean of both, so that ``beta`` keeps its meaning; the paper weighs
    them by constants of its network's scale.
    """

    def _statistics(
        self, features: Tensor, positions: float, guide: Guide | None
    ) -> tuple[Tensor, ...]:
        moments = guided_gram(features, guide.at(features) if guide else None, "moments")
        return *super()._statistics(features, positions, guide), moments

    def ready(self) -> None:
        """Take the energies of both."""
        for name, targets in self._targets.items():
            self._energies[name] = tuple(map(losses.mean_square, targets))

    def see(self, name: str, features: Tensor, image: Tensor) -> Tensor:
        """Return the layer's loss."""
        weights = self.guide.at(features) if self.guide else None
        terms = [
            losses.style_loss(
                guided_gram(features, weights, variant), target, features[0, 0].numel(),
                self.recipe.loss, energy,
            )
            for variant, target, energy in zip(
                (self.recipe.gram, "moments"), self._targets[name], self._energies[name],
                strict=True,
            )
        ]  # fmt: skip
        return sum(terms) / 2


class GaussianWasserstein(GramMatrices):
    """The Wasserstein distance of Gaussians, over the style's mean square; layer by layer."""

    def _moments(self, features: Tensor, guide: Guide | None) -> tuple[Tensor, Tensor]:
        rows = rows_of(features).float()
        moments = guided_moments(rows, guide.at(features).flatten()) if guide else None
        return transport.gaussian_moments(rows, moments)

    def _statistics(
        self, features: Tensor, positions: float, guide: Guide | None
    ) -> tuple[Tensor, ...]:
        return self._moments(features, guide)

    def ready(self) -> None:
        """Take the roots of the covariances."""
        for name, (mean, spread) in self._targets.items():
            self._energies[name] = mean.square().sum() + spread.trace()
            self._targets[name] = mean, transport.matrix_root(spread)

    def see(self, name: str, features: Tensor, image: Tensor) -> Tensor:
        """Return the layer's distance."""
        mean, spread = self._moments(features, self.guide)
        distance = transport.gaussian_wasserstein(mean, spread, *self._targets[name])
        return distance / self._energies[name]


class SlicedWasserstein(GramMatrices):
    """The sliced Wasserstein distance, over the style's mean square; layer by layer.

    At most `DIRECTIONS`, the same for the whole run; Heitz et al. draw new ones at every
    step, which L-BFGS could not follow.
    """

    def _along(self, rows: Tensor) -> Tensor:
        count = min(rows.shape[1] // 2, DIRECTIONS)
        return transport.directions(count, rows.shape[1], self.recipe.seed).to(rows.device)

    def _statistics(
        self, features: Tensor, positions: float, guide: Guide | None
    ) -> tuple[Tensor, ...]:
        # Of several styles the quantiles are added up: a barycenter.
        rows = rows_inside(features, guide).float()
        return (transport.quantiles(rows, self._along(rows), QUANTILES),)

    def ready(self) -> None:
        """Take the mean squares of the quantiles."""
        for name, (goal,) in self._targets.items():
            self._energies[name] = goal.square().mean()

    def see(self, name: str, features: Tensor, image: Tensor) -> Tensor:
        """Return the layer's distance."""
        rows, (goal,) = rows_inside(features, self.guide).float(), self._targets[name]
        return transport.sliced_wasserstein(rows, goal, self._along(rows)) / self._energies[name]
