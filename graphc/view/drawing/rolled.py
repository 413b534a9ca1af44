"""The picture of a spec as it is written: a box for each operation, a wire for each use, a recurrence as a
wire back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from graphc.diagnostics import Span
from graphc.ir.graph import Node
from graphc.ir.system import Subscript, Unit
from graphc.types import BATCH, Affine, Index, Length, TensorType
from graphc.view.drawing.operations import SEPARATOR, Operation, Spelled
from graphc.view.drawing.picture import Array, Axis, Box, Frame, Line, Picture, Reading, Role, Wire
from graphc.view.latex.rules import derivative

FEW = 1
"""An equation of so many operations needs no frame."""


@dataclass(frozen=True)
class Numbers:
    """What a run found, by the names of the spelled system: axes as declared, then the element's dims, after
    a batch of `has_batch`.

    `summands` has a name's cotangents by the operation that they came through. `lengths` are the numbers of
    steps, `shares` the summands of a cotangent by step, by name and by the name of an axis' end.
    """

    values: Mapping[str, Array] = field(default_factory=dict)
    cotangents: Mapping[str, Array] = field(default_factory=dict)
    summands: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    has_batch: bool = False
    shares: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)


@dataclass(frozen=True)
class Naming:
    """What the spec says of its names: which one is the loss, which are outputs, and the calls that layers
    are made by."""

    title: str
    loss: str | None = None
    outputs: Collection[str] = ()
    layers: Mapping[str, Span] = field(default_factory=dict)


def rolled(spelled: Spelled, naming: Naming, numbers: Numbers) -> Picture:
    """Everything that the spec's visible names are made of."""
    return _Rolling(spelled, naming, numbers).picture()


@dataclass
class _Rolling:
    spelled: Spelled
    naming: Naming
    numbers: Numbers
    frames: dict[str, Frame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        units, operations = self.spelled.system.units, self.spelled.operations
        self.sizes = Counter(operation.equation for operation in operations.values())
        self.uses = Counter(node.attrs["unit"] for name in operations for node in units[name].reads())

    def picture(self) -> Picture:
        system, operations = self.spelled.system, self.spelled.operations
        wires = [wire for name in operations for wire in self._wires(system.units[name])]
        used = {wire.source for wire in wires}
        leaves = [self._leaf(name) for name in system.leaves if name in used]
        boxes = [*leaves, *(self._box(operation) for operation in operations.values())]
        return Picture(self.naming.title, boxes, self._completed(wires), list(self.frames.values()))

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
        if operation.name == self.naming.loss:
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
            derivative=derivative(self.spelled.system, key) if key in self.spelled.operations else "",
            has_batch=self.numbers.has_batch and BATCH in type_.axes,
            shares=self.numbers.shares.get(key, {}),
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
            self.frames[found] = Frame(
                found, _called(equation, unit.indices), "equation", parent, line=line_of(unit.span)
            )
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
        reads = unit.reads()
        parts = {name: dict(found) for name, found in self.numbers.summands.items()}
        for node in reads:
            source: str = node.attrs["unit"]
            cotangent = parts.get(source, {}).pop(unit.name, None)
            if cotangent is None and source not in self.numbers.summands and self.uses[source] == 1:
                cotangent = self.numbers.cotangents.get(source)
            indices = self.spelled.system.indices(source)
            readings = {
                index.name.rstrip("'"): _reading(index, subscript)
                for index, subscript in zip(indices, node.attrs["subscripts"], strict=True)
            }
            said = [_said(*pair) for pair in zip(indices, node.attrs["subscripts"], strict=True)]
            yield Wire(
                source,
                unit.name,
                said=", ".join(filter(None, said)),
                is_back=any(reading.axis and reading.shift for reading in readings.values()),
                cotangent=cotangent,
                readings=readings,
                only=self._only(source, node, reads),
            )

    def _completed(self, wires: list[Wire]) -> list[Wire]:
        """Of a recurrence no summand is known, only the sum: a single unknown one is what is left of it."""
        missing: dict[str, list[int]] = {}
        for number, wire in enumerate(wires):
            if wire.cotangent is None:
                missing.setdefault(wire.source, []).append(number)
        for source, numbers in missing.items():
            total = self.numbers.cotangents.get(source)
            if total is None or len(numbers) != 1:
                continue
            known = [w.cotangent for w in wires if w.source == source and w.cotangent is not None]
            if known and all(part.shape == total.shape for part in known):
                wires[numbers[0]] = replace(wires[numbers[0]], cotangent=total - sum(known))
        return wires

    def _only(self, source: str, node: Node, reads: list[Node]) -> Mapping[str, int]:
        """The steps at which a boundary value such as `h[0]` is read instead of `h[t-1]`: here 1."""
        boundary = self.spelled.system.units.get(source)
        if boundary is None or boundary.place is None:
            return {}
        found: dict[str, int] = {}
        for other in reads:
            if other.attrs["unit"] != boundary.place.of or other.span != node.span:
                continue
            of = self.spelled.system.indices(boundary.place.of)
            subscripts = dict(zip(of, other.attrs["subscripts"], strict=True))
            for index, position in boundary.place.positions:
                reading = _reading(index, subscripts[index])
                step = position - reading.shift
                place = _position(step) if isinstance(step, Affine) else None
                if reading.axis is not None and place is not None:
                    found[reading.axis] = place
        return found


def line_of(span: Span) -> Line:
    return Line(span.source.name, span.line, " ".join(span.text.split()))


def _called(name: str, indices: tuple[Index, ...]) -> str:
    """A name with its subscripts, as the left side of its equation has them: `h[t]`, `res.z[k]`. What the
    compiler named itself, such as the loss of `minimize (w * x)^2`, is called what it is: `loss`."""
    own = [index.name.rstrip("'") for index in indices]
    written = name.split("@")[0]
    return f"{written}[{', '.join(own)}]" if own else written


def _axis(index: Index, lengths: Mapping[str, int]) -> Axis:
    size = index.length.size.value if index.length.size is not None else lengths.get(index.length.name)
    return Axis(index.name.rstrip("'"), index.length.name, size)


def _reading(index: Index, subscript: Subscript) -> Reading:
    if not isinstance(subscript, Affine):
        return Reading()
    terms = [(symbol, factor) for symbol, factor in subscript.terms if isinstance(symbol, Index)]
    if len(terms) == 1 and len(subscript.terms) == 1 and terms[0][1] == 1:
        return Reading(terms[0][0].name.rstrip("'"), subscript.constant)
    return Reading(position=_position(subscript))


def _position(place: Affine) -> int | None:
    """A fixed position: counted from 0, or from the end downwards (`T` is -1, `T + 1` is 0 steps behind it:
    -0 has no sign, so None)."""
    if place.is_constant:
        return place.constant
    lengths = [symbol for symbol, factor in place.terms if isinstance(symbol, Length) and factor == 1]
    if len(lengths) == len(place.terms) == 1 and place.constant <= 0:
        return place.constant - 1
    return None


def _said(index: Index, subscript: Subscript) -> str:
    """What a wire says of an axis of its source: nothing where the reader reads it at its own position."""
    if not isinstance(subscript, Affine):
        return f"{index.name.rstrip(chr(39))} by number"
    text = str(subscript).replace("'", "")
    return "" if text == index.name.rstrip("'") else text
