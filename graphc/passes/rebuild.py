"""Copying a graph with changes: what all passes are made of.

`rewrite` walks a graph forwards, bodies of loops included, and lets a rule replace nodes. A node that no
rule touches stays the node it was, and a graph in which nothing changes stays the graph it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, Attrs, Graph, Loop, LoopNode, Node, Value, body_graph
from graphc.ops.leaf import CONSTANT
from graphc.ops.summing import BROADCAST, EXPAND
from graphc.types import Index, TensorType


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
        if outer and node:
            inputs, _, _ = node.loop.split(node.loop.body.inputs)
            for inside, operand in zip(inputs, node.operands, strict=False):
                producer = outer.producer(operand)
                if producer and isinstance(producer, Node) and producer.op is CONSTANT:
                    self._captured[inside] = producer

    def producer(self, value: Value) -> AnyNode | None:
        """The node of this level that computes a value; a constant's also from outside of a loop."""
        for node in self.nodes[self._seen :]:
            self._producers.update((result, node) for result in node.results)
        self._seen = len(self.nodes)
        return self._producers.get(value) or self._captured.get(value)

    def insert(self, place: int, node: AnyNode) -> None:
        """A node in front of those that have been appended since `place`."""
        self.nodes.insert(place, node)
        self._producers.update((result, node) for result in node.results)

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


Rule = Callable[[Scope, Node], "Value | None"]
"""What stands for a node whose operands are new already; None to leave it."""

LoopRule = Callable[[Scope, LoopNode], "Sequence[Value] | None"]
"""What stands for the results of a loop whose body is new already; None to leave it."""


def rewrite(graph: Graph, rule: Rule | None = None, loop_rule: LoopRule | None = None) -> Graph:
    """The graph with both rules applied to each node, once, from first to last."""
    return _level(graph, Scope(graph), rule, loop_rule)


def _level(graph: Graph, scope: Scope, rule: Rule | None, loop_rule: LoopRule | None) -> Graph:
    for node in graph.nodes:
        current = renamed(node, scope.names)
        with scope.at(node.span):
            if isinstance(current, Node):
                _node(current, scope, rule)
            else:
                inner = Scope(current.loop.body, scope, current)
                body = _level(current.loop.body, inner, rule, loop_rule)
                if body is not current.loop.body:
                    current = replace(current, loop=current.loop.with_body(body))
                _loop(current, scope, loop_rule)
    nodes = tuple(scope.nodes)
    outputs = {name: scope.names.get(value, value) for name, value in graph.outputs.items()}
    return changed(graph, nodes, outputs)


def changed(graph: Graph, nodes: Sequence[AnyNode], outputs: Mapping[str, Value]) -> Graph:
    """A graph with these nodes and outputs: the given one if it has them already."""
    pairs = [
        *zip(nodes, graph.nodes, strict=False),
        *zip(outputs.values(), graph.outputs.values(), strict=True),
    ]
    if len(nodes) == len(graph.nodes) and all(a is b for a, b in pairs):
        return graph
    return Graph(graph.inputs, tuple(nodes), outputs)


def _node(node: Node, scope: Scope, rule: Rule | None) -> None:
    before = len(scope.nodes)
    found = rule(scope, node) if rule else None
    found = None if found is None else scope.conformed(found, node.result.type)
    if found is None:
        del scope.nodes[before:]
        scope.nodes.append(node)
        return
    if not found.name and any(found in made.results for made in scope.nodes[before:]):
        found.name = node.result.name
    scope.stands_for(node.result, found)


def _loop(node: LoopNode, scope: Scope, loop_rule: LoopRule | None) -> None:
    found = loop_rule(scope, node) if loop_rule else None
    if found is None:
        scope.nodes.append(node)
        return
    for old, new in zip(node.results, found, strict=True):
        scope.stands_for(old, new)


def renamed(node: AnyNode, names: Mapping[Value, Value]) -> AnyNode:
    """The node with other operands; the same node if it has none of those."""
    if not any(operand in names for operand in node.operands):
        return node
    return replace(node, operands=tuple(names.get(operand, operand) for operand in node.operands))


def uses(graph: Graph) -> Counter[Value]:
    """How many operands and outputs each value of a level is. Bodies of loops are levels of their own."""
    count: Counter[Value] = Counter(operand for node in graph.nodes for operand in node.operands)
    count.update(graph.outputs.values())
    return count


@dataclass(eq=False)
class Carry:
    """A carry of a loop taken apart: initial value, body input, the body's next, the node's result."""

    initial: Value
    input: Value
    next: Value
    result: Value


@dataclass(eq=False)
class Stack:
    """What a body value is stacked to."""

    value: Value
    result: Value


@dataclass
class Parts:
    """A loop node taken apart, so that a pass can change a few of its parts and put it together again."""

    node: LoopNode
    constants: list[tuple[Value, Value]]
    """Operands with the body inputs that they are."""
    sequences: list[tuple[Value, Value]]
    carries: list[Carry]
    stacks: list[Stack]
    histories: list[tuple[Value, Stack]]
    """Body inputs with what they are the history of."""
    nodes: list[AnyNode]

    @staticmethod
    def of(node: LoopNode) -> Parts:
        loop = node.loop
        given = [loop.split(node.operands), loop.split(loop.body.inputs)]
        constants, sequences, starts = (
            list(zip(outside, inside, strict=True)) for outside, inside in zip(*given, strict=True)
        )
        outputs = loop.body_outputs
        carries = [
            Carry(initial, inside, after, result)
            for (initial, inside), after, result in zip(starts, outputs, node.results, strict=False)
        ]
        pairs = zip(outputs[loop.carries :], node.results[loop.carries :], strict=True)
        stacks = [Stack(value, result) for value, result in pairs]
        views = loop.body.inputs[len(loop.body.inputs) - len(loop.histories) :]
        histories = [(view, stacks[i]) for view, i in zip(views, loop.histories, strict=True)]
        return Parts(node, constants, sequences, carries, stacks, histories, list(loop.body.nodes))

    @property
    def index(self) -> Index:
        return self.node.loop.index

    def joined(self) -> LoopNode:
        """The loop of these parts."""
        inputs = [
            *(inside for _, inside in (*self.constants, *self.sequences)),
            *(carry.input for carry in self.carries),
            *(view for view, _ in self.histories),
        ]
        outputs = [*(carry.next for carry in self.carries), *(stack.value for stack in self.stacks)]
        loop = Loop(
            self.index,
            self.node.loop.reverse,
            body_graph(tuple(inputs), tuple(self.nodes), tuple(outputs)),
            len(self.constants),
            len(self.sequences),
            len(self.carries),
            tuple(self.stacks.index(stack) for _, stack in self.histories),
        )
        operands = (
            *(operand for operand, _ in (*self.constants, *self.sequences)),
            *(carry.initial for carry in self.carries),
        )
        results = (*(carry.result for carry in self.carries), *(stack.result for stack in self.stacks))
        return LoopNode(loop, operands, results, self.node.span)

    def body_uses(self) -> Counter[Value]:
        """How many operands and outputs of the body each value is."""
        return uses(self.joined().loop.body)


def with_attrs(scope: Builder, node: Node, *operands: Value, **changes: object) -> Value:
    """A node again, with other operands and some other attributes."""
    attrs: Attrs = {**node.attrs, **changes}
    return scope(node.op, *operands, called=node.result.name, **attrs)
