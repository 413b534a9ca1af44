"""Recurrences: a loop node as a `Repeat` of the steps of its body.

A carry lies in a ring of rows. Two rows are enough, one to read and one to write; where the states of all
steps are kept anyway the ring has a row for each of them and one for the start, so that nothing is ever
copied: the state before a step is the row that the step before has written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from graphc.ir.graph import LoopNode, Value
from graphc.kernel.expr import ONE, ZERO, Const, Expr, Load, Name, add, compare, remainder, subtract
from graphc.kernel.nest import Statement, Store
from graphc.schedule.groups import Copy, Held, Space
from graphc.schedule.kernels import Writer, loop_nest
from graphc.schedule.places import Memory, Place
from graphc.schedule.program import Buffer, Launch, Repeat, Step
from graphc.schedule.sites import Entry
from graphc.types import BATCH, TensorType

if TYPE_CHECKING:
    from graphc.schedule.level import Level


@dataclass(frozen=True)
class Ring:
    """The rows of a carry: `whole` for all steps, or two in turns."""

    place: Place
    """The first row."""
    row: Expr
    """The number of elements of a row."""
    whole: bool

    def at(self, number: Expr) -> Place:
        return self.place.moved((number if self.whole else remainder(number, Const(2))) * self.row)


@dataclass
class Frame:
    """A loop under way: its step, how many rows it has done, and where everything lies."""

    node: LoopNode
    step: Name
    extent: Expr

    @property
    def done(self) -> Expr:
        """The steps that were taken before this one: also the ring's row that the state is read from."""
        return subtract(self.extent - 1, self.step) if self.node.loop.reverse else self.step

    def row_before(self, ring: Ring) -> Place:
        """Whole rings go by position: a step reads row p - 1 and writes p, or p and p - 1 if reversed."""
        if ring.whole and self.node.loop.reverse:
            return ring.at(self.step + 1)
        return ring.at(self.done)

    def row_after(self, ring: Ring) -> Place:
        if ring.whole and self.node.loop.reverse:
            return ring.at(self.step)
        return ring.at(add(self.done, ONE))

    def first(self, ring: Ring) -> Place:
        return ring.at(self.extent if ring.whole and self.node.loop.reverse else ZERO)

    def last(self, ring: Ring) -> Place:
        return ring.at(ZERO if ring.whole and self.node.loop.reverse else self.extent)

    def stacked(self, ring: Ring, shift: int) -> Place:
        """The states of a whole ring as a sequence; `shift` 1 for those after each step."""
        forwards = not self.node.loop.reverse
        start = ring.at(Const(shift if forwards else 1 - shift))
        return replace(start, axes={self.node.loop.index: ring.row, **start.axes})


class Layout:
    """Where a loop's carries and stacks lie, settled before what reads them is scheduled."""

    def __init__(self, level: Level, node: LoopNode) -> None:
        loop, memory = node.loop, level.memory
        self.level, self.node = level, node
        self.frame = frame = Frame(node, Name(f"t{len(level.context.steps)}"), self.extent())
        constants, sequences, _ = loop.split(node.operands)
        own = loop.split(loop.body.inputs)
        self.inner: dict[Value, Place] = {
            value: self.seen(level.place(operand)) for value, operand in zip(own[0], constants, strict=True)
        }
        self.constants = self.unchanging()
        for value, operand in zip(own[1], sequences, strict=True):
            self.inner[value] = level.place(operand).without(loop.index, frame.step)
        outputs = loop.body_outputs
        stacked = outputs[loop.carries :]
        self.carries = own[2]
        self.rings = [
            _ring(memory, value, after.name, value in stacked or after in stacked, frame.extent)
            for value, after in zip(own[2], outputs, strict=False)
        ]
        for value, ring in zip(own[2], self.rings, strict=True):
            self.inner[value] = frame.row_before(ring)
        self.stacks = [self._stack(n) for n in range(loop.stacks)]
        views = loop.body.inputs[len(loop.body.inputs) - len(loop.histories) :]
        for view, number in zip(views, loop.histories, strict=True):
            stack = node.results[loop.carries + number].type
            (bound,) = (axis for axis in view.type.axes if axis not in stack.axes)
            self.inner[view] = self.stacks[number].renamed(loop.index, bound)
        for result, ring in zip(node.results, self.rings, strict=False):
            level.places[result] = frame.last(ring)
        for result, place in zip(node.results[loop.carries :], self.stacks, strict=True):
            level.places[result] = place

    def extent(self) -> Expr:
        return self.level.memory.extent(self.node.loop.index)

    def seen(self, place: Place) -> Place:
        """What the body sees of a value that is handed to it whole."""
        return place

    def unchanging(self) -> frozenset[Buffer]:
        """The buffers of which the body sees the same at each step."""
        return frozenset(place.buffer for place in self.inner.values())

    def stored(self, place: Place) -> Place:
        """Where in a stack the body stores its value."""
        return place.without(self.node.loop.index, self.frame.step)

    def inside(self) -> Level:
        """The level of the body."""
        index = self.node.loop.index
        at = self.level.memory.position(index, self.frame.step)
        return self.level.child(self.node.loop.body, self.inner, {index: at})

    def held(self, value: Value, carry: Value) -> Held | None:
        return _held(self.body, self.frame, value, carry)

    def _stack(self, number: int) -> Place:
        """Where a stack lies: in a ring, where a sequence came from, or in a buffer of its own."""
        loop, frame = self.node.loop, self.frame
        value = loop.body_outputs[loop.carries + number]
        result = self.node.results[loop.carries + number]
        if value in self.carries:
            return frame.stacked(self.rings[self.carries.index(value)], 0)
        nexts = loop.body_outputs[: loop.carries]
        if value in nexts:
            return frame.stacked(self.rings[nexts.index(value)], 1)
        _, inside, _ = loop.split(loop.body.inputs)
        _, outside, _ = loop.split(self.node.operands)
        if value in inside:
            return self.level.place(outside[inside.index(value)])
        return self.level.memory.laid_out(result.name or "stack", result.type, title=result.name)

    def _lies_there(self, value: Value) -> bool:
        """Whether a stacked value is where its stack is without being stored for it."""
        loop = self.node.loop
        _, sequences, carries = loop.split(loop.body.inputs)
        return value in (*sequences, *carries, *loop.body_outputs[: loop.carries])

    def starts(self) -> list[Copy]:
        """The first rows of the rings."""
        _, _, given = self.node.loop.split(self.node.operands)
        return [
            Copy(start, self.frame.first(ring), carry.type)
            for start, ring, carry in zip(given, self.rings, self.carries, strict=True)
        ]

    def schedule(self) -> Callable[[], list[Step]]:
        """Schedule the body; what comes back makes the loop's steps when all places are known."""
        loop, frame = self.node.loop, self.frame
        self.body = body = self.inside()
        kept = {ring.place.buffer for ring in self.rings}
        body.matrices.constants = self.constants - kept - {place.buffer for place in self.stacks}
        outputs = loop.body_outputs
        for value, ring, carry in zip(outputs, self.rings, self.carries, strict=False):
            body.store(value, frame.row_after(ring), self.held(value, carry))
        for value, place in zip(outputs[loop.carries :], self.stacks, strict=True):
            if not self._lies_there(value):
                body.store(value, self.stored(place))
        body.schedule()
        return self._steps

    def apart(self) -> bool:
        """Whether workers may run through it inside a loop that they share out already.

        Not if it packs for its products: what all workers pack together they have to wait for.
        """
        return not self.body.matrices.operands and self.sliced()

    def sliced(self) -> bool:
        """Whether each worker runs all its steps for its own part of the batch."""
        return self.body.examples_are_apart()

    def _steps(self) -> list[Step]:
        loop, memory = self.node.loop, self.level.memory
        writer = Writer(memory, self.level.places)
        sliced = self.sliced()
        steps = tuple(self.body.steps(sliced))
        batch = memory.extent(BATCH) if sliced else None
        made = Repeat(self.frame.step, self.frame.extent, loop.reverse, steps, sliced, batch)
        read = list(dict.fromkeys(loop.histories))
        zeros = [_zeros(writer, self.stacks[n], self.node.results[loop.carries + n].type) for n in read]
        return [*zeros, *self.body.matrices.packed.values(), made]


def _ring(memory: Memory, value: Value, after: str, whole: bool, extent: Expr) -> Ring:
    """The rows of a carry, which a reader calls as what each step makes of it."""
    rows = extent + 1 if whole else Const(2)
    place = memory.laid_out(value.name or "state", value.type, leading=rows, title=after or value.name)
    row: Expr = ONE
    for index in value.type.axes:
        row = row * memory.extent(index)
    for dim in value.type.shape:
        row = row * dim.value
    return Ring(place, row, whole)


def _held(body: Level, frame: Frame, value: Value, carry: Value) -> Held | None:
    """Where no step happens for an example, its state stays the same."""
    index = frame.node.loop.index
    if body.context.dense or index.length.is_fixed or BATCH not in value.type.axes:
        return None
    space = Space.of(carry.type, body.memory)
    lengths = body.memory.shared("lengths", index.length.name, "int", body.memory.extent(BATCH))
    own = Load(lengths.name, dict(space.axes)[BATCH], "int")
    old = Entry(carry, tuple(space.axes), space.dims, carry.type.dtype)
    return compare("<", body.memory.position(index, frame.step), own), old


def _zeros(writer: Writer, place: Place, type_: TensorType) -> Launch:
    """A history is zero where nothing has been written yet."""
    space = Space.of(type_, writer.memory)
    zero = Const(0.0 if type_.dtype == "real" else 0, type_.dtype)
    body: list[Statement] = [Store(place.buffer.name, place.at(dict(space.axes), space.dims), zero)]
    # Inside of a sliced loop a worker has its part of the batch, and of nothing else.
    chosen = next((i for i, _ in space.axes if i == BATCH), space.axes[0][0])
    loops = [(name, writer.memory.extent(i), i == chosen) for i, name in space.axes]
    loops += [(name, Const(d.value), False) for name, d in zip(space.dims, type_.shape, strict=True)]
    return writer.kernel("zeros", loop_nest(loops, body))
