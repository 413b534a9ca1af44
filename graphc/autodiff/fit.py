"""Giving a cotangent the type of its primal, and the few values that the reverse walk makes itself.

A cotangent at a position outside an example's own range is garbage, so whatever is summed is masked first.
"""

from __future__ import annotations

from graphc.ir.builder import Builder
from graphc.ir.graph import Value
from graphc.ops.leaf import constant
from graphc.ops.masking import counted
from graphc.ops.summing import BROADCAST, EXPAND, REDUCE_SUM
from graphc.types import Index, TensorType


def fit(builder: Builder, cotangent: Value, type: TensorType) -> Value:
    """A cotangent of the primal's type: dims and indices that the primal lacks are summed out."""
    found = cotangent.type
    if found.rank and not type.rank:
        # A scalar operand of an elementwise op counts for every element.
        cotangent = builder(REDUCE_SUM, cotangent, dims=tuple(range(found.rank)), indices=())
    extra = tuple(index for index in found.axes if index not in type.axes)
    if extra:
        cotangent = builder(REDUCE_SUM, counted(builder, cotangent, extra), dims=(), indices=extra)
    return spread(builder, cotangent, type)


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
