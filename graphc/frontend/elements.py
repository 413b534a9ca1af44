"""Parts of one element, counted from 0: `w[0]`, `z[0:H]`, `W[:, 0]`, `Emb[s]`, `W.T`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.diagnostics import fault
from graphc.frontend import ast, explaining, positions, ranges, targets
from graphc.frontend.arithmetic import one_line, shape_text
from graphc.frontend.constants import dim_of
from graphc.frontend.terms import UNKNOWN, Context, Term, lifted_of
from graphc.ops.indexing import GATHER
from graphc.ops.movement import RESHAPE, SLICE, TRANSPOSE
from graphc.types import Dim

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions


def elements(ex: Expressions, term: Term, expr: ast.Subscript, ctx: Context) -> Term:
    """`w[0]`, `z[0:H]`, `W[:, 0]`, `Emb[s]`: parts of one element, 0-based."""
    assert term.value is not None
    rank = term.value.type.rank
    if len(expr.items) > rank:
        raise fault(
            "E259",
            f"`{one_line(expr.span.text)}` has {_counted(len(expr.items), 'subscript')}, "
            f"`{one_line(expr.object.span.text)}` is {shape_text(term.value.type)}",
            expr.span,
            labels=explaining.declared(ex, [expr.object], expr.span, ctx),
        )
    place = 0
    for item in expr.items:
        assert term.value is not None
        if isinstance(item, ast.Binder):
            low, high = item.lo.span.text, item.hi.span.text
            raise fault(
                "E314",
                f"`{item.span.text}` is a part of an axis, where elements are picked",
                item.span,
                help=f"elements are a slice, counted from 0: `{low}:{high}` ends before {high}",
            )
        if isinstance(item, ast.Slice):
            term = _slice(ex, term, item, place, ctx, expr)
            place += 1
            continue
        term, kept = _element(ex, term, item, place, ctx, expr)
        if term.value is None:
            return term
        place += kept
    return term


def _slice(
    ex: Expressions, term: Term, item: ast.Slice, place: int, ctx: Context, whole: ast.Subscript
) -> Term:
    assert term.value is not None
    size = term.value.type.shape[place]
    dims = ctx.scope.all_dims
    lo = dim_of(item.lo, dims) if item.lo is not None else Dim.literal(0)
    hi = dim_of(item.hi, dims) if item.hi is not None else size
    if not lo.value <= hi.value <= size.value:
        raise fault(
            "E258",
            f"`{item.span.text}` is {lo.value}:{hi.value}, "
            + ("which is empty" if lo.value > hi.value else f"not a part of 0:{size.value}"),
            item.span,
            labels=explaining.declared(ex, [whole.object], whole.span, ctx),
        )
    if lo.value == 0 and hi.value == size.value:
        return term
    value = ex.b(SLICE, term.value, dim=place, start=lo.value, stop=hi.value, size=hi - lo)
    return Term(value, term.lifted)


def _element(
    ex: Expressions, term: Term, item: ast.Expr, place: int, ctx: Context, whole: ast.Subscript
) -> tuple[Term, int]:
    assert term.value is not None
    size = term.value.type.shape[place]
    labels = explaining.declared(ex, [whole.object], whole.span, ctx)
    name = one_line(whole.object.span.text)
    fixed = positions.position(ex, item, ctx)
    if fixed is not None and not fixed.is_constant:
        rest = ", ".join(dim.expression for dim in term.value.type.shape[1:])
        table = f"{name}[{item.span.text}] : " + (f"[{rest}]" if rest else "real")
        raise fault(
            "E314",
            f"`{item.span.text}` is a position along an axis and cannot pick an element of [{size}]",
            item.span,
            labels=labels,
            help="give the sequence a name of its own, and subscript that"
            if term.lifted
            else f"declare a table over the axis instead: `param {table}`",
        )
    if fixed is not None and fixed.is_constant:
        at = fixed.constant
        if not 0 <= at < size.value:
            last = f"{name}[{size.expression}-1]" if not size.is_literal else f"{name}[{size.value - 1}]"
            raise fault(
                "E258",
                f"`{one_line(whole.span.text)}`: there is no element {at}; they are 0 to {size.value - 1}",
                item.span,
                labels=labels,
                help=f"the last one is `{last}`" if at in (-1, size.value) else "",
            )
        shape = term.value.type.shape
        value = ex.b(SLICE, term.value, dim=place, start=at, stop=at + 1, size=Dim.literal(1))
        value = ex.b(RESHAPE, value, shape=shape[:place] + shape[place + 1 :])
        return Term(value, term.lifted), 0
    index = ex.term(item, ctx)
    if index.value is None:
        return UNKNOWN, 0
    if index.value.type.dtype != "int":
        raise fault(
            "E256",
            f"`{one_line(item.span.text)}` is {index.value.type.dtype}, where a class number belongs",
            item.span,
            labels=explaining.declared(ex, [item], item.span, ctx),
            help=f"declare it as `index({size.expression})`",
        )
    _check_classes(ex, item, size, ctx, whole)
    pair = ex.same_indices([term.value, index.value])
    value = ex.b(GATHER, *pair, dim=place)
    return Term(value, lifted_of([term, index])), index.value.type.rank


def _check_classes(ex: Expressions, item: ast.Expr, size: Dim, ctx: Context, whole: ast.Subscript) -> None:
    """A class number must be an element of what it looks up."""
    found = targets.target(ex, item.object if isinstance(item, ast.Subscript) else item, ctx)
    classes = found.definition.classes if found is not None else None
    if found is None or classes is None or classes <= size.value:
        return
    name = found.definition.name.split(".")[-1]
    raise fault(
        "E258",
        f"`{one_line(whole.span.text)}`: `{name}` is index({classes}), "
        f"and `{one_line(whole.object.span.text)}` has elements 0 to {size.value - 1} only",
        item.span,
        labels=[
            *explaining.declared(ex, [whole.object], whole.span, ctx),
            *ranges.definition_label(found.definition, item.span),
        ],
    )


def transposed(ex: Expressions, term: Term, expr: ast.Field, ctx: Context) -> Term:
    """`W.T`. Raises E263 unless it is a matrix."""
    assert term.value is not None
    if term.value.type.rank != 2:
        raise fault(
            "E263",
            f"`{one_line(expr.span.text)}`: only a matrix can be transposed with `.T`, "
            f"this is {shape_text(term.value.type)}",
            expr.span,
            labels=explaining.declared(ex, [expr.object], expr.span, ctx),
            help="a vector needs no transpose: `w @ x` is the inner product"
            if term.value.type.rank == 1
            else "",
        )
    return Term(ex.b(TRANSPOSE, term.value, perm=(1, 0)), term.lifted)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
