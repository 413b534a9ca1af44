"""The functions that are not written in the language: each builds nodes from terms.

Everything else is in `graphc/stdlib/*.nn`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from graphc.diagnostics import GraphcError, fault
from graphc.frontend import ast, draws, reductions, tensors
from graphc.frontend.arguments import expect
from graphc.frontend.arithmetic import one_line
from graphc.frontend.constants import constant_of
from graphc.frontend.guards import guarded
from graphc.frontend.operators import reject_bool
from graphc.frontend.probability import check_probability
from graphc.frontend.terms import Context, Term
from graphc.ir.graph import Value
from graphc.ir.op import Array, Op
from graphc.ops import elementwise as ew
from graphc.ops.leaf import CONSTANT
from graphc.ops.movement import STACK
from graphc.types import Dim

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions

Handler = Callable[["Expressions", ast.Call, Context], Term]


def _unary(op: Op) -> Handler:
    def build(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
        expect(expr, 1)
        term = ex.term(expr.args[0], ctx)
        reject_bool(term, expr.args[0])
        return ex.elementwise(op, [ex.real(term)], expr.span)

    return build


def _binary(op: Op) -> Handler:
    def build(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
        expect(expr, 2)
        terms = ex.terms(expr.args, ctx)
        for term, argument in zip(terms, expr.args, strict=True):
            reject_bool(term, argument)
        terms = [ex.real(term) for term in terms]
        return ex.elementwise(op, terms, expr.span, [one_line(a.span.text) for a in expr.args])

    return build


def _extreme(op: Op, kind: str) -> Handler:
    """`max(a, b)` element by element; `max(x)` and `max[t](x)` reduce."""

    def build(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
        if len(expr.args) == 2 and isinstance(expr.function, ast.Name):
            return _binary(op)(ex, expr, ctx)
        return reductions.reduce(ex, expr, ctx, kind)

    return build


def _reduction(kind: str) -> Handler:
    return lambda ex, expr, ctx: reductions.reduce(ex, expr, ctx, kind)


def _where(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    expect(expr, 3)
    condition, yes, no = ex.terms(expr.args, ctx)
    if condition.value is not None and condition.value.type.dtype != "bool":
        raise fault(
            "E256",
            f"`{one_line(expr.args[0].span.text)}` is a number; `where` asks for true or false",
            expr.args[0].span,
            help="compare it: `where(x > 0, a, b)`",
        )
    condition, yes, no = ex.aligned([condition, *ex.one_kind([yes, no])], expr.span)
    if condition.value is not None:
        otherwise = ex.b(ew.LOGICAL_NOT, condition.value)
        yes, no = _guarded(ex, yes, condition.value), _guarded(ex, no, otherwise)
    return ex.apply(ew.SELECT, [condition, yes, no], expr.span)


def _guarded(ex: Expressions, branch: Term, taken: Value) -> Term:
    if branch.value is None:
        return branch
    return replace(branch, value=guarded(ex.b, branch.value, taken))


def _real(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    expect(expr, 1)
    return ex.real(ex.term(expr.args[0], ctx))


def _stop_gradient(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    expect(expr, 1)
    return ex.apply(ew.STOP_GRADIENT, [ex.term(expr.args[0], ctx)], expr.span)


def _probability(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    expect(expr, 1)
    term = ex.term(expr.args[0], ctx)
    check_probability(ex, term, expr, ctx)
    return term


def _linspace(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    return literal(ex, expr, ctx)


def literal(ex: Expressions, expr: ast.Expr, ctx: Context) -> Term:
    """A list: a constant if its parts are, else its parts stacked along a new first dim."""
    try:
        value = constant_of(expr, ctx.scope.numbers)
    except GraphcError as error:
        if not isinstance(expr, ast.ListLiteral) or error.diagnostics[0].code != "E235":
            raise
        terms = ex.one_kind(ex.terms(expr.items, ctx))
        return ex.apply(STACK, terms, expr.span)
    shape = tuple(Dim.literal(size) for size in value.shape)
    return Term(ex.b(CONSTANT, value=_nested(value), dtype="real", shape=shape))


def _nested(value: Array) -> object:
    return float(value) if value.ndim == 0 else tuple(_nested(part) for part in np.asarray(value))


_UNARY = {
    "exp": ew.EXP,
    "log": ew.LOG,
    "sqrt": ew.SQRT,
    "abs": ew.ABS,
    "sign": ew.SIGN,
    "tanh": ew.TANH,
    "sigmoid": ew.SIGMOID,
    "relu": ew.RELU,
    "softplus": ew.SOFTPLUS,
    "erf": ew.ERF,
    "sin": ew.SIN,
    "cos": ew.COS,
    "log1p": ew.LOG1P,
    "expm1": ew.EXPM1,
    "floor": ew.FLOOR,
}

NAMES: Mapping[str, Handler] = {
    **{name: _unary(op) for name, op in _UNARY.items()},
    **{kind: _reduction(kind) for kind in reductions.KINDS if kind not in ("max", "min")},
    "max": _extreme(ew.MAXIMUM, "max"),
    "min": _extreme(ew.MINIMUM, "min"),
    "xlogy": _binary(ew.XLOGY),
    "where": _where,
    "real": _real,
    "stop_gradient": _stop_gradient,
    "probability": _probability,
    "linspace": _linspace,
    **tensors.NAMES,
    **draws.NAMES,
}


def build(ex: Expressions, expr: ast.Call, head: ast.Name, ctx: Context) -> Term:
    """Elaborate a call of a built-in function."""
    if isinstance(expr.function, ast.Subscript) and head.id not in reductions.KINDS:
        raise fault(
            "E315",
            f"`{head.id}` does not reduce and takes no axis in brackets",
            expr.function.span,
        )
    return NAMES[head.id](ex, expr, ctx)
