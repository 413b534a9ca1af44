"""What masks say."""

from __future__ import annotations

from graphc.ir.graph import Value
from graphc.ops.elementwise import LOGICAL_AND, SELECT
from graphc.ops.leaf import INSIDE, INSIDE_STEP
from graphc.passes.scope import Scope
from graphc.types import Index


def conjuncts(scope: Scope, condition: Value) -> list[Value]:
    """The conditions that hold together where this one does."""
    joined = scope.made_by(condition, LOGICAL_AND)
    if joined is None:
        return [condition]
    return [found for part in joined.operands for found in conjuncts(scope, part)]


def holds_inside(scope: Scope, condition: Value) -> bool:
    """Whether a condition says no more than that positions are inside their ranges."""
    return all(scope.made_by(part, INSIDE, INSIDE_STEP) for part in conjuncts(scope, condition))


def is_masked(scope: Scope, value: Value, index: Index) -> bool:
    """Whether a value is a number at the positions outside an index."""
    node = scope.made_by(value, SELECT)
    if node is None or scope.number(node.operands[2]) is None:
        return False
    found = [scope.made_by(part, INSIDE) for part in conjuncts(scope, node.operands[0])]
    return any(part is not None and part.attrs["index"] == index for part in found)
