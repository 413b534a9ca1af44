"""What is known of an affine position: its least and greatest value over the index space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphc.types import Affine, Index

Ranges = Mapping[Index, tuple[Affine, Affine]]
"""Ranges that hold in some place and are narrower than the index's own (a general equation whose first
step a boundary equation takes over)."""

NO_RANGES: Ranges = {}


@dataclass(frozen=True)
class Interval:
    """Integers from `lo` to `hi`; None is no bound."""

    lo: int | None
    hi: int | None

    @property
    def is_zero(self) -> bool:
        return self.lo == 0 and self.hi == 0

    @property
    def forward(self) -> bool:
        """Never negative: reads the same or an earlier step."""
        return self.lo is not None and self.lo >= 0

    @property
    def backward(self) -> bool:
        return self.hi is not None and self.hi <= 0

    @property
    def strictly_forward(self) -> bool:
        return self.lo is not None and self.lo >= 1

    @property
    def strictly_backward(self) -> bool:
        return self.hi is not None and self.hi <= -1

    def __str__(self) -> str:
        if self.lo is not None and self.lo == self.hi:
            return str(self.lo)
        lo = "-inf" if self.lo is None else str(self.lo)
        hi = "inf" if self.hi is None else str(self.hi)
        return f"[{lo}, {hi}]"


def least(position: Affine, ranges: Ranges = NO_RANGES, shortest: int = 1) -> int | None:
    """The least value of `position`, every run-time length being at least `shortest`.

    None if it has none: it falls as a length grows.
    """
    indices = [(s, c) for s, c in position.terms if isinstance(s, Index)]
    if indices:
        # Innermost first: an index whose range names another goes before that other.
        symbol, coefficient = max(indices, key=lambda item: (len(item[0].dependencies), item[0].name))
        lo, hi = ranges.get(symbol, (symbol.lo, symbol.hi))
        return least(position.substitute(symbol, lo if coefficient > 0 else hi), ranges, shortest)
    total = position.constant
    for end, coefficient in position.terms:
        size = end.length.size if isinstance(end, Index) else end.size
        if size is not None:
            total += coefficient * size.value
        elif coefficient < 0:
            return None
        else:
            total += coefficient * shortest
    return total


def greatest(position: Affine, ranges: Ranges = NO_RANGES, shortest: int = 1) -> int | None:
    """The greatest value of `position`; None if it grows with a length."""
    found = least(-position, ranges, shortest)
    return None if found is None else -found


def distance(index: Index, subscript: Affine | None, ranges: Ranges = NO_RANGES) -> Interval:
    """How far back along `index` a read at `subscript` reaches; None is a position known at run time only."""
    if subscript is None:
        return Interval(None, None)
    back = Affine.of(index) - subscript
    return Interval(least(back, ranges), greatest(back, ranges))
