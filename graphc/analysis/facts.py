"""What is known of a value before any data is: that all its elements are one number, or nothing.

Facts hold at the positions that count (see `docs/architecture.md`, ragged axes), and as long as every value
is finite: a product with zero is zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from graphc.ir.graph import Node
from graphc.ir.op import Array, Op
from graphc.ir.still import Still
from graphc.ops import (
    contraction,
    convolution,
    elementwise,
    indexing,
    leaf,
    movement,
    pooling,
    random,
    reduction,
    softmax,
    summing,
)
from graphc.types import Dim, TensorType

Fact = float | None
"""The one number that all elements are (truth values are 0 and 1), or None: not known."""

LARGEST = 2**16
"""Reductions over more elements than this are not worth computing here."""


def fact_of(node: Node, operands: Sequence[Fact]) -> Fact:
    """What is known of a node's result, its operands' facts given."""
    rule = _RULES.get(node.op)
    found = rule(node, operands) if rule is not None else None
    if found is None and node.op.scalar is not None:
        found = _by_element(node, operands)
    return found


def joined(facts: Sequence[Fact]) -> Fact:
    """What holds of a value that is any of these."""
    first, *rest = facts
    return first if first is not None and all(fact == first for fact in rest) else None


def fact_of_array(array: Array) -> Fact:
    """The one number that fills an array."""
    flat = np.asarray(array).ravel()
    return float(flat[0]) if flat.size and bool((flat == flat[0]).all()) else None


# The oracles, on elements.


_DTYPES = {"real": np.float64, "int": np.int64, "bool": np.bool_}


def _computed(
    node: Node, shapes: Sequence[tuple[int, ...]], out: tuple[int, ...], facts: Sequence[Fact]
) -> Fact:
    """The op's own meaning on arrays of these shapes, each filled with the number that is known."""
    if None in facts or any(math.prod(shape) > LARGEST for shape in shapes):
        return None
    types = [_shaped(operand.type, shape) for operand, shape in zip(node.operands, shapes, strict=True)]
    arrays: list[Array] = [
        np.full(given.sizes, fact).astype(_DTYPES[given.dtype])
        for given, fact in zip(types, facts, strict=True)
    ]
    with np.errstate(all="ignore"):
        result = node.op.oracle(Still(types, _shaped(node.result.type, out)), node.attrs, *arrays)
    found = fact_of_array(result)
    return found if found is not None and math.isfinite(found) else None


def _shaped(type: TensorType, shape: Sequence[int]) -> TensorType:
    return TensorType(type.dtype, (), tuple(Dim.literal(size) for size in shape))


def _by_element(node: Node, facts: Sequence[Fact]) -> Fact:
    """Ops on one element at a time need one element to be evaluated."""
    return _computed(node, [()] * len(facts), (), facts)


# Rules, by what the op does with the elements of its operands.

Rule = Callable[[Node, Sequence[Fact]], Fact]


def _constant(node: Node, facts: Sequence[Fact]) -> Fact:
    return fact_of_array(np.asarray(node.attrs["value"], dtype=np.float64))


def _moved(node: Node, facts: Sequence[Fact]) -> Fact:
    """Every element of the result is one of the first operand."""
    return facts[0]


def _joined(node: Node, facts: Sequence[Fact]) -> Fact:
    return joined(facts)


def _product(node: Node, facts: Sequence[Fact]) -> Fact:
    """Linear in each operand: zero if one of them is."""
    return 0.0 if 0.0 in facts else None


def _linear(place: int) -> Rule:
    """Linear in one operand: zero where that is."""
    return lambda node, facts: 0.0 if facts[place] == 0.0 else None


def _quotient(node: Node, facts: Sequence[Fact]) -> Fact:
    return 0.0 if facts[0] == 0.0 and facts[1] != 0.0 else None


def _select(node: Node, facts: Sequence[Fact]) -> Fact:
    condition, first, second = facts
    if condition is None:
        return joined([first, second])
    return first if condition else second


def _absorbing(number: float) -> Rule:
    """`and` with a false operand, `or` with a true one."""
    return lambda node, facts: number if number in facts else None


def _contracted(node: Node, facts: Sequence[Fact]) -> Fact:
    if 0.0 in facts:
        return 0.0
    left, right, result = node.attrs["labels"]
    if node.attrs["indices"]:
        return None
    shapes = [
        tuple(1 if label in result else size for label, size in zip(labels, operand.type.sizes, strict=True))
        for labels, operand in zip((left, right), node.operands, strict=True)
    ]
    return _computed(node, shapes, (1,) * len(result), facts)


def _reduced(node: Node, facts: Sequence[Fact]) -> Fact:
    """Over dims, whose sizes are known; over indices only what does not depend on how many there are."""
    if node.attrs["indices"]:
        neutral = {summing.REDUCE_SUM: 0.0, reduction.REDUCE_PROD: 1.0}
        extremum = node.op in (reduction.REDUCE_MAX, reduction.REDUCE_MIN)
        return facts[0] if extremum or facts[0] == neutral.get(node.op, math.nan) else None
    dims = node.attrs["dims"]
    shape = tuple(size if i in dims else 1 for i, size in enumerate(node.operands[0].type.sizes))
    keeps = node.op in (softmax.SOFTMAX, softmax.LOG_SOFTMAX)
    out = shape if keeps else (1,) * (len(shape) - len(dims))
    return _computed(node, [shape], out, facts)


_FAMILIES: Sequence[tuple[Rule, Sequence[Op]]] = (
    (_constant, (leaf.CONSTANT,)),
    (_moved, (summing.EXPAND, summing.BROADCAST, indexing.RENAME, indexing.GATHER, pooling.MAX_POOL)),
    (_moved, (movement.TRANSPOSE, movement.RESHAPE, movement.FLIP, movement.SLICE)),
    (_moved, (leaf.PIN, elementwise.STOP_GRADIENT)),
    (_joined, (movement.CONCAT, movement.STACK)),
    (_product, (elementwise.MUL, convolution.CONV)),
    (_product, (convolution.CONV_INPUT_GRADIENT, convolution.CONV_FILTER_GRADIENT)),
    (_linear(0), (indexing.SHIFT, indexing.PICK, indexing.SCATTER, indexing.SCATTER_ADD, movement.PAD)),
    (_linear(0), (pooling.AVERAGE_POOL, pooling.AVERAGE_POOL_GRADIENT, elementwise.XLOGY)),
    (_linear(0), (reduction.FIRST_TRUE, random.BERNOULLI)),
    (_linear(1), (pooling.MAX_POOL_GRADIENT, pooling.MAX_POOL_PICK)),
    (_quotient, (elementwise.DIV,)),
    (_select, (elementwise.SELECT,)),
    (_absorbing(0.0), (elementwise.LOGICAL_AND,)),
    (_absorbing(1.0), (elementwise.LOGICAL_OR,)),
    (_contracted, (contraction.CONTRACT,)),
    (_reduced, (summing.REDUCE_SUM, reduction.REDUCE_MAX, reduction.REDUCE_MIN, reduction.REDUCE_PROD)),
    (_reduced, (softmax.SOFTMAX, softmax.LOG_SOFTMAX, softmax.LOGSUMEXP)),
)

_RULES: Mapping[Op, Rule] = {op: rule for rule, ops in _FAMILIES for op in ops}
