"""Sums of products, taken by the product itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from graphc.ir.graph import Graph, Node, Value
from graphc.ops.contraction import CONTRACT
from graphc.ops.convolution import CONV_FILTER_GRADIENT
from graphc.ops.elementwise import ADD, GREATER, MUL, NEG, SELECT, SUB
from graphc.ops.indexing import SCATTER_ADD
from graphc.ops.leaf import constant
from graphc.ops.masking import sum_over
from graphc.ops.summing import REDUCE_SUM
from graphc.passes.masks import conjuncts
from graphc.passes.rebuild import Scope, rewrite, with_attrs
from graphc.types import Index


class Contract:
    """Lets products sum: a sum over indices or dims of a contraction, of a filter's gradient or of a
    `scatter_add` becomes part of that op, so that a weight's gradient over batch and time is one product
    and no example's own outer product is ever made.

    A sum of elementwise products becomes a contraction where the products are more than either factor, as
    in attention. A sum goes through other sums, additions and masks. A mask by positions becomes a mask
    of every operand that varies with it, for what stands outside may be NaN, which zero times something
    does not remove. Values that have other uses stay as they are."""

    name = "contract"

    def __call__(self, graph: Graph) -> Graph:
        return rewrite(graph, _rule)


@dataclass(frozen=True)
class _Sum:
    """What is summed, on the way down to the product: dims of the value under way, indices, conditions."""

    dims: tuple[int, ...]
    indices: tuple[Index, ...]
    masks: tuple[Value, ...] = ()
    budget: int = 100
    """How many more nodes it may go up: a sum of very many terms is left alone."""


def _rule(scope: Scope, node: Node) -> Value | None:
    if node.op is not REDUCE_SUM or node.result.type.dtype != "real":
        return None
    return _pushed(scope, node.operands[0], _Sum(node.attrs["dims"], node.attrs["indices"]))


def _pushed(scope: Scope, value: Value, total: _Sum) -> Value | None:
    """The sum of a value, taken further up; None if no product is reached."""
    node = scope.producer(value)
    if not isinstance(node, Node) or scope.uses(value) > 1 or not total.budget:
        return None
    total = replace(total, budget=total.budget - 1)
    if node.op is SELECT:
        return _through_mask(scope, node, total)
    if node.op is REDUCE_SUM:
        return _through_sum(scope, node, total)
    if node.op in (ADD, SUB, NEG):
        return _through_terms(scope, node, total)
    return _into_product(scope, node, total)


def _through_mask(scope: Scope, node: Node, total: _Sum) -> Value | None:
    condition, inside, fill = node.operands
    if scope.number(fill) != 0 or condition.type.rank or not scope.is_positional(condition):
        return None
    if inside.type.rank != node.result.type.rank or not set(total.indices) <= set(inside.type.axes):
        return None
    masks = (*total.masks, *conjuncts(scope, condition))
    return _pushed(scope, inside, replace(total, masks=masks))


def _through_sum(scope: Scope, node: Node, total: _Sum) -> Value | None:
    """Two sums are one. The inner one's own indices are masked already."""
    (x,) = node.operands
    kept = [i for i in range(x.type.rank) if i not in node.attrs["dims"]]
    dims = tuple(sorted((*node.attrs["dims"], *(kept[i] for i in total.dims))))
    indices = tuple(i for i in x.type.axes if i in (*node.attrs["indices"], *total.indices))
    return _pushed(scope, x, replace(total, dims=dims, indices=indices))


def _through_terms(scope: Scope, node: Node, total: _Sum) -> Value | None:
    """A sum of terms is the terms' sums, if all of them can take it."""
    if any(operand.type.with_dtype("real") != node.result.type for operand in node.operands):
        return None
    parts = [_pushed(scope, operand, total) for operand in node.operands]
    found = [part for part in parts if part is not None]
    return scope(node.op, *found) if len(found) == len(parts) else None


def _into_product(scope: Scope, node: Node, total: _Sum) -> Value | None:
    if node.op is MUL:
        return _as_product(scope, node, total)
    if node.op not in (CONTRACT, CONV_FILTER_GRADIENT, SCATTER_ADD):
        return None
    if total.dims and node.op is not CONTRACT:
        return None
    indices = (*node.attrs["indices"], *total.indices)
    axes = {index for operand in node.operands for index in operand.type.axes}
    if not set(indices) <= axes:
        return None
    operands = _masked_operands(scope, node, total.masks)
    if operands is None:
        return None
    ordered = tuple(index for index in _in_order(operands) if index in indices)
    if node.op is not CONTRACT:
        return with_attrs(scope, node, *operands, indices=ordered)
    left, right, result = node.attrs["labels"]
    kept = tuple(label for i, label in enumerate(result) if i not in total.dims)
    return with_attrs(scope, node, *operands, labels=(left, right, kept), indices=ordered)


def _as_product(scope: Scope, node: Node, total: _Sum) -> Value | None:
    """A sum of elementwise products that are larger than both factors, without ever making them."""
    x, y = (_spanned(operand, node.result) for operand in node.operands)
    summed = {*total.indices, *total.dims}
    if not (x - y and y - x and summed <= x | y and summed & x & y) or node.result.type.dtype != "real":
        return None
    operands = _masked_operands(scope, node, total.masks)
    if operands is None:
        return None
    labels = tuple(f"i{i}" for i in range(node.result.type.rank))
    of_x, of_y = (labels if operand.type.rank else () for operand in node.operands)
    kept = tuple(label for i, label in enumerate(labels) if i not in total.dims)
    return scope(CONTRACT, *operands, labels=(of_x, of_y, kept), indices=total.indices)


def _spanned(operand: Value, result: Value) -> set[Index | int]:
    """The indices that a factor varies over, and the dims of the result that it has."""
    return {*operand.type.axes, *(range(result.type.rank) if operand.type.rank else ())}


def _in_order(operands: Sequence[Value]) -> tuple[Index, ...]:
    first, *rest = operands
    return first.type.with_axes({*first.type.axes, *(i for v in rest for i in v.type.axes)}).axes


def _masked_operands(scope: Scope, node: Node, masks: Sequence[Value]) -> list[Value] | None:
    """The operands with zero where they do not count; None if no operand varies with all of a mask."""
    operands = list(node.operands)
    for mask in dict.fromkeys(masks):
        wanted = set(mask.type.axes)
        if not any(_is_real(operand) and wanted <= set(operand.type.axes) for operand in node.operands):
            return None
        for i, operand in enumerate(node.operands):
            if _is_real(operand) and not wanted.isdisjoint(operand.type.axes):
                seen = _seen(scope, mask, operand)
                operands[i] = scope(SELECT, seen, operands[i], constant(scope, 0.0))
    return operands


def _is_real(value: Value) -> bool:
    return value.type.dtype == "real"


def _seen(scope: Scope, mask: Value, operand: Value) -> Value:
    """Where an operand counts: where the mask holds at any position that the operand does not tell apart."""
    missing = [index for index in mask.type.axes if index not in operand.type.axes]
    if not missing:
        return mask
    return scope(GREATER, sum_over(scope, mask, missing), constant(scope, 0, "int"))
