"""Softmax and its relatives, shifted by the maximum so that nothing overflows.

Where everything is -inf the softmax is NaN, and only there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.form import Expanded
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, Sample
from graphc.ops.elementwise import ABS, ADD, DIV, EXP, LESS, LOG, MUL, SELECT, SUB
from graphc.ops.examples import Z, real
from graphc.ops.leaf import constant
from graphc.ops.masking import counted
from graphc.ops.reduction import REDUCE_MAX
from graphc.ops.rules import require_dtype
from graphc.ops.summing import (
    REDUCE_SUM,
    reduced_dimensions,
    reduced_type,
    reduction_samples,
    spread_back,
)
from graphc.types import TensorType


def _keeping_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    require_dtype("softmax", types[0], ("real",))
    reduced_type(types[0], attrs)
    return types[0]


def _logsumexp_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    require_dtype("logsumexp", types[0], ("real",))
    return reduced_type(types[0], attrs)


def _spread_sum(b: Builder, value: Value, attrs: Attrs) -> Value:
    """The sum over the positions that count, given back to each of them."""
    total = b(REDUCE_SUM, counted(b, value, attrs["indices"]), **attrs)
    return spread_back(b, total, value.type, attrs)


def _softmax_vjp(b: Builder, node: Node, g: Value) -> Sequence[Value | None]:
    """y (g - sum(g y))."""
    y = node.result
    return [b(MUL, y, b(SUB, g, _spread_sum(b, b(MUL, g, y), node.attrs)))]


def _softmax(frame: Frame, attrs: Attrs, x: Array) -> Array:
    along = reduced_dimensions(frame, attrs)
    e = np.exp(x - np.max(x, axis=along, keepdims=True, initial=-np.inf))
    return np.asarray(e / np.sum(e, axis=along, keepdims=True))


def _log_softmax_vjp(b: Builder, node: Node, g: Value) -> Sequence[Value | None]:
    """g - exp(y) sum(g)."""
    return [b(SUB, g, b(MUL, b(EXP, node.result), _spread_sum(b, g, node.attrs)))]


def _log_softmax(frame: Frame, attrs: Attrs, x: Array) -> Array:
    along = reduced_dimensions(frame, attrs)
    shifted = x - np.max(x, axis=along, keepdims=True, initial=-np.inf)
    return np.asarray(shifted - np.log(np.sum(np.exp(shifted), axis=along, keepdims=True)))


def _logsumexp_vjp(b: Builder, node: Node, g: Value) -> Sequence[Value | None]:
    (x,) = node.operands
    return [b(MUL, spread_back(b, g, x.type, node.attrs), b(SOFTMAX, x, **node.attrs))]


def _logsumexp(frame: Frame, attrs: Attrs, x: Array) -> Array:
    along = reduced_dimensions(frame, attrs)
    top = np.max(x, axis=along, keepdims=True, initial=-np.inf)
    # Of nothing but -inf it is -inf, so the shift must be a number.
    shift = np.where(np.isfinite(top), top, np.zeros_like(top))
    total = np.sum(np.exp(x - shift), axis=along, keepdims=True)
    return np.asarray(np.squeeze(np.log(total) + shift, axis=along))


# The same in several steps.


def _shifted(b: Builder, x: Value, attrs: Attrs) -> Value:
    """x less its maximum."""
    return b(SUB, x, spread_back(b, b(REDUCE_MAX, x, **attrs), x.type, attrs))


def _softmax_nodes(b: Builder, node: Node) -> Value:
    (x,) = node.operands
    e = b(EXP, _shifted(b, x, node.attrs))
    return b(DIV, e, spread_back(b, b(REDUCE_SUM, e, **node.attrs), x.type, node.attrs))


def _log_softmax_nodes(b: Builder, node: Node) -> Value:
    (x,) = node.operands
    shifted = _shifted(b, x, node.attrs)
    total = b(LOG, b(REDUCE_SUM, b(EXP, shifted), **node.attrs))
    return b(SUB, shifted, spread_back(b, total, x.type, node.attrs))


def _logsumexp_nodes(b: Builder, node: Node) -> Value:
    (x,) = node.operands
    top = b(REDUCE_MAX, x, **node.attrs)
    finite = b(LESS, b(ABS, top), constant(b, math.inf))
    shift = b(SELECT, finite, top, constant(b, 0.0))
    e = b(EXP, b(SUB, x, spread_back(b, shift, x.type, node.attrs)))
    return b(ADD, b(LOG, b(REDUCE_SUM, e, **node.attrs)), shift)


def _samples() -> Iterable[Sample]:
    yield from reduction_samples()
    yield Sample((real(shape=(Z,)),), {"dims": (0,), "indices": ()})


SOFTMAX = Op(
    name="softmax",
    infer=_keeping_type,
    vjp=_softmax_vjp,
    oracle=_softmax,
    samples=_samples,
    form=Expanded(_softmax_nodes),
)
"""`softmax(x; dims, indices)`: exp(x) over its sum, normalized over all of them together."""

LOG_SOFTMAX = Op(
    name="log_softmax",
    infer=_keeping_type,
    vjp=_log_softmax_vjp,
    oracle=_log_softmax,
    samples=_samples,
    form=Expanded(_log_softmax_nodes),
)

LOGSUMEXP = Op(
    name="logsumexp",
    infer=_logsumexp_type,
    vjp=_logsumexp_vjp,
    oracle=_logsumexp,
    samples=reduction_samples,
    form=Expanded(_logsumexp_nodes),
)
"""`logsumexp(x; dims, indices)`: log of the sum of exp(x); -inf where everything is."""


OPS = (SOFTMAX, LOG_SOFTMAX, LOGSUMEXP)
