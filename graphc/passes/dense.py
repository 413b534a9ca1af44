"""What a run without ragged lengths makes of masks."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir.graph import Graph, Node, Value
from graphc.ops.elementwise import ADD, GREATER_EQUAL, LESS_EQUAL, LOGICAL_AND, MUL
from graphc.ops.leaf import INSIDE, INSIDE_STEP, LENGTH, POSITION, STEP, constant
from graphc.passes.rebuild import Scope, rewrite
from graphc.types import Affine, Index, Length


@dataclass(frozen=True)
class Dense:
    """Specialises a graph for runs in which every example is as long as the longest: all positions of a
    full index are inside it, and so is every step of a loop. Of another range `lo..hi` only the bounds
    that are not those of the axis are still compared."""

    name = "dense"

    def __call__(self, graph: Graph) -> Graph:
        return rewrite(graph, _rule)


def _rule(scope: Scope, node: Node) -> Value | None:
    if node.op is not INSIDE and node.op is not INSIDE_STEP:
        return None
    index: Index = node.attrs["index"]
    steps: frozenset[Index] = node.attrs["steps"]
    if node.op is INSIDE_STEP:
        steps = steps | {index}
    conditions: list[Value] = []
    if index.lo != Affine(1):
        conditions.append(scope(GREATER_EQUAL, _place(scope, index, steps), _bound(scope, index.lo, steps)))
    if index.hi != Affine.of(index.length):
        conditions.append(scope(LESS_EQUAL, _place(scope, index, steps), _bound(scope, index.hi, steps)))
    if not conditions:
        return constant(scope, True, "bool")
    return conditions[0] if len(conditions) == 1 else scope(LOGICAL_AND, *conditions)


def _place(scope: Scope, index: Index, steps: frozenset[Index]) -> Value:
    return scope(STEP if index in steps else POSITION, index=index)


def _bound(scope: Scope, bound: Affine, steps: frozenset[Index]) -> Value:
    total = constant(scope, bound.constant, "int")
    for symbol, coefficient in bound.terms:
        part = scope(LENGTH, length=symbol) if isinstance(symbol, Length) else _place(scope, symbol, steps)
        total = scope(ADD, total, scope(MUL, part, constant(scope, coefficient, "int")))
    return total
