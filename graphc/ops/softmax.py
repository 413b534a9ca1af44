"""Softmax and its relatives, shifted by the maximum so that nothing overflows.

Where everything is -inf the softmax is NaN, and only there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, Sample
from graphc.ops.elementwise import EXP, MUL, SUB
from graphc.ops.examples import Z, real
from graphc.ops.masking import counted
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


def _samples() -> Iterable[Sample]:
    yield from reduction_samples()
    yield Sample((real(shape=(Z,)),), {"dims": (0,), "indices": ()})


SOFTMAX = Op(name="softmax", infer=_keeping_type, vjp=_softmax_vjp, oracle=_softmax, samples=_samples)
"""`softmax(x; dims, indices)`: exp(x) over its sum, normalized over all of them together."""

LOG_SOFTMAX = Op(
    name="log_softmax",
    infer=_keeping_type,
    vjp=_log_softmax_vjp,
    oracle=_log_softmax,
    samples=_samples,
)

LOGSUMEXP = Op(
    name="logsumexp",
    infer=_logsumexp_type,
    vjp=_logsumexp_vjp,
    oracle=_logsumexp,
    samples=reduction_samples,
)
"""`logsumexp(x; dims, indices)`: log of the sum of exp(x); -inf where everything is."""


OPS = (SOFTMAX, LOG_SOFTMAX, LOGSUMEXP)
