"""Subscripts as positions along an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.diagnostics import fault
from graphc.frontend import ast
from graphc.frontend.scope import Scope
from graphc.frontend.terms import Context
from graphc.ir.graph import Value
from graphc.types import Affine, Index, Length

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions

Place = Affine | Value
"""A subscript: affine in indices and lengths, or a whole number computed at run time."""


def position(ex: Expressions, expr: ast.Expr, ctx: Context) -> Affine | None:
    """`expr` as an affine position over the index variables in sight; None if it is something else."""
    match expr:
        case ast.Number() if expr.is_integer:
            return Affine(int(expr.text[:18]))
        case ast.Name(id=name):
            if ctx.env is not None and name in ctx.env.parameters:
                closure = ctx.env.parameters[name]
                return position(ex, closure.expr, ctx.enter(closure))
            if name in ctx.vars:
                return Affine.of(ctx.vars[name])
            entry = ex.lookup(name, ctx)
            if isinstance(entry, Index):
                raise fault(
                    "E301",
                    f"this equation does not run over `{name}`",
                    expr.span,
                    help=f"give the left side `[{name}]`, or bind it by a reduction, `sum[{name}](...)`",
                )
            return fixed_position(expr, ctx.scope) if isinstance(entry, Length) or entry else None
        case ast.Unary(op="-"):
            inner = position(ex, expr.operand, ctx)
            return None if inner is None else -inner
        case ast.Binary(op=("+" | "-")):
            left, right = position(ex, expr.left, ctx), position(ex, expr.right, ctx)
            if left is None or right is None:
                return None
            return left + right if expr.op == "+" else left - right
        case ast.Binary(op="*"):
            left, right = position(ex, expr.left, ctx), position(ex, expr.right, ctx)
            if left is None or right is None or not (left.is_constant or right.is_constant):
                return None
            factor, other = (left, right) if left.is_constant else (right, left)
            scaled = Affine(0)
            for symbol, coefficient in other.terms:
                scaled = scaled + Affine(0, ((symbol, coefficient * factor.constant),))
            return scaled + other.constant * factor.constant
    return None


def fixed(ex: Expressions, expr: ast.Expr, ctx: Context) -> Affine:
    """A subscript of a family or record: an affine position."""
    place = position(ex, expr, ctx)
    if place is None:
        raise fault("E312", f"`{expr.span.text}` is not a position along an axis", expr.span)
    return place


def fixed_position(expr: ast.Expr, scope: Scope) -> Affine | None:
    """`0`, `-1`, `T`, `T+1`: a position that no index moves; None if it is not one."""
    match expr:
        case ast.Number() if expr.is_integer:
            return Affine(int(expr.text))
        case ast.Name(id=name):
            length = scope.length(name)
            if length is not None:
                return Affine.of(length) if length.size is None else Affine(length.size.value)
            dim = scope.dim(name)
            return None if dim is None else Affine(dim.value)
        case ast.Unary(op="-"):
            inner = fixed_position(expr.operand, scope)
            return None if inner is None else -inner
        case ast.Binary(op="+"):
            left, right = fixed_position(expr.left, scope), fixed_position(expr.right, scope)
            return None if left is None or right is None else left + right
        case ast.Binary(op="-"):
            left, right = fixed_position(expr.left, scope), fixed_position(expr.right, scope)
            return None if left is None or right is None else left - right
    return None
