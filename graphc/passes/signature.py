"""When two nodes compute the same: a key that equal ones share."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from graphc.ir.graph import AnyNode, Attrs, Graph, LoopNode, Value
from graphc.ops.leaf import PIN


def key(node: AnyNode, operands: Sequence[Hashable]) -> Hashable:
    """What a node computes from operands that something hashable stands for."""
    if isinstance(node, LoopNode):
        loop = node.loop
        counts = (loop.constants, loop.sequences, loop.carries, loop.histories)
        return (loop.index, loop.reverse, counts, signature(loop.body), tuple(operands))
    return (node.op.name, tuple(operands), _attrs(node.attrs))


def signature(graph: Graph) -> Hashable:
    """A key of a whole graph: equal for graphs that differ in the identity of values and in names only."""
    numbers: dict[Value, int] = {value: i for i, value in enumerate(graph.inputs)}
    keys: list[Hashable] = [value.type for value in graph.inputs]
    for node in graph.nodes:
        keys.append(key(node, [numbers[operand] for operand in node.operands]))
        for result in node.results:
            numbers[result] = len(numbers)
    outputs = tuple((name, numbers[value]) for name, value in graph.outputs.items())
    return (tuple(keys), outputs)


def _attrs(attrs: Attrs) -> Hashable:
    # As text, numbers differ that compare as equal (0.0 and -0.0, 1 and True), and NaN is itself.
    return tuple((name, repr(value) if name == "value" else value) for name, value in sorted(attrs.items()))


def holds_pins(node: AnyNode) -> bool:
    """Whether a node is a pin or has one in its body."""
    if isinstance(node, LoopNode):
        return any(holds_pins(inner) for inner in node.loop.body.nodes)
    return node.op is PIN
