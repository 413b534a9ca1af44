"""Work that no later step waits for, moved behind the loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.ops.contraction import CONTRACT
from graphc.ops.convolution import CONV, CONV_FILTER_GRADIENT, CONV_INPUT_GRADIENT
from graphc.ops.elementwise import SELECT
from graphc.ops.indexing import SCATTER, SCATTER_ADD
from graphc.ops.leaf import INSIDE, constant
from graphc.ops.summing import BROADCAST, EXPAND, REDUCE_SUM
from graphc.passes.masks import is_masked
from graphc.passes.motion import can_leave, is_elementwise, outside
from graphc.passes.rebuild import Parts, Scope, Stack, rewrite
from graphc.types import BATCH

_PRODUCTS = (CONTRACT, CONV, CONV_INPUT_GRADIENT, CONV_FILTER_GRADIENT, SCATTER, SCATTER_ADD)
_SUMS = (REDUCE_SUM, CONTRACT, CONV_FILTER_GRADIENT, SCATTER, SCATTER_ADD)


class Sink:
    """Computes body nodes behind the loop, for all steps at once, when their values are only stacked: a
    weight's gradient becomes one product over all steps instead of one a step.

    What moves: products, convolutions and scatters, sums over the examples (which would make the examples
    wait for each other at each step), everything that follows them, the masks and spreads in front of them,
    and sums of what is stacked for them; the loop stacks the operands instead. Elementwise work moves along
    with a sum where no more has to be stacked for it: of `sum[batch](g * c)` that is the product, if `g` or
    `c` is stacked already. Stacks of what the loop was given are replaced by what it was given. What a step
    stacks for an example that it does not happen for is undefined, so what is summed over examples is masked
    again."""

    name = "sink"

    def __call__(self, graph: Graph) -> Graph:
        return rewrite(graph, loop_rule=_rule)


def _rule(scope: Scope, node: LoopNode) -> tuple[Value, ...] | None:
    sinking = _Sinking(scope, node)
    return sinking.run() if sinking.useful() else None


class _Sinking:
    """One loop whose tail is cut off."""

    def __init__(self, scope: Scope, node: LoopNode) -> None:
        self.scope = scope
        self.node = node
        self.parts = Parts.of(node)
        self.inner = Scope(node.loop.body, scope, node)
        self.inner.nodes.extend(node.loop.body.nodes)
        given = (*self.parts.constants, *self.parts.sequences)
        self.names = {inside: operand for operand, inside in given}
        self.written = {stack for _, stack in self.parts.histories}
        self.moved = self._moved()

    def useful(self) -> bool:
        return bool(self.moved) or any(self._is_given(stack) for stack in self.parts.stacks)

    def _is_given(self, stack: Stack) -> bool:
        return stack not in self.written and (
            stack.value in self.names or self.inner.is_positional(stack.value)
        )

    # What moves.

    def _moved(self) -> set[Node]:
        readers: dict[Value, list[AnyNode]] = {}
        for node in self.parts.nodes:
            for operand in node.operands:
                readers.setdefault(operand, []).append(node)
        tails = self._tails(readers)
        moved = _with_followers(tails, {node for node in tails if node.op in _PRODUCTS or _ties(node)})
        # What is stacked for a product may as well be summed behind the loop.
        stacked = {self._source(operand) for node in moved for operand in node.operands}
        sums = {n for n in tails if n.op is REDUCE_SUM and self._source(n.operands[0]) in stacked}
        moved = _with_followers(tails, moved | sums)
        summands = {operand for node in moved if node.op is REDUCE_SUM for operand in node.operands}
        for node in reversed(tails):
            behind = moved.issuperset(readers.get(node.result, (node,)))
            if behind and (self._leads(node) or (node.result in summands and self._is_free(node, moved))):
                moved.add(node)
                summands.update(node.operands if node.result in summands else ())
        return moved

    def _is_free(self, node: Node, moved: set[Node]) -> bool:
        """Whether elementwise work that moves as well adds at most one stack, in the place of its own."""
        read = {operand for other in moved for operand in other.operands} - {node.result}
        read |= {stack.value for stack in self.parts.stacks if stack not in self.written}
        new = [
            operand
            for operand in dict.fromkeys(node.operands)
            if operand not in read and operand not in self.names and not self.inner.is_positional(operand)
        ]
        return is_elementwise(node) and len(new) <= 1

    def _tails(self, readers: Mapping[Value, Sequence[AnyNode]]) -> list[Node]:
        """The nodes that lead to stacks only and could be computed behind the loop, in order."""
        kept = {carry.next for carry in self.parts.carries} | {stack.value for stack in self.written}
        views = {view for view, _ in self.parts.histories}
        candidates: set[AnyNode] = set()
        tails: list[Node] = []
        for node in reversed(self.parts.nodes):
            if (
                isinstance(node, Node)
                and self._can_sink(node)
                and node.result not in kept
                and views.isdisjoint(node.operands)
                and candidates.issuperset(readers.get(node.result, ()))
            ):
                candidates.add(node)
                tails.append(node)
        tails.reverse()
        return tails

    def _source(self, value: Value) -> Value:
        """A value without the masks in front of it."""
        node = self.inner.made_by(value, SELECT)
        return self._source(node.operands[1]) if node and self._leads(node) else value

    def _can_sink(self, node: Node) -> bool:
        if not can_leave(node, self.parts.index):
            return False
        summed = set(node.attrs.get("indices", ())) & self.parts.index.dependencies
        return not summed or node.op in _SUMS or node.op is BROADCAST

    def _leads(self, node: Node) -> bool:
        """Whether a node is better repeated behind the loop than stacked: masks, and what only spreads."""
        if node.op is SELECT:
            condition, _, fill = node.operands
            return self.inner.is_positional(condition) and self.inner.number(fill) is not None
        return node.op is EXPAND or node.op is BROADCAST

    # Moving it.

    def run(self) -> tuple[Value, ...]:
        ends = {node.result for node in self.moved}
        gone = [s for s in self.parts.stacks if self._is_given(s) or s.value in ends]
        self.parts.stacks = [stack for stack in self.parts.stacks if stack not in gone]
        place = len(self.scope.nodes)
        for node in self.parts.nodes:
            if isinstance(node, Node) and node in self.moved:
                operands = tuple(self._operand(node, operand) for operand in node.operands)
                self.names[node.result] = outside(self.scope, node, operands, self.parts.index)
        found: dict[Value, Value] = {}
        for stack in gone:
            value = self.scope.conformed(self._whole(stack.value), stack.result.type)
            assert value is not None, (stack.result.type, stack.value.type)
            found[stack.result] = value
        self.parts.nodes = [node for node in self.parts.nodes if node not in self.moved]
        self.scope.insert(place, self.parts.joined())
        return tuple(found.get(result, result) for result in self.node.results)

    def _operand(self, node: Node, operand: Value) -> Value:
        """A moved node's operand; zero for examples that a step does not happen for, if these are summed."""
        whole = self._whole(operand)
        index = self.parts.index
        summed = set(node.attrs.get("indices", ())) & index.dependencies
        if not summed or node.op is BROADCAST or index not in whole.type.axes:
            return whole
        if not index.dependencies <= set(whole.type.axes) or whole.type.dtype != "real":
            return whole
        if is_masked(self.scope, whole, index):
            return whole
        inside = self.scope(INSIDE, index=index, steps=frozenset(self.scope.loops))
        return self.scope(SELECT, inside, whole, constant(self.scope, 0.0))

    def _whole(self, value: Value) -> Value:
        """A body value for all steps at once."""
        if value not in self.names:
            node = self.inner.producer(value)
            if isinstance(node, Node) and self.inner.is_positional(value):
                operands = tuple(self._whole(operand) for operand in node.operands)
                self.names[value] = outside(self.scope, node, operands, self.parts.index)
            else:
                self.names[value] = self._stacked(value)
        return self.names[value]

    def _stacked(self, value: Value) -> Value:
        for stack in self.parts.stacks:
            if stack.value is value:
                return stack.result
        result = Value(value.type.with_axes({*value.type.axes, self.parts.index}), value.name)
        self.parts.stacks.append(Stack(value, result))
        return result


def _ties(node: Node) -> bool:
    """Whether a sum adds up examples."""
    return node.op is REDUCE_SUM and BATCH in node.attrs["indices"]


def _with_followers(tails: Sequence[Node], roots: set[Node]) -> set[Node]:
    """The roots and everything behind them."""
    moved: set[Node] = set()
    arrived: set[Value] = set()
    for node in tails:
        if node in roots or not arrived.isdisjoint(node.operands):
            moved.add(node)
            arrived.add(node.result)
    return moved
