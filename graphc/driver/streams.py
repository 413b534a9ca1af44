"""Truncated backpropagation through time: a chunk of a long sequence that goes on where another ended.

The value that a boundary equation gives before the first step (`h[0]`) holds at the beginning of a stream
only. In a later chunk it is the state that the chunk before left, an input without a gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from graphc.analysis.recurrence import plan, recurrences
from graphc.diagnostics import fault
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array
from graphc.ir.system import READ, Leaf, System, Unit
from graphc.types import Affine, Index

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
        last: Array = np.take(array, array.shape[axis] - 2 + self.position, axis=axis, mode="clip")
        return last


def carried(system: System) -> list[Carried]:
    """What goes from chunk to chunk: every boundary before the first step of a run-time axis."""
    return [
        Carried(unit.name, unit.place.of, index, at.constant)
        for unit, index, at in _boundaries(system)
        if unit.place is not None and at.is_constant and at.constant < 1
    ]


def _boundaries(system: System) -> Iterator[tuple[Unit, Index, Affine]]:
    """Boundary equations at one position of a run-time axis, in all of the other axes."""
    for unit in system.units.values():
        if unit.place is not None and len(unit.place.positions) == 1:
            index, at = unit.place.positions[0]
            if not index.length.is_fixed:
                yield unit, index, at


def continued(system: System) -> System:
    """The system of a later chunk: boundaries before the first step become inputs."""
    leaves, units = dict(system.leaves), dict(system.units)
    for item in carried(system):
        unit = units[item.boundary]
        type_ = unit.value.type
        leaves[item.leaf] = Leaf(item.leaf, "state", type_, unit.indices, unit.span)
        value = Value(type_, item.boundary)
        subscripts = tuple(Affine.of(i) for i in unit.indices)
        attrs = {"unit": item.leaf, "subscripts": subscripts, "type": type_}
        units[item.boundary] = replace(unit, nodes=(Node(READ, (), attrs, value, unit.span),), value=value)
    return System(leaves, units, list(system.warnings))


def check(system: System, wanted: list[str], steps: int) -> None:
    """Raises E322 or E323 if chunks of `steps` steps would not compute what the whole sequence does."""
    _check_boundaries(system, steps)
    _check_forward(system, wanted)


def _check_boundaries(system: System, steps: int) -> None:
    for unit, index, at in _boundaries(system):
        if at.is_constant and at.constant >= 1:
            raise fault(
                "E323",
                f"`bptt` would start `{unit.name}` anew in every chunk",
                unit.span,
                help=f"write the equation for position 0: {unit.name.split('[')[0]}[0] = ...",
            )
        if at.is_constant and steps - 1 + at.constant < 0:
            raise fault(
                "E323",
                f"`bptt = {steps}` is shorter than the lag that reads `{unit.name}` along `{index.name}`",
                unit.span,
                help=f"use `bptt = {1 - at.constant}` or more",
            )


def _check_forward(system: System, wanted: list[str]) -> None:
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
