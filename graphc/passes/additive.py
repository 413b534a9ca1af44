"""A graph over a large batch as graphs over small ones whose results add up: what accumulates gradients.

Two kinds of values are told apart. A *whole* value is the same whether it is computed on all examples or on
some: a parameter, or what each example has for itself. A *share* is one small batch's part of a sum over
examples: the shares of all small batches add up to the value. Sums over examples make shares, and what is
linear in one share keeps it a share.

Where anything else reads a share (a mean divides by the number of examples), the large batch's *total* must
be known. It becomes an input, which another graph computes beforehand as a share. A loss has no gradient
through an input, so a total that parameters move the loss through is refused.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from graphc.analysis.activity import Activity
from graphc.analysis.liveness import live_nodes
from graphc.diagnostics import GraphcError, fault
from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.ops import (
    contraction,
    convolution,
    elementwise,
    indexing,
    leaf,
    movement,
    pooling,
    summing,
    windows,
)
from graphc.passes.hoist import Hoist
from graphc.passes.sink import Sink
from graphc.types import BATCH, BATCH_NAME, TensorType

ONCE = "once@"
"""The input that is 1 in one of the small batches and 0 in the others: what no sum over examples is part of
(a penalty on weights) is counted there."""

_IN_FIRST = frozenset(
    {
        *(elementwise.NEG, elementwise.DIV, elementwise.XLOGY, elementwise.CAST, elementwise.STOP_GRADIENT),
        *(leaf.PIN, summing.REDUCE_SUM, summing.EXPAND, summing.BROADCAST),
        *(movement.TRANSPOSE, movement.RESHAPE, movement.FLIP, movement.SLICE, movement.PAD),
        *(indexing.RENAME, indexing.SHIFT, indexing.PICK, indexing.GATHER),
        *(windows.WINDOWS, windows.FOLD, pooling.AVERAGE_POOL),
    }
)
"""Linear in the first operand."""

_IN_EACH = frozenset({elementwise.MUL, contraction.CONTRACT, convolution.CONV})
"""Linear in either operand while the other one stays."""

_TOGETHER = frozenset({elementwise.ADD, elementwise.SUB, elementwise.SELECT, movement.CONCAT, movement.STACK})
"""Linear in all operands of reals together."""

_SUMS = frozenset({summing.REDUCE_SUM, contraction.CONTRACT, indexing.SCATTER, indexing.SCATTER_ADD})


@dataclass(frozen=True, eq=False)
class Additive:
    """`graph` has the outputs that were asked for: those in `shares` add up, the others are the same each
    time. Each graph of `rounds` gives totals as shares, by the names under which `graph` and later rounds
    read them.
    """

    graph: Graph
    rounds: tuple[Graph, ...]
    shares: frozenset[str]


def additive(
    graph: Graph, wrt: Collection[str] = (), loss: str | None = None, kept: Collection[str] = ()
) -> Additive:
    """The graph for small batches, whose `loss` adds up and is differentiated with respect to inputs `wrt`.

    Without a loss all outputs become whole: they are made of totals. Outputs in `kept` are what each example
    has: they are outputs of each round instead.

    Raises E530 where the loss depends on them through something that examples of one batch share, other
    than by a sum over them, and where examples meet in a recurrence or in a maximum.
    """
    if any(isinstance(node, LoopNode) and _meeting(node) for node in graph.nodes):
        graph = Sink()(Hoist()(graph))
    return _Division(graph, wrt, loss, kept).run()


class _Division:
    """A graph on its way."""

    def __init__(self, graph: Graph, wrt: Collection[str], loss: str | None, kept: Collection[str]) -> None:
        self.graph, self.loss, self.kept = graph, loss, kept
        sources = [value for value in graph.inputs if value.name in wrt]
        self.active = Activity(graph.nodes, sources, graph.outputs[loss]) if loss is not None else ()
        self.builder = Builder()
        self.shares: dict[Value, AnyNode] = {}
        """Each share, and the node that added up examples for it."""
        self.once = Value(TensorType.of("real"), ONCE)
        self.totals: dict[Value, Value] = {}
        """Each share whose total is an input, and the input."""
        self.depths: dict[Value, int] = {}
        """How many rounds come before a value is known."""

    def run(self) -> Additive:
        for node in self.graph.nodes:
            with self.builder.at(node.span):
                self._loop(node) if isinstance(node, LoopNode) else self._node(node)
        kept = {name: value for name, value in self.graph.outputs.items() if name in self.kept}
        outputs = {name: value for name, value in self.graph.outputs.items() if name not in kept}
        if self.loss is None:
            outputs = {name: self._total(value) for name, value in outputs.items()}
        elif outputs[self.loss] not in self.shares:
            outputs[self.loss] = self._counted_once(outputs[self.loss])
        count = max((self.depths.get(share, 0) + 1 for share in self.totals), default=0)
        rounds = [
            {t.name: share for share, t in self.totals.items() if self.depths.get(share, 0) == number} | kept
            for number in range(count)
        ]
        names = frozenset(name for name, value in outputs.items() if value in self.shares)
        return Additive(self._made(outputs), tuple(map(self._made, rounds)), names)

    def _made(self, outputs: dict[str, Value]) -> Graph:
        nodes = live_nodes(self.builder.nodes, outputs.values())
        used = {operand for node in nodes for operand in node.operands} | {*outputs.values()}
        known = [*self.graph.inputs, self.once, *self.totals.values()]
        return Graph(tuple(value for value in known if value in used), tuple(nodes), outputs)

    def _loop(self, node: LoopNode) -> None:
        """A recurrence reads whole values; what adds up examples does so outside of it by now."""
        if (inner := _meeting(node)) is not None:
            raise _refused(inner, "it is part of a recurrence, whose steps wait for all examples")
        operands = tuple(self._whole(operand, node) for operand in node.operands)
        self._append(replace(node, operands=operands))

    def _node(self, node: Node) -> None:
        if not self._is_linear(node):
            operands = (o if o in self.active else self._whole(o, node) for o in node.operands)
            node = replace(node, operands=tuple(operands))
        if self.shares.keys().isdisjoint(node.operands):
            if _adds_up(node):
                self.shares[node.result] = node
            elif _meets(node):
                raise _refused(node, "it compares examples instead of adding them up")
        elif self._is_linear(node):
            self.shares[node.result] = next(self.shares[o] for o in node.operands if o in self.shares)
            operands = (self._counted_once(o) if self._is_added(node, o) else o for o in node.operands)
            node = replace(node, operands=tuple(operands))
        else:
            node = replace(node, operands=tuple(self._whole(o, node) for o in node.operands))
        self._append(node)

    def _is_linear(self, node: Node) -> bool:
        """Whether the result adds up if its operands do."""
        shared = [operand in self.shares for operand in node.operands]
        if BATCH in node.result.type.axes or node.result.type.dtype == "bool":
            return False
        if node.op is elementwise.CAST:
            return node.result.type.dtype == "real"
        if node.op in _TOGETHER:
            chosen = node.op is elementwise.SELECT and shared[0]
            return not chosen and node.result.type.dtype == "real"
        return sum(shared) == 1 and (node.op in _IN_EACH or (node.op in _IN_FIRST and shared[0]))

    def _is_added(self, node: Node, operand: Value) -> bool:
        """Whether a whole operand is added to a share."""
        return node.op in _TOGETHER and operand not in self.shares and operand.type.dtype == "real"

    def _counted_once(self, value: Value) -> Value:
        """A whole value as a share."""
        before = len(self.builder.nodes)
        share = self.builder(elementwise.MUL, value, self.once)
        self.shares[share] = made = self.builder.nodes[before]
        self._note(made)
        return share

    def _whole(self, value: Value, reader: AnyNode) -> Value:
        """What a reader gets in the place of a share: its total."""
        if value not in self.shares:
            return value
        if value in self.active:
            what = f"{_quoted(reader)} needs it" if reader.span is not None else "it is needed"
            raise _refused(self.shares[value], f"{what} of all examples at once, and parameters move it")
        return self._total(value)

    def _total(self, value: Value) -> Value:
        """A share's total, and a whole value as it is."""
        if value in self.shares and value not in self.totals:
            total = self.totals[value] = Value(value.type, f"total@{len(self.totals)}")
            self.depths[total] = self.depths.get(value, 0) + 1
        return self.totals.get(value, value)

    def _append(self, node: AnyNode) -> None:
        self.builder.nodes.append(node)
        self._note(node)

    def _note(self, node: AnyNode) -> None:
        depth = max((self.depths.get(operand, 0) for operand in node.operands), default=0)
        if depth:
            self.depths.update(dict.fromkeys(node.results, depth))


def _adds_up(node: Node) -> bool:
    """Whether a node adds up examples, or counts them."""
    counts = node.op is leaf.LENGTH and node.attrs["length"].name == BATCH_NAME
    return counts or (node.op in _SUMS and BATCH in node.attrs.get("indices", ()))


def _meets(node: Node) -> bool:
    """Whether a node's result on one example depends on other examples."""
    return node.op is not summing.BROADCAST and BATCH in node.attrs.get("indices", ())


def _meeting(node: LoopNode) -> Node | None:
    """The first node of a loop's body in which examples meet."""
    inner = (found for found in node.loop.body.walk() if isinstance(found, Node))
    return next((found for found in inner if _adds_up(found) or _meets(found)), None)


def _refused(made: AnyNode, why: str) -> GraphcError:
    what = _quoted(made) if made.span is not None else "the mean over the batch"
    return fault(
        "E530",
        f"gradients cannot be accumulated through {what}",
        made.span,
        note=why,
        help="take a larger `batch` without `accumulate`, or look away from it with `stop_gradient`",
    )


def _quoted(node: AnyNode) -> str:
    return f"`{' '.join(node.span.text.split())}`" if node.span is not None else ""
