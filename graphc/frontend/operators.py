"""Operators of an expression: arithmetic, comparisons, `and`, `or`, `not`, and products of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphc.diagnostics import Span, fault
from graphc.frontend import ast
from graphc.frontend.arithmetic import ARITHMETIC, COMPARISONS, LOGIC, one_line
from graphc.frontend.terms import Context, Term, lifted_of
from graphc.ir.graph import Value
from graphc.ir.op import Op, TypeFault
from graphc.ops.contraction import matmul
from graphc.types import TensorType

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions


def binary(ex: Expressions, expr: ast.Binary, ctx: Context) -> Term:
    if expr.op in LOGIC:
        return logic(ex, LOGIC[expr.op], [expr.left, expr.right], expr.span, ctx)
    terms = ex.terms([expr.left, expr.right], ctx)
    texts = [one_line(expr.left.span.text), one_line(expr.right.span.text)]
    if expr.op == "@":
        return _product(ex, terms, expr)
    for term, operand in zip(terms, (expr.left, expr.right), strict=True):
        reject_bool(term, operand)
    op = ARITHMETIC.get(expr.op) or COMPARISONS[expr.op]
    return ex.elementwise(op, terms, expr.span, texts)


def reject_bool(term: Term, expr: ast.Expr) -> None:
    """Raises E256 for a truth value where a number belongs."""
    if term.value is not None and term.value.type.dtype == "bool":
        text = one_line(expr.span.text)
        raise fault(
            "E256",
            f"`{text}` is true or false, where a number belongs",
            expr.span,
            help=f"`real({text})` is 1 where it is true, else 0",
        )


def logic(ex: Expressions, op: Op, exprs: Sequence[ast.Expr], span: Span, ctx: Context) -> Term:
    terms = ex.terms(exprs, ctx)
    for term, expr in zip(terms, exprs, strict=True):
        if term.value is not None and term.value.type.dtype != "bool":
            raise fault(
                "E256",
                f"`{one_line(expr.span.text)}` is a number, where true or false belongs",
                expr.span,
                help="compare it: `x > 0`",
            )
    return ex.apply(op, ex.aligned(terms, span), span)


def _product(ex: Expressions, terms: list[Term], expr: ast.Binary) -> Term:
    """`a @ b`: a's last dim with b's first."""
    left, right = (ex.real(term) for term in terms)
    if left.value is None or right.value is None:
        # A matrix times something unknown is, most often, a vector of its rows.
        if left.value is not None and left.value.type.rank == 2:
            axes = {*left.value.type.axes, *right.indices}
            type_ = TensorType.of("real", axes, left.value.type.shape[:1])
            return Term(Value(type_), lifted_of(terms), left.indices | right.indices)
        return Term(None, lifted_of(terms), left.indices | right.indices)
    try:
        value = matmul(ex.b, *ex.same_indices([left.value, right.value]))
    except TypeFault as found:
        raise fault(
            found.code,
            f"`{one_line(expr.span.text)}`: {found.message}",
            expr.span,
            help=found.help or _product_help(ex, expr, left.value.type, right.value.type),
        ) from None
    return Term(value, lifted_of(terms))


def _product_help(ex: Expressions, expr: ast.Binary, left: TensorType, right: TensorType) -> str:
    """A matrix that takes a state to the next, or one that is only turned."""
    text = one_line(expr.left.span.text)
    if left.rank != 2 or not right.rank:
        return ""
    head = expr.right.object if isinstance(expr.right, ast.Subscript) else None
    size = right.shape[0].expression
    if isinstance(head, ast.Name) and head.id == ex.name:
        return f"a state-to-state matrix is [{size}, {size}]"
    if left.shape[0].agrees(right.shape[0]) and isinstance(expr.left, ast.Name):
        return f"`{text}.T @ {one_line(expr.right.span.text)}` fits, if the transpose is meant"
    return ""
