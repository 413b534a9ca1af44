"""Every number of a forward and a backward pass, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.analysis.recurrence import Single, Step, plan
from graphc.driver.pipeline import LOSS
from graphc.ir.op import Array
from graphc.types import BATCH
from graphc.view.trace import Trace, TraceRow

if TYPE_CHECKING:
    from graphc.driver.arrays import Feed
    from graphc.driver.program import Program


def trace(program: Program, inputs: Mapping[str, Any] | None) -> Trace:
    """Run forward and backward in training mode and keep everything."""
    fed = program.feed(inputs)
    single = program.single and not inputs
    order = ordered_names(program)
    system = program.spec.system
    run = program._run(fed, None)
    if not program.pipeline.has_loss("train"):
        graph = program.pipeline.forward("train", order, dense=fed.dense)
        values = graph.run(program._arguments(graph.graph.inputs, fed, "train"), run)
        shown = {n: _shown(program, n, values[n], fed, single) for n in order}
        return Trace([_row(program, n, shown[n], None, []) for n in order], None, single)
    real = [n for n in order if system.type(n).dtype == "real"]
    made = program.pipeline.gradients("train", real, dense=fed.dense, names=order, summands=True)
    values, cotangents = {}, {}
    parts: dict[str, list[tuple[str, Array]]] = {}
    for executable, gradients in made.parts:
        results = executable.run(program._arguments(executable.graph.inputs, fed, "train"), run)
        values |= {n: results[n] for n in (*order, LOSS)}
        cotangents |= {n: results[output] for n, output in gradients.names.items()}
        for name, summands in gradients.summands.items():
            if len(summands) > 1:
                parts[name] = [(_origin(s.origin), results[s.output]) for s in summands]
    rows = []
    for name in order:
        value = _shown(program, name, values[name], fed, single)
        cotangent = None
        if name in real:
            found = cotangents.get(name)
            cotangent = np.zeros_like(value) if found is None else _shown(program, name, found, fed, single)
        summands_ = [(o, _shown(program, name, a, fed, single)) for o, a in parts.get(name, [])]
        rows.append(_row(program, name, value, cotangent, summands_))
    return Trace(rows, float(values[LOSS]), single)


def ordered_names(program: Program) -> list[str]:
    """The spec's names in the order of the forward pass: inputs, parameters, then equations."""
    spec = program.spec
    visible = [n for n in spec.names if n in spec.system.units or n in spec.system.leaves]
    units = [n for n in visible if n in spec.system.units]
    computed = [n for n in _flat(plan(spec.system, units)) if n in visible]
    leaves = [n for n in visible if n in spec.system.leaves]
    return [*(n for n in leaves if n in spec.inputs), *(n for n in leaves if n not in spec.inputs), *computed]


def _flat(steps: Iterable[Step]) -> Iterable[str]:
    for step in steps:
        if isinstance(step, Single):
            yield step.unit
        else:
            yield from _flat(step.steps)


def _shown(program: Program, name: str, array: Array, fed: Feed, single: bool) -> Array:
    found = program._shown(name, array, program.spec.system, fed)
    return found[0] if single and BATCH in program.spec.system.type(name).axes else found


def _origin(origin: str) -> str:
    return origin.split("@")[0]


def _row(
    program: Program, name: str, value: Array, cotangent: Array | None, summands: list[tuple[str, Array]]
) -> TraceRow:
    spec = program.spec
    kind = "input" if name in spec.inputs else "param" if name in spec.params else "value"
    span = (spec.system.units.get(name) or spec.system.leaves[name]).span
    line = span.line if span.source == spec.file.span.source else None
    return TraceRow(name, kind, spec.system.type(name), value, cotangent, summands, line)  # type: ignore[arg-type]
