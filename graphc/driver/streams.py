"""Truncated backpropagation through time: a chunk of a long sequence that goes on where another ended.

The value that a boundary equation gives before the first step (`h[0]`) holds at the beginning of a stream
only. In a later chunk it is the state that the chunk before left, an input without a gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphc.analysis.recurrence import plan, recurrences
from graphc.diagnostics import fault
from graphc.driver.arrays import Feed
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

    def take(self, system: System, values: Mapping[str, Array], out: Array | None = None) -> Array:
        """The state that a chunk leaves, from its values in canonical layout."""
        array = values[self.source]
        axis = system.type(self.source).axes.index(self.index)
        last: Array = np.take(array, array.shape[axis] - 2 + self.position, axis=axis, mode="clip", out=out)
        return last


class Carry:
    """The states that the last chunk left, in arrays that stay while chunks have the same shape."""

    def __init__(self, system: System, real: np.dtype[Any]) -> None:
        self.items = carried(system)
        self.sources = [n for n in dict.fromkeys(i.source for i in self.items) if n in system.units]
        """The equations that a graph has to give for them; other sources are inputs."""
        self._system = system
        self._dtypes = {"real": real, "int": np.dtype(np.int64), "bool": np.dtype(np.bool_)}
        self._sequences: dict[str, Array] = {}
        self._states: dict[str, Array] = {}

    def outputs(self, fed: Feed) -> dict[str, Array]:
        """Arrays for the values of `sources`."""
        for name in self.sources:
            type_ = self._system.type(name)
            shape = fed.shape(type_)
            if name not in self._sequences or self._sequences[name].shape != shape:
                self._sequences[name] = np.empty(shape, self._dtypes[type_.dtype])
        return self._sequences

    def take(self, fed: Feed) -> Mapping[str, Array]:
        """The states, after a run on these inputs has written `outputs`. They hold until the next call."""
        values = {**fed.arrays, **self._sequences}
        for item in self.items:
            type_ = self._system.type(item.source)
            shape = fed.shape(type_.with_axes([axis for axis in type_.axes if axis != item.index]))
            if item.leaf not in self._states or self._states[item.leaf].shape != shape:
                self._states[item.leaf] = np.empty(shape, values[item.source].dtype)
            item.take(self._system, values, self._states[item.leaf])
        return dict(self._states)


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
