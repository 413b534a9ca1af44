"""Kernels that add values up at places that only the run knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphc.diagnostics import Span
from graphc.ir.form import Scatter, Target
from graphc.ir.graph import Node, Value
from graphc.kernel.expr import Const, Expr, Name, rewrite
from graphc.kernel.nest import If, Statement, Store
from graphc.schedule.groups import Space
from graphc.schedule.kernels import Writer, loop_nest
from graphc.schedule.program import Launch
from graphc.schedule.sites import Entry, NodeSite, Point
from graphc.types import BATCH, Index, TensorType

if TYPE_CHECKING:
    from graphc.schedule.level import Level


@dataclass
class Nest:
    """A scatter, ready to become a kernel when all places are known."""

    level: Level
    node: Node
    space: TensorType
    """The points' indices and dims, as those of a value."""
    target: Target

    @property
    def reads(self) -> tuple[Value, ...]:
        parts = [*self.target.axes.values(), *self.target.dims, self.target.value]
        parts += [self.target.exists] if self.target.exists is not None else []
        found = (e.value for part in parts for e in part.walk() if isinstance(e, Entry))
        return tuple(dict.fromkeys(found))

    def launch(self) -> Launch:
        """Zeros, then the points one after another; shared out along a coordinate that stays as it is."""
        writer = Writer(self.level.memory, self.level.places)
        result = self.node.result
        place = self.level.places[result]
        points = Space.of(self.space, self.level.memory)
        known = dict(points.axes)
        axes = {i: self.target.axes[i] if i in self.target.axes else known[i] for i in result.type.axes}
        ranged = self._ranged(points, axes)
        value = _loaded(writer, self.target.value)
        offset = _loaded(writer, place.at(axes, self.target.dims))
        add: Statement = Store(place.buffer.name, offset, value, accumulate=True, span=self.span)
        if self.target.exists is not None:
            add = If(_loaded(writer, self.target.exists), (add,))
        extents = [self.level.memory.extent(index) for index, _ in points.axes]
        extents += [Const(dim.value) for dim in self.space.shape]
        names = [*points.outer, *points.dims]
        adding = loop_nest([(n, e, n == ranged) for n, e in zip(names, extents, strict=True)], [add])
        return writer.kernel("scatter", (*self._zeros(axes, ranged), *adding))

    def _ranged(self, points: Space, axes: Mapping[Index, Expr]) -> Name | None:
        """The coordinate of the points that is one of the result as well, if there is one."""
        kept = [name for index, name in points.axes if axes.get(index) == name and index == BATCH]
        kept += [name for index, name in points.axes if axes.get(index) == name]
        kept += [name for name in points.dims if name in self.target.dims]
        return kept[0] if kept else None

    @property
    def apart(self) -> bool:
        """Whether each example's points add to that example's own numbers."""
        return (
            BATCH in self.node.result.type.axes and BATCH in self.space.axes and BATCH not in self.target.axes
        )

    def _zeros(self, axes: Mapping[Index, Expr], ranged: Name | None) -> tuple[Statement, ...]:
        result = self.node.result.type
        place = self.level.places[self.node.result]
        space = Space.of(result, self.level.memory)
        zero = Const(0.0 if result.dtype == "real" else 0, result.dtype)
        store = Store(place.buffer.name, place.at(dict(space.axes), space.dims), zero)
        loops = [(name, self.level.memory.extent(i), axes[i] == ranged) for i, name in space.axes]
        for name, dim, at in zip(space.dims, result.shape, self.target.dims, strict=True):
            loops.append((name, Const(dim.value), at == ranged))
        return loop_nest([(n, e, r and ranged is not None) for n, e, r in loops], [store])

    @property
    def span(self) -> Span | None:
        return self.node.span


def scatter(level: Level, node: Node) -> Nest:
    """The points of a scatter and what each of them does."""
    form = node.op.form
    assert isinstance(form, Scatter)
    axes, dims = form.space(node)
    space = TensorType.of(node.result.type.dtype, axes, dims)
    points = Space.of(space, level.memory)
    site = NodeSite(level.reader, node, Point(dict(points.axes), points.dims), len(dims))
    return Nest(level, node, space, form.at(site))


def _loaded(writer: Writer, expr: Expr) -> Expr:
    """The expression with every element loaded from its place."""

    def replaced(part: Expr) -> Expr | None:
        return _loaded(writer, writer.load(part)) if isinstance(part, Entry) else None

    return rewrite(expr, replaced)
