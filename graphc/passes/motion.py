"""Moving a node across the border of a loop.

An op is written for one point of the index space, so outside of the loop it is the same op on operands
that have the loop's index; only leaves that speak of the step change.
"""

from __future__ import annotations

from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, Node, Value
from graphc.ir.op import Op
from graphc.ops import random
from graphc.ops.contraction import CONTRACT
from graphc.ops.indexing import ONE_HOT, RENAME, SHIFT
from graphc.ops.leaf import INSIDE, INSIDE_STEP, LENGTH, POSITION, STEP
from graphc.ops.movement import CONCAT, FLIP, PAD, RESHAPE, SLICE, STACK, TRANSPOSE
from graphc.ops.summing import BROADCAST, EXPAND
from graphc.types import Index

_MOVES: frozenset[Op] = frozenset(
    {BROADCAST, CONCAT, EXPAND, FLIP, ONE_HOT, PAD, RENAME, RESHAPE, SHIFT, SLICE, STACK, TRANSPOSE}
)
_LEAVES: frozenset[Op] = frozenset({POSITION, STEP, INSIDE, INSIDE_STEP, LENGTH})
_OF_POSITIONS = (STEP, POSITION, INSIDE, INSIDE_STEP)


def is_elementwise(node: Node) -> bool:
    return node.op.scalar is not None


def is_costly(node: Node) -> bool:
    """Whether a node does more than to pass over its operands once: products, gathers, reductions.

    A product that sums nothing is as large as it is cheap, and counts as elementwise.
    """
    if node.op is CONTRACT:
        left, right, result = node.attrs["labels"]
        return bool(node.attrs["indices"]) or {*left, *right} > {*result}
    if not node.operands:
        return False
    return not is_elementwise(node) and node.op not in _MOVES and node.op not in random.OPS


def can_leave(node: AnyNode, index: Index) -> bool:
    """Whether a body node means the same outside of the loop over an index."""
    if not isinstance(node, Node):
        return False
    if node.op in _OF_POSITIONS:
        return True
    return not any(
        value == index or (isinstance(value, tuple) and index in value) for value in node.attrs.values()
    )


def varies_with_step(node: Node, index: Index) -> bool:
    """Whether a leaf's value changes from step to step."""
    if node.op not in _LEAVES or node.op is LENGTH:
        return False
    return bool(node.attrs["index"] == index) or index in node.attrs.get("steps", ())


def outside(builder: Builder, node: Node, operands: tuple[Value, ...], index: Index) -> Value:
    """What a body node computes, for all steps at once."""
    op, attrs = node.op, dict(node.attrs)
    if op is STEP and attrs["index"] == index:
        op = POSITION
    if op is INSIDE_STEP and attrs["index"] == index:
        op = INSIDE
    if "steps" in attrs:
        attrs["steps"] = attrs["steps"] - {index}
    with builder.at(node.span):
        return builder(op, *operands, called=node.result.name, **attrs)
