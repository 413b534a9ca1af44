"""Small random graphs that are well typed and smooth, for tests of whatever takes a graph.

The generator draws ops, loops (over a ragged and over a fixed axis, either way, nested, with histories) and
operands with any subset of the indices, so that un-broadcasting and masking are met everywhere. The same
seed gives the same graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Value
from graphc.ops.contraction import matmul
from graphc.ops.elementwise import ADD, CAST, LESS, MUL, NEG, SELECT, SIGMOID, SIN, SUB, TANH
from graphc.ops.indexing import PICK, SHIFT
from graphc.ops.leaf import PIN, POSITION, STEP, constant
from graphc.ops.masking import sum_over
from graphc.ops.movement import TRANSPOSE
from graphc.ops.summing import EXPAND, REDUCE_SUM, spread_over
from graphc.types import BATCH, Affine, Dim, Index, Length, TensorType
from tests.loops import Outcome, Step, loop

D = Dim.named("D", 3)
H = Dim.named("H", 2)
T = Index.full("t", Length("T"))
K = Index.full("k", Length("K", Dim.literal(2)))
DIMS = (D, H)


@dataclass
class RandomGraph:
    """A graph with an output `loss`, its real inputs, and the names that are pinned in it."""

    graph: Graph
    inputs: tuple[str, ...]
    pins: tuple[str, ...]


def random_graph(seed: int, size: int = 12, depth: int = 2) -> RandomGraph:
    """A graph of about `size` draws at the top, with loops nested up to `depth`."""
    return _Generator(np.random.default_rng(seed)).graph(size, depth)


@dataclass
class _Scope:
    """A builder and the values that it can read."""

    builder: Builder
    pool: list[Value]
    free: tuple[Index, ...]
    """Indices that values here may vary over."""


@dataclass
class _Generator:
    random: np.random.Generator
    pins: list[str] = field(default_factory=list)

    def graph(self, size: int, depth: int) -> RandomGraph:
        inputs = [
            Value(TensorType.of("real", axes, shape), name)
            for name, axes, shape in [
                ("x", (BATCH, T), (D,)),
                ("y", (BATCH,), (H,)),
                ("z", (BATCH, T), ()),
                ("p", (T,), (H,)),
                ("q", (K,), (D,)),
                ("W", (), (H, D)),
                ("V", (), (D, D)),
                ("w", (K,), (H, H)),
                ("s", (), ()),
            ]
        ]
        scope = _Scope(Builder(), list(inputs), (T, K))
        self._fill(scope, size, depth)
        loss = self._loss(scope)
        graph = Graph(tuple(inputs), tuple(scope.builder.nodes), {"loss": loss})
        return RandomGraph(graph, tuple(value.name for value in inputs), tuple(self.pins))

    def _loss(self, scope: _Scope) -> Value:
        """A weighed sum of what was drawn last and of one value that was drawn early."""
        total = constant(scope.builder, 0.0)
        for weight, value in enumerate([self._pick(scope), *scope.pool[-4:]], 1):
            part = self._coerced(scope.builder, scope.builder(TANH, value), TensorType("real"))
            scaled = scope.builder(MUL, part, constant(scope.builder, 1.0 / weight))
            total = scope.builder(ADD, total, scaled)
        return total

    def _fill(self, scope: _Scope, size: int, depth: int) -> None:
        kinds: list[Callable[[_Scope], Value]] = [
            self._unary,
            self._binary,
            self._binary,
            self._product,
            self._summed,
            self._selected,
            self._pinned,
            self._moved,
        ]
        for _ in range(size):
            if depth and scope.free and self.random.random() < 0.25:
                scope.pool += self._loop(scope, depth - 1)
            else:
                scope.pool.append(kinds[self.random.integers(len(kinds))](scope))

    def _pick(self, scope: _Scope, fits: Callable[[Value], bool] = lambda value: True) -> Value:
        """A value of the pool, later ones more often."""
        found = [value for value in scope.pool if fits(value)]
        place = int(len(found) * np.sqrt(self.random.random()))
        return found[min(place, len(found) - 1)]

    def _unary(self, scope: _Scope) -> Value:
        op = (TANH, SIGMOID, SIN, NEG)[self.random.integers(4)]
        return scope.builder(op, self._pick(scope))

    def _binary(self, scope: _Scope) -> Value:
        first = self._pick(scope)
        second = self._pick(scope, lambda v: not v.type.rank or not first.type.rank or _same(v, first))
        op = (ADD, SUB, MUL)[self.random.integers(3)]
        pair = (first, second) if self.random.random() < 0.5 else (second, first)
        return scope.builder(TANH, scope.builder(op, *pair))

    def _product(self, scope: _Scope) -> Value:
        left = self._pick(scope, lambda v: v.type.rank == 2)
        right = self._pick(scope, lambda v: v.type.rank > 0)
        if left.type.shape[-1] != right.type.shape[0]:
            right = self._coerced(scope.builder, right, right.type.with_shape(left.type.shape[-1:]))
        return scope.builder(TANH, matmul(scope.builder, left, right))

    def _summed(self, scope: _Scope) -> Value:
        value = self._pick(scope)
        if value.type.rank and self.random.random() < 0.5:
            place = int(self.random.integers(value.type.rank))
            value = scope.builder(REDUCE_SUM, value, dims=(place,), indices=())
        elif value.type.axes:
            index = value.type.axes[self.random.integers(len(value.type.axes))]
            value = sum_over(scope.builder, value, (index,))
        return scope.builder(SIN, value)

    def _selected(self, scope: _Scope) -> Value:
        b, first = scope.builder, self._pick(scope)
        second = self._pick(scope, lambda v: not v.type.rank or _same(v, first))
        steps, free = b.loops, [index for index in (T, K) if index not in b.loops]
        if steps and self.random.random() < 0.5:
            place = b(STEP, index=steps[self.random.integers(len(steps))])
        elif free:
            place = b(POSITION, index=free[self.random.integers(len(free))])
        else:
            place = constant(b, 1, "int")
        return b(SELECT, b(LESS, place, constant(b, 2, "int")), first, second)

    def _pinned(self, scope: _Scope) -> Value:
        name = f"v{len(self.pins)}"
        self.pins.append(name)
        return scope.builder(PIN, scope.builder(TANH, self._pick(scope)), name=name)

    def _moved(self, scope: _Scope) -> Value:
        """Along an index by one, or a single position of it; a matrix on its side."""
        b = scope.builder
        value = self._pick(scope, lambda v: bool(set(v.type.axes) & {T, K}) or v.type.rank == 2)
        along = [index for index in value.type.axes if index in (T, K)]
        if not along:
            return b(TRANSPOSE, value, perm=(1, 0)) if value.type.rank == 2 else value
        index = along[self.random.integers(len(along))]
        if index == K and self.random.random() < 0.5:
            return b(PICK, value, constant(b, int(self.random.integers(1, 3)), "int"), index=index)
        # What comes in from beyond the end is no value of the example's.
        shifted = b(SHIFT, value, index=index, offset=-1)
        return b(MUL, shifted, b(CAST, b(POSITION, index=index), dtype="real"))

    def _coerced(self, b: Builder, value: Value, target: TensorType) -> Value:
        """A value made to have a type: summed and spread where it differs."""
        if value.type.rank and not value.type.same_shape(target):
            value = b(REDUCE_SUM, value, dims=tuple(range(value.type.rank)), indices=())
        while extra := [axis for axis in value.type.axes if axis not in target.axes]:
            value = sum_over(b, value, extra)
        if target.rank and not value.type.rank:
            value = b(EXPAND, value, shape=target.shape, source=(None,) * target.rank)
        return spread_over(b, value, target.axes)

    # Loops.

    def _loop(self, scope: _Scope, depth: int) -> list[Value]:
        index = scope.free[self.random.integers(len(scope.free))]
        carried = self._carried_types(scope, index)
        b = scope.builder
        carries = [self._coerced(b, b(TANH, self._pick(scope)), each) for each in carried]
        outer = [value for value in scope.pool if index not in value.type.axes]
        over = [value for value in scope.pool if index in value.type.axes]
        reverse = bool(self.random.random() < 0.4)
        view = self._view(index) if self.random.random() < 0.4 and not reverse else None

        def step(inside: Builder, at: Step) -> Outcome:
            return self._step(scope, inside, at, index, depth, view)

        return list(
            loop(
                b,
                index,
                step,
                constants=self._some(outer),
                sequences=self._some(over),
                carries=carries,
                histories=[(0, view)] if view is not None else [],
                reverse=reverse,
            )
        )

    def _step(
        self, scope: _Scope, inside: Builder, at: Step, index: Index, depth: int, view: Value | None
    ) -> Outcome:
        pool = [*at.constants, *at.slices, *at.carries]
        pool.append(constant(inside, 0.3, shape=(H, D)))
        if view is not None:
            (bound,) = (axis for axis in view.type.axes if axis != BATCH)
            pool.append(sum_over(inside, view, (bound,)))
        free = tuple(axis for axis in scope.free if axis != index)
        body = _Scope(inside, pool, free)
        self._fill(body, 4, depth)
        after = [
            inside(TANH, self._coerced(inside, inside(ADD, carry, constant(inside, 0.2)), carry.type))
            if self.random.random() < 0.2
            else self._coerced(inside, inside(TANH, self._pick(body)), carry.type)
            for carry in at.carries
        ]
        stacked = [self._pick(body)]
        if view is not None:
            kept = view.type.with_axes((BATCH,))
            stacked.insert(0, self._coerced(inside, inside(SIN, self._pick(body)), kept))
        return after, stacked

    def _carried_types(self, scope: _Scope, index: Index) -> list[TensorType]:
        """One or two carries. Over a ragged axis each example must have a last state of its own."""
        found: list[TensorType] = []
        for _ in range(self.random.integers(1, 3)):
            shape = [(), (D,), (H,), (H, D)][self.random.integers(4)]
            axes = {*index.dependencies}
            if self.random.random() < 0.4:
                axes |= {BATCH}
            others = [axis for axis in scope.free if axis != index]
            if others and self.random.random() < 0.3:
                axes |= {others[0], *others[0].dependencies}
            found.append(TensorType.of("real", axes, shape))
        return found

    def _view(self, index: Index) -> Value:
        before = Index("u" + index.name, index.length, Affine(1), Affine.of(index) - 1)
        return Value(TensorType.of("real", (BATCH, before), (H,)), "history")

    def _some(self, values: Sequence[Value]) -> list[Value]:
        count = min(len(values), 4)
        chosen = self.random.choice(len(values), count, replace=False) if count else []
        return [values[int(i)] for i in chosen]


def _same(one: Value, other: Value) -> bool:
    return one.type.same_shape(other.type)
