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
from graphc.passes.scope import Scope, uses
from graphc.types import Index

__all__ = ["Carry", "Parts", "Scope", "Stack", "changed", "renamed", "rewrite", "uses", "with_attrs"]


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
        scope.drop(before)
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
