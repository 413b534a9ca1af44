"""Mean and deviation of an input over the training part, in one pass over its rows, block by block."""

from __future__ import annotations

import numpy as np

from graphc.ir.op import Array
from graphc.train.data.examples import Part, Stream, Table, inside, row_blocks
from graphc.train.data.preparation import Standardization


def standardization(part: Part | Stream, name: str) -> Standardization:
    """Over the part's examples (or steps) and all valid positions of the axes, for each element of the shape.

    An element that never changes has the deviation 1, so that it is shifted only.
    """
    rows = part.rows if isinstance(part, Part) else np.arange(part.start, part.stop)
    array = part.table.arrays[name]
    moments = _Moments(array.shape[1 + len(part.table.axes[name]) :])
    in_row = array[:1].size * np.dtype(np.float64).itemsize
    for block in row_blocks(len(rows), in_row):
        moments.add(_valid(part.table, name, rows[block]))
    return moments.result()


def _valid(table: Table, name: str, rows: Array) -> Array:
    """The values at valid positions of some rows, one position after another, scaled."""
    values: Array = table.arrays[name][rows].astype(np.float64)
    values *= table.preparation.scale.get(name, 1.0)
    axes = table.axes[name]
    lengths = {length: table.lengths[length][rows] for length in axes if length in table.lengths}
    if lengths:
        return values[inside(axes, lengths, values.shape)]
    return values.reshape(-1, *values.shape[1 + len(axes) :])


class _Moments:
    """Number, mean and sum of squared differences from it, of values that come in blocks.

    Two blocks are put together as in Chan, Golub and LeVeque, "Algorithms for computing the sample
    variance", 1983: M = M1 + M2 + (mean2 - mean1)^2 n1 n2 / (n1 + n2).
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = 0
        self.mean, self.squares = np.zeros(shape), np.zeros(shape)
        self.low, self.high = np.full(shape, np.inf), np.full(shape, -np.inf)

    def add(self, values: Array) -> None:
        """More values, of shape (positions, ...), which are written over."""
        count = len(values)
        if not count:
            return
        self.low = np.minimum(self.low, values.min(axis=0))
        self.high = np.maximum(self.high, values.max(axis=0))
        mean = values.mean(axis=0)
        values -= mean
        step = mean - self.mean
        total = self.count + count
        self.squares += np.einsum("i...,i...->...", values, values)
        self.squares += step**2 * (self.count * count / total)
        self.mean += step * (count / total)
        self.count = total

    def result(self) -> Standardization:
        # Compared directly: the deviation of equal numbers need not come out as exactly zero.
        is_constant = (self.low == self.high) | (self.count == 0)
        deviation = np.sqrt(self.squares / max(1, self.count))
        return Standardization(self.mean, np.where(is_constant, 1.0, deviation))
