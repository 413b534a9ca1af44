"""Giving a cotangent the type of its primal, and the few values that the reverse walk makes itself.

A cotangent at a position outside an example's own range is garbage, so whatever is summed is masked first.
"""

from __future__ import annotations

from collections.abc import Collection

from graphc.ir.builder import Builder
from graphc.ir.graph import Value
from graphc.ops.elementwise import LOGICAL_AND, SELECT
from graphc.ops.leaf import INSIDE, INSIDE_STEP, constant
from graphc.ops.summing import BROADCAST, EXPAND, REDUCE_SUM
from graphc.types import BATCH, Index, TensorType


def fit(builder: Builder, cotangent: Value, type: TensorType) -> Value:
    """A cotangent of the primal's type: dims and indices that the primal lacks are summed out."""
    found = cotangent.type
    if found.rank and not type.rank:
        # A scalar operand of an elementwise op counts for every element.
        cotangent = builder(REDUCE_SUM, cotangent, dims=tuple(range(found.rank)), indices=())
    extra = tuple(index for index in found.axes if index not in type.axes)
    if extra:
        cotangent = builder(REDUCE_SUM, _counted(builder, cotangent, extra), dims=(), indices=extra)
    return spread(builder, cotangent, type)


def _counted(builder: Builder, cotangent: Value, over: Collection[Index]) -> Value:
    """A cotangent with zeros at the positions that do not count in a sum over indices.

    Only what the cotangent itself varies over can put a position outside. Where it does not vary over the
    batch it has been summed over it, each example's own positions only, and is zero outside all of them.
    """
    steps, wanted, axes = frozenset(builder.loops), frozenset(over), set(cotangent.type.axes)
    conditions = [
        builder(INSIDE, index=index, steps=steps)
        for index in cotangent.type.axes
        if _is_partial(index)
        and (index in wanted or index.dependencies & wanted)
        and index.dependencies - steps <= axes
    ]
    conditions += [
        builder(INSIDE_STEP, index=index, steps=steps)
        for index in builder.loops
        if index.dependencies & wanted
    ]
    if not conditions:
        return cotangent
    condition, *rest = conditions
    for other in rest:
        condition = builder(LOGICAL_AND, condition, other)
    return builder(SELECT, condition, cotangent, constant(builder, 0.0))


def _is_partial(index: Index) -> bool:
    """Whether arrays can be longer than the index's range."""
    return index != BATCH and not (index.is_full and index.length.is_fixed)


def spread(builder: Builder, value: Value, type: TensorType) -> Value:
    """The value with all dims and indices of a type."""
    if type.rank and not value.type.rank:
        value = builder(EXPAND, value, shape=type.shape, source=(None,) * type.rank)
    missing = tuple(index for index in type.axes if index not in value.type.axes)
    return builder(BROADCAST, value, indices=missing) if missing else value


def zeros(builder: Builder, type: TensorType) -> Value:
    """Zeros of a type."""
    return spread(builder, constant(builder, 0.0, shape=type.shape), type)


def summed_over_steps(builder: Builder, stack: Value, index: Index) -> Value:
    """The sum of what the steps of a loop have stacked."""
    return fit(builder, stack, stack.type.with_axes(set(stack.type.axes) - {index}))


def starred(index: Index) -> Index:
    """An index over the same length, for a value that spans a loop's whole range inside its body."""
    return Index.full(f"{index.name}*", index.length)
