"""A node's form at a point, with operands read through whatever is not computed on its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from graphc.ir.form import Element
from graphc.ir.graph import Node, Value
from graphc.kernel.expr import DType, Expr, Kind, Load, Name, Reduce, as_expr, rewrite
from graphc.schedule.places import Memory
from graphc.types import BATCH, Index, Length, TensorType


@dataclass(frozen=True, eq=True)
class Entry(Expr):
    """An element of a value that has a place, or is a local of the kernel that reads it."""

    value: Value
    axes: tuple[tuple[Index, Expr], ...]
    dims: tuple[Expr, ...]
    dtype: DType = "real"

    __hash__ = Expr.__hash__

    @property
    def parts(self) -> tuple[Expr, ...]:
        return (*(coordinate for _, coordinate in self.axes), *self.dims)


def renamed(expr: Expr, names: Mapping[str, Expr]) -> Expr:
    """The expression with other names, in the coordinates of entries as well."""

    def replaced(part: Expr) -> Expr | None:
        if isinstance(part, Name):
            return names.get(part.name)
        if isinstance(part, Entry):
            axes = tuple((index, renamed(at, names)) for index, at in part.axes)
            return replace(part, axes=axes, dims=tuple(renamed(at, names) for at in part.dims))
        return None

    return rewrite(expr, replaced)


@dataclass
class Point:
    """Where a form is asked: coordinates along indices and in dims."""

    axes: Mapping[Index, Expr]
    dims: tuple[Expr, ...]


@dataclass
class Reader:
    """Reads values at points: what is inlined by its form, everything else as an element."""

    memory: Memory
    steps: Mapping[Index, Expr]
    """Where the enclosing loops stand, from 0."""
    inlined: dict[Value, Node] = field(default_factory=dict)

    def read(self, value: Value, axes: Mapping[Index, Expr], dims: Sequence[Expr]) -> Expr:
        node = self.inlined.get(value)
        if node is None:
            own = tuple((index, axes[index]) for index in value.type.axes)
            return Entry(value, own, tuple(dims), value.type.dtype)
        return self.at(node, Point(axes, tuple(dims)), len(dims))

    def at(self, node: Node, point: Point, depth: int) -> Expr:
        """The form of a node at a point. New variables of reductions are numbered from `depth`."""
        form = node.op.form
        assert isinstance(form, Element), node.op
        return form.at(NodeSite(self, node, point, depth))


@dataclass
class NodeSite:
    """The `Site` of one node at one point."""

    reader: Reader
    node: Node
    point: Point
    depth: int

    @property
    def attrs(self) -> Mapping[str, Any]:
        return self.node.attrs

    @property
    def types(self) -> tuple[TensorType, ...]:
        return tuple(operand.type for operand in self.node.operands)

    @property
    def out(self) -> TensorType:
        return self.node.result.type

    @property
    def dims(self) -> tuple[Expr, ...]:
        return self.point.dims

    def axis(self, index: Index) -> Expr:
        return self.point.axes[index]

    def read(
        self, operand: int, dims: Sequence[Expr] | None = None, axes: Mapping[Index, Expr] | None = None
    ) -> Expr:
        places = {**self.point.axes, **(axes or {})}
        return self.reader.read(
            self.node.operands[operand], places, self.point.dims if dims is None else dims
        )

    def reduce(
        self, kind: Kind, extents: Sequence[Expr | int], body: Callable[[tuple[Name, ...]], Expr]
    ) -> Expr:
        over = tuple(Name(f"j{self.depth + i}") for i in range(len(extents)))
        self.depth += len(extents)
        made = body(over)
        dtype: DType = "int" if kind in ("argmax", "argmin") else made.dtype
        return Reduce(kind, tuple(zip(over, map(as_expr, extents), strict=True)), made, dtype)

    def table(self, values: Sequence[float | int | bool], dtype: DType) -> str:
        return self.reader.memory.table(values, dtype).name

    def extent(self, index: Index) -> Expr:
        return self.reader.memory.extent(index)

    def length(self, length: Length) -> Expr:
        if length.is_fixed or length == BATCH.length:
            return self.reader.memory.extent(length)
        buffer = self.reader.memory.shared("lengths", length.name, "int", self.extent(BATCH))
        return Load(buffer.name, self.axis(BATCH), "int")

    def step(self, index: Index) -> Expr:
        return self.reader.steps[index] + 1

    def draw_key(self, stream: str) -> tuple[Expr, Expr]:
        return self.reader.memory.key(stream, 0), self.reader.memory.key(stream, 1)

    def example_id(self) -> Expr:
        buffer = self.reader.memory.shared("ids", "", "int", self.extent(BATCH))
        return Load(buffer.name, self.axis(BATCH), "int")
