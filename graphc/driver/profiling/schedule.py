"""The rows of a profile of the `cpu` backend: the steps of schedules with what clocks say of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np

from graphc.backend.cpu import clock
from graphc.backend.cpu.amounts import Amount, amount
from graphc.backend.cpu.limits import Limits
from graphc.backend.cpu.operations import operation_counts
from graphc.backend.cpu.sizing import evaluate
from graphc.backend.cpu.timed import Reading, Timed
from graphc.driver.profiling.directions import of_program
from graphc.driver.profiling.origins import Compute, origins
from graphc.driver.profiling.rows import Measured, Origins, places
from graphc.schedule.phases import Access
from graphc.schedule.program import Buffer, Launch, Pack, Product, Program, Repeat
from graphc.schedule.program import Step as Scheduled
from graphc.schedule.titles import titles
from graphc.view.profile import Bound, Direction, Kind, Row

_LITTLE = 0.25
"""What uses less of every limit than this is bound by none of them."""


Titles = Mapping[Buffer, str]
_CERTAIN = 10
"""Readings of a clock that a step must last to be taken at its word."""


class Schedule:
    """The rows of one program. `readings` are those of each sample."""

    def __init__(
        self,
        part: str,
        executable: Timed,
        readings: Sequence[Reading],
        real: np.dtype[Any],
        spec: str,
    ) -> None:
        self.part, self.program, self.spec = part, executable.program, spec
        self.titles = named(self.program)
        self.sizes = executable.sizes(real)
        self.widths = {"real": real.itemsize, "int": 8, "bool": 1}
        self.costs = operation_counts(real.name)
        self.workers = max(reading.workers for reading in readings)
        self.calls = readings[0].calls
        seconds = np.mean([reading.seconds[: self.workers] for reading in readings], axis=0)
        seconds = np.maximum(seconds - self.calls * clock.cost(), 0.0)
        self.mean, self.most = seconds.mean(axis=0), seconds.max(axis=0)

        self.steps = list(self._amounts(self.program.steps, self.sizes))

    def fastest(self) -> float:
        """Operations in a second of the fastest product, of those that a clock can tell; 0 without one."""
        rates = [
            found.operations * self.calls[slot] / self.most[slot]
            for slot, (step, found) in enumerate(self.steps, clock.FIRST)
            if isinstance(step, Product) and self.most[slot] > _CERTAIN * self.calls[slot] * clock.cost()
        ]
        return float(max(rates, default=0.0))

    def rows(self, limits: Limits) -> list[Measured]:
        """The steps in their order, held against the limits, then the waiting."""
        steps = self.steps
        found = iter([self._row(*each, limits) for each in zip(count(), steps, origins(steps), strict=False)])
        rows = [
            one
            for step, direction in zip(self.program.steps, of_program(self.program), strict=True)
            for one in self._nested([step], found, 0, direction)
        ]
        if self.workers > 1 and self.calls[clock.WAIT]:
            rows.append(Measured(self._timed(Row(self.part, "waiting", ""), clock.WAIT)))
        return rows

    def _amounts(
        self, steps: Sequence[Scheduled], sizes: Mapping[str, int]
    ) -> Iterator[tuple[Compute, Amount]]:
        for step in steps:
            if isinstance(step, Repeat):
                # Extents in the body may grow with the step: its middle stands for all.
                middle = evaluate(step.extent, sizes) // 2
                yield from self._amounts(step.body, {**sizes, step.step.name: middle})
            elif isinstance(step, Launch | Pack | Product):
                yield step, amount(step, sizes, self.widths, self.costs)

    def _nested(
        self, steps: Sequence[Scheduled], found: Iterator[Measured], depth: int, direction: Direction
    ) -> Iterator[Measured]:
        """The rows below those of the loops around them."""
        for step in steps:
            if isinstance(step, Repeat):
                inside = list(self._nested(step.body, found, depth + 1, direction))
                own = [one.row for one in inside if one.row.counts]
                seconds, most = sum(row.seconds for row in own), sum(row.busiest for row in own)
                text = f"{step.step.name}{', backwards' if step.reverse else ''}"
                loop = Row(self.part, "loop", text, (), depth, 1, seconds, most, direction=direction)
                yield Measured(loop)
                yield from inside
            elif isinstance(step, Launch | Pack | Product):
                one = next(found)
                yield replace(one, row=replace(one.row, depth=depth, direction=direction))

    def _row(self, number: int, step: tuple[Compute, Amount], shares: Origins, limits: Limits) -> Measured:
        kind, name = _named(step[0], self.titles)
        lines, found = places(shares, self.spec), step[1]
        row = Row(self.part, kind, name, lines, bytes=found.bytes, operations=found.operations)
        row = self._timed(row, clock.FIRST + number)
        bound, reached = _bound(row, found, limits)
        return Measured(replace(row, bound=bound, reached=reached), shares)

    def _timed(self, row: Row, slot: int) -> Row:
        return replace(
            row,
            calls=float(self.calls[slot]),
            seconds=float(self.mean[slot]),
            busiest=float(self.most[slot]),
        )


def _bound(row: Row, found: Amount, limits: Limits) -> tuple[Bound, float | None]:
    """Which limit is nearest, and how much of it is used."""
    if row.busiest <= row.calls * clock.cost():
        return "", None  # too short for a clock to say more than that
    rate = limits.products if row.kind == "product" else limits.elementwise
    moving, computing = found.bytes / limits.bandwidth(found.bytes), found.operations / rate
    reached = max(moving, computing) * row.calls / row.busiest
    if reached < _LITTLE:
        return "latency", reached
    return ("memory" if moving >= computing else "arithmetic"), reached


def _named(step: Compute, titles: Titles) -> tuple[Kind, str]:
    if isinstance(step, Pack):
        return "pack", titles[step.source.buffer]
    if not isinstance(step, Product):
        return "kernel", written(step, titles)
    result, left, right = (_quoted(titles[part.buffer]) for part in (step.c, step.a, step.b))
    if _is_product(titles[step.c.buffer]) and not step.accumulate:
        return "product", titles[step.c.buffer]
    return "product", f"{result} {'+=' if step.accumulate else '='} {left} @ {right}"


def _is_product(title: str) -> bool:
    """Whether it says what is multiplied: `W @ h[t]`, and not the cotangent of that."""
    return " @ " in title and not title.startswith(("cotangent of ", "gradient of "))


def _quoted(title: str) -> str:
    """What has words of its own is set apart from the operators around it."""
    return f"`{title}`" if " " in title else title


def named(program: Program) -> Titles:
    """The buffers by the spec's names. An output that is named as an input, such as the new weights, is
    known as one by being written."""
    found = titles(program)
    return {b: b.source if b.role == "output" and b.source in found.values() else found[b] for b in found}


def written(step: Scheduled, titles: Titles) -> str:
    """The buffers that a step writes, by name."""
    return ", ".join(sorted(titles[buffer] for buffer in Access.of(step).writes))
