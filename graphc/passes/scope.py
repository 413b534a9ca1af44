"""One level of a graph under construction, and what is known about its values."""

from __future__ import annotations

from collections import Counter

from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.ops.leaf import CONSTANT, INSIDE, INSIDE_STEP, LENGTH, PIN, POSITION, STEP
from graphc.ops.summing import BROADCAST, EXPAND
from graphc.types import TensorType

LEAVES = frozenset({CONSTANT, POSITION, STEP, INSIDE, INSIDE_STEP, LENGTH})


class Scope(Builder):
    """The nodes of one level of the copy: those of the top, or of the body of a loop.

    Names that rules ask for are values of the copy.
    """

    def __init__(self, level: Graph, outer: Scope | None = None, node: LoopNode | None = None) -> None:
        super().__init__((*outer.loops, node.loop.index) if outer and node else ())
        self.names: dict[Value, Value] = {}
        self._uses = uses(level)
        self._producers: dict[Value, AnyNode] = {}
        self._seen = 0
        self._captured: dict[Value, AnyNode] = {}
        self._positional: set[Value] = set()
        if outer and node:
            inputs, _, _ = node.loop.split(node.loop.body.inputs)
            for inside, operand in zip(inputs, node.operands, strict=False):
                producer = outer.producer(operand)
                if producer and isinstance(producer, Node) and producer.op is CONSTANT:
                    self._captured[inside] = producer
                    self._positional.add(inside)

    def producer(self, value: Value) -> AnyNode | None:
        """The node of this level that computes a value; a constant's also from outside of a loop."""
        self._look()
        return self._producers.get(value) or self._captured.get(value)

    def _look(self) -> None:
        """Take note of what has been appended."""
        for node in self.nodes[self._seen :]:
            self._producers.update((result, node) for result in node.results)
            if isinstance(node, Node) and self._keeps_positional(node):
                self._positional.add(node.result)
        self._seen = len(self.nodes)

    def _keeps_positional(self, node: Node) -> bool:
        if not node.operands:
            return node.op in LEAVES
        spreads = node.op is BROADCAST or node.op is EXPAND
        pointwise = node.op.scalar is not None and node.op is not PIN
        return (spreads or pointwise) and self._positional.issuperset(node.operands)

    def is_positional(self, value: Value) -> bool:
        """Whether a value is computed from positions, lengths and constants alone, point by point."""
        self._look()
        return value in self._positional

    def drop(self, place: int) -> None:
        """Take back what has been appended since `place`."""
        del self.nodes[place:]
        self._seen = min(self._seen, place)

    def insert(self, place: int, node: AnyNode) -> None:
        """A node in front of those that have been appended since `place`."""
        self.nodes.insert(place, node)
        self._seen = min(self._seen, place)

    def made_by(self, value: Value, *ops: object) -> Node | None:
        """The node that computes a value, if it is one of these operations."""
        node = self.producer(value)
        return node if isinstance(node, Node) and node.op in ops else None

    def number(self, value: Value) -> float | None:
        """The number that a value is everywhere, if it is a constant of one, however spread."""
        node = self.made_by(value, CONSTANT, EXPAND, BROADCAST)
        if node is None:
            return None
        if node.op is not CONSTANT:
            return self.number(node.operands[0])
        found = node.attrs["value"]
        return None if isinstance(found, tuple) else found

    def uses(self, value: Value) -> int:
        """How many operands and outputs of this level a value is, before rules change that."""
        return self._uses[value]

    def stands_for(self, old: Value, new: Value) -> None:
        """From here on, `new` instead of `old`."""
        if new is not old:
            self.names[old] = new
            self._uses[new] += self._uses[old]

    def conformed(self, value: Value, type: TensorType) -> Value | None:
        """A value varying over all indices of a type; None if it is of another type even so."""
        missing = tuple(index for index in type.axes if index not in value.type.axes)
        if value.type.with_axes({*value.type.axes, *missing}) != type:
            return None
        return self(BROADCAST, value, indices=missing) if missing else value


def uses(graph: Graph) -> Counter[Value]:
    """How many operands and outputs each value of a level is. Bodies of loops are levels of their own."""
    count: Counter[Value] = Counter(operand for node in graph.nodes for operand in node.operands)
    count.update(graph.outputs.values())
    return count
