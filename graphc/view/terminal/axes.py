"""From values to places on an axis, and which values are written at it."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 5.0)
_ROUNDING = 1e-9
"""How far a multiple of a step may lie beside the end of the axis, in steps."""


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high`, which is more; with `is_logarithmic` both are above 0."""

    low: float
    high: float
    is_logarithmic: bool = False
    is_whole: bool = False
    """Whether only whole numbers are written at it."""

    @classmethod
    def over(cls, values: Iterable[float], *, is_logarithmic: bool = False, is_whole: bool = False) -> Axis:
        """The smallest one with all these finite values, at least one; one alone lies in its middle."""
        found = list(values)
        low, high = min(found), max(found)
        if low == high:
            margin = 0.5 if is_whole else max(abs(low) * 0.05, 1e-12)
            low, high = max(low - margin, -sys.float_info.max), min(high + margin, sys.float_info.max)
        return cls(low, high, is_logarithmic, is_whole)

    def place(self, value: float) -> float:
        """From 0 at the beginning to 1 at the end."""
        if self.is_logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        # In halves: the difference of the largest numbers of both signs is none.
        return (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)

    def ticks(self, most: int) -> list[float]:
        """At most so many values, at even distances: 1, 2 or 5 times a power of ten."""
        if self.is_logarithmic:
            found = self._powers(most)
            if len(found) > 1:
                return found
        span = self.high / 2 - self.low / 2
        power = math.floor(math.log10(span)) + 1 - len(str(most)) - 1
        while True:
            for factor in _STEPS:
                step = factor * 10.0**power
                if self.is_whole and step < 1:
                    continue
                first = math.ceil(self.low / step - _ROUNDING)
                last = math.floor(self.high / step + _ROUNDING)
                if last - first < most:
                    return [number * step for number in range(first, last + 1)]
            power += 1

    def _powers(self, most: int) -> list[float]:
        """1, 2 and 5 times powers of ten, or powers alone, or every few of them."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        choices: list[Sequence[float]] = [
            [factor * 10.0**power for power in range(first, last + 1) for factor in _STEPS]
        ]
        choices += [
            [10.0**power for power in range(first, last + 1, each)] for each in range(1, last - first + 2)
        ]
        for choice in choices:
            found = [
                value
                for value in choice
                if self.low * (1 - _ROUNDING) <= value <= self.high * (1 + _ROUNDING)
            ]
            if len(found) <= most:
                return found
        return []
