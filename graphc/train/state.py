"""The numbers that a model keeps between steps: named arrays that lie one after another in a flat vector.

Parameters, their gradients, an optimizer's moments and running statistics are all of this form. What works
on every number alike (an update rule, a norm, a sum over several machines) sees the vector, everything else
the arrays by name; both are the same memory.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from graphc.train.data.examples import Array


class Layout:
    """Where named arrays of fixed shapes lie in a vector: in the order given, rows first, without gaps."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.shapes = dict(shapes)
        self.spans: dict[str, slice] = {}
        self.size = 0
        for name, shape in self.shapes.items():
            start, self.size = self.size, self.size + math.prod(shape)
            self.spans[name] = slice(start, self.size)

    def views(self, flat: Array) -> dict[str, Array]:
        """The named parts of a vector of shape (size,), as views in their own shapes."""
        return {name: flat[self.spans[name]].reshape(shape) for name, shape in self.shapes.items()}

    def mask(self, names: Collection[str]) -> Array:
        """True, in a vector of shape (size,), where one of these names lies."""
        found: Array = np.zeros(self.size, np.bool_)
        for name in names:
            found[self.spans[name]] = True
        return found


class Vector:
    """A flat array, at first zeros, and its named parts."""

    def __init__(self, layout: Layout, dtype: np.dtype[Any]) -> None:
        self.layout = layout
        self.flat: Array = np.zeros(layout.size, dtype)
        self.parts = layout.views(self.flat)


class Generations:
    """Two vectors that take turns: values as they are `now`, and as they were `before` the last move.

    A move writes the next values over those from before, then exchanges the two. So nothing is allocated,
    nothing is read and written at once, and the last move can be undone.
    """

    def __init__(self, layout: Layout, dtype: np.dtype[Any]) -> None:
        self.layout = layout
        self.now = Vector(layout, dtype)
        self.before = Vector(layout, dtype)

    def turn(self) -> None:
        """What was written into `before` holds from now on."""
        self.now, self.before = self.before, self.now

    def settle(self) -> None:
        """Forget the move before: to undo changes nothing until there is another one."""
        np.copyto(self.before.flat, self.now.flat)

    def undo(self) -> None:
        """Back to the values before the last move; a second time changes nothing."""
        np.copyto(self.now.flat, self.before.flat)

    def assign(self, name: str, value: Array) -> None:
        """Set an array from outside. It is no move: undoing one leaves it as it was assigned."""
        for vector in (self.now, self.before):
            np.copyto(vector.parts[name], value, casting="same_kind")
