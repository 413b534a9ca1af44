"""What is drawn of trainings and schedules: curves that share their axes, whatever draws them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_WIDE = 10.0
"""Values above 0 are drawn on a logarithmic axis if the largest is more than so many times the smallest."""


def is_wide(values: Sequence[float], *, with_zeros: bool = False) -> bool:
    """Whether finite values are drawn on a logarithmic axis: they are above 0 and differ much.

    With `with_zeros` also if some are 0, which fall off it then.
    """
    above = [value for value in values if value > 0]
    if not above or max(above) <= _WIDE * min(above):
        return False
    return len(above) == len(values) or (with_zeros and all(value >= 0 for value in values))


@dataclass(frozen=True)
class Curve:
    """Values `y` at places `x`, as many and from left to right; where either is not finite is a gap.

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
        pairs = zip(self.x, self.y, strict=True)
        return ((x, y) for x, y in pairs if math.isfinite(x) and math.isfinite(y))

    @property
    def best_point(self) -> tuple[float, float] | None:
        return next((point for point in self.finite() if point[0] == self.best), None)


@dataclass(frozen=True)
class Panel:
    """Curves of one figure over `across`: epochs or steps, which count from 1, or seconds."""

    title: str
    curves: Sequence[Curve]
    across: str = "epoch"
    note: str = ""

    def points(self) -> list[tuple[float, float]]:
        return [point for curve in self.curves for point in curve.finite()]

    @property
    def is_counted(self) -> bool:
        """Whether the places are whole numbers."""
        return all(float(x).is_integer() for x, _ in self.points())

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
                count = f"{len(bad)} of {len(curve.x)} points"
                yield f"{curve.label}: no finite number at {count}, the first: {self.across} {bad[0]:.4g}"
        if self.note:
            yield self.note

    @property
    def is_logarithmic(self) -> bool:
        return is_wide([y for _, y in self.points()])


@dataclass(frozen=True)
class Comparison:
    """Panels, and a table beside them: a line for each run under the names of the columns.

    `choices` is another table, of what was chosen differently for the runs; its first line are the names.
    """

    panels: Sequence[Panel]
    header: tuple[str, ...] = ()
    lines: Sequence[tuple[str, ...]] = ()
    choices: Sequence[tuple[str, ...]] = ()

    def runs(self) -> dict[int, str]:
        """The names of what the curves are of, by series, in their order."""
        curves = (curve for panel in self.panels for curve in panel.curves)
        found = {curve.series: curve.name for curve in curves}
        return dict(sorted(found.items()))

    def parts(self) -> dict[str, bool]:
        """The parts that there are curves of, and whether they are solid."""
        curves = (curve for panel in self.panels for curve in panel.curves)
        return {curve.part: curve.is_solid for curve in curves if curve.part}

    @property
    def has_best(self) -> bool:
        return any(curve.best_point is not None for panel in self.panels for curve in panel.curves)
