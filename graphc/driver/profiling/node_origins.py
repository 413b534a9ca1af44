"""Which equations the nodes of a graph belong to.

Most of them say it themselves. What no equation says, such as a sum over examples or the gradient of a weight
over all steps, belongs to the equations of its operands; a constant to the first that uses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphc.diagnostics import Span
from graphc.driver.profiling.rows import Origins
from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value


def origins(graph: Graph) -> dict[Node, Origins]:
    """Of each node, those in loops too, where it comes from."""
    finder = _Finder()
    finder.ahead(graph.nodes)
    finder.back(graph.nodes)
    return finder.found


class _Finder:
    """Origins of nodes and values; they pass into loops and out of them with the values."""

    def __init__(self) -> None:
        self.found: dict[Node, Origins] = {}
        self.made: dict[Value, Origins] = {}
        self.used: dict[Value, Origins] = {}

    def ahead(self, nodes: Sequence[AnyNode]) -> None:
        """From operands to results."""
        for node in nodes:
            if isinstance(node, LoopNode):
                body = node.loop.body
                _handed(self.made, zip(node.operands, body.inputs, strict=False))
                self.ahead(body.nodes)
                _handed(self.made, zip(node.loop.body_outputs, node.results, strict=True))
            else:
                own = {} if node.span is None else {node.span: 1.0}
                self.found[node] = self.made[node.result] = own or self._merged(node.operands)

    def back(self, nodes: Sequence[AnyNode]) -> None:
        """From those that use something, where its operands say nothing."""
        for node in reversed(nodes):
            if isinstance(node, LoopNode):
                body = node.loop.body
                _handed(self.used, zip(node.results, node.loop.body_outputs, strict=True))
                self.back(body.nodes)
                _handed(self.used, zip(body.inputs, node.operands, strict=False))
            else:
                self.found[node] = self.found[node] or self.used.get(node.result, {})
                for operand in node.operands:
                    self.used.setdefault(operand, self.found[node])

    def _merged(self, values: Iterable[Value]) -> Origins:
        """Every place once: how much of them is whose cannot be said."""
        found: dict[Span, float] = {}
        for value in values:
            found |= dict.fromkeys(self.made.get(value, ()), 1.0)
        return found


def _handed(origins: dict[Value, Origins], pairs: Iterable[tuple[Value, Value]]) -> None:
    """What the first value of each pair is known to come from, the second one does."""
    for known, other in pairs:
        if known in origins:
            origins.setdefault(other, origins[known])
