"""Keeping what lies outside an index's range from reaching what lies inside (see `docs/architecture.md`)."""

from __future__ import annotations

from collections.abc import Collection

from graphc.ir.builder import Builder
from graphc.ir.graph import Value
from graphc.ops.elementwise import LOGICAL_AND, SELECT
from graphc.ops.leaf import INSIDE, INSIDE_STEP, constant
from graphc.ops.summing import REDUCE_SUM
from graphc.types import BATCH, Index


def masked(
    b: Builder, x: Value, over: Collection[Index], fill: float = 0.0, known: frozenset[Index] | None = None
) -> Value:
    """`x` with `fill` at the positions that do not count when it is reduced over the indices `over`.

    These are the positions outside an index of `x` that is reduced itself or whose range varies with one
    that is; and, where examples are reduced inside a loop, those of examples for which its step does not
    happen. A select, not a product: what stands outside may be NaN. If `known` is given, ranges that vary
    with anything else are left alone.
    """
    wanted = frozenset(over)
    steps = frozenset(b.loops)
    conditions = [
        b(INSIDE, index=index, steps=steps)
        for index in x.type.axes
        if _has_outside(index)
        and (index in wanted or index.dependencies & wanted)
        and (known is None or index.dependencies <= known)
    ]
    conditions += [
        b(INSIDE_STEP, index=index, steps=steps) for index in b.loops if index.dependencies & wanted
    ]
    return _where(b, x, conditions, fill)


def counted(b: Builder, g: Value, over: Collection[Index]) -> Value:
    """What `masked` is to a value, for a cotangent that a rule sums over the indices `over`.

    A cotangent that no longer varies over something that an index's range depends on has been summed over
    that, each range's own positions only, and is zero outside: it must not vary over it again.
    """
    return masked(b, g, over, known=frozenset(g.type.axes) | frozenset(b.loops))


def within(b: Builder, g: Value, index: Index) -> Value:
    """A cotangent with zeros outside the range of `index`, for rules that move it to other positions."""
    steps = frozenset(b.loops)
    if not _has_outside(index) or not index.dependencies - steps <= set(g.type.axes):
        return g
    return _where(b, g, [b(INSIDE, index=index, steps=steps)], 0.0)


def sum_over(b: Builder, x: Value, indices: Collection[Index]) -> Value:
    """The sum over indices, of the positions that count."""
    ordered = tuple(index for index in x.type.axes if index in indices)
    return b(REDUCE_SUM, masked(b, x, ordered), dims=(), indices=ordered) if ordered else x


def _has_outside(index: Index) -> bool:
    return index != BATCH and not (index.is_full and index.length.is_fixed)


def _where(b: Builder, x: Value, conditions: list[Value], fill: float) -> Value:
    if not conditions:
        return x
    condition, *rest = conditions
    for other in rest:
        condition = b(LOGICAL_AND, condition, other)
    value = {"real": float, "int": int, "bool": bool}[x.type.dtype](fill)
    return b(SELECT, condition, x, constant(b, value, x.type.dtype))
