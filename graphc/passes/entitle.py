"""What a reader calls a value: the spec's name for it, or the piece of text that it is the value of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from graphc.autodiff.walk import owners
from graphc.diagnostics import Span
from graphc.ir.graph import Graph, Node, Value
from graphc.ops.indexing import RENAME
from graphc.ops.leaf import CONSTANT, PIN
from graphc.passes.rebuild import Scope, rewrite

LONGEST = 60
"""Letters of a text that can stand for a value."""


def entitled(graph: Graph, file: str) -> Graph:
    """The graph as lowered, with a name on each value that has none and that a reader could name.

    What is pinned has the pin's name. The value of an expression has its text, and of what computes it only
    the last node does. A text of another source than `file` stands in many places: the name that it is
    computed for is added. Names change no computation; passes keep them, as they keep what a value is.
    """
    titles = {value: title for value, title in _titles(graph, file) if title}

    def rule(scope: Scope, node: Node) -> Value | None:
        if node.result not in titles:
            return None
        # Of the type that it has: to infer it anew would take longer than all the rest.
        named = Value(node.result.type, titles[node.result])
        scope.nodes.append(replace(node, result=named))
        return named

    return rewrite(graph, rule)


def _titles(graph: Graph, file: str) -> Iterator[tuple[Value, str]]:
    nodes = [node for node in graph.walk() if isinstance(node, Node)]
    spans = {node.result: node.span for node in nodes}
    pinned = {node.operands[0]: _own(node.attrs["name"]) for node in nodes if node.op is PIN}
    for node in nodes:
        if node.op is RENAME and node.result in pinned:
            pinned.setdefault(node.operands[0], pinned[node.result])
    inner = {value for node in nodes for value in node.operands if spans.get(value) == node.span}
    computed_for = owners(graph.nodes)
    for node in nodes:
        value = node.result
        if value in pinned:
            yield value, pinned[value]
        elif not value.name and value not in inner and node.op not in (CONSTANT, PIN):
            yield value, _text(node.span, file, computed_for.get(value, ""))


def _own(name: str) -> str:
    """A name without what makes it one of several: a loss is `loss@0`."""
    return name.partition("@")[0]


def _text(span: Span | None, file: str, owner: str) -> str:
    """What a span says; "" if that is too long, or says too little."""
    if span is None or (span.source.name != file and not owner):
        return ""
    text = " ".join(span.text.split())
    text = text if span.source.name == file else f"{text} in {_own(owner)}"
    return text if len(text) <= LONGEST else ""
