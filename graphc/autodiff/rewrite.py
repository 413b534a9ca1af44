"""Small changes to node lists that the reverse walk makes: leaving out dead nodes, renaming operands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from graphc.ir.graph import AnyNode, Value


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


def renamed(nodes: Iterable[AnyNode], names: Mapping[Value, Value]) -> tuple[AnyNode, ...]:
    """The nodes with other operands; results stay the values they were."""
    return tuple(
        replace(node, operands=tuple(names.get(operand, operand) for operand in node.operands))
        for node in nodes
    )
