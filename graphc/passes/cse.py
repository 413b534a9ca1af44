"""Common subexpressions."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from graphc.ir.graph import AnyNode, Graph, LoopNode, Value
from graphc.passes.rebuild import Parts, changed, renamed
from graphc.passes.signature import holds_pins, key


class Cse:
    """Computes once what is computed several times: nodes with the same op, operands and attributes,
    loops with the same body and operands, inputs of a body that are the same operand, values that a body
    stacks twice. Draws with the same name are the same draw. Pins are never merged, so each name keeps a
    value and a cotangent of its own."""

    name = "cse"

    def __call__(self, graph: Graph) -> Graph:
        return _merged(graph, {})


def _merged(graph: Graph, names: dict[Value, Value]) -> Graph:
    """`names` holds what is merged already; it also receives what this level merges."""
    known: dict[Hashable, AnyNode] = {}
    nodes: list[AnyNode] = []
    for node in graph.nodes:
        current = renamed(node, names)
        if isinstance(current, LoopNode):
            current = _loop(current, names)
        if holds_pins(current):
            nodes.append(current)
            continue
        first = known.setdefault(key(current, current.operands), current)
        if first is current:
            nodes.append(current)
        else:
            for result, same in zip(current.results, first.results, strict=True):
                names[result] = names.get(same, same)
    outputs = {name: names.get(value, value) for name, value in graph.outputs.items()}
    return changed(graph, nodes, outputs)


def _loop(node: LoopNode, names: dict[Value, Value]) -> LoopNode:
    """The loop with a merged body; stacks of one value become one outside as well."""
    inner: dict[Value, Value] = {}
    parts = Parts.of(node)
    for bindings in (parts.constants, parts.sequences):
        captured: dict[Value, Value] = {}
        for operand, inside in bindings:
            first = captured.setdefault(operand, inside)
            if first is not inside:
                inner[inside] = first
    body = _merged(node.loop.body, inner)
    if body is not node.loop.body:
        node = replace(node, loop=node.loop.with_body(body))
    stacked: dict[Value, Value] = {}
    for stack in Parts.of(node).stacks:
        first = stacked.setdefault(stack.value, stack.result)
        if first is not stack.result:
            names[stack.result] = first
    return node
