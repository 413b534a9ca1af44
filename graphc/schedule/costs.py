"""What is worth computing once, and what is cheaper to compute again wherever it is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from graphc.ir.form import Element
from graphc.ir.graph import Graph, Node, Value
from graphc.ops.contraction import CONTRACT
from graphc.ops.elementwise import DIV, MOD, POW, STOP_GRADIENT
from graphc.ops.first import OPS as FIRST
from graphc.ops.indexing import GATHER, PICK, RENAME
from graphc.ops.leaf import PIN
from graphc.ops.movement import CONCAT, RESHAPE, SLICE, STACK, TRANSPOSE
from graphc.ops.pooling import OPS as POOLING
from graphc.ops.random import OPS as RANDOM
from graphc.ops.reduction import OPS as REDUCTIONS
from graphc.ops.summing import BROADCAST, EXPAND, REDUCE_SUM
from graphc.ops.windows import FOLD, WINDOWS

VIEWS = frozenset((PIN, STOP_GRADIENT, RENAME, BROADCAST, EXPAND, TRANSPOSE, SLICE, RESHAPE))

_REDUCING = frozenset((*REDUCTIONS, *FIRST, *POOLING, FOLD, REDUCE_SUM, CONTRACT))
"""Ops with a loop in each element."""
_SPREADING = frozenset((GATHER, PICK, CONTRACT, WINDOWS))
"""Ops that read an element of their first operands for many elements of their result."""

_CALLED = 10
_DRAWN = 60
_TRIVIAL = 2
"""What costs no more is computed again rather than kept."""
_HOISTABLE = 4
_LARGEST = 60
"""An expression that would cost more is cut: compilers are slow with very large ones."""


def is_view(node: Node) -> bool:
    """Whether a node may be another look at its operand's memory."""
    return node.op in VIEWS


def own_cost(node: Node) -> int:
    """About how many additions one element takes, operands apart."""
    if node.op in RANDOM:
        return _DRAWN
    if node.op is RESHAPE or node.op in (DIV, MOD):
        return 4
    if node.op is POW:
        return 2 * _CALLED
    if node.op.scalar is not None:
        return _CALLED if "(" in node.op.scalar and not node.op.scalar.startswith(_CHEAP) else 1
    return 1 if node.operands else 0


_CHEAP = ("select", "cast", "maximum", "minimum", "relu", "abs", "sign", "floor")


def inlined(graph: Graph, required: Collection[Value], extra: Iterable[Value]) -> frozenset[Value]:
    """The values that are computed wherever they are read, not once for all.

    `required` lie in memory whatever they cost; `extra` are uses besides those by the graph's nodes.
    """
    uses = Counter(extra)
    spread: set[Value] = set()
    for node in graph.nodes:
        for operand in node.operands:
            uses[operand] += 1
            if isinstance(node, Node) and _reads_again(node, operand):
                spread.add(operand)
    uses.update(graph.outputs.values())
    total: dict[Value, int] = {}
    found: set[Value] = set()
    settled: set[Value] = set()
    for node in graph.nodes:
        if not isinstance(node, Node) or not isinstance(node.op.form, Element):
            continue
        value = node.result
        cost = own_cost(node) + sum(total.get(operand, 0) for operand in node.operands)
        if value in required or (node.op in _REDUCING) or node.op in (CONCAT, STACK):
            continue
        if is_view(node) and not any(total.get(operand) for operand in node.operands):
            # A look at something that lies in memory; only what is computed on the way may be worth keeping.
            found.add(value)
            total[value] = cost
            continue
        settled.update([value] if _is_settled(node, settled) else [])
        if value in settled and cost <= _LARGEST:
            found.add(value)
            total[value] = cost
            continue
        if value in spread and cost > _HOISTABLE:
            continue
        if cost <= _TRIVIAL or (uses[value] == 1 and cost <= _LARGEST):
            found.add(value)
            total[value] = cost
    return frozenset(found)


def _is_settled(node: Node, settled: Collection[Value]) -> bool:
    """Whether a number follows from sizes and constants alone: compilers take it out of every loop."""
    single = not node.result.type.axes and not node.result.type.rank
    return single and node.op not in RANDOM and all(operand in settled for operand in node.operands)


def _reads_again(node: Node, operand: Value) -> bool:
    """Whether an element of an operand is read for many elements of the result."""
    if node.op in _SPREADING:
        return True
    whole = node.operands[0].type if node.op in _REDUCING else node.result.type
    return len(operand.type.axes) < len(whole.axes) or operand.type.rank < whole.rank
