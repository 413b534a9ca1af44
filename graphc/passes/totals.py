"""Sums that are known without adding up: rules of `Simplify`."""

from __future__ import annotations

from graphc.ir.graph import Node, Value
from graphc.ops.elementwise import CAST, SELECT
from graphc.ops.indexing import RENAME, SCATTER_ADD
from graphc.ops.leaf import INSIDE, LENGTH
from graphc.ops.summing import BROADCAST, REDUCE_SUM
from graphc.passes.scope import Scope
from graphc.types import BATCH, Index


def simpler_sum(scope: Scope, node: Node) -> Value | None:
    """What a sum is otherwise: one sum of what is summed twice, a length, a number among zeros."""
    return _sum_of_sums(scope, node) or _count(scope, node) or _scattered(scope, node)


def _sum_of_sums(scope: Scope, node: Node) -> Value | None:
    """One sum, if nobody else wants the inner ones."""
    inner = scope.made_by(node.operands[0], REDUCE_SUM)
    if inner is None or scope.uses(inner.result) > 1:
        return None
    (x,) = inner.operands
    kept = [i for i in range(x.type.rank) if i not in inner.attrs["dims"]]
    dims = tuple(sorted((*inner.attrs["dims"], *(kept[i] for i in node.attrs["dims"]))))
    indices = tuple(i for i in x.type.axes if i in (*inner.attrs["indices"], *node.attrs["indices"]))
    return scope(REDUCE_SUM, x, called=node.result.name, dims=dims, indices=indices)


# Counting.


def _count(scope: Scope, node: Node) -> Value | None:
    """How many examples there are, or each example's own number of steps: what a mean divides by.

    Ones are counted over one index that is a whole axis. They are masked by the index's own range where
    examples differ in it, and by nothing else.
    """
    (x,), indices = node.operands, node.attrs["indices"]
    if node.attrs["dims"] or len(indices) != 1 or x.type.rank or x.type.dtype != "real":
        return None
    (index,) = indices
    if not index.is_full or not _is_one_inside(scope, x, index):
        return None
    return scope(CAST, scope(LENGTH, length=index.length), dtype="real", called=node.result.name)


def _is_one_inside(scope: Scope, x: Value, index: Index) -> bool:
    if index == BATCH or index.length.is_fixed:
        return scope.number(x) == 1
    spread = scope.made_by(x, BROADCAST)
    mask = scope.made_by(spread.operands[0] if spread else x, SELECT)
    if mask is None:
        return False
    condition, inside, outside = mask.operands
    range_ = scope.made_by(condition, INSIDE)
    own = range_ is not None and range_.attrs["index"] == index
    return own and scope.number(inside) == 1 and scope.number(outside) == 0


# One number among zeros.


def is_apart(node: Node) -> bool:
    """Whether each point of a `scatter_add` adds to elements of its own."""
    return node.op is SCATTER_ADD and not node.attrs["indices"] and not node.operands[1].type.rank


def _scattered(scope: Scope, node: Node) -> Value | None:
    """The sum over all elements that a value could have been added to is the value."""
    if node.attrs["indices"]:
        return None
    renamed = scope.made_by(node.operands[0], RENAME)
    scattered = scope.made_by(renamed.operands[0] if renamed else node.operands[0], SCATTER_ADD)
    if scattered is None or not is_apart(scattered):
        return None
    (value, _), dim = scattered.operands, scattered.attrs["dim"]
    if node.attrs["dims"] != (dim,) or not scattered.attrs["size"].value:
        return None
    if renamed and renamed.attrs["old"] in value.type.axes:
        return scope(RENAME, value, **renamed.attrs)
    return value
