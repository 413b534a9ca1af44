"""The order in memory of what varies over two axes or more: scores of attention, for one.

No loop takes a step of such a table, so a step need not be one piece of it. Each example has a matrix of its
own instead, and the axis that is reduced most is its innermost one: a product of two of them reads and writes
numbers that lie side by side, and a softmax goes along a run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from graphc.ir.graph import Graph, LoopNode, Node
from graphc.ops.contraction import CONTRACT
from graphc.types import BATCH, Index, sort_indices

Axes = frozenset[Index]


def tables(graph: Graph) -> Mapping[Axes, tuple[Index, ...]]:
    """The axes of tables, each with its order from the outermost to the innermost."""
    found: set[Axes] = set()
    reduced: Counter[tuple[Axes, Index]] = Counter()
    for node in graph.walk():
        found.update(frozenset(result.type.axes) for result in node.results)
        if isinstance(node, Node) and node.op is not CONTRACT and node.operands:
            axes = frozenset(node.operands[0].type.axes)
            reduced.update((axes, index) for index in node.attrs.get("indices", ()) if index in axes)
    wide = (axes for axes in found - set(_stepped(graph)) if BATCH in axes and len(axes) > 2)
    return {
        axes: tuple(sorted(sort_indices(axes), key=lambda i: (i != BATCH, reduced[axes, i]))) for axes in wide
    }


def _stepped(graph: Graph) -> Iterator[Axes]:
    """The axes of what loops read or write one step of."""
    for node in graph.walk():
        if isinstance(node, LoopNode):
            _, sequences, _ = node.loop.split(node.operands)
            for value in (*sequences, *node.results[node.loop.carries :]):
                yield frozenset(value.type.axes)
