"""Where the time of a step goes: what is known of it, and the same for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["kernel", "product", "pack", "node", "loop", "waiting", "outside"]
Bound = Literal["memory", "arithmetic", "latency", ""]
Direction = Literal["forward", "backward", "both", ""]


@dataclass(frozen=True)
class Row:
    """A step of the schedule, or a node of the reference backend.

    part: the graph that it belongs to; places: lines of the spec; depth: of loops around; calls: in one
    step; seconds: of all of them, the mean of the workers; bytes and operations: of one call
    (None: not known); busiest: the seconds of the worker that took longest.
    bound: what keeps it from being faster, and reached, how much of that limit it uses, 1 being all of it.
    direction: the pass that it belongs to, where its graph has both.
    A `loop` is the sum of the rows in it, and counts for nothing itself.
    """

    part: str
    kind: Kind
    name: str
    places: tuple[str, ...] = ()
    depth: int = 0
    calls: float = 1
    seconds: float = 0.0
    busiest: float = 0.0
    bytes: int | None = None
    operations: int | None = None
    bound: Bound = ""
    reached: float | None = None
    direction: Direction = ""

    @property
    def counts(self) -> bool:
        return self.kind != "loop"

    def rate(self, amount: int | None) -> float | None:
        """So much of one call, in a second."""
        return None if amount is None or self.busiest <= 0 else amount * self.calls / self.busiest


@dataclass(frozen=True)
class Equation:
    """What an equation takes in all rows; `place` is empty for what belongs to none."""

    place: str
    text: str
    seconds: float


@dataclass(frozen=True)
class Unit:
    """What a piece of code took to compile: until it is LLVM's text, and by LLVM."""

    name: str
    translation: float
    llvm: float


@dataclass(frozen=True)
class Machine:
    """Measured limits, of all workers together: bytes and operations in a second."""

    memory: float
    cache: float
    elementwise: float
    products: float


@dataclass(frozen=True)
class Profile:
    """A step, measured, all times in seconds.

    The rows, `plain` (a step without clocks) and `clocked` are means over the fastest quarter of `samples`
    steps each: those that nothing else on the machine disturbed. `median` is that of all without clocks.
    marks: how often a clock is read in a step, at `mark_seconds` each, which the rows leave out.
    """

    subject: str
    backend: str
    dtype: str
    workers: int
    rows: Sequence[Row]
    equations: Sequence[Equation]
    plain: float = 0.0
    clocked: float = 0.0
    median: float = 0.0
    samples: int = 0
    marks: int = 0
    mark_seconds: float = 0.0
    machine: Machine | None = None
    units: Sequence[Unit] = field(default_factory=tuple)

    @property
    def seconds(self) -> float:
        """The sum of the rows."""
        return sum(row.seconds for row in self.rows if row.counts)


def profile_object(file: str, profile: Profile) -> dict[str, Any]:
    """All of it: seconds, bytes, operations, and shares of the sum, which add up to 1."""
    total = profile.seconds or 1.0
    found: dict[str, Any] = {"file": file, **asdict(profile), "seconds": profile.seconds}
    found["rows"] = [
        {**asdict(row), "share": row.seconds / total if row.counts else None} for row in profile.rows
    ]
    found["equations"] = [{**asdict(e), "share": e.seconds / total} for e in profile.equations]
    return found
