"""Coordinates of elements: their number in C order, and the way back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from graphc.kernel.expr import TRUE, ZERO, Const, DType, Expr, as_expr, both, call, compare

Sizes = Sequence[Expr | int]


def constant(dtype: DType, value: float) -> Const:
    """A number as one of a dtype."""
    return Const({"real": float, "int": int, "bool": bool}[dtype](value), dtype)


def inside(place: Expr, size: Expr | int, below: bool = True, above: bool = True) -> tuple[Expr, Expr]:
    """Whether a coordinate lies in 0..size - 1, and the nearest one that does.

    `below` and `above` say on which sides it can lie outside: nothing is computed for the others.
    """
    exists: Expr = TRUE
    nearest = place
    if above:
        exists = compare("<", place, as_expr(size))
        nearest = call("minimum", nearest, as_expr(size) - 1, dtype="int")
    if below:
        exists = both(compare(">=", place, ZERO), exists)
        nearest = call("maximum", nearest, ZERO, dtype="int")
    return exists, nearest


def flat(coordinates: Sequence[Expr], sizes: Sizes) -> Expr:
    """The number of the element at these coordinates, last one fastest."""
    number: Expr = ZERO
    for coordinate, size in zip(coordinates, sizes, strict=True):
        number = number * as_expr(size) + coordinate
    return number


def unflat(number: Expr, sizes: Sequence[int]) -> list[Expr]:
    """The coordinates of the element with this number."""
    coordinates: list[Expr] = []
    for place in range(len(sizes)):
        inner = math.prod(sizes[place + 1 :])
        coordinate = number // inner
        # The first coordinate is below its size anyway.
        coordinates.append(coordinate % sizes[place] if place else coordinate)
    return coordinates


def regrouped(coordinates: Sequence[Expr], sizes: Sequence[int], wanted: Sequence[int]) -> list[Expr]:
    """The coordinates of the same element in an array of other sizes.

    `sizes` belong to `coordinates`. Dims that stay, that are 1, or that only split keep clear of divisions.
    """
    if 0 in sizes:
        return [ZERO] * len(wanted)
    found: list[Expr] = [ZERO] * len(wanted)
    for old, new in _groups(sizes, wanted):
        number = flat([coordinates[i] for i in old], [sizes[i] for i in old])
        for place, coordinate in zip(new, unflat(number, [wanted[i] for i in new]), strict=True):
            found[place] = coordinate
    return found


def _groups(sizes: Sequence[int], wanted: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
    """The shortest runs of dims, as places on both sides, that hold equally many elements.

    Dims of size 1 have the coordinate 0 and belong to none.
    """
    left = [i for i, size in enumerate(sizes) if size != 1]
    right = [i for i, size in enumerate(wanted) if size != 1]
    while left:
        old, new = [left.pop(0)], [right.pop(0)]
        while (a := math.prod(sizes[i] for i in old)) != (b := math.prod(wanted[i] for i in new)):
            if a < b:
                old.append(left.pop(0))
            else:
                new.append(right.pop(0))
        yield old, new
