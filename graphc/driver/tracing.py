"""Every number of a forward and a backward pass, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.analysis.recurrence import Single, Step, plan
from graphc.frontend.spec import OUTPUT
from graphc.ir.op import Array
from graphc.types import BATCH
from graphc.view.trace import Kind, Trace, TraceRow

if TYPE_CHECKING:
    from graphc.driver.arrays import Feed
    from graphc.driver.program import Program


def trace(program: Program, inputs: Mapping[str, Any] | None) -> Trace:
    """Run forward and backward in training mode and keep everything.

    Inputs that all lack the batch are taken as one example, and shown as one.
    """
    given, single = as_batch(program, dict(inputs or {}))
    fed = program.feed(given)
    order = ordered_names(program)
    execution = program.execution
    run = execution.run(fed)
    if not program.pipeline.has_loss("train"):
        values = execution.values("train", order, fed, run)
        shown = {n: _shown(program, n, values[n], fed, single) for n in order}
        return Trace([_row(program, n, shown[n], None, []) for n in order], None, single)
    real = differentiated(program)
    found = execution.gradients_by_name("train", real, fed, run, names=order, summands=True)
    rows = []
    for name in order:
        value = _shown(program, name, found.values[name], fed, single)
        cotangent = _shown(program, name, found.gradients[name], fed, single) if name in real else None
        summands_ = [
            (_origin(o), _shown(program, name, a, fed, single)) for o, a in found.summands.get(name, [])
        ]
        rows.append(_row(program, name, value, cotangent, summands_))
    return Trace(rows, found.loss, single)


def as_batch(program: Program, given: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Inputs with a batch in front, and whether they are one example: all that are given lack the batch."""
    infos = program.spec.inputs
    rest = [info for name, info in infos.items() if name not in given]
    alone = all(info.has_value and not info.batched for info in rest)
    ranks = {name: len(info.axes) + info.type.rank for name, info in infos.items()}
    if alone and all(n in infos and np.ndim(array) == ranks[n] for n, array in given.items()):
        return {name: np.asarray(array)[None] for name, array in given.items()}, True
    return given, False


def ordered_names(program: Program) -> list[str]:
    """The spec's names in the order of the forward pass: inputs, parameters, then equations."""
    spec = program.spec
    asked = dict.fromkeys([*spec.names, *spec.outputs])
    visible = [n for n in asked if n in spec.system.units or n in spec.system.leaves]
    units = [n for n in visible if n in spec.system.units]
    computed = [n for n in _flat(plan(spec.system, units)) if n in visible]
    leaves = [n for n in visible if n in spec.system.leaves]
    return [*(n for n in leaves if n in spec.inputs), *(n for n in leaves if n not in spec.inputs), *computed]


def differentiated(program: Program) -> list[str]:
    """The names, in that order, that have a cotangent: those of real numbers."""
    system = program.spec.system
    return [name for name in ordered_names(program) if system.type(name).dtype == "real"]


def _flat(steps: Iterable[Step]) -> Iterable[str]:
    for step in steps:
        if isinstance(step, Single):
            yield step.unit
        else:
            yield from _flat(step.steps)


def _shown(program: Program, name: str, array: Array, fed: Feed, single: bool) -> Array:
    found = program.execution.shown(name, array, program.spec.system, fed)
    return found[0] if single and BATCH in program.spec.system.type(name).axes else found


def _origin(origin: str) -> str:
    return origin.removeprefix(OUTPUT).split("@")[0]


def _row(
    program: Program, name: str, value: Array, cotangent: Array | None, summands: list[tuple[str, Array]]
) -> TraceRow:
    spec = program.spec
    kind: Kind = "input" if name in spec.inputs else "param" if name in spec.params else "value"
    span = (spec.system.units.get(name) or spec.system.leaves[name]).span
    line = span.line if span.source == spec.file.span.source else None
    return TraceRow(name.removeprefix(OUTPUT), kind, spec.system.type(name), value, cotangent, summands, line)
