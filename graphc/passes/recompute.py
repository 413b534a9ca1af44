"""What is cheaper to compute again than to keep."""

from __future__ import annotations

from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, LoopNode, Node, Value
from graphc.ir.op import Op
from graphc.ops.elementwise import (
    ADD,
    CAST,
    EQUAL,
    GREATER,
    GREATER_EQUAL,
    LESS,
    LESS_EQUAL,
    LOGICAL_AND,
    LOGICAL_NOT,
    LOGICAL_OR,
    MAXIMUM,
    MINIMUM,
    MUL,
    NEG,
    NOT_EQUAL,
    RELU,
    SELECT,
    SUB,
)
from graphc.ops.leaf import CONSTANT
from graphc.passes.dce import live
from graphc.passes.rebuild import Parts, Scope, renamed, rewrite

_MOST = 2
"""How many operations may stand for reading one number from memory."""

_CHEAP: frozenset[Op] = frozenset(
    {
        *(ADD, SUB, MUL, NEG, MAXIMUM, MINIMUM, RELU, SELECT, CAST),
        *(EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL),
        *(LOGICAL_AND, LOGICAL_OR, LOGICAL_NOT),
    }
)


class Recompute:
    """Lets a loop compute a slice itself if it is a cheap function of other slices that the loop has:
    `1 - z[t]` where the reverse loop reads `z[t]` as well. The forward loop need not stack it then (`Dce`
    drops what nobody else reads).

    Cheap are at most two operations such as additions, products and comparisons, never a division or a
    transcendental function. They are the same operations on the same numbers, so no value changes."""

    name = "recompute"

    def __call__(self, graph: Graph) -> Graph:
        return rewrite(graph, loop_rule=_rule)


def _rule(scope: Scope, node: LoopNode) -> tuple[Value, ...] | None:
    slices = _Slices(scope, Parts.of(node))
    found = {inside: slices.slice_of(whole) for whole, inside in slices.parts.sequences}
    found = {inside: value for inside, value in found.items() if value is not inside}
    if not found:
        return None
    scope.nodes.append(slices.without(found))
    return node.results


class _Slices:
    """What a step of one loop can compute of its slices.

    A value is asked for by what it is for all steps at once, or by what it is in the body of the loop that
    stacks it (`source`).
    """

    def __init__(self, scope: Scope, parts: Parts) -> None:
        self.scope = scope
        self.parts = parts
        self.builder = Builder()
        self.given = dict((*parts.constants, *parts.sequences))
        self.slices = dict(parts.sequences)
        self.found: dict[Value, Value] = {}

    def slice_of(self, whole: Value) -> Value:
        """A sequence at a step: computed of others, or else its slice."""
        if whole not in self.found:
            made = self._made(whole, _MOST)
            fits = made is not None and made.type == self.slices[whole].type
            self.found[whole] = made if made and fits else self.slices[whole]
        return self.found[whole]

    def without(self, found: dict[Value, Value]) -> LoopNode:
        """The loop with values of its own in the place of slices."""
        parts = self.parts
        parts.sequences = [(whole, inside) for whole, inside in parts.sequences if inside not in found]
        # Where an attempt has failed, operands may be left that nobody reads.
        made = live(self.builder.nodes, found.values())
        parts.nodes = [*made, *(renamed(node, found) for node in parts.nodes)]
        for carry in parts.carries:
            carry.next = found.get(carry.next, carry.next)
        for stack in parts.stacks:
            stack.value = found.get(stack.value, stack.value)
        return parts.joined()

    def _value(self, whole: Value, budget: int) -> Value | None:
        """What a value is at a step: given, or computed within a budget of operations."""
        if whole in self.slices:
            return self.slice_of(whole)
        return self.given[whole] if whole in self.given else self._made(whole, budget)

    def _made(self, whole: Value, budget: int) -> Value | None:
        node = self.scope.producer(whole)
        if isinstance(node, Node):
            return self._computed(node, None, budget)
        if node is None or node.loop.index != self.parts.index:
            return None
        number = node.results.index(whole)
        if number < node.loop.carries:
            return None
        source = Parts.of(node)
        made = _maker(source, node.loop.body_outputs[number])
        return self._computed(made, source, budget) if made else None

    def _computed(self, node: Node, source: Parts | None, budget: int) -> Value | None:
        """A node once more, on operands of this loop."""
        if node.op is CONSTANT:
            return self.builder(CONSTANT, **node.attrs)
        if node.op not in _CHEAP or not budget:
            return None
        operands: list[Value] = []
        for operand in node.operands:
            value = self._operand(operand, source, budget - 1)
            if value is None:
                return None
            operands.append(value)
        with self.builder.at(node.span):
            return self.builder(node.op, *operands, called=node.result.name, **node.attrs)

    def _operand(self, value: Value, source: Parts | None, budget: int) -> Value | None:
        if source is None:
            return self._value(value, budget)
        for stack in source.stacks:
            if stack.value is value and stack.result in self.slices:
                return self.slice_of(stack.result)
        for whole, inside in (*source.constants, *source.sequences):
            if inside is value:
                return self._value(whole, budget)
        made = _maker(source, value)
        return self._computed(made, source, budget) if made else None


def _maker(source: Parts, value: Value) -> Node | None:
    """The node of a body that computes a value."""
    return next((node for node in source.nodes if isinstance(node, Node) and node.result is value), None)
