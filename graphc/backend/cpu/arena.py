"""Where the buffers of a run lie: in one piece of memory, in which those that never live together overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LINE = 64
"""Bytes of a cache line, and the widest vector: each buffer begins at a multiple."""


@dataclass(frozen=True)
class Piece:
    """A buffer's bytes, and the first and last of the phases that it lives in."""

    bytes: int
    first: int
    last: int

    def meets(self, other: Piece) -> bool:
        """Whether both live at some time."""
        return self.first <= other.last and other.first <= self.last


def place(pieces: Sequence[Piece]) -> tuple[list[int], int]:
    """Where each piece begins, in bytes, and how many bytes all take.

    The largest first, each at the lowest place that is free as long as it lives: the order is what keeps
    small pieces from splitting the room for large ones.
    """
    starts = [0] * len(pieces)
    placed: list[int] = []
    for i in sorted(range(len(pieces)), key=lambda i: (-pieces[i].bytes, i)):
        around = sorted((starts[j], _room(pieces[j])) for j in placed if pieces[i].meets(pieces[j]))
        start = 0
        for begin, length in around:
            if start + _room(pieces[i]) <= begin:
                break
            start = max(start, begin + length)
        starts[i] = start
        placed.append(i)
    return starts, max((start + _room(piece) for start, piece in zip(starts, pieces, strict=True)), default=0)


def _room(piece: Piece) -> int:
    """Whole lines, and one more: a vector that is read past the end of a buffer reads nobody else's."""
    return (piece.bytes + LINE - 1) // LINE * LINE + LINE


class Arena:
    """Memory that grows between runs, when larger sizes come, and is otherwise used again and again."""

    def __init__(self) -> None:
        self._memory = np.empty(0, np.uint8)
        self.address = 0

    @property
    def capacity(self) -> int:
        """Bytes that can be used, from `address` on."""
        return max(0, self._memory.nbytes - LINE)

    def reserve(self, size: int) -> int:
        """The address of at least `size` bytes, a multiple of `LINE`. What stood there may be lost."""
        if size > self.capacity or not self.address:
            # The old memory first: both together may be more than there is.
            self._memory = np.empty(0, np.uint8)
            self._memory = np.empty(size + LINE, np.uint8)
            start = self._memory.ctypes.data
            self.address = start + -start % LINE
        return self.address
