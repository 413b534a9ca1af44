"""What pins call the results of operations."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.graph import AnyNode, Node, Value


def pinned_names(nodes: Sequence[AnyNode]) -> dict[Value, list[str]]:
    """The names that pins give to results of operations among these nodes, below any number of pins."""
    found: dict[Value, list[str]] = {}
    lowest = {node.result: node.result for node in nodes if isinstance(node, Node)}
    for node in nodes:
        if isinstance(node, Node) and node.op.name == "pin" and node.operands[0] in lowest:
            lowest[node.result] = below = lowest[node.operands[0]]
            found.setdefault(below, []).append(node.attrs["name"])
    return found
