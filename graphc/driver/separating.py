"""A system in which names that all steps of an axis share are read from copies, a copy for each step.

`W@steps[t] = W` is read by whatever runs over t, `W@rest = W` by everything else: two equations more for each
name, before anything is simplified. So the cotangents of the copies are the summands of the name's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from graphc.analysis.liveness import live_nodes
from graphc.ir.builder import Builder
from graphc.ir.graph import Node, Value
from graphc.ir.system import READ, Subscript, System, Unit
from graphc.ops.indexing import RENAME
from graphc.ops.leaf import PIN
from graphc.ops.summing import BROADCAST
from graphc.types import BATCH, Affine, Index, sort_indices

STEPS, REST = "@steps", "@rest"
"""What the copies of a name are called, behind the name."""


@dataclass(frozen=True)
class Separation:
    """What is copied: names that do not vary over an index, for each step and, if asked for, each example."""

    names: Collection[str]
    index: Index
    per_example: bool = False

    def apply(self, system: System) -> System:
        """The system with the copies in it."""
        copies = {unit.name: unit for name in self.names for unit in self._copies(system, name)}
        found = replace(system, units={**copies, **system.units})
        while True:
            units = {name: _Rewriting(self, found, unit).unit() for name, unit in system.units.items()}
            settled = all(found.type(name) == unit.value.type for name, unit in units.items())
            found = replace(system, units={**copies, **units})
            # What is computed from an example's copy varies over the batch, and so does what reads it.
            if settled:
                return found

    def _copies(self, system: System, name: str) -> Iterator[Unit]:
        own = system.indices(name)
        batch = (BATCH,) if self.per_example and BATCH not in system.type(name).axes else ()
        span = (system.units.get(name) or system.leaves[name]).span
        for suffix, more in ((STEPS, (self.index,)), (REST, ())):
            b = Builder()
            subscripts = tuple(Affine.of(index) for index in own)
            value = b(READ, unit=name, subscripts=subscripts, type=system.type(name))
            if more or batch:
                value = b(BROADCAST, value, indices=(*batch, *more))
            value = b(PIN, value, name=name + suffix)
            yield Unit(name + suffix, (*own, *more), tuple(b.nodes), value, span)


@dataclass
class _Rewriting:
    """A unit on its way to one that reads copies. Its nodes are built anew, since types may change."""

    separation: Separation
    system: System
    old: Unit
    builder: Builder = field(default_factory=Builder)
    moved: dict[Value, Value] = field(default_factory=dict)
    shared: dict[Value, Node] = field(default_factory=dict)
    """Values that are made of the names and lack the index, such as a transpose, and the nodes for them."""
    stepped: dict[tuple[Value, Index], Value] = field(default_factory=dict)
    """The same values at a step, once something asks for them."""

    def unit(self) -> Unit:
        for node in self.old.nodes:
            assert isinstance(node, Node)
            self.moved[node.result] = self._read(node) if node.op is READ else self._compute(node)
        value = self.moved[self.old.value]
        return replace(self.old, nodes=tuple(live_nodes(self.builder.nodes, [value])), value=value)

    def _read(self, node: Node) -> Value:
        name: str = node.attrs["unit"]
        if name not in self.separation.names:
            return self._reading(node, name)
        if (position := self._position()) is not None:
            return self._reading(node, name + STEPS, position)
        self.shared[node.result] = node
        return self._reading(node, name + REST)

    def _position(self) -> Affine | None:
        """The step that a boundary equation within the axis, such as `h[1] = ...`, is for."""
        index = self.separation.index
        at = dict(self.old.place.positions).get(index) if self.old.place else None
        if at is None or (at.is_constant and at.constant < 1):
            return None
        behind = at - Affine.of(index.length)
        return None if behind.is_constant and behind.constant > 0 else at

    def _compute(self, node: Node) -> Value:
        if any(operand in self.shared for operand in node.operands):
            index = self._running(node)
            if index is not None:
                return self._again(node, [self._at(operand, index) for operand in node.operands])
            self.shared[node.result] = node
        return self._again(node, [self.moved[operand] for operand in node.operands])

    def _running(self, node: Node) -> Index | None:
        """The index by which a node runs over the axis, or over a part of it.

        In an equation for step t that is t; else the variable of a `sum[t]` around the node, which the front
        end has primed. `softmax[t]` keeps its axis: what was primed inside it is t behind it.
        """
        wanted = self.separation.index
        axes = sort_indices(axis for v in (node.result, *node.operands) for axis in v.type.axes)
        primed = wanted not in self.old.indices
        if node.op is RENAME:
            axes, primed = (node.attrs["old"],), True
        for index in axes:
            name = index.name.rstrip("'") if primed else index.name
            if (name, index.length) == (wanted.name, wanted.length):
                return index
        return None

    def _at(self, value: Value, index: Index) -> Value:
        """A value as a step has it: computed from the step's copies if it is shared."""
        node = self.shared.get(value)
        if node is None:
            return self.moved[value]
        if (value, index) not in self.stepped:
            if node.op is READ:
                made = self._reading(node, node.attrs["unit"] + STEPS, Affine.of(index))
            else:
                made = self._again(node, [self._at(operand, index) for operand in node.operands])
            self.stepped[value, index] = made
        return self.stepped[value, index]

    def _reading(self, node: Node, name: str, *step: Affine) -> Value:
        subscripts: tuple[Subscript, ...] = (*node.attrs["subscripts"], *step)
        symbols = {symbol for place in step for symbol, _ in place.terms}
        # The end of an axis is each example's own.
        axes = {symbol if isinstance(symbol, Index) else BATCH for symbol in symbols}
        axes |= {*node.attrs["type"].axes} | ({BATCH} & {*self.system.type(name).axes})
        operands = [self.moved[operand] for operand in node.operands]
        with self.builder.at(node.span):
            type_ = node.attrs["type"].with_axes(axes)
            return self.builder(READ, *operands, called=name, unit=name, subscripts=subscripts, type=type_)

    def _again(self, node: Node, operands: Sequence[Value]) -> Value:
        """The node on other operands."""
        attrs = dict(node.attrs)
        if node.op is BROADCAST:
            attrs["indices"] = tuple(i for i in attrs["indices"] if i not in operands[0].type.axes)
            if not attrs["indices"]:
                return operands[0]
        with self.builder.at(node.span):
            return self.builder(node.op, *operands, called=node.result.name, **attrs)
