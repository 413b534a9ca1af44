"""A large batch in small ones: each is computed by itself, and losses, gradients and statistics add up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import EllipsisType

import numpy as np

from graphc.backend import Executable
from graphc.driver.arrays import Feed
from graphc.ir.op import Array
from graphc.ir.system import System
from graphc.passes.additive import ONCE
from graphc.types import BATCH, TensorType


@dataclass(frozen=True)
class Piece:
    """Some examples of a batch, trimmed to the longest of them, and where they stand in it."""

    fed: Feed
    examples: slice

    def of(self, array: Array, type_: TensorType) -> Array:
        """What a value of the whole batch is for these examples, as a view."""
        own = array[self.examples] if BATCH in type_.axes else array
        ends: list[slice | EllipsisType] = [slice(size) for size in self.fed.shape(type_)]
        return own[(*ends, ...)]  # with `...` a number stays an array that can be written to


Call = Callable[[Executable, Piece, Mapping[str, Array]], Mapping[str, Array]]
"""Runs a graph on a piece, with further inputs by name."""


def pieces(fed: Feed, count: int, system: System) -> Iterator[Piece]:
    """A batch cut into `count` pieces of one size, as far as its examples go; the last one may be short."""
    size = max(1, -(-fed.batch // count))
    for start in range(0, fed.batch, size):
        examples = slice(start, min(start + size, fed.batch))
        lengths = {name: own[examples] for name, own in fed.lengths.items()}
        # Ragged batches stay ragged: a piece that happens to be dense needs no code of its own.
        piece = Piece(Feed({}, examples.stop - start, lengths, fed.dense), examples)
        for name, array in fed.arrays.items():
            piece.fed.arrays[name] = piece.of(array, system.leaves[name].type)
        yield piece


class Totals:
    """What the graphs of small batches must know of the large one: sums that are computed in rounds."""

    def __init__(self, rounds: Sequence[Executable], real: np.dtype[np.generic]) -> None:
        self._rounds = rounds
        self._types = {name: value.type for r in rounds for name, value in r.graph.outputs.items()}
        self._dtypes = {"real": real, "int": np.dtype(np.int64)}
        self._sums: dict[str, Array] = {}
        self._once = np.zeros((), real)

    def add_up(self, fed: Feed, parts: Sequence[Piece], call: Call) -> None:
        """Compute the totals over all pieces of a batch."""
        for executable in self._rounds:
            names = executable.graph.outputs
            for name in names:
                self._clear(name, fed.shape(self._types[name]))
            for piece in parts:
                found = call(executable, piece, self.of(piece, first=piece is parts[0]))
                for name in names:
                    part = piece.of(self._sums[name], self._types[name])
                    np.add(part, found[name], out=part)

    def of(self, piece: Piece, first: bool) -> dict[str, Array]:
        """What a piece's graphs read: the totals that are known so far, and whether it counts penalties."""
        self._once.fill(first)
        sums = {name: piece.of(array, self._types[name]) for name, array in self._sums.items()}
        return {**sums, ONCE: self._once}

    def _clear(self, name: str, shape: tuple[int, ...]) -> None:
        known = self._sums.get(name)
        if known is not None and known.shape == shape:
            known.fill(0)
        else:
            self._sums[name] = np.zeros(shape, self._dtypes[self._types[name].dtype])


def add(total: Array, part: Array, first: bool) -> None:
    """Add a piece's share to the sum that it belongs to, in place; the first piece's begins it."""
    if first:
        np.copyto(total, part)
    else:
        np.add(total, part, out=total)
