"""The transformation matrices of Winograd's convolution, by the algorithm of Toom and Cook.

A convolution is a product of polynomials: they are evaluated at some points, the values are
multiplied, and the product is interpolated from them.
"""

from fractions import Fraction
from functools import lru_cache

import torch
from torch import Tensor

TILE = 4
SIDE = TILE + 2

POINTS = (Fraction(0), Fraction(1), Fraction(-1), Fraction(1, 2), Fraction(-2))
"""Points at which polynomials are evaluated; infinity is the sixth."""


@lru_cache
def transform_matrices(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Return the matrices from 6 x 6 inputs and 3 x 3 weights to points, and from points to a tile.

    Their shapes are (36, 36), (36, 9) and (16, 36). In float32 the first is (6, 6) and applied to
    one direction after the other, which takes 6 to 9 percent off a step. In bfloat16 that would
    round the values in between; for the way back it gains nothing.

    The rows of the inputs' matrix are, for each point, the polynomial that vanishes at all other
    points. The rows of the weights' matrix are divided by that polynomial's value at its own point.
    Only the weights' matrix is inexact in bfloat16.
    """
    into, kernels = [], []
    for point in POINTS:
        others = [other for other in POINTS if other != point]
        into.append([*polynomial(others), Fraction(0)])
        own = Fraction(1)
        for other in others:
            own *= point - other
        kernels.append([point**power / own for power in range(3)])
    into.append(polynomial(POINTS))
    kernels.append([Fraction(0), Fraction(0), Fraction(1)])
    back = [[point**power for point in POINTS] + [Fraction(0)] for power in range(TILE)]
    back[-1][-1] = Fraction(1)

    def one_way(rows: list[list[Fraction]]) -> Tensor:
        return torch.tensor([[float(entry) for entry in row] for row in rows])

    def both_ways(rows: list[list[Fraction]]) -> Tensor:
        return torch.kron(one_way(rows), one_way(rows)).to(dtype)

    inputs = one_way(into) if dtype == torch.float32 else both_ways(into)
    return inputs, both_ways(kernels), both_ways(back)


def polynomial(roots: tuple[Fraction, ...] | list[Fraction]) -> list[Fraction]:
    """Return the coefficients of a polynomial from its roots, constant first."""
    coefficients = [Fraction(1)]
    for root in roots:
        above, below = [Fraction(0), *coefficients], [*coefficients, Fraction(0)]
        coefficients = [a - root * b for a, b in zip(above, below, strict=True)]
    return coefficients
