"""Style statistics position by position: nearest neighbors, hypercolumns, the earth mover."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from . import transport
from .config import Recipe
from .guidance import Guide, rows_inside
from .neighbors import cosine_distance, nearest, rows_of, unit_rows

STALE_AFTER = 5
"""Evaluations after which neighbors are looked for again.

In between every position keeps its match, and L-BFGS a loss that does not change under it. What is
matched again is nearer, but for what centering and the other positions of shallow blocks change.
"""

SAMPLES = 1024
"""Positions of the picture that the earth mover compares; twice as many of the style."""

MOST_POSITIONS = 16_384
"""Of a block, that are matched at a time: every second or fourth one in shallow blocks."""

HYPERCOLUMN_STRIDE = 4
"""Pixels between two hypercolumns."""

DECORRELATED = ((0.5774, 0.5774, 0.5774), (-0.5774, 0.7887, -0.2113), (-0.5774, -0.2113, 0.7887))
"""Rotation of RGB whose first axis is lightness; each row is an axis."""


class Neighbors:
    """Cosine distance to the nearest style vectors, block by block (NNFM; ARF, ECCV 2022).

    The layers of one resolution are put side by side and matched together, each times its weight.
    """

    rotations = (0,)
    queries = False
    centered = True
    most = MOST_POSITIONS

    def __init__(self, recipe: Recipe, layers: list[str], guide: Guide | None = None) -> None:
        self._seed, self.guide = recipe.seed, guide
        self._weights = {name: recipe.style_layers[name] for name in layers}
        self._blocks = self._grouped(layers)
        self.terms = tuple("+".join(names) for names in self._blocks)
        self._bank: dict[str, list[Tensor]] = {}
        self._maps: dict[str, Tensor] = {}
        self._random = torch.Generator().manual_seed(recipe.seed)
        self._kept: dict[str, tuple[slice, slice]] = {}
        self._evaluations = 0

    def _grouped(self, layers: list[str]) -> list[list[str]]:
        """Return the layers block by block: ``relu3_1`` and ``relu3_2`` have one resolution."""
        blocks: dict[str, list[str]] = {}
        for name in layers:
            blocks.setdefault(name.split("_")[0].split(".")[0], []).append(name)
        return list(blocks.values())

    def _scaled(self, name: str, features: Tensor, image: Tensor) -> Tensor:
        """Return a layer as it is compared: its weight by the root of its channels."""
        return features * (self._weights[name] / features.shape[1] ** 0.5)

    def learn(
        self,
        name: str,
        features: Tensor,
        image: Tensor,
        positions: float,
        guide: Guide | None = None,
    ) -> None:
        """Take in a layer of the style image, or of one of its rotations."""
        rows = rows_inside(self._scaled(name, features, image), guide)
        if len(rows) > self.most:
            # The same ones in every layer of a block.
            drawn = torch.Generator().manual_seed(self._seed)
            rows = rows[torch.randperm(len(rows), generator=drawn)[: self.most]]
        self._bank.setdefault(name, []).append(rows)

    def ready(self) -> None:
        """Nothing is to be made ready."""

    def see(self, name: str, features: Tensor, image: Tensor) -> Tensor:
        """Return the layer as it is compared."""
        return self._scaled(name, features, image)

    def _match(self, names: list[str], seen: dict[str, Tensor]) -> None:
        """Find every position's style vector by what is seen now; which ones, is drawn."""
        height, width = seen[names[0]].shape[2:]
        step = math.ceil(math.sqrt(height * width / self.most))
        offsets = torch.randint(step, (2,), generator=self._random).tolist()
        kept = tuple(
            slice(min(o, side - 1), None, step)
            for o, side in zip(offsets, (height, width), strict=True)
        )
        self._kept |= dict.fromkeys(names, kept)
        seen = {name: self._thinned(name, seen[name]) for name in names}
        queries = unit_rows([rows_of(seen[name]) for name in names], centered=self.centered)
        bank = unit_rows([torch.cat(self._bank[name]) for name in names], centered=self.centered)
        index = nearest(queries, bank)
        del queries, bank
        for name in names:
            shape = seen[name].shape
            rows = torch.cat(self._bank[name])[index]
            self._maps[name] = rows.T.reshape(1, -1, *shape[2:]).contiguous()

    def _thinned(self, name: str, features: Tensor) -> Tensor:
        return features[..., *self._kept[name]]

    def losses(self, seen: dict[str, Tensor], image: Tensor) -> list[Tensor]:
        """Return a term for each block."""
        if self._evaluations % STALE_AFTER == 0:
            with torch.no_grad():
                for names in self._blocks:
                    self._match(names, seen)
        self._evaluations += 1
        return [self._distance(names, seen) for names in self._blocks]

    def _distance(self, names: list[str], seen: dict[str, Tensor]) -> Tensor:
        dot = square = goal = 0.0
        for name in names:
            own, wanted = self._thinned(name, seen[name]).float(), self._maps[name].float()
            dot = dot + (own * wanted).sum(dim=1)
            square = square + own.square().sum(dim=1)
            goal = goal + wanted.square().sum(dim=1)
        if self.guide is None:
            return cosine_distance(dot, square, goal)
        weights = self._thinned(names[0], self.guide.at(seen[names[0]]))[:, 0]
        return cosine_distance(dot, square, goal, weights)


class Hypercolumns(Neighbors):
    """All layers side by side at a quarter of the size, each position matched once (NNST).

    Matched is a query: a quarter the picture as its scale begins, the rest the content. The style
    image is read upright and turned by 90, 180 and 270 degrees (Kolkin et al., arXiv 2203.13215).
    """

    rotations = (0, 1, 2, 3)
    queries = True
    most = 2**20  # all

    def __init__(self, recipe: Recipe, layers: list[str], guide: Guide | None = None) -> None:
        super().__init__(recipe, layers, guide)
        self.terms = ("hypercolumns",)

    def _grouped(self, layers: list[str]) -> list[list[str]]:
        return [layers]

    def _scaled(self, name: str, features: Tensor, image: Tensor) -> Tensor:
        """Return a layer at the hypercolumns' places, its weight by its channels."""
        size = [max(1, side // HYPERCOLUMN_STRIDE) for side in image.shape[-2:]]
        if features.shape[-1] > size[1]:
            features = functional.adaptive_avg_pool2d(features, size)
        elif list(features.shape[-2:]) != size:
            features = functional.interpolate(
                features, size=size, mode="bilinear", align_corners=False
            )
        return features * (self._weights[name] / features.shape[1])

    def match(self, seen: dict[str, Tensor]) -> None:
        """Fix every position's match by a query."""
        self._match(self._blocks[0], seen)
        self._bank.clear()

    def losses(self, seen: dict[str, Tensor], image: Tensor) -> list[Tensor]:
        """Return the one term."""
        return [self._distance(self._blocks[0], seen)]


class EarthMover:
    """The relaxed earth mover's distance of hypercolumns, their moments, and the palette (STROTSS).

    Compared are `SAMPLES` positions of the picture with twice as many of the style, drawn anew
    every `STALE_AFTER` evaluations.
    """

    rotations = (0,)
    queries = False
    terms = ("earth mover", "moments", "palette")

    def __init__(self, recipe: Recipe, layers: list[str], guide: Guide | None = None) -> None:
        self._weights = {name: recipe.style_layers[name] for name in layers}
        self.guide = guide
        self._random = torch.Generator().manual_seed(recipe.seed)
        self._bank: dict[str, Tensor] = {}
        self._moments: dict[str, tuple[Tensor, Tensor]] = {}
        self._places: Tensor | None = None
        self._evaluations = 0

    def _draw(self, count: int, guide: Guide | None) -> Tensor:
        """Return random places, (count, 2), from 0 to 1; inside a mask, where there is one."""
        places = torch.rand(count, 2, generator=self._random)
        if guide is None:
            return places
        mask = guide.mask[0, 0].cpu()
        drawn = torch.multinomial(mask.flatten(), count, replacement=True, generator=self._random)
        rows, columns = drawn // mask.shape[1], drawn % mask.shape[1]
        return (torch.stack([rows, columns], dim=1) + places) / torch.tensor(mask.shape)

    def _sample(self, name: str, features: Tensor, places: Tensor) -> Tensor:
        """Return a layer's positions nearest to some places, as rows, times its weight."""
        height, width = features.shape[-2:]
        index = (places[:, 0] * height).long() * width + (places[:, 1] * width).long()
        # `index_select`: indexing with brackets has a slow gradient.
        rows = features.flatten(2)[0].index_select(1, index.to(features.device)).T
        return rows.float() * self._weights.get(name, 1.0)

    def learn(
        self,
        name: str,
        features: Tensor,
        image: Tensor,
        positions: float,
        guide: Guide | None = None,
    ) -> None:
        """Take in a layer of the style image."""
        if self._places is None:
            self._places = self._draw(2 * SAMPLES, guide)
        self._bank[name] = self._sample(name, features, self._places)
        self._moments[name] = transport.moments(self._bank[name])
        self._bank[""] = self._sample("", image, self._places)

    def ready(self) -> None:
        """Nothing is to be made ready."""

    def see(self, name: str, features: Tensor, image: Tensor) -> Tensor:
        """Return the layer's samples; the first layer seen draws the places."""
        if name == next(iter(self._weights)):
            if self._evaluations % STALE_AFTER == 0:
                self._now = self._draw(SAMPLES, self.guide)
            self._evaluations += 1
        return self._sample(name, features, self._now)

    def losses(self, seen: dict[str, Tensor], image: Tensor) -> list[Tensor]:
        """Return the three terms."""
        rows = torch.cat([seen[name] for name in self._weights], dim=1)
        bank = torch.cat([self._bank[name] for name in self._weights], dim=1)
        turn = rows.new_tensor(DECORRELATED).T
        colors, palette = self._sample("", image, self._now) @ turn, self._bank[""] @ turn
        moments = [
            transport.moment_distance(transport.moments(seen[name]), self._moments[name])
            for name in self._weights
        ]
        return [
            transport.relaxed_earth_mover(rows, bank),
            torch.stack(moments).mean(),
            transport.relaxed_earth_mover(colors, palette, "euclidean") / 2,
        ]
