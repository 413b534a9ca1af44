"""Numbers that are compared instead of being written to."""

from __future__ import annotations

from graphc.ir.graph import Graph, Node, Value
from graphc.ops.elementwise import CAST, MAXIMUM, MINIMUM, SELECT
from graphc.ops.indexing import ONE_HOT
from graphc.ops.leaf import constant
from graphc.ops.summing import EXPAND
from graphc.passes.rebuild import Scope, rewrite
from graphc.passes.totals import is_apart
from graphc.types import Dim


class Compare:
    """Makes a select of a `scatter_add` by which each point adds to elements of its own: the gradient of
    picking one class. An element is the value where its number is the one that is given (of one outside the
    dim the nearest, as `gather` has it) and zero elsewhere, so it can be computed with what uses it.

    A `scatter_add` that sums points, or with several numbers a point, stays: there values can meet."""

    name = "compare"

    def __call__(self, graph: Graph) -> Graph:
        return rewrite(graph, _compared)


def _compared(scope: Scope, node: Node) -> Value | None:
    if not is_apart(node):
        return None
    (value, number), dim, size = node.operands, node.attrs["dim"], node.attrs["size"]
    chosen = _one_of(scope, number, size)
    shape = node.result.type.shape
    if value.type.rank:
        places = tuple(0 if i == dim else None for i in range(len(shape)))
        chosen = scope(EXPAND, chosen, shape=shape, source=places)
        kept = (*range(dim), None, *range(dim, value.type.rank))
        value = scope(EXPAND, value, shape=shape, source=kept)
    zero = constant(scope, 0.0 if value.type.dtype == "real" else 0, value.type.dtype)
    return scope(SELECT, chosen, value, zero, called=node.result.name)


def _one_of(scope: Scope, number: Value, size: Dim) -> Value:
    """Which element of a dim a number means."""
    last, first = constant(scope, size.value - 1, "int"), constant(scope, 0, "int")
    nearest = scope(MAXIMUM, scope(MINIMUM, number, last), first)
    return scope(CAST, scope(ONE_HOT, nearest, classes=size), dtype="bool")
