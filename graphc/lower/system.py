"""A rolled system to a graph: equations in order, recurrences as loops, reads as shifts, picks and carries.

A read is resolved at the outermost place where it can be: a name that is complete before a loop begins is
gathered in front of the loop, for all steps at once, and the loop's body sees a slice; a name of the loop
itself is read from a carry (a fixed lag) or from its history (a range of earlier steps).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from graphc.analysis.intervals import distance
from graphc.analysis.recurrence import Recurrence, Single, Step, plan
from graphc.diagnostics import fault
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Loop, Node, Value, body_graph
from graphc.ir.system import READ, Subscript, System, Unit
from graphc.lower.gather import aside, gather, position, zeros
from graphc.ops.elementwise import EQUAL, SELECT
from graphc.ops.indexing import BROADCAST, RENAME
from graphc.ops.leaf import INSIDE, INSIDE_STEP, POSITION, STEP
from graphc.types import Affine, Index, TensorType


class Level:
    """A graph under construction: the top, or the body of a loop over `index`."""

    def __init__(self, parent: Level | None = None, step: Recurrence | None = None) -> None:
        self.parent = parent
        self.step = step
        self.loops: tuple[Index, ...] = (*parent.loops, step.index) if parent and step else ()
        self.builder = Builder(self.loops)
        self.available: dict[str, Value] = {}
        self.constants: dict[Value, Value] = {}
        self.sequences: dict[Value, Value] = {}
        self.carries: dict[tuple[str, int], Value] = {}
        self.histories: dict[str, Value] = {}

    def chain(self) -> list[Level]:
        return [*(self.parent.chain() if self.parent else []), self]

    def capture(self, value: Value) -> Value:
        """The body's input for a value of the level outside: a slice if it varies over the loop's index."""
        assert self.step is not None
        index = self.step.index
        table = self.sequences if index in value.type.axes else self.constants
        if value not in table:
            inner = value.type.with_axes(set(value.type.axes) - {index})
            table[value] = Value(inner, value.name)
        return table[value]


class Lowering:
    """Turns the units of a system into one graph."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.inputs: dict[str, Value] = {}

    def leaf(self, name: str) -> Value:
        if name not in self.inputs:
            self.inputs[name] = Value(self.system.leaves[name].type, name)
        return self.inputs[name]

    def run(self, steps: Sequence[Step], level: Level) -> None:
        for step in steps:
            if isinstance(step, Single):
                unit = self.system.units[step.unit]
                level.available[unit.name] = self.unit(unit, level)
            else:
                self.loop(step, level)

    def unit(self, unit: Unit, level: Level) -> Value:
        """Copy a unit's nodes to a level; indices that are loops there become steps."""
        moved: dict[Value, Value] = {}
        builder, loops = level.builder, set(level.loops)
        for node in unit.nodes:
            assert isinstance(node, Node)
            operands = [moved[operand] for operand in node.operands]
            with builder.at(node.span):
                if node.op is READ:
                    value = self.read(node, operands, level)
                elif node.op is POSITION and node.attrs["index"] in loops:
                    value = builder(STEP, **node.attrs)
                elif node.op is INSIDE:
                    index = node.attrs["index"]
                    steps = frozenset(loops & (index.dependencies | {index}))
                    value = builder(INSIDE_STEP if index in loops else INSIDE, index=index, steps=steps)
                elif node.op is BROADCAST:
                    rest = tuple(i for i in node.attrs["indices"] if i not in loops)
                    value = builder(BROADCAST, *operands, indices=rest) if rest else operands[0]
                else:
                    value = builder(node.op, *operands, called=node.result.name, **node.attrs)
            moved[node.result] = value
        return moved[unit.value]

    # --------------------------------------------------------------------------------------- reads

    def read(self, node: Node, operands: Sequence[Value], level: Level) -> Value:
        subscripts: tuple[Subscript, ...] = node.attrs["subscripts"]
        places = [s if isinstance(s, Affine) else operands[s] for s in subscripts]
        return self._read(node.attrs["unit"], places, level)

    def _read(self, name: str, at_places: Sequence[Affine | Value], level: Level) -> Value:
        """A name's value at a place of each of its indices."""
        indices, places = list(self.system.indices(name)), list(at_places)
        levels = level.chain()
        if name in self.system.leaves:
            return self._resolved(self.leaf(name), indices, places, levels, 0)
        for depth, outer in enumerate(levels):
            if name in outer.available:
                return self._resolved(outer.available[name], indices, places, levels, depth)
            inner = levels[depth + 1]
            assert inner.step is not None
            index = inner.step.index
            at = indices.index(index)
            place = places[at]
            if isinstance(place, Affine) and place == Affine.of(index):
                # The step under way: it is found further in, without this index.
                del indices[at], places[at]
                continue
            value, rest, left = self._carried(name, index, place, indices, places, inner)
            value = self._resolved(value, rest, left, levels, depth + 1)
            if isinstance(place, Affine) and self._may_be_now(index, place, inner):
                here = list(at_places)
                here[self.system.indices(name).index(index)] = Affine.of(index)
                return self._with_own(value, self._read(name, here, level), index, place, level)
            return value
        raise AssertionError(f"{name} is read before it is computed")

    def _carried(
        self,
        name: str,
        index: Index,
        place: Affine | Value,
        indices: Sequence[Index],
        places: Sequence[Affine | Value],
        level: Level,
    ) -> tuple[Value, list[Index], list[Affine | Value]]:
        """A value of another step of the loop: a carry for a fixed lag, else the history."""
        assert level.step is not None
        lag = Affine.of(index) - place if isinstance(place, Affine) else None
        if lag is not None and lag.is_constant:
            steps = -lag.constant if level.step.reverse else lag.constant
            rest = [(i, p) for i, p in zip(indices, places, strict=True) if i != index]
            return self.carry(name, steps, level), [i for i, _ in rest], [p for _, p in rest]
        whole = aside(index)
        named = [whole if i == index else i for i in indices]
        return self.history(name, level), named, list(places)

    def _may_be_now(self, index: Index, place: Affine, level: Level) -> bool:
        """Whether a place among other steps of a loop may be the step under way: `u` of `u = 1..t`."""
        assert level.step is not None
        gap = distance(index, place)
        return not (gap.strictly_backward if level.step.reverse else gap.strictly_forward)

    def _with_own(self, value: Value, own: Value, index: Index, place: Affine, level: Level) -> Value:
        """A history holds the steps that are done: at the step under way the value is the step's own."""
        b = level.builder
        return b(SELECT, b(EQUAL, position(b, place), b(STEP, index=index)), own, value)

    def carry(self, name: str, lag: int, level: Level) -> Value:
        assert level.step is not None
        sign = "+" if level.step.reverse else "-"
        for k in range(1, lag + 1):
            if (name, k) not in level.carries:
                type_ = self._sliced(self.system.type(name), level)
                level.carries[name, k] = Value(type_, f"{name}[{level.step.index.name}{sign}{k}]")
        return level.carries[name, lag]

    def history(self, name: str, level: Level) -> Value:
        assert level.step is not None
        if name not in level.histories:
            inner = self._sliced(self.system.type(name), level)
            axes = {*inner.axes, aside(level.step.index)}
            level.histories[name] = Value(inner.with_axes(axes), f"{name}[..]")
        return level.histories[name]

    def _sliced(self, type_: TensorType, level: Level) -> TensorType:
        return type_.with_axes(set(type_.axes) - set(level.loops))

    def _resolved(
        self,
        value: Value,
        indices: Sequence[Index],
        places: Sequence[Affine | Value],
        levels: Sequence[Level],
        depth: int,
    ) -> Value:
        """Gather at `levels[depth]` if the places are known there, and hand the result down to the last."""
        inner = levels[depth + 1 :]
        computed = any(isinstance(place, Value) for place in places)
        if computed and inner:
            # A position computed inside the loops: the whole sequence goes in, under names no loop has.
            named = list(indices)
            for at, index in enumerate(indices):
                if any(level.step and level.step.index == index for level in inner):
                    place = places[at]
                    if isinstance(place, Affine) and place == Affine.of(index):
                        continue
                    named[at] = aside(index)
                    value = levels[depth].builder(RENAME, value, old=index, new=named[at])
            for level in inner:
                value = level.capture(value)
            kept = [(i, p) for i, p in zip(named, places, strict=True) if i in value.type.axes]
            return gather(levels[-1].builder, value, [i for i, _ in kept], [p for _, p in kept])
        value = gather(levels[depth].builder, value, indices, places)
        for level in inner:
            value = level.capture(value)
        return value

    # --------------------------------------------------------------------------------------- loops

    def loop(self, step: Recurrence, outer: Level) -> None:
        body = Level(outer, step)
        self.run(step.steps, body)
        self._complete_carries(body)
        carried = list(body.carries)
        stacked = [name for name in self.system.units if name in body.available]
        inputs = (
            *body.constants.values(),
            *body.sequences.values(),
            *body.carries.values(),
            *body.histories.values(),
        )
        following = [
            body.available[name] if lag == 1 else body.carries[name, lag - 1] for name, lag in carried
        ]
        outputs = (*following, *(body.available[name] for name in stacked))
        loop = Loop(
            step.index,
            step.reverse,
            body_graph(inputs, tuple(body.builder.nodes), outputs),
            len(body.constants),
            len(body.sequences),
            len(carried),
            tuple(stacked.index(name) for name in body.histories),
        )
        starts = [zeros(outer.builder, value.type) for value in body.carries.values()]
        results = outer.builder.loop(loop, *body.constants, *body.sequences, *starts)
        for name, value in zip(stacked, results[len(carried) :], strict=True):
            outer.available[name] = value

    def _complete_carries(self, level: Level) -> None:
        """A lag of k needs the shorter ones to be carried along."""
        for name, lag in list(level.carries):
            if name not in level.available:
                raise fault("E302", f"`{name}` is carried but never computed")
            self.carry(name, lag, level)


def lower(system: System, wanted: Iterable[str], *, generating: bool = False) -> Graph:
    """The graph that computes the `wanted` units (or leaves), under their names.

    Raises the causality faults of `analysis.recurrence.plan`.
    """
    names = list(dict.fromkeys(wanted))
    steps = plan(system, [n for n in names if n in system.units], generating=generating)
    lowering = Lowering(system)
    top = Level()
    lowering.run(steps, top)
    outputs: Mapping[str, Value] = {
        name: top.available[name] if name in system.units else lowering.leaf(name) for name in names
    }
    return Graph(tuple(lowering.inputs.values()), tuple(top.builder.nodes), outputs)
