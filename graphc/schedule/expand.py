"""Ops that are said in terms of other ops, replaced by these."""

from __future__ import annotations

from graphc.ir.form import Expanded
from graphc.ir.graph import Graph, Node, Value
from graphc.passes.cse import Cse
from graphc.passes.dce import Dce
from graphc.passes.rebuild import Scope, rewrite


def expanded(graph: Graph) -> Graph:
    """The graph without ops whose form is `Expanded`."""
    while any(isinstance(node, Node) and isinstance(node.op.form, Expanded) for node in graph.walk()):
        graph = rewrite(graph, _rule)
    return Dce()(Cse()(graph))


def _rule(scope: Scope, node: Node) -> Value | None:
    form = node.op.form
    return form.into(scope, node) if isinstance(form, Expanded) else None
