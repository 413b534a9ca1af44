"""Reductions over dims and indices other than the sum. None masks: the caller selects the neutral element."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.form import Element
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, Oracle, Sample, TypeRule, non_differentiable
from graphc.kernel.expr import Kind
from graphc.ops.elementwise import DIV, EQUAL, MUL, SELECT
from graphc.ops.examples import B_T, B_T_U, C, D, H, T, U, integer, real
from graphc.ops.first import FIRST_TRUE
from graphc.ops.leaf import constant
from graphc.ops.rules import require_dtype
from graphc.ops.summing import (
    REDUCE_SUM,
    reduced_at,
    reduced_dimensions,
    reduced_type,
    reduction_samples,
    spread_back,
)
from graphc.types import BATCH, DType, TensorType

__all__ = ["ARGMAX", "ARGMIN", "FIRST_TRUE", "OPS", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "REDUCE_SUM"]


def _reduction_type(name: str, allowed: tuple[DType, ...]) -> TypeRule:
    def infer(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
        require_dtype(name, types[0], allowed)
        return reduced_type(types[0], attrs)

    return infer


# The extrema.


def _extremum_vjp(b: Builder, node: Node, g: Value) -> Sequence[Value | None]:
    (x,) = node.operands
    wins = b(EQUAL, x, spread_back(b, node.result, x.type, node.attrs))
    first = b(FIRST_TRUE, wins, dims=node.attrs["dims"], indices=node.attrs["indices"])
    return [b(SELECT, first, spread_back(b, g, x.type, node.attrs), constant(b, 0.0))]


def _extremum(function: Callable[..., Any], lowest: bool) -> Oracle:
    def oracle(frame: Frame, attrs: Attrs, x: Array) -> Array:
        if x.dtype.kind == "f":
            neutral: float = -np.inf if lowest else np.inf
        else:
            limits = np.iinfo(x.dtype)
            neutral = limits.min if lowest else limits.max
        return np.asarray(function(x, axis=reduced_dimensions(frame, attrs), initial=neutral))

    return oracle


def _with_ints() -> Iterable[Sample]:
    yield from reduction_samples()
    yield Sample((integer(*B_T, shape=(H,)),), {"dims": (0,), "indices": (T,)})


REDUCE_MAX = Op(
    name="reduce_max",
    infer=_reduction_type("max", ("real", "int")),
    vjp=_extremum_vjp,
    oracle=_extremum(np.max, lowest=True),
    samples=_with_ints,
    form=Element(lambda site: reduced_at(site, "max")),
)
"""`reduce_max(x; dims, indices)`: of nothing it is -inf. Only the first winner gets the cotangent."""

REDUCE_MIN = Op(
    name="reduce_min",
    infer=_reduction_type("min", ("real", "int")),
    vjp=_extremum_vjp,
    oracle=_extremum(np.min, lowest=False),
    samples=_with_ints,
    form=Element(lambda site: reduced_at(site, "min")),
)


# The product.


def _prod_vjp(b: Builder, node: Node, g: Value) -> Sequence[Value | None]:
    """Each factor's cotangent is the product of the others, found without dividing by zero.

    Its own gradient is right where no factor is zero.
    """
    (x,) = node.operands
    zero, one, attrs = constant(b, 0.0), constant(b, 1.0), node.attrs
    is_zero = b(EQUAL, x, zero)
    safe = b(SELECT, is_zero, one, x)
    count = b(REDUCE_SUM, is_zero, **attrs)
    product = b(REDUCE_PROD, safe, **attrs)
    alone = b(SELECT, b(EQUAL, count, constant(b, 1, "int")), product, zero)
    whole = b(SELECT, b(EQUAL, count, constant(b, 0, "int")), product, zero)
    others = b(
        SELECT,
        is_zero,
        spread_back(b, alone, x.type, attrs),
        b(DIV, spread_back(b, whole, x.type, attrs), safe),
    )
    return [b(MUL, spread_back(b, g, x.type, attrs), others)]


def _prod(frame: Frame, attrs: Attrs, x: Array) -> Array:
    return np.asarray(np.prod(x, axis=reduced_dimensions(frame, attrs)))


def _prod_samples() -> Iterable[Sample]:
    yield from _with_ints()
    for zeros in ((0.0, 2.0, -1.5, 3.0), (0.0, 2.0, 0.0, 3.0)):
        yield Sample((real(BATCH, shape=(D,)),), {"dims": (0,), "indices": ()}, values={0: zeros})


REDUCE_PROD = Op(
    name="reduce_prod",
    infer=_reduction_type("prod", ("real", "int")),
    vjp=_prod_vjp,
    oracle=_prod,
    samples=_prod_samples,
    form=Element(lambda site: reduced_at(site, "prod")),
)


# Positions of the extrema.


def _arg_type(name: str) -> TypeRule:
    def infer(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
        require_dtype(name, types[0], ("real", "int"))
        assert len(attrs["dims"]) + len(attrs["indices"]) == 1, "one dim or one index"
        return reduced_type(types[0], attrs).with_dtype("int")

    return infer


def _arg(function: Callable[..., Any]) -> Oracle:
    def oracle(frame: Frame, attrs: Attrs, x: Array) -> Array:
        (along,) = reduced_dimensions(frame, attrs)
        first = 1 if attrs["indices"] else 0
        if x.shape[along] == 0:
            return np.full(x.shape[:along] + x.shape[along + 1 :], first, np.int64)
        return np.asarray(function(x, axis=along) + first, np.int64)

    return oracle


def _arg_samples() -> Iterable[Sample]:
    yield Sample((real(*B_T, shape=(H,)),), {"dims": (0,), "indices": ()})
    yield Sample((real(*B_T, shape=(C,)),), {"dims": (), "indices": (T,)})
    yield Sample((integer(*B_T_U),), {"dims": (), "indices": (U,)})


def _arg_form(kind: Kind) -> Element:
    return Element(lambda site: reduced_at(site, kind) + (1 if site.attrs["indices"] else 0))


ARGMAX = Op(
    name="argmax",
    infer=_arg_type("argmax"),
    vjp=non_differentiable,
    oracle=_arg(np.argmax),
    samples=_arg_samples,
    form=_arg_form("argmax"),
)
"""`argmax(x; dims, indices)` over one of them: the first winner, from 0 in a dim, from 1 along an index."""

ARGMIN = Op(
    name="argmin",
    infer=_arg_type("argmin"),
    vjp=non_differentiable,
    oracle=_arg(np.argmin),
    samples=_arg_samples,
    form=_arg_form("argmin"),
)


OPS = (REDUCE_MAX, REDUCE_MIN, REDUCE_PROD, ARGMAX, ARGMIN)
