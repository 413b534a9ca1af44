"""What is known about values that depend on positions only, and about masks."""

from __future__ import annotations

from graphc.ir.graph import Node, Value
from graphc.ops.elementwise import LOGICAL_AND, SELECT
from graphc.ops.leaf import CONSTANT, INSIDE, INSIDE_STEP, LENGTH, PIN, POSITION, STEP
from graphc.ops.summing import BROADCAST, EXPAND
from graphc.passes.rebuild import Scope
from graphc.types import Index

LEAVES = frozenset({CONSTANT, POSITION, STEP, INSIDE, INSIDE_STEP, LENGTH})


def conjuncts(scope: Scope, condition: Value) -> list[Value]:
    """The conditions that hold together where this one does."""
    joined = scope.made_by(condition, LOGICAL_AND)
    if joined is None:
        return [condition]
    return [found for part in joined.operands for found in conjuncts(scope, part)]


def holds_inside(scope: Scope, condition: Value) -> bool:
    """Whether a condition says no more than that positions are inside their ranges."""
    return all(scope.made_by(part, INSIDE, INSIDE_STEP) for part in conjuncts(scope, condition))


def is_positional(scope: Scope, value: Value) -> bool:
    """Whether a value is computed from positions and lengths alone."""
    node = scope.producer(value)
    if not isinstance(node, Node) or node.op is PIN:
        return False
    if not node.operands:
        return node.op in LEAVES
    spreads = node.op is BROADCAST or node.op is EXPAND
    if node.op.scalar is None and not spreads:
        return False
    return all(is_positional(scope, operand) for operand in node.operands)


def is_masked(scope: Scope, value: Value, index: Index) -> bool:
    """Whether a value is a number at the positions outside an index."""
    node = scope.made_by(value, SELECT)
    if node is None or scope.number(node.operands[2]) is None:
        return False
    found = [scope.made_by(part, INSIDE) for part in conjuncts(scope, node.operands[0])]
    return any(part is not None and part.attrs["index"] == index for part in found)
