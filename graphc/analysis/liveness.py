"""Which nodes of a graph are needed, what they take from outside, and when a value is needed last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphc.ir.graph import AnyNode, Graph, Value


def live_nodes(nodes: Sequence[AnyNode], outputs: Iterable[Value]) -> list[AnyNode]:
    """The nodes that some output needs, in their order."""
    needed = set(outputs)
    kept: list[AnyNode] = []
    for node in reversed(nodes):
        if any(result in needed for result in node.results):
            needed.update(node.operands)
            kept.append(node)
    kept.reverse()
    return kept


def free_values(nodes: Sequence[AnyNode], outputs: Iterable[Value], inputs: Iterable[Value]) -> list[Value]:
    """What nodes and outputs read that neither the nodes nor the inputs define, in order of first use."""
    defined = {*inputs, *(result for node in nodes for result in node.results)}
    used = [operand for node in nodes for operand in node.operands]
    return [v for v in dict.fromkeys([*used, *outputs]) if v not in defined]


def last_uses(graph: Graph) -> list[list[Value]]:
    """For each node the values that nothing reads after it; a result that nothing reads dies at once."""
    last: dict[Value, int] = {}
    for position, node in enumerate(graph.nodes):
        for value in (*node.operands, *node.results):
            last[value] = position
    for value in graph.outputs.values():
        last.pop(value, None)
    dying: list[list[Value]] = [[] for _ in graph.nodes]
    for value, position in last.items():
        dying[position].append(value)
    return dying
