"""What is drawn of trainings and schedules: curves that share their axes, whatever draws them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_WIDE = 10.0
"""Values above 0 are drawn on a logarithmic axis if the largest is more than so many times the smallest."""


@dataclass(frozen=True)
class Curve:
    """Values `y` at places `x`, as many and from left to right; what is not finite is a gap.

    `series` is the number of the run from 0: its curves have a colour in common. `part` is empty where
    there is only one. `best` is the place of the best epoch, if one was chosen.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    series: int = 0
    part: str = ""
    best: float | None = None

    @property
    def label(self) -> str:
        """`first, train`."""
        return f"{self.name}, {self.part}" if self.part else self.name

    @property
    def is_solid(self) -> bool:
        """What training itself sees is dotted where what it does not see is there too."""
        return self.part != "train"

    def finite(self) -> Iterator[tuple[float, float]]:
        return ((x, y) for x, y in zip(self.x, self.y, strict=True) if math.isfinite(y))

    @property
    def best_point(self) -> tuple[float, float] | None:
        return next((point for point in self.finite() if point[0] == self.best), None)


@dataclass(frozen=True)
class Panel:
    """Curves of one figure over `across`, which counts from 1 in whole numbers."""

    title: str
    curves: Sequence[Curve]
    across: str = "epoch"
    note: str = ""

    def points(self) -> list[tuple[float, float]]:
        return [point for curve in self.curves for point in curve.finite()]

    @property
    def heading(self) -> str:
        """`loss by epoch, logarithmic`."""
        return f"{self.title} by {self.across}" + (", logarithmic" if self.is_logarithmic else "")

    @property
    def notes(self) -> Iterator[str]:
        """What cannot be seen in the curves: where they have no finite value, and the panel's own note."""
        for curve in self.curves:
            bad = [x for x, y in zip(curve.x, curve.y, strict=True) if not math.isfinite(y)]
            if bad:
                count = f"{len(bad)} of {len(curve.x)} {self.across}s"
                yield f"{curve.label}: no finite number at {count}, the first is {bad[0]:g}"
        if self.note:
            yield self.note

    @property
    def is_logarithmic(self) -> bool:
        values = [y for _, y in self.points()]
        return bool(values) and min(values) > 0 and max(values) > _WIDE * min(values)


@dataclass(frozen=True)
class Comparison:
    """Panels, and a table beside them: a line for each run under the names of the columns."""

    panels: Sequence[Panel]
    header: tuple[str, ...] = ()
    lines: Sequence[tuple[str, ...]] = ()
