"""One competitor alone in a process: how long until its first call has ended, and how much memory it takes.

`python -m benchmarks.child REQUEST` prints a `Found` as JSON; the request is a `Request` as JSON.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.competitor import GRAPHC, Competitor, rival
from benchmarks.rows import ROWS, Row, prepare

CALLS = 5
LIBRARIES = ("numpy", "lark", "networkx", "llvmlite.binding", "numba")
"""What graphc imports when it needs them; rivals import theirs as a whole, before their clock starts."""
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Request:
    """A row by its name, with its sizes, and who is to run it."""

    row: str
    sizes: dict[str, int]
    competitor: str
    backend: str


@dataclass(frozen=True)
class Found:
    """Seconds to the end of the first call, and the growth of the resident set in bytes.

    The set is compared between the idle process, with the libraries imported and the inputs made, and its
    peak during the calls behind the first one. It is None where the system does not tell (it is read from
    Linux's `/proc`).
    """

    first_call: float
    memory: int | None


def run(request: Request) -> Found:
    """Make the competitor ready, call it, and look at the process."""
    row = next(row for row in ROWS if row.name == request.row).at(**request.sizes)
    if request.competitor == GRAPHC:
        return _graphc(row, request.backend)
    _, workload = prepare(row, "reference")
    make = rival(request.competitor)
    idle = _resident("VmRSS")
    started = time.perf_counter()
    return _called(make(workload), started, idle)


def _graphc(row: Row, backend: str) -> Found:
    from benchmarks.graphc_side import graphc_side

    for library in LIBRARIES:
        importlib.import_module(library)
    # A package of the tests, with which Lark compares all terminals where it is installed.
    importlib.import_module("lark.lexer").has_interegular = False  # type: ignore[attr-defined]
    idle = _resident("VmRSS")
    started = time.perf_counter()
    return _called(graphc_side(*prepare(row, backend)), started, idle)


def _called(competitor: Competitor, started: float, idle: int | None) -> Found:
    competitor.call()
    first_call = time.perf_counter() - started
    if idle is None:
        return Found(first_call, None)
    # What compiling took for a while is not what a step takes.
    _RESET.write_text("5")
    for _ in range(CALLS):
        competitor.call()
    peak = _resident("VmHWM")
    assert peak is not None
    return Found(first_call, peak - idle)


def _resident(field: str) -> int | None:
    """A size of this process in bytes: `VmRSS` now, `VmHWM` at the peak."""
    if not _STATUS.exists():
        return None
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(run(Request(**json.loads(sys.argv[1]))))) + "\n")
