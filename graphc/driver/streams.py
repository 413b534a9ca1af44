"""Truncated backpropagation through time: a chunk of a long sequence that goes on where another ended.

The value that a boundary equation gives before the first step (`h[0]`) holds at the beginning of a stream
only. In a later chunk it is the state that the chunk before left, an input without a gradient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from graphc.analysis.recurrence import plan, recurrences
from graphc.diagnostics import fault
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array
from graphc.ir.system import READ, Leaf, System
from graphc.types import BATCH, Affine, Index

CARRIED = "@carried"


@dataclass(frozen=True)
class Carried:
    """`boundary` (`h[0]`) of a later chunk is `source` at position `position` of the chunk before,
    counted from its last step but one (0 is that step, -1 the one before)."""

    boundary: str
    source: str
    index: Index
    position: int

    @property
    def leaf(self) -> str:
        return self.boundary + CARRIED

    def take(self, system: System, values: Mapping[str, Array]) -> Array:
        """The state that a chunk leaves, from its values in canonical layout."""
        array = values[self.source]
        axis = system.type(self.source).axes.index(self.index)
        last: Array = np.take(array, array.shape[axis] - 2 + self.position, axis=axis)
        return last


def carried(system: System) -> list[Carried]:
    """What goes from chunk to chunk: every boundary before the first step of a run-time axis."""
    found: list[Carried] = []
    for name in system.units:
        source, bracket, rest = name.partition("[")
        if not bracket or not (source in system.units or source in system.leaves):
            continue
        indices = system.indices(source)
        missing = [i for i in indices if i not in system.indices(name)]
        if len(missing) != 1 or missing[0].length.is_fixed:
            continue
        place = rest.rstrip("]").split(",")[indices.index(missing[0])].strip()
        if place.lstrip("-").isdigit() and int(place) <= 0:
            found.append(Carried(name, source, missing[0], int(place)))
    return found


def continued(system: System) -> System:
    """The system of a later chunk: boundaries before the first step become inputs."""
    leaves, units = dict(system.leaves), dict(system.units)
    for item in carried(system):
        unit = units[item.boundary]
        type_ = unit.value.type.with_axes({*unit.value.type.axes, BATCH})
        leaves[item.leaf] = Leaf(item.leaf, "state", type_, unit.indices, unit.span)
        value = Value(type_, item.boundary)
        subscripts = tuple(Affine.of(i) for i in unit.indices)
        attrs = {"unit": item.leaf, "subscripts": subscripts, "type": type_}
        units[item.boundary] = replace(unit, nodes=(Node(READ, (), attrs, value, unit.span),), value=value)
    return System(leaves, units, list(system.warnings))


def check_forward(system: System, wanted: list[str]) -> None:
    """Raises E322 if a recurrence along a run-time axis runs against it: it has no end to start from."""
    for loop in recurrences(plan(system, wanted)):
        if loop.reverse and not loop.index.length.is_fixed:
            name = sorted(loop.members)[0]
            raise fault(
                "E322",
                f"`bptt` cuts the sequence, and `{name}` runs from its end backwards",
                system.units[name].span,
                help="leave `bptt` out and train on whole sequences",
            )
