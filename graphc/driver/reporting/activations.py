"""What goes into the activations of a spec: each is found in the operations of its equations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from graphc.backend import choose
from graphc.driver.execution import Execution
from graphc.driver.pipeline import Pipeline
from graphc.driver.reporting.applied import Applied, applied, may_be
from graphc.driver.reporting.material import Material
from graphc.frontend.elaborate import Mode
from graphc.frontend.spec import Spec
from graphc.ir.graph import Node
from graphc.ir.op import Array
from graphc.view.drawing.operations import Spelled, spell
from graphc.view.report.page import Section
from graphc.view.report.units import Activation, activations, dead

EXAMPLES = 256
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
    chosen = [
        u.name for u in system.units.values() if any(isinstance(n, Node) and may_be(n) for n in u.nodes)
    ]
    spelled = spell(system, chosen)
    places = list(applied(spelled, program.spec.scope.library))
    if not places:
        return "", []
    sample = material.sample(EXAMPLES)
    pipeline = _SpelledPipeline(program.pipeline, spelled)
    execution = Execution(pipeline, program.params, program.real, program.seed)
    names = list(dict.fromkeys(one.before for one in places))
    values = execution.values("eval", names, sample.fed, execution.run(sample.fed))
    found = []
    for one in places:
        shown = execution.shown(one.before, values[one.before], spelled.system, sample.fed)
        rows = _by_unit(shown[sample.inside(one.before, spelled.system)])
        found.append(Activation.of(_place(one), one.function, one.curve, rows))
    return sample.said, found


def _place(one: Applied) -> str:
    file = one.span.source.name.rpartition("/")[2]
    return f"{one.function} in {one.equation} ({file}, line {one.span.line})"


def _by_unit(rows: Array) -> Array:
    """One row for each value of a unit, `[rows, units]`."""
    if rows.ndim == 1 + IMAGE:
        rows = np.moveaxis(rows, 1, -1)
        rows = rows.reshape(-1, rows.shape[-1])
    return rows.reshape(len(rows), -1)
