"""A loss and its gradient, tile by tile: exact, in the memory of one tile.

The network reads a picture in tiles that overlap by what its deepest layer sees. First, without
gradients, everything that the losses need of the whole picture is taken in: sums over positions,
and the maps of layers for losses that are no sums. The losses and their gradients with respect to
these follow. Then each tile is read again, and the gradients are passed back to its pixels; where
tiles overlap they add up. Tiles begin at multiples of 16 pixels, so that poolings see the same
windows as in the whole picture, whose borders keep the network's own padding.

References
----------
Galerne et al., "Scaling Painting Style Transfer", Computer Graphics Forum, 2024 (SPST): sums first,
then each tile's vector-Jacobian product.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..networks.backbone import Backbone
from .fields import RecipeError
from .losses.term import Place, Sums, Term, added

STEP = 16
"""Tiles begin at multiples of this many pixels; of more where a layer's positions lie further
apart."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Tile:
    """A part of a picture: the pixels that are read, and those among them whose positions count."""

    outer: Place
    inner: Place

    def of(self, picture: Tensor) -> Tensor:
        """Return the pixels that are read."""
        return picture[..., *self.outer]


class Tiles:
    """A picture of a size, cut into tiles for some layers of a network.

    Parameters
    ----------
    backbone : Backbone
    layers : sequence of str
        Every layer that is read, once.
    size : tuple of int
        Height and width of the picture.
    tile : int
        Most pixels of a tile's sides, about, without what it overlaps; 0: the picture is one tile.

    Raises
    ------
    RecipeError
        If a tile is smaller than what it overlaps on a side.
    """

    def __init__(self, backbone: Backbone, layers: Sequence[str], size: Size, tile: int) -> None:
        self.backbone, self.size = backbone, size
        self.layers = list(layers)
        self.strides = {layer: backbone.stride(layer) for layer in self.layers}
        self.step = max(STEP, *self.strides.values())
        self.margin = margin_of(backbone, layers)
        if tile < max(size):
            check_tile(tile, self.margin)
        self._bounds = [bounds(side, tile or side, self.step) for side in size]

    def __len__(self) -> int:
        return (len(self._bounds[0]) - 1) * (len(self._bounds[1]) - 1)

    def __iter__(self) -> Iterator[Tile]:
        """Yield the tiles, row by row."""
        for rows in zip(self._bounds[0], self._bounds[0][1:], strict=False):
            for columns in zip(self._bounds[1], self._bounds[1][1:], strict=False):
                inner = slice(*rows), slice(*columns)
                outer = (
                    slice(max(0, part.start - self.margin), min(side, part.stop + self.margin))
                    for part, side in zip(inner, self.size, strict=True)
                )
                yield Tile(tuple(outer), inner)

    @cached_property
    def sizes(self) -> dict[str, Size]:
        """Height and width of each layer, as the network makes them of the whole picture."""
        # A layer's size is that of a short side with the same remainder, plus whole strides:
        # it is measured on a short picture.
        step = self.step
        short = [side % step + step if side >= step else side for side in self.size]
        with torch.no_grad():
            found = self.backbone.extract(torch.zeros(1, 3, *short), self.layers)
        return {
            layer: tuple(
                (side - less) // self.strides[layer] + small
                for side, less, small in zip(self.size, short, tensor.shape[-2:], strict=True)
            )
            for layer, tensor in found.items()
        }

    def place(self, tile: Tile, layer: str) -> Place:
        """Return where a tile's own positions lie in a layer of the whole picture."""
        stride = self.strides[layer]
        return tuple(
            slice(part.start // stride, whole if part.stop == side else part.stop // stride)
            for part, side, whole in zip(tile.inner, self.size, self.sizes[layer], strict=True)
        )

    def own(self, tile: Tile, layer: str, features: Tensor) -> Tensor:
        """Return a tile's own positions of what was read of a layer."""
        stride = self.strides[layer]
        cut = [
            slice(where.start - outer.start // stride, where.stop - outer.start // stride)
            for where, outer in zip(self.place(tile, layer), tile.outer, strict=True)
        ]
        if [part.stop - part.start for part in cut] == list(features.shape[-2:]):
            return features
        return _Crop.apply(features, *cut)


def margin_of(backbone: Backbone, layers: Sequence[str]) -> int:
    """Return how many pixels tiles overlap by on a side, so that all layers are exact."""
    step = max(STEP, *map(backbone.stride, layers))
    return -(-max(map(backbone.reach, layers)) // step) * step


def check_tile(tile: int, margin: int) -> None:
    """Refuse tiles that are smaller than what they overlap on a side, pixels; 0: no tiles."""
    if 0 < tile < margin:
        raise RecipeError(
            f"tile must be at least {margin} pixels for the layers of this recipe, not {tile}"
        )


def read_pixels(size: Size, tile: int, margin: int, step: int = STEP) -> int:
    """Return how many pixels are read in all, with those that tiles share."""
    lengths = []
    for side in size:
        ends = bounds(side, tile or side, step)
        pairs = zip(ends, ends[1:], strict=False)
        lengths.append(sum(min(side, b + margin) - max(0, a - margin) for a, b in pairs))
    return lengths[0] * lengths[1]


def bounds(side: int, tile: int, step: int) -> list[int]:
    """Return where tiles of about equal lengths begin, and where the last one ends."""
    count = min(-(-side // tile), max(1, side // step))
    return [round(i * side / count / step) * step for i in range(count)] + [side]


class _Crop(torch.autograd.Function):
    """A part of a layer; its gradient lies channels last, as the network's own do."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, rows: slice, columns: slice) -> Tensor:
        ctx.shape, ctx.cut = features.shape, (rows, columns)
        return features[..., rows, columns].clone(memory_format=torch.channels_last)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        whole = grad.new_empty(ctx.shape).to(memory_format=torch.channels_last).zero_()
        whole[..., *ctx.cut] = grad
        return whole, None, None


class SumsOf:
    """The sums of a term over a picture, taken in tile by tile."""

    def __init__(self, term: Any, tiles: Tiles) -> None:
        self.term, self.tiles, self.layers = term, tiles, term.layers
        self.sums: Sums | None = None
        self._mean: Tensor | None = None
        self.pulls: dict[str, Tensor] = {}  # gradients of the total, by what `free` returned

    def _of(self, features: Mapping[str, Tensor], tile: Tile) -> Sums:
        (layer,) = self.layers
        own = self.tiles.own(tile, layer, features[layer])
        place, size = self.tiles.place(tile, layer), self.tiles.sizes[layer]
        return self.term.tile_sums(own, place, size, self._mean)

    def take(self, features: Mapping[str, Tensor], tile: Tile) -> None:
        """Take in a tile."""
        sums = self._of(features, tile)
        self.sums = sums if self.sums is None else added(self.sums, sums)

    def free(self) -> dict[str, Tensor]:
        """Return what the loss depends on, by name, as leaves of a new graph."""
        if "first" in self.sums:
            self._mean = self.sums["first"] / self.sums["count"]
        fixed = ("positions", "count")
        leaves = {k: t.detach().requires_grad_() for k, t in self.sums.items() if k not in fixed}
        self.sums = self.sums | leaves
        return leaves

    def loss(self, image: Tensor) -> Tensor:
        """Return the term's loss."""
        return self.term.of_sums(self.sums)

    def pull(self, features: Mapping[str, Tensor], tile: Tile) -> Tensor:
        """Return a number whose gradient is that of the total, as far as this tile goes."""
        sums = self._of(features, tile)
        return sum((grad * sums[name]).sum() for name, grad in self.pulls.items() if name in sums)


class MapsOf:
    """The layers that a term reads of a picture, put together tile by tile."""

    def __init__(self, term: Term, tiles: Tiles) -> None:
        self.term, self.tiles, self.layers = term, tiles, term.layers
        self.maps: dict[str, Tensor] = {}
        self.pulls: dict[str, Tensor] = {}  # gradients of the total, by what `free` returned

    def take(self, features: Mapping[str, Tensor], tile: Tile) -> None:
        """Take in a tile."""
        for layer in self.layers:
            own = self.tiles.own(tile, layer, features[layer])
            if layer not in self.maps:
                size = self.tiles.sizes[layer]
                # Channels last, as the network makes them: sums are rounded by how a tensor lies.
                shape = *own.shape[:2], *size
                self.maps[layer] = torch.empty(
                    shape, dtype=own.dtype, device=own.device, memory_format=torch.channels_last
                )
            self.maps[layer][..., *self.tiles.place(tile, layer)] = own

    def free(self) -> dict[str, Tensor]:
        """Return what the loss depends on, by name, as leaves of a new graph."""
        self.maps = {k: t.detach().requires_grad_() for k, t in self.maps.items()}
        return self.maps

    def loss(self, image: Tensor) -> Tensor:
        """Return the term's loss; its maps are not needed any more."""
        maps, self.maps = self.maps, {}
        return self.term(maps, image)

    def pull(self, features: Mapping[str, Tensor], tile: Tile) -> Tensor:
        """Return a number whose gradient is that of the total, as far as this tile goes."""
        return sum(
            (grad[..., *self.tiles.place(tile, layer)]
             * self.tiles.own(tile, layer, features[layer])).sum(dtype=torch.float32)
            for layer, grad in self.pulls.items()
        )  # fmt: skip


def taker(term: Term, tiles: Tiles) -> SumsOf | MapsOf:
    """Return what takes in a picture for a term: sums where its loss is one of sums."""
    return (SumsOf if getattr(term, "tile_sums", None) else MapsOf)(term, tiles)


def take_in(
    takers: Sequence[SumsOf | MapsOf], evaluated: Any, read: Any, picture: Tensor, tiles: Tiles
) -> None:
    """Read a picture tile by tile, without gradients; the functions are those of `style`."""
    with torch.no_grad():
        for tile in tiles:
            for one, features in evaluated(takers, read, tile.of(picture)):
                one.take(features, tile)


def known(picture: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
    """Return a number as part of a picture's graph; its gradient is known already."""
    return _Known.apply(picture, value, gradient)


class _Known(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, picture: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        ctx.gradient = gradient
        return value.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        # Let go, so that it becomes the picture's gradient without being copied.
        gradient, ctx.gradient = ctx.gradient, None
        return gradient.mul_(grad), None, None
