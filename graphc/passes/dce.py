"""Dead code."""

from __future__ import annotations

from collections.abc import Iterable

from graphc.ir.graph import AnyNode, Graph, LoopNode, Value
from graphc.passes.rebuild import Parts, changed


class Dce:
    """Drops nodes that no output needs. Of a loop it drops stacks that nobody reads, carries that only
    compute themselves, and inputs and histories that the body no longer reads. Pins are dropped like
    everything else: who wants a name among the results makes it an output."""

    name = "dce"

    def __call__(self, graph: Graph) -> Graph:
        nodes = live(graph.nodes, graph.outputs.values())
        return changed(graph, nodes, graph.outputs)


def live(nodes: Iterable[AnyNode], outputs: Iterable[Value]) -> list[AnyNode]:
    """The nodes that some output needs, loops without what none of them needs."""
    needed = set(outputs)
    kept: list[AnyNode] = []
    for node in reversed(list(nodes)):
        if any(result in needed for result in node.results):
            current = _trimmed(node, needed) if isinstance(node, LoopNode) else node
            needed.update(current.operands)
            kept.append(current)
    kept.reverse()
    return kept


def _trimmed(node: LoopNode, needed: set[Value]) -> LoopNode:
    """The loop without what does not matter for the needed ones of its results."""
    parts = Parts.of(node)
    before = len(node.operands), len(node.results), len(parts.histories)
    carries = {carry for carry in parts.carries if carry.result in needed}
    stacks = {stack for stack in parts.stacks if stack.result in needed}
    while True:
        outputs = [*(c.next for c in carries), *(s.value for s in stacks)]
        nodes = live(parts.nodes, outputs)
        read = {*outputs, *(operand for inner in nodes for operand in inner.operands)}
        more = {carry for carry in parts.carries if carry.input in read} - carries
        written = {stack for view, stack in parts.histories if view in read} - stacks
        if not more and not written:
            break
        carries |= more
        stacks |= written
    same = len(nodes) == len(parts.nodes) and all(a is b for a, b in zip(nodes, parts.nodes, strict=True))
    parts.nodes = nodes
    parts.carries = [carry for carry in parts.carries if carry in carries]
    parts.stacks = [stack for stack in parts.stacks if stack in stacks]
    parts.histories = [(view, stack) for view, stack in parts.histories if view in read]
    parts.constants = [(outside, inside) for outside, inside in parts.constants if inside in read]
    parts.sequences = [(outside, inside) for outside, inside in parts.sequences if inside in read]
    trimmed = parts.joined()
    after = len(trimmed.operands), len(trimmed.results), len(parts.histories)
    return node if same and before == after else trimmed
