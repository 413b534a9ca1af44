"""What a run of the suite found, as objects and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benchmarks.competitor import GRAPHC
from benchmarks.measuring import Timing


@dataclass
class Result:
    """A row of the table.

    `times` has graphc and every rival that took part, in seconds; `absent` says why others did not;
    `first_call` is the time from the equations to the end of the first call, in seconds; `memory` the growth
    of the resident set, in bytes; `floor` the least time for the products, in seconds; `error` says why
    nothing was measured.
    """

    row: str
    rivals: tuple[str, ...]
    times: dict[str, Timing] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    first_call: dict[str, float] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    floor: float | None = None
    error: str | None = None

    @property
    def best_rival(self) -> str | None:
        rivals = {name: timing.median for name, timing in self.times.items() if name != GRAPHC}
        return min(rivals, key=rivals.__getitem__) if rivals else None

    @property
    def ratio(self) -> float | None:
        """The best rival's time over graphc's: above 1 graphc is faster."""
        if self.best_rival is None or GRAPHC not in self.times:
            return None
        return self.times[self.best_rival].median / self.times[GRAPHC].median

    def json(self) -> dict[str, Any]:
        """One flat object: medians by competitor (null where there is none), then what else is known."""
        names = (GRAPHC, *self.rivals)
        medians = {name: self.times[name].median if name in self.times else None for name in names}
        return {
            "row": self.row,
            **medians,
            "best_rival": self.best_rival,
            "ratio": self.ratio,
            "floor": self.floor,
            "quartiles": {name: [t.low, t.high] for name, t in self.times.items()},
            "fastest": {name: t.fastest for name, t in self.times.items()},
            "first_call": self.first_call,
            "memory": self.memory,
            "absent": self.absent,
            "error": self.error,
        }
