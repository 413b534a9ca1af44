"""Runs side by side: the curves of their records, and a table of where each is best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from graphc.diagnostics import fault, nearest
from graphc.driver.differences import differences
from graphc.driver.listing import damaged_lines, summary
from graphc.driver.reporting.history import PARTS, history
from graphc.train.runs.folder import RunFolder
from graphc.view.numbers import brief
from graphc.view.panels import Comparison, Curve, Panel
from graphc.view.report.curves import History, Values
from graphc.view.runs import RunSummary

OTHERS = ("lr", "gradient_norm")
"""Figures of a training that are not measured over a part of the data."""

By = Literal["epoch", "step", "time"]
ACROSS: Mapping[By, str] = {"epoch": "epoch", "step": "step", "time": "seconds of training"}
"""What is counted along the axis: steps where batches differ in size, time where steps differ in cost."""


@dataclass(frozen=True)
class Recorded:
    """A run with what its record holds by now; None before the first epoch is over."""

    name: str
    summary: RunSummary
    history: History | None
    config: Mapping[str, Any]
    damaged: int = 0
    """Lines of the record that cannot be read."""

    def curves(self, figure: str) -> dict[str, Values]:
        """The values of a figure by part, by epoch; the part is empty if there is none."""
        if self.history is None:
            return {}
        found = self.history.figures.get(figure)
        if found is not None:
            return dict(found)
        values = {"lr": self.history.rate, "gradient_norm": self.history.gradient}.get(figure, ())
        return {"": values} if any(map(math.isfinite, values)) else {}

    def places(self, by: By) -> Values:
        """Where the epochs lie along the axis."""
        if self.history is None:
            return []
        return {"epoch": self.history.epochs, "step": self.history.steps, "time": self.history.seconds}[by]

    @property
    def is_running(self) -> bool:
        return self.summary.state == "running"


def recorded(folders: Sequence[Path]) -> list[Recorded]:
    """The runs in these folders as they stand now. Raises E608 for a folder that is no run's."""
    names = _names(folders)
    found = []
    for folder in folders:
        run = RunFolder(folder)
        config = run.config
        fit = config.get("fit")
        # First how it stands: what is recorded in between belongs to a run that goes on.
        state = summary(folder)
        maximize = isinstance(fit, dict) and fit.get("maximize") is True
        own, damaged = history(run.metrics, maximize=maximize), damaged_lines(run.metrics)
        found.append(Recorded(names[folder], state, own, config, damaged))
    return found


def _names(folders: Sequence[Path]) -> dict[Path, str]:
    """The names of the folders, or their paths where two have the same name."""
    short = [folder.resolve().name for folder in folders]
    return {
        folder: name if short.count(name) == 1 else str(folder)
        for folder, name in zip(folders, short, strict=True)
    }


def check_recorded(runs: Sequence[Recorded]) -> None:
    """Raises E741 for a run of which nothing is known yet."""
    for run in runs:
        if run.history is None:
            raise fault(
                "E741",
                f"the run `{run.name}` has no record of an epoch yet",
                help="`graphc plot --follow` waits for it" if run.is_running else "",
            )


def comparison(runs: Sequence[Recorded], what: Sequence[str] = (), by: By = "epoch") -> Comparison:
    """A panel for each figure in `what`, or for all that are measured, and a table of all runs, with what was
    chosen differently for them.

    Raises E742 for a figure that none of the runs has, unless none has any.
    """
    measured = list(
        dict.fromkeys(name for run in runs if run.history is not None for name in run.history.figures)
    )
    if measured:
        for figure in what:
            _check(figure, runs, measured)
    figures = list(dict.fromkeys(what)) or measured
    note = ", ".join(f"{run.name}: {_damage(run.damaged)}" for run in runs if run.damaged)
    panels = [Panel(figure, _curves(figure, runs, by), ACROSS[by], note) for figure in figures if measured]
    columns = [(figure, part) for figure in figures for part in _parts(figure, runs)]
    header = ("run", "state", "epochs", "best epoch", *(f"{p} {f}".strip() for f, p in columns))
    return Comparison(panels, header, [_line(run, columns) for run in runs], _choices(runs))


def _damage(lines: int) -> str:
    return f"{lines} line{'' if lines == 1 else 's'} of its record cannot be read"


def _choices(runs: Sequence[Recorded]) -> list[tuple[str, ...]]:
    """What was chosen differently, a line for each run below the names; empty if nothing was."""
    found = differences([run.config for run in runs])
    if not found:
        return []
    values = zip(*found.values(), strict=True)
    return [("run", *found), *((run.name, *own) for run, own in zip(runs, values, strict=True))]


def _check(figure: str, runs: Sequence[Recorded], measured: Sequence[str]) -> None:
    if any(run.curves(figure) for run in runs):
        return
    known = [*measured, *(name for name in OTHERS if any(run.curves(name) for run in runs))]
    listed = "there are " + ", ".join(f"`{name}`" for name in known)
    who = "the run has" if len(runs) == 1 else "none of the runs has"
    raise fault("E742", f"{who} no figure `{figure}`", note=listed, help=nearest(figure, known))


def _parts(figure: str, runs: Sequence[Recorded]) -> list[str]:
    found = {part for run in runs for part in run.curves(figure)}
    return [part for part in ("", *PARTS) if part in found]


def _curves(figure: str, runs: Sequence[Recorded], by: By) -> list[Curve]:
    found = []
    for series, run in enumerate(runs):
        if run.history is None:
            continue
        places = run.places(by)
        best = places[list(run.history.epochs).index(run.history.best)] if run.history.best else None
        own = run.curves(figure)
        chosen = "validation" if "validation" in own else ""
        for part, values in own.items():
            found.append(Curve(run.name, places, values, series, part, best if part == chosen else None))
    return found


def _line(run: Recorded, columns: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """A run in the table: its figures are those of its best epoch, or of the last where nothing chose one."""
    found = run.history
    if found is None:
        return (run.name, run.summary.state, "0", "-", *("-" for _ in columns))
    place = list(found.epochs).index(found.best) if found.best else -1
    cells = []
    for figure, part in columns:
        values: Mapping[str, Values] = run.curves(figure)
        cells.append(brief(values[part][place]) if part in values else "-")
    best = str(found.best) if found.best else "-"
    return (run.name, run.summary.state, str(len(found.epochs)), best, *cells)
