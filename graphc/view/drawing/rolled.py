"""The picture of a spec as it is written: a box for each operation, a wire for each use, a recurrence as a
wire back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import networkx as nx

from graphc.analysis.recurrence import dependence_graph
from graphc.diagnostics import Span
from graphc.ir.graph import Node
from graphc.ir.system import Unit
from graphc.types import BATCH, Affine, Index, TensorType
from graphc.view.drawing.operations import SEPARATOR, Operation, Spelled
from graphc.view.drawing.picture import (
    Array,
    Axis,
    Box,
    Equality,
    Frame,
    Line,
    Picture,
    Reading,
    Role,
    Wire,
    spoken,
)
from graphc.view.drawing.places import examples, holds
from graphc.view.drawing.readings import place_read, position_said
from graphc.view.latex.rules import derivative

FEW = 1
"""An equation of so many operations needs no frame."""


@dataclass(frozen=True)
class Numbers:
    """What a run found, by the names of the spelled system: axes as declared, then the element's dims, after
    a batch of `has_batch`.

    `uses` are the summands of cotangents: what comes back through the read of that number of an operation.
    `by_step` takes them apart where all steps read the same, by the name of an axis' end: the reader's steps
    come first, before a batch. `lengths` are the examples' numbers of steps.
    """

    values: Mapping[str, Array] = field(default_factory=dict)
    cotangents: Mapping[str, Array] = field(default_factory=dict)
    uses: Mapping[tuple[str, int], Array] = field(default_factory=dict)
    by_step: Mapping[str, Mapping[tuple[str, int], Array]] = field(default_factory=dict)
    lengths: Mapping[str, Collection[int]] = field(default_factory=dict)
    has_batch: bool = False


@dataclass(frozen=True)
class Naming:
    """What the spec says of its names: which are losses, which are outputs, and the calls that layers are
    made by."""

    title: str
    losses: Collection[str] = ()
    outputs: Collection[str] = ()
    layers: Mapping[str, Span] = field(default_factory=dict)


def rolled(spelled: Spelled, naming: Naming, numbers: Numbers, *, derivatives: bool = False) -> Picture:
    """Everything that the spec's visible names are made of; with `derivatives`, what each operation gives
    back."""
    return _Rolling(spelled, naming, numbers, derivatives).picture()


@dataclass
class _Rolling:
    spelled: Spelled
    naming: Naming
    numbers: Numbers
    derivatives: bool
    frames: dict[str, Frame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sizes = Counter(operation.equation for operation in self.spelled.operations.values())
        components = nx.strongly_connected_components(dependence_graph(self.spelled.system))
        self.component = {name: number for number, names in enumerate(components) for name in names}

    def picture(self) -> Picture:
        system, operations = self.spelled.system, self.spelled.operations
        wires = [
            wire for name in operations for wire in self._wires(system.units[name]) if self._is_used(wire)
        ]
        used = {wire.source for wire in wires} | {*self.naming.outputs, *self.naming.losses}
        leaves = [self._leaf(name) for name in system.leaves if name in used]
        boxes = [*leaves, *(self._box(operation) for operation in operations.values())]
        shares = _shares(wires)
        boxes = [replace(box, shares=shares.get(box.id, {})) for box in boxes]
        return Picture(self.naming.title, boxes, wires, list(self.frames.values()))

    # ------------------------------------------------------------------------------------- boxes

    def _leaf(self, name: str) -> Box:
        leaf = self.spelled.system.leaves[name]
        return self._made(
            name, _called(name, leaf.indices), "", leaf.kind, leaf.type, leaf.indices, leaf.span
        )

    def _box(self, operation: Operation) -> Box:
        unit = self.spelled.system.units[operation.name]
        role: Role = "operation"
        if operation.name in self.naming.outputs:
            role = "output"
        if operation.name in self.naming.losses:
            role = "loss"
        name = _called(unit.name, unit.indices) if operation.is_result else ""
        return self._made(
            unit.name, name, operation.label, role, unit.value.type, unit.indices, operation.span
        )

    def _made(
        self,
        key: str,
        name: str,
        operation: str,
        role: Role,
        type_: TensorType,
        indices: tuple[Index, ...],
        span: Span,
    ) -> Box:
        axes = tuple(_axis(index, self.numbers.lengths) for index in indices)
        is_derived = self.derivatives and key in self.spelled.operations
        shape = "[" + ", ".join(str(dim) for dim in type_.shape) + "]" if type_.shape else type_.dtype
        return Box(
            id=key,
            name=name,
            operation=operation,
            role=role,
            shape=shape,
            axes=axes,
            frame=self._frame(key),
            line=line_of(span),
            value=self.numbers.values.get(key),
            cotangent=self.numbers.cotangents.get(key),
            derivative=derivative(self.spelled.system, key) if is_derived else "",
            has_batch=self.numbers.has_batch and BATCH in type_.axes,
        )

    # ------------------------------------------------------------------------------------ frames

    def _frame(self, key: str) -> str:
        """The innermost frame of a box: its equation's if that has several operations, else its layer's."""
        equation = key.split(SEPARATOR)[0]
        parent = self._layer(equation)
        operation = self.spelled.operations.get(key)
        if operation is None or self.sizes[equation] <= FEW:
            return parent
        found = f"={equation}"
        if found not in self.frames:
            unit = self.spelled.system.units[equation]
            line, label = line_of(unit.span), _called(equation, unit.indices)
            right = right_side(line.text)
            self.frames[found] = Frame(found, label, "equation", parent, line=line, formula=right)
        return found

    def _layer(self, name: str) -> str:
        path = name.split("[")[0].split(".")[:-1]
        parent = ""
        for depth in range(len(path)):
            layer = ".".join(path[: depth + 1])
            if layer not in self.frames:
                span = self.naming.layers.get(layer)
                label = " ".join(span.text.split()) if span else path[depth]
                self.frames[layer] = Frame(
                    layer, label, "layer", parent, line=line_of(span) if span else None
                )
            parent = layer
        return parent

    # ------------------------------------------------------------------------------------- wires

    def _wires(self, unit: Unit) -> Iterator[Wire]:
        """A wire for each use; the boundary values of a name are used at their own steps only."""
        never = self._never(unit)
        by_step = self.numbers.by_step.items()
        for number, node in enumerate(unit.reads()):
            source: str = node.attrs["unit"]
            use = (unit.name, number)
            reads = [*zip(self.spelled.system.indices(source), node.attrs["subscripts"], strict=True)]
            readings = {spoken(index): Reading(place_read(place, unit)) for index, place in reads}
            said = [position_said(index, place, unit) for index, place in reads]
            yield Wire(
                source,
                unit.name,
                said=", ".join(filter(None, said)),
                is_back=self._is_back(unit, source, readings),
                cotangent=self.numbers.uses.get(use),
                readings=readings,
                only=(only := self._only(source, node, unit)),
                never=() if only else never,
                shares={length: found[use] for length, found in by_step if use in found},
            )

    def _is_back(self, unit: Unit, source: str, readings: Mapping[str, Reading]) -> bool:
        """Whether another step is read: a fixed number of steps away, or any within a recurrence."""
        if any(reading.axis in self._axes(unit) and reading.shift for reading in readings.values()):
            return True
        is_recurrent = self.component[unit.name] == self.component.get(source)
        return is_recurrent and any(name != r.axis for name, r in readings.items())

    def _axes(self, unit: Unit) -> set[str]:
        return {spoken(index) for index in unit.indices}

    def _only(self, source: str, node: Node, unit: Unit) -> tuple[Equality, ...]:
        """Where a boundary value such as `h[0]` is read instead of `h[t-1]`: where t-1 is 0. An equation that
        has one within its axis reads that at its own step."""
        boundary = self.spelled.system.units.get(source)
        if boundary is None or boundary.place is None:
            return ()
        of, positions = boundary.place.of, boundary.place.positions
        for other in unit.reads():
            if other.attrs["unit"] == of and other.span == node.span:
                places = dict(zip(self.spelled.system.indices(of), other.attrs["subscripts"], strict=True))
                found = [(places[index], position) for index, position in positions]
                return tuple((place, position) for place, position in found if isinstance(place, Affine))
        if of == unit.name:
            return tuple((Affine.of(index), position) for index, position in positions)
        return ()

    def _never(self, unit: Unit) -> tuple[tuple[Equality, ...], ...]:
        """Where a boundary within the axis, `h[1] = ...`, stands in the place of the equation."""
        equation = self.spelled.system.units[unit.name.split(SEPARATOR)[0]]
        own = tuple(Affine.of(index) for index in equation.indices)
        starts = (self._only(node.attrs["unit"], node, equation) for node in equation.reads())
        return tuple(only for only in starts if only and all(place in own for place, _ in only))

    def _is_used(self, wire: Wire) -> bool:
        """Whether a boundary value is read at all: `h[T]` is `h[0]` in a sequence without steps only."""
        ends = {name: tuple(found) for name, found in self.numbers.lengths.items()}
        return any(all(holds(one, steps) is not False for one in wire.only) for steps in examples(ends))


def _shares(wires: Iterable[Wire]) -> dict[str, dict[str, Array]]:
    """What the steps of each axis add to a cotangent through all uses together, by what is used. A boundary
    value has none: one step reads it."""
    found: dict[str, dict[str, Array]] = {}
    for wire in wires:
        if wire.only:
            continue
        by_length = found.setdefault(wire.source, {})
        for length, array in wire.shares.items():
            by_length[length] = by_length.get(length, 0) + array
    return found


def line_of(span: Span) -> Line:
    return Line(span.source.name, span.line, " ".join(span.text.split()))


def _called(name: str, indices: tuple[Index, ...]) -> str:
    """A name with its subscripts, as the left side of its equation has them: `h[t]`, `res.z[k]`. What the
    compiler named itself, such as the loss of `minimize (w * x)^2`, is called what it is: `loss`."""
    own = [spoken(index) for index in indices]
    written = name.split("@")[0]
    # A boundary within a recurrence runs along its axis, but is called `h[2]` as it is.
    return f"{written}[{', '.join(own)}]" if own and "[" not in written else written


def right_side(text: str) -> str:
    """What an equation says behind its `=`; all of it if it gives no name, as in `minimize sum(z^2)`."""
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign in "([") - (sign in ")]")
        is_alone = text[place - 1] not in "=!<>" and text[place + 1 : place + 2] != "="
        if sign == "=" and not depth and is_alone:
            return text[place + 1 :].strip()
    return text


def _axis(index: Index, lengths: Mapping[str, Collection[int]]) -> Axis:
    length = index.length
    ends = tuple(sorted(lengths.get(length.name, ())))
    size = length.size.value if length.size is not None else max(ends, default=None)
    return Axis(spoken(index), length.name, size, ends if len(ends) > 1 else ())
