"""Loops over segments of an axis: each step sees a window of what varies over it.

Inside, the axis has as many positions as the segment: everything that is scheduled there - loops over its
steps, products over all of them at once, buffers - is as it would be for a short sequence. Values from
outside are seen from the segment's first position on, and what is stacked is stored from there on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.ir.graph import LoopNode, Value
from graphc.kernel.expr import Expr, call
from graphc.schedule import loops
from graphc.schedule.groups import Held
from graphc.schedule.places import Place, Span
from graphc.schedule.program import Buffer
from graphc.schedule.segments import Segments
from graphc.types import Index

if TYPE_CHECKING:
    from graphc.schedule.level import Level


def layout(level: Level, node: LoopNode) -> loops.Layout:
    """Where the carries and stacks of a loop lie, over steps or over segments of them."""
    return _Windows(level, node) if isinstance(node.loop, Segments) else loops.Layout(level, node)


class _Windows(loops.Layout):
    """The layout of a loop over segments."""

    @property
    def of(self) -> Index:
        """The index that is cut into segments."""
        assert isinstance(self.node.loop, Segments)
        return self.node.loop.of

    def extent(self) -> Expr:
        """The number of segments."""
        memory = self.level.memory
        length = memory.segment(self.of)
        return (memory.extent(self.of) + length - 1) // length

    @property
    def span(self) -> Span:
        memory, segment = self.level.memory, self.frame.step
        length = memory.segment(self.of)
        start = segment * length
        extent = call("minimum", length, memory.extent(self.of) - start, dtype="int")
        return Span(segment, start, extent)

    def seen(self, place: Place) -> Place:
        if self.of not in place.axes:
            return place
        return place.moved(self.span.start * place.axes[self.of])

    def unchanging(self) -> frozenset[Buffer]:
        moving = {place.buffer for place in self.inner.values() if self.of in place.axes}
        return super().unchanging() - moving

    def stored(self, place: Place) -> Place:
        return self.seen(place)

    def inside(self) -> Level:
        memory = self.level.memory.within(self.of, self.span)
        index = self.node.loop.index
        return self.level.child(self.node.loop.body, self.inner, {index: self.frame.step}, memory)

    def held(self, value: Value, carry: Value) -> Held | None:
        """Nothing is held: the loops inside hold the states of examples that have ended."""
        return None

    def sliced(self) -> bool:
        """Workers meet: products over a segment's steps, and sums over examples, are in the body."""
        return False
