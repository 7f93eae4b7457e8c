"""What of a style image is to be matched: one class for each `Recipe.style_statistic`.

A statistic learns the style images' activations once, then turns a picture's into loss terms. It
is shown one layer after the other, as the network yields them; what needs only that layer is
computed at once (see `Backbone.read`), what needs several waits for the last.
"""

from .config import Recipe
from .guidance import Guide
from .layer_statistics import GaussianWasserstein, GramAndMoments, GramMatrices, SlicedWasserstein
from .neighbor_statistics import EarthMover, Hypercolumns, Neighbors

STATISTICS = {
    "gram": GramMatrices,
    "gram_moments": GramAndMoments,
    "neighbors": Neighbors,
    "hypercolumns": Hypercolumns,
    "earth_mover": EarthMover,
    "gaussian_wasserstein": GaussianWasserstein,
    "sliced_wasserstein": SlicedWasserstein,
}
"""By the value of `Recipe.style_statistic`."""

StyleStatistic = GramMatrices | Neighbors | EarthMover


def style_statistic(
    recipe: Recipe, layers: list[str], guide: Guide | None = None
) -> StyleStatistic:
    """Return the statistic that a recipe names, to be shown a style image; of a part, or of all."""
    return STATISTICS[recipe.style_statistic](recipe, layers, guide)
