"""The total loss of a picture: a weighted sum of named terms, for one style and one content."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from ..errors import brief
from .fields import RecipeError
from .losses import load_loss
from .losses.picture import TotalVariation
from .losses.term import LayerMask, StyleTerm, Term, joined, under
from .style import Style, evaluated, learns_of
from .tiles import Tiles, known, take_in, taker

QUERY = 0.25
"""Share of the start picture in the mixture with the content that hypercolumns are matched to."""


class Objective:
    """The total loss of a recipe for one style and one content image at one size.

    Parameters
    ----------
    style : Style
        What was learned of the style pictures, with the network and the recipe.
    content : Tensor, shape (n, 3, H, W)
        ImageNet-normalized. n is 1, except while a network is trained.
    picture : Tensor, shape (1, 3, H, W), optional
        ImageNet-normalized: what the scale begins with; the content image when left out.
    factor : float
        Multiplies alpha; see `Recipe.coarse_content`.
    weights : Tensor, shape (1, 1, H, W), optional
        How much each pixel counts in the content loss; see `Recipe.content_mask`.
    state : mapping of str to Tensor, optional
        What `state_dict` returned, to go on from there.

    Attributes
    ----------
    recipe : Recipe
        Its weights hold; it may be replaced by one that `Style.fits`.
    terms : dict of str to Term
        By name, in the order of the sum: ``content``, ``style/…``, ``tv``, further ones.
    """

    def __init__(
        self,
        style: Style,
        content: Tensor,
        picture: Tensor | None = None,
        factor: float = 1.0,
        weights: Tensor | None = None,
        state: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.style, self.recipe, self.factor = style, style.recipe, factor
        self.content = load_loss(self.recipe.content_statistic)(self.recipe, weights)
        self.styles = _place(style)
        # Content first: its layer may be a style layer, too.
        listed = [self.content, *self.styles, TotalVariation(), *style.further]
        self.terms: dict[str, Term] = {term.name: term for term in listed}
        with torch.no_grad():
            learning = [term for term in listed if learns_of(term) == "content"]
            style.show(learning, content)
            if state is not None:
                self.load_state_dict(state)
            elif self.styles[0].queries:
                query = content if picture is None else content.lerp(picture, QUERY)
                for term, features in style.evaluated(self.styles, query):
                    term.match(features, query)

    @property
    def weights(self) -> dict[str, float]:
        """What each term is multiplied by in the total."""
        shares = self.recipe.style_shares([term.name for term in self.styles])
        further = {
            term.name: float(self.recipe.terms.get(term.name, getattr(term, "weight", 1.0)))
            for term in self.style.further
        }
        return {
            "content": self.recipe.alpha * self.factor,
            **{name: self.recipe.beta * share for name, share in shares.items()},
            "tv": self.recipe.tv,
            **further,
        }

    def __call__(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Evaluate a picture.

        Parameters
        ----------
        x : Tensor, shape (n, 3, H, W)
            ImageNet-normalized, of the content's shape. n is 1, except while a network is trained.

        Returns
        -------
        total : Tensor, scalar
            The weighted sum of the terms, with its graph.
        values : dict of str to Tensor
            Each term before its weight, detached, by name.
        """
        tiles = self.style.tiles(self.terms.values(), x)
        if tiles is not None:
            return self._by_tiles(x, tiles)
        return self._total(
            {
                term.name: term(features, x)
                for term, features in evaluated(list(self.terms.values()), self.style.read, x)
            }
        )

    def _total(self, values: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum of the terms, and the terms detached."""
        recipe = self.recipe
        for term in self.style.further:
            if not isinstance(value := values[term.name], Tensor) or value.ndim:
                raise RecipeError(
                    f"the term {term.name} must return its loss as a tensor with one number and no "
                    f"dimension, not {brief(value)}"
                )
        parts = torch.stack([values[term.name] for term in self.styles])
        shares = parts.new_tensor([recipe.style_weight(term.name) for term in self.styles])
        style = (shares * parts).sum()
        if recipe.loss == "relative":
            # A mean over layers: beta then means the same for any number of them.
            style = style / shares.sum()
        content = recipe.alpha * self.factor * values["content"]
        total = content + recipe.beta * style + recipe.tv * values["tv"]
        weights = self.weights
        for term in self.style.further:
            total = total + weights[term.name] * values[term.name]
        return total, {name: values[name].detach() for name in self.terms}

    def _by_tiles(self, x: Tensor, tiles: Tiles) -> tuple[Tensor, dict[str, Tensor]]:
        """Evaluate a picture in tiles; the gradient is computed at once. See `tiles`."""
        singles = [part for term in self.terms.values() for part in _singles(term)]
        takers = {id(term): taker(term, tiles) for term in singles if term.layers}
        takings = list(takers.values())
        take_in(takings, evaluated, self.style.read, x.detach(), tiles)
        image = x.detach().requires_grad_()
        leaves = [one.free() for one in takings]

        def loss(term: Term) -> Tensor:
            if id(term) in takers:
                return takers[id(term)].loss(image)
            with torch.set_grad_enabled(self.weights[term.name] != 0):
                return term({}, image)

        total, values = self._total({name: _value(t, loss) for name, t in self.terms.items()})
        if not total.requires_grad:
            return total, values
        inputs = [image, *(leaf for each in leaves for leaf in each.values())]
        gradient, *pulls = torch.autograd.grad(total, inputs, allow_unused=True)
        rest = iter(pulls)
        for one, each in zip(takings, leaves, strict=True):
            one.pulls = {name: g for name in each if (g := next(rest)) is not None}
        gradient = torch.zeros_like(image) if gradient is None else gradient
        for tile in tiles:
            part = tile.of(x.detach()).clone().requires_grad_()
            pulled = [one.pull(f, tile) for one, f in evaluated(takings, self.style.read, part)]
            (own,) = torch.autograd.grad(sum(pulled), part)
            tile.of(gradient).add_(own)
        return known(x, total.detach(), gradient), values

    def state_dict(self) -> dict[str, Tensor]:
        """Return what the terms remember from step to step, by ``name:entry``."""
        return joined({f"{name}:": term for name, term in self.terms.items()})

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state_dict` returned."""
        for name, term in self.terms.items():
            if own := under(f"{name}:", state):
                term.load_state_dict(own)


def _singles(term: "Term | _Shared") -> list[Term]:
    return [part for _, part in term.parts] if isinstance(term, _Shared) else [term]


def _value(term: "Term | _Shared", loss: Callable[[Term], Tensor]) -> Tensor:
    if isinstance(term, _Shared):
        return sum(share * loss(part) for share, part in term.parts)
    return loss(term)


class _Shared:
    """Style terms of one name: of several regions, or of styles that cannot be added up."""

    def __init__(self, parts: Sequence[tuple[float, StyleTerm]]) -> None:
        self.parts, first = parts, parts[0][1]
        self.name, self.layers, self.queries = first.name, first.layers, first.queries

    def match(self, features: Mapping[str, Tensor], image: Tensor) -> None:
        for _, term in self.parts:
            term.match(features, image)

    def __call__(self, features: Mapping[str, Tensor], image: Tensor) -> Tensor:
        return sum(share * term(features, image) for share, term in self.parts)

    def state_dict(self) -> dict[str, Tensor]:
        return joined({f"{i}.": term for i, (_, term) in enumerate(self.parts)})

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        for i, (_, term) in enumerate(self.parts):
            if own := under(f"{i}.", state):
                term.load_state_dict(own)


def _place(style: Style) -> list[StyleTerm | _Shared]:
    """Return the style terms for one content, each region under its mask.

    A region's loss is weighted by its area. The gradient of a pixel is then as strong as in a
    picture that has this style everywhere.
    """
    masks = [region.mask for region in style.regions]
    guides = [None if mask is None else LayerMask(mask) for mask in masks]
    areas = [1.0 if mask is None else mask.mean().item() for mask in masks]
    columns = [
        [
            (areas[part.region] * part.weight / part.total, term.under(guides[part.region]))
            for term in part.terms
        ]
        for part in style.parts
    ]
    named = [list(row) for row in zip(*columns, strict=True)]
    if len(columns) == 1 and named[0][0][0] == 1:
        return [row[0][1] for row in named]
    return [_Shared(row) for row in named]
