"""What is done to a graph before it is scheduled: fewer kinds of ops, fewer and larger products."""

from __future__ import annotations

from graphc.ir.form import Expanded
from graphc.ir.graph import Graph, Node, Value
from graphc.passes.compare import Compare
from graphc.passes.cse import Cse
from graphc.passes.dce import Dce
from graphc.passes.join import Join
from graphc.passes.rebuild import Scope, rewrite
from graphc.passes.simplify import Simplify


def expanded(graph: Graph) -> Graph:
    """The graph without ops whose form is `Expanded`."""
    while any(isinstance(node, Node) and isinstance(node.op.form, Expanded) for node in graph.walk()):
        graph = rewrite(graph, _rule)
    return Dce()(Cse()(graph))


def joined(graph: Graph) -> Graph:
    """The graph with products that share an operand made one, and sums at one place made comparisons."""
    for change in (Compare(), Join(), Simplify(), Cse(), Dce()):
        graph = change(graph)
    return graph


def _rule(scope: Scope, node: Node) -> Value | None:
    form = node.op.form
    return form.into(scope, node) if isinstance(form, Expanded) else None
