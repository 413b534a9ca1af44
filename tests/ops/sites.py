"""The kernel form of a node, evaluated point by point on the arrays of a run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.backend.state import State
from graphc.ir.builder import Builder
from graphc.ir.form import Element, Expanded, Scatter
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array
from graphc.kernel.coordinates import flat
from graphc.kernel.evaluate import FUNCTIONS, Evaluator
from graphc.kernel.expr import Const, DType, Expr, Kind, Load, Name, Reduce, as_expr, call
from graphc.ops.philox import SCALARS, stream_key
from graphc.types import BATCH, Dim, Index, Length, TensorType

Arrays = dict[Value, Array]


def _checked(coordinate: int, size: int) -> int:
    if not 0 <= coordinate < size:
        raise IndexError(f"coordinate {coordinate} of {size}")
    return coordinate


@dataclass
class NodeSite:
    """A `Site` whose point has names for coordinates, and whose operands are buffers named by number."""

    node: Node
    state: State
    axes: tuple[Index, ...]
    sizes: tuple[Dim, ...]
    tables: dict[str, Array] = field(default_factory=dict)
    variables: Iterator[int] = field(default_factory=itertools.count)

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
        return tuple(Name(f"d{i}") for i in range(len(self.sizes)))

    def axis(self, index: Index) -> Expr:
        return Name(f"i{self.axes.index(index)}")

    def read(
        self, operand: int, dims: Sequence[Expr] | None = None, axes: Mapping[Index, Expr] | None = None
    ) -> Expr:
        given, other = self.types[operand], axes or {}
        inner = self.dims if dims is None else tuple(dims)
        assert len(inner) == given.rank
        outer = [other[index] if index in other else self.axis(index) for index in given.axes]
        sizes = self._sizes(given)
        places = [
            call("checked", place, Const(size), dtype="int")
            for place, size in zip([*outer, *inner], sizes, strict=True)
        ]
        return Load(f"x{operand}", flat(places, sizes), given.dtype)

    def reduce(
        self, kind: Kind, extents: Sequence[Expr | int], body: Callable[[tuple[Name, ...]], Expr]
    ) -> Expr:
        over = tuple(Name(f"j{next(self.variables)}") for _ in extents)
        made = body(over)
        dtype: DType = "int" if kind in ("argmax", "argmin") else made.dtype
        return Reduce(kind, tuple(zip(over, map(as_expr, extents), strict=True)), made, dtype)

    def table(self, values: Sequence[float], dtype: DType) -> str:
        name = f"table{len(self.tables)}"
        self.tables[name] = np.asarray(values, self.state.dtypes[dtype])
        return name

    def extent(self, index: Index) -> Expr:
        return Const(self.state.extent(index))

    def length(self, length: Length) -> Expr:
        own = self.state.lengths(Index.full("", length))
        return Load(f"length {length}", self.axis(BATCH), "int") if own.ndim else Const(int(own))

    def step(self, index: Index) -> Expr:
        return Const(self.state.steps[index.name])

    def draw_key(self, stream: str) -> tuple[Expr, Expr]:
        low, high = stream_key(self.state.run.seed, self.state.run.step, stream)
        return Const(int(low)), Const(int(high))

    def example_id(self) -> Expr:
        return Load("ids", self.axis(BATCH), "int")

    def _sizes(self, given: TensorType) -> tuple[int, ...]:
        """How memory is laid out: a form may read at 0 along an index that is empty in this run."""
        return (*(max(self.state.extent(index), 1) for index in given.axes), *given.sizes)

    def evaluator(self, operands: Sequence[Array]) -> Evaluator:
        buffers = {
            f"x{i}": array if array.size else np.zeros(self._sizes(given), array.dtype)
            for i, (array, given) in enumerate(zip(operands, self.types, strict=True))
        }
        lengths = {f"length {name}": own for name, own in self.state.own.items()}
        # As compiled code has them: 64 bits with a sign.
        ids = {"ids": self.state.ids.view(np.int64)}
        functions = {**FUNCTIONS, **SCALARS, "checked": _checked}
        return Evaluator({}, {**buffers, **lengths, **ids, **self.tables}, self.state.real.type, functions)


def computed(node: Node, operands: Sequence[Array], state: State) -> Array:
    """The result of a node by its form, on arrays laid out as the operands' types say."""
    form = node.op.form
    if isinstance(form, Element):
        return _elements(node, form, operands, state)
    if isinstance(form, Scatter):
        return _scattered(node, form, operands, state)
    return _expanded(node, form, operands, state)


def _empty(node: Node, state: State) -> Array:
    return np.zeros(state.shape(node.result.type), state.dtypes[node.result.type.dtype])


def _points(site: NodeSite) -> Iterator[dict[str, int]]:
    extents = [*map(site.state.extent, site.axes), *(dim.value for dim in site.sizes)]
    names = [f"i{i}" for i in range(len(site.axes))] + [f"d{i}" for i in range(len(site.sizes))]
    for point in itertools.product(*map(range, extents)):
        yield dict(zip(names, point, strict=True))


def _elements(node: Node, form: Element, operands: Sequence[Array], state: State) -> Array:
    out = node.result.type
    site = NodeSite(node, state, out.axes, out.shape)
    element, result = form.at(site), _empty(node, state)
    assert element.dtype == out.dtype
    evaluate = site.evaluator(operands)
    for point in _points(site):
        evaluate.names = point
        result[tuple(point.values())] = evaluate(element)
    return result


def _scattered(node: Node, form: Scatter, operands: Sequence[Array], state: State) -> Array:
    out = node.result.type
    site = NodeSite(node, state, *form.space(node))
    target, result = form.at(site), _empty(node, state)
    assert target.value.dtype == out.dtype
    evaluate = site.evaluator(operands)
    for point in _points(site):
        evaluate.names = point
        if target.exists is None or evaluate(target.exists):
            lead = [evaluate(target.axes.get(index) or site.axis(index)) for index in out.axes]
            result[(*lead, *map(evaluate, target.dims))] += evaluate(target.value)
    return result


def _expanded(node: Node, form: Expanded, operands: Sequence[Array], state: State) -> Array:
    b = Builder()
    value = form.into(b, node)
    assert value.type.dtype == node.result.type.dtype
    assert value.type.axes == node.result.type.axes
    assert value.type.same_shape(node.result.type)
    arrays: Arrays = dict(zip(node.operands, operands, strict=True))
    for inner in b.nodes:
        assert isinstance(inner, Node)
        assert inner.op is not node.op
        arrays[inner.result] = computed(inner, [arrays[x] for x in inner.operands], state)
    return arrays[value]
