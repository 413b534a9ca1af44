"""Work that does not depend on a carry, moved in front of the loop."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir.graph import Graph, LoopNode, Node, Value
from graphc.ops.summing import BROADCAST, EXPAND
from graphc.passes.motion import can_leave, is_costly, is_elementwise, outside, varies_with_step
from graphc.passes.rebuild import Parts, Scope, rewrite


class Hoist:
    """Computes body nodes in front of the loop, for all steps at once, when they depend on nothing that
    the loop computes: `V @ x[t]` becomes one product over all steps.

    What moves: whatever is costly (products, convolutions, gathers, reductions), what leads up to it, and
    the elementwise nodes behind it. What is the same at each step moves unless it only spreads. Other
    elementwise work stays, since in front of the loop it would only turn into memory traffic. At a step
    outside an example's range the values are garbage, but such a step does not happen."""

    name = "hoist"

    def __call__(self, graph: Graph) -> Graph:
        return rewrite(graph, loop_rule=_rule)


@dataclass
class Choice:
    """Which nodes of a body can move, which values wait for no carry, which of them vary from step to step,
    and what moves."""

    free: list[Node]
    values: set[Value]
    varying: set[Value]
    moved: set[Node]


def choice_of(parts: Parts) -> Choice:
    varying = {inside for _, inside in parts.sequences}
    reachable = {*varying, *(inside for _, inside in parts.constants)}
    free: list[Node] = []
    for node in parts.nodes:
        if not isinstance(node, Node) or not can_leave(node, parts.index):
            continue
        if not reachable.issuperset(node.operands):
            continue
        free.append(node)
        reachable.add(node.result)
        if varies_with_step(node, parts.index) or not varying.isdisjoint(node.operands):
            varying.add(node.result)
    return Choice(free, reachable, varying, _moved(free, varying))


def _moved(free: list[Node], varying: set[Value]) -> set[Node]:
    def pays(node: Node) -> bool:
        spreads = node.op is BROADCAST or node.op is EXPAND
        return is_costly(node) or (node.result not in varying and bool(node.operands) and not spreads)

    moved = {node for node in free if pays(node)}
    arrived = {node.result for node in moved}
    for node in free:
        if is_elementwise(node) and not arrived.isdisjoint(node.operands):
            moved.add(node)
            arrived.add(node.result)
    needed = {operand for node in moved for operand in node.operands}
    for node in reversed(free):
        if node.result in needed:
            moved.add(node)
            needed.update(node.operands)
    return moved


def _rule(scope: Scope, node: LoopNode) -> tuple[Value, ...] | None:
    parts = Parts.of(node)
    choice = choice_of(parts)
    if not any(moved.operands for moved in choice.moved):
        return None
    names = {inside: operand for operand, inside in (*parts.constants, *parts.sequences)}
    for free in choice.free:
        if free in choice.moved:
            operands = tuple(names[operand] for operand in free.operands)
            names[free.result] = outside(scope, free, operands, parts.index)
    # Leaves stay as well: they cost nothing, and whoever needs them no longer is dead code's business.
    gone = {free for free in choice.moved if free.operands}
    parts.nodes = [inner for inner in parts.nodes if inner not in gone]
    read = parts.body_uses()
    for free in choice.free:
        if free in gone and read[free.result]:
            whole = names[free.result]
            bindings = parts.sequences if parts.index in whole.type.axes else parts.constants
            bindings.append((whole, free.result))
    scope.nodes.append(parts.joined())
    return node.results
