"""Computing at compile time what is the same in every run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.graph import Graph, Node, Value
from graphc.ir.op import Array
from graphc.ir.still import Still
from graphc.ops import random
from graphc.ops.leaf import CONSTANT, PIN
from graphc.ops.movement import FLIP, RESHAPE, SLICE, TRANSPOSE
from graphc.ops.summing import EXPAND
from graphc.passes.rebuild import Scope, rewrite
from graphc.types import Dim, TensorType

LARGEST = 64
"""How many elements a constant may have: a large one costs more to keep than to compute."""

_NEVER = (PIN, *random.OPS)
_MOVES = (EXPAND, RESHAPE, TRANSPOSE, FLIP, SLICE)


class Fold:
    """Replaces a node whose operands are all constants by a constant, which the op's own oracle computes
    in float64. Leaves are no candidates (positions and draws differ from point to point), nor is what has
    more than `LARGEST` elements; a number spread over a shape stays one number."""

    name = "fold"

    def __call__(self, graph: Graph) -> Graph:
        return rewrite(graph, _rule)


def _rule(scope: Scope, node: Node) -> Value | None:
    out = node.result.type
    if not node.operands or node.op in _NEVER or out.axes:
        return None
    found = [scope.made_by(operand, CONSTANT) for operand in node.operands]
    operands = [producer for producer in found if producer is not None]
    if len(operands) < len(found):
        return None
    if node.op in _MOVES and not isinstance(number := operands[0].attrs["value"], tuple):
        return scope(CONSTANT, value=number, dtype=out.dtype, shape=out.shape)
    if math.prod(out.sizes) > LARGEST:
        return None
    types = [operand.type for operand in node.operands]
    arrays = [_array(producer) for producer in operands]
    with np.errstate(all="ignore"):
        result = np.asarray(node.op.oracle(Still(types, out), node.attrs, *arrays))
    return constant_of(scope, result, out)


def _array(node: Node) -> Array:
    out = node.result.type
    dtype = {"real": np.float64, "int": np.int64, "bool": np.bool_}[out.dtype]
    return np.broadcast_to(np.asarray(node.attrs["value"], dtype), out.sizes)


def constant_of(scope: Scope, array: Array, type: TensorType) -> Value:
    """A constant of an array's values, of one number if they are all the same."""
    whole = np.broadcast_to(array, type.sizes)
    first = whole.flat[0] if whole.size else np.float64(0)
    # Compared bit by bit: a zero's sign counts, and NaN is the same as itself.
    same = all(element.tobytes() == first.tobytes() for element in whole.flat)
    value = _python(first, type) if same else _nested(whole.tolist(), type)
    shape: tuple[Dim, ...] = type.shape
    return scope(CONSTANT, value=value, dtype=type.dtype, shape=shape)


def _python(number: Any, type: TensorType) -> Any:
    return {"real": float, "int": int, "bool": bool}[type.dtype](number)


def _nested(found: Any, type: TensorType) -> Any:
    if isinstance(found, list):
        return tuple(_nested(part, type) for part in found)
    return _python(found, type)
