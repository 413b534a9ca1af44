"""A row of steps: everyone in one process, losses compared, then turns."""

from __future__ import annotations

from benchmarks.competitor import GRAPHC, Competitor, available, rival
from benchmarks.graphc_side import graphc_side
from benchmarks.measuring import LossesDiffer, compare, first_losses, measure
from benchmarks.processes import Failed, alone
from benchmarks.results import Result
from benchmarks.rows import Row, Workload, prepare
from graphc.diagnostics import GraphcError


def step_row(row: Row, rivals: tuple[str, ...], backend: str, rounds: int) -> Result:
    """Measure a row. What stops it, such as losses that differ, is the result's `error`."""
    present, absent = available(rivals)
    result = Result(row.name, rivals, absent=absent)
    try:
        program, workload = prepare(row, backend)
        competitors: dict[str, Competitor] = {GRAPHC: graphc_side(program, workload)}
        losses = {GRAPHC: first_losses(competitors[GRAPHC])}
    except GraphcError as error:
        result.error = str(error)
        return result
    for name in present:
        _enter(name, workload, competitors, losses, result)
    try:
        compare(losses)
    except LossesDiffer as difference:
        result.error = str(difference)
        return result
    result.times = measure(competitors, rounds)
    return result


def _enter(
    name: str,
    workload: Workload,
    competitors: dict[str, Competitor],
    losses: dict[str, list[float]],
    result: Result,
) -> None:
    """Let a rival make its first calls. One that cannot (no C++ compiler, for one) is said to be absent."""
    try:
        competitor = rival(name)(workload)
        losses[name] = first_losses(competitor)
    except Exception as failure:
        result.absent[name] = f"{type(failure).__name__}: {failure}".splitlines()[0]
    else:
        competitors[name] = competitor


def look_alone(row: Row, result: Result, backend: str) -> None:
    """First calls and memory of the row's competitors, each in a process of its own."""
    for name in (GRAPHC, *result.rivals):
        if name in result.absent:
            continue
        try:
            found = alone(row, name, backend)
        except Failed as failure:
            result.absent[name] = str(failure)
            continue
        result.first_call[name] = found.first_call
        if found.memory is not None:
            result.memory[name] = found.memory
