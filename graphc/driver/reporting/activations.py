"""What goes into the activations of a spec: each is found in the operations of its equations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from graphc.backend import choose
from graphc.driver.execution import Execution
from graphc.driver.pipeline import Pipeline
from graphc.driver.reporting.material import Material
from graphc.frontend.elaborate import Mode
from graphc.frontend.spec import Spec
from graphc.ir.graph import Node
from graphc.ir.op import Array
from graphc.ir.system import READ, System, Unit
from graphc.types import BATCH
from graphc.view.drawing.operations import Operation, Spelled, spell
from graphc.view.report.page import Section
from graphc.view.report.units import CURVES, Activation, activations, dead

EXAMPLES = 256
_MOST_ROWS = 8192
"""Of so many examples and steps the values are kept."""
IMAGE = 3
"""An element of so many dims is an image: its channels are the units."""


def sections(material: Material) -> Iterator[Section]:
    """Saturation, and dead units of relus; nothing where a spec has no such activation."""
    sample, found = inspected(material)
    if found:
        yield activations(found, sample)
    relus = [one for one in found if one.function == "relu"]
    if relus:
        yield dead(relus, sample)


def has_any(material: Material) -> bool:
    """Whether there is an activation in the spec."""
    return any(node.op.name in CURVES for unit in material.system.units.values() for node in _nodes(unit))


class _SpelledPipeline(Pipeline):
    """The pipeline of a program whose equations are taken apart, in evaluation mode. It computes without
    compiling: it is run once."""

    def __init__(self, own: Pipeline, spelled: Spelled) -> None:
        super().__init__(own.file, own.library, own.given, own.disabled, own.verify, choose("reference"))
        self._spelled = spelled

    def spec(self, mode: Mode) -> Spec:
        found = super().spec(mode)
        return replace(found, system=self._spelled.system) if mode == "eval" else found


def inspected(material: Material) -> tuple[str, list[Activation]]:
    """What the activations of a spec are given, and of which examples."""
    program, system = material.program, material.system
    chosen = [unit.name for unit in system.units.values() if any(n.op.name in CURVES for n in _nodes(unit))]
    spelled = spell(system, chosen)
    places = {
        place: before
        for place in spelled.operations.values()
        if (before := _before(place, spelled.system)) and BATCH in spelled.system.type(before[1]).axes
    }
    sample = material.sample(EXAMPLES)
    pipeline = _SpelledPipeline(program.pipeline, spelled)
    execution = Execution(pipeline, program.params, program.real, program.seed)
    names = list(dict.fromkeys(name for _, name in places.values()))
    run = execution.run(sample.fed)
    values = execution.values("eval", names, sample.fed, run) if names else {}
    found = []
    for operation, (function, name) in places.items():
        shown = execution.shown(name, values[name], spelled.system, sample.fed)
        rows = shown[sample.inside(name, spelled.system)]
        found.append(Activation(_place(operation, function), function, _by_unit(rows)))
    return sample.said, found


def _nodes(unit: Unit) -> Iterator[Node]:
    return (node for node in unit.nodes if isinstance(node, Node))


def _before(operation: Operation, system: System) -> tuple[str, str] | None:
    """The function of an activation, and the name of what it is applied to."""
    nodes = list(_nodes(system.units[operation.name]))
    made = {node.result: node for node in nodes}
    for node in nodes:
        if node.op.name in CURVES and (read := made.get(node.operands[0])) is not None and read.op is READ:
            return node.op.name, str(read.attrs["unit"])
    return None


def _place(operation: Operation, function: str) -> str:
    span = operation.span
    return f"{function} in {operation.equation} ({span.source.name.rpartition('/')[2]}, line {span.line})"


def _by_unit(rows: Array) -> Array:
    """One row for each value of a unit, `[rows, units]`."""
    if rows.ndim == 1 + IMAGE:
        rows = np.moveaxis(rows, 1, -1)
        rows = rows.reshape(-1, rows.shape[-1])
    rows = rows.reshape(len(rows), -1).astype(np.float64)
    if len(rows) > _MOST_ROWS:
        rows = rows[np.linspace(0, len(rows) - 1, _MOST_ROWS).astype(np.int64)]
    return rows
