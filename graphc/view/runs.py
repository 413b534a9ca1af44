"""Runs as a table and for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from graphc.view.table import PLAIN, Look, table

RunState = Literal["running", "finished", "interrupted", "diverged", "failed"]


@dataclass(frozen=True)
class RunSummary:
    """A run in a line: `best` is the best validation loss, `test` what was measured at the end.

    The best loss is the lowest, or where it is maximized the largest. `seconds` are those of training.
    """

    name: str
    path: str
    spec: str
    epochs: int
    best: float | None
    test: Mapping[str, float]
    state: RunState
    seconds: float
    started: datetime


def runs_object(found: Sequence[RunSummary]) -> list[dict[str, Any]]:
    return [{**asdict(run), "started": run.started.isoformat(timespec="seconds")} for run in found]


def runs_text(found: Sequence[RunSummary], look: Look = PLAIN) -> str:
    """A line for each run, under the names of the columns."""
    header = ("run", "spec", "state", "epochs", "best validation", "test", "seconds", "begun")
    return table(header, map(_line, found), look, right=(3, 4, 6))


def _line(run: RunSummary) -> tuple[str, ...]:
    return (
        run.name,
        run.spec,
        run.state,
        str(run.epochs),
        "-" if run.best is None else f"{run.best:.4g}",
        ", ".join(f"{name} {value:.4g}" for name, value in run.test.items()) or "-",
        f"{run.seconds:.1f}",
        f"{run.started:%Y-%m-%d %H:%M}",
    )
