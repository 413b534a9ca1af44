"""`graphc profile`: a step of a program with clocks in its code, beside the same step without them.

Both run in turns, on the same batch and from the same weights. The program itself is not touched: it is made
twice more of the same equations, once with a backend whose executables have clocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any

from graphc.backend import Backend, Executable
from graphc.driver.pipeline import LOSS, Pipeline
from graphc.driver.profiling.cases import Case, case, step
from graphc.driver.profiling.rows import Measured, equations
from graphc.frontend.optimizers import WEIGHT
from graphc.schedule.program import Launch
from graphc.view.profile import Machine, Profile, Row, Unit

if TYPE_CHECKING:
    from graphc.driver.program import Program

SECONDS = 1.0
_FEWEST, _MOST = 10, 500
"""Samples, whatever the time is that they take."""
_FIRST = 3
"""Steps that are not counted: they compile, and bring data into the caches."""


@dataclass(frozen=True)
class _Sample:
    """One step of each kind: the time without clocks, that with them, and what the clocks said."""

    plain: float
    clocked: float
    readings: Sequence[Any]


def profile(
    program: Program,
    *,
    forward: bool = False,
    batch: int | None = None,
    lengths: Mapping[str, int] | None = None,
    compiling: bool = False,
    seconds: float = SECONDS,
) -> Profile:
    """Measure a training step for about so many seconds; without a loss, or with `forward`, the values.

    `batch` and `lengths` ask for random examples; see `profile_cases.case`. With `compiling` each unit is
    compiled once more, to see what it takes. Raises what `case` and the step itself raise.
    """
    what = case(program, forward=forward, batch=batch, lengths=lengths or {})
    plain = _twin(program, program.pipeline.backend)
    clocked = _twin(program, _clocked(program.pipeline.backend))
    every = _samples(what, plain, clocked, seconds)
    samples = _undisturbed(every, lambda sample: sample.clocked)
    runs = _runs(clocked, samples)
    if program.pipeline.backend.name == "cpu":
        found = _compiled(clocked, runs, what, samples)
        units = _units(plain) if compiling else ()
        return replace(found, units=units, **_times(every))
    from graphc.driver.profiling.reference import rows

    name = _spec(program)
    measured = [row for part, graph, own in runs for row in rows(part, graph.graph, own, name)]
    spent = [
        sum(one.own + sum(node.seconds for node in one.sums.values()) for one in sample.readings)
        for sample in samples
    ]
    return replace(_profile(clocked, what, samples, measured, spent), **_times(every))


def _times(samples: Sequence[_Sample]) -> dict[str, Any]:
    """Steps with clocks and without, those that nothing disturbed, and the median of all."""
    alone = _undisturbed(samples, lambda sample: sample.plain)
    along = _undisturbed(samples, lambda sample: sample.clocked)
    return {
        "plain": mean(sample.plain for sample in alone),
        "clocked": mean(sample.clocked for sample in along),
        "median": median(sample.plain for sample in samples),
        "samples": len(samples),
    }


def _twin(program: Program, backend: Backend) -> Program:
    """The same program with the same weights, on another backend."""
    own = program.pipeline
    pipeline = Pipeline(own.file, own.library, own.given, own.disabled, own.verify, backend)
    twin = type(program)(pipeline, program.settings, program.imports)
    twin.params.restore(program.params.state())
    return twin


def _clocked(backend: Backend) -> Backend:
    """The backend with clocks in what it prepares."""
    if backend.name == "cpu":
        from graphc.backend.cpu import timed

        return replace(backend, prepare=timed.prepare)
    from graphc.driver.profiling import reference

    return replace(backend, prepare=reference.prepare)


def _samples(what: Case, plain: Program, clocked: Program, seconds: float) -> list[_Sample]:
    steps = step(plain, what), step(clocked, what)
    for _ in range(_FIRST):
        for each in steps:
            each()
    made: Sequence[Any] = clocked.pipeline.executables
    for executable in made:
        executable.read()
    samples: list[_Sample] = []
    ended = time.perf_counter() + seconds
    while len(samples) < _FEWEST or (time.perf_counter() < ended and len(samples) < _MOST):
        # By turns first: each finds the caches as the other left them.
        if len(samples) % 2:
            along, alone = _seconds(steps[1]), _seconds(steps[0])
        else:
            alone, along = _seconds(steps[0]), _seconds(steps[1])
        samples.append(_Sample(alone, along, [executable.read() for executable in made]))
    return samples


def _seconds(function: Callable[[], None]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def _undisturbed(samples: Sequence[_Sample], seconds: Callable[[_Sample], float]) -> list[_Sample]:
    """The fastest quarter: in the others something else had the machine, or a part of it."""
    return sorted(samples, key=seconds)[: max(1, len(samples) // 4)]


_Run = tuple[str, Any, list[Any]]
"""The name of a part, its executable, and the readings of each sample."""


def _runs(clocked: Program, samples: Sequence[_Sample]) -> list[_Run]:
    """The graphs of a step, in the order in which it runs them."""
    found = []
    for number, executable in enumerate(clocked.pipeline.executables):
        rank, part = _part(clocked.pipeline.purpose(executable), executable)
        found.append((rank, part, executable, [sample.readings[number] for sample in samples]))
    return [(part, executable, own) for _, part, executable, own in sorted(found, key=lambda run: run[0])]


def _part(purpose: str, executable: Executable) -> tuple[int, str]:
    """Where a graph stands in a step, and what it is for."""
    outputs = executable.graph.outputs
    if purpose == "the training step":
        return (0, "loss and gradients") if LOSS in outputs else (1, "gradients computed apart")
    if purpose != "the optimizer":
        return 0, "values"
    if "squares" in outputs:
        return 2, "norm of the gradients"
    return (3, "update of the weights") if WEIGHT in outputs else (4, "average of the weights")


def _compiled(clocked: Program, runs: Sequence[_Run], what: Case, samples: Sequence[_Sample]) -> Profile:
    """The profile of compiled code, with this machine's limits."""
    from graphc.backend.cpu import clock
    from graphc.backend.cpu.limits import measure
    from graphc.driver.profiling.schedule import Schedule

    ran = [(part, executable, own) for part, executable, own in runs if any(r.calls.any() for r in own)]
    workers = max((reading.workers for _, _, own in ran for reading in own), default=1)
    limits = measure(clocked.real.name, workers)
    name = _spec(clocked)
    schedules = [Schedule(part, executable, own, clocked.real, name) for part, executable, own in ran]
    # The machine can do what it did: others may have had it while limits were measured.
    limits = replace(limits, products=max([limits.products, *(each.fastest() for each in schedules)]))
    measured = [one for each in schedules for one in each.rows(limits)]
    spent = [
        sum(reading.seconds[: reading.workers].sum() / reading.workers for reading in sample.readings)
        for sample in samples
    ]
    marks = sum(int(reading.calls.sum()) for reading in samples[0].readings)
    memory, cache = limits.memory[-1][1], max(rate for _, rate in limits.memory)
    return replace(
        _profile(clocked, what, samples, measured, spent),
        workers=workers,
        marks=marks,
        mark_seconds=clock.cost(),
        machine=Machine(memory, cache, limits.elementwise, limits.products),
    )


def _profile(
    program: Program,
    what: Case,
    samples: Sequence[_Sample],
    measured: Sequence[Measured],
    spent: Sequence[float],
) -> Profile:
    """`spent`: of each sample, what its rows took with their clocks."""
    between = max(0.0, mean(sample.clocked for sample in samples) - mean(spent))
    outside = Row("the rest", "outside", "", seconds=between, busiest=between)
    everything = [*measured, Measured(outside)]
    return Profile(
        f"{Path(_spec(program)).name}: {what.subject}",
        program.pipeline.backend.name,
        program.real.name,
        1,
        [one.row for one in everything],
        equations(everything, _spec(program)),
    )


def _spec(program: Program) -> str:
    return program.pipeline.file.span.source.name


def _units(plain: Program) -> list[Unit]:
    """What each unit of the ordinary step takes to compile; those that several graphs use once."""
    from graphc.backend.cpu import emit
    from graphc.backend.cpu.assemble import assemble
    from graphc.backend.cpu.compile import compile_costs
    from graphc.driver.profiling.schedule import named, written

    real = plain.real.name
    made: Sequence[Any] = plain.pipeline.executables
    programs = [executable.program for executable in made]
    names = {
        emit.unit(step.kernel, real).key: f"kernel {written(step, titles)}"
        for program, titles in ((program, named(program)) for program in programs)
        for step in program.walk()
        if isinstance(step, Launch)
    }
    costs = compile_costs([assemble(program, real) for program in programs])
    return [Unit(names.get(cost.key, cost.name), cost.translation, cost.llvm) for cost in costs]
