"""A name in an expression: what it stands for, and what is said of one that is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.diagnostics import GraphcError, fault, nearest
from graphc.frontend import ast, builtins, reads, targets
from graphc.frontend.scope import Definition, Layer, Record
from graphc.frontend.terms import Context, Term
from graphc.ops.leaf import POSITION
from graphc.types import Dim, Index, Length

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions


def named(ex: Expressions, expr: ast.Name, ctx: Context) -> Term:
    if ctx.env is not None and expr.id in ctx.env.parameters:
        closure = ctx.env.parameters[expr.id]
        return ex.term(closure.expr, ctx.enter(closure))
    if expr.id in ctx.vars:
        index = ctx.vars[expr.id]
        return Term(ex.b(POSITION, index=index))
    entry = ex.lookup(expr.id, ctx)
    match entry:
        case Definition():
            return reads.bare(ex, entry, expr, ctx)
        case Record() | Layer():
            return targets.whole(ex, entry, expr, ctx)
        case Length():
            return ex.length(entry)
        case Dim():
            return Term(ex.number(entry.value))
        case float():
            return Term(ex.number(entry))
        case Index():
            raise fault(
                "E301",
                f"`{expr.id}` has no value here: it is an axis, and this equation does not run over it",
                expr.span,
                help=f"the number of steps is `{entry.length}`",
            )
    raise ex.unknown_name(expr, ctx)


def unknown_name(expr: ast.Name, ctx: Context) -> GraphcError:
    if expr.id in ctx.library.blocks:
        return fault(
            "E222",
            f"`{expr.id}` is a block, not a value",
            expr.span,
            help=f"make a layer of it, and call that: `layer f = {expr.id}(...)`",
        )
    if expr.id in ctx.library.functions or expr.id in builtins.NAMES:
        return fault(
            "E246",
            f"`{expr.id}` is a function, and stands here without arguments",
            expr.span,
            help=f"call it: `{expr.id}(x)`",
        )
    if expr.id == "batch":
        return fault("E246", "`batch` is the axis over the examples, not a value", expr.span)
    ends = [i for i in ctx.scope.axes.values() if i.name.upper() == expr.id and i.length.is_fixed]
    if ends:
        text = f"the axis `{ends[0].name}` ends at {ends[0].length}"
        return fault("E220", f"`{expr.id}` is not known", expr.span, help=text)
    known = ctx.scope.known() | set(ctx.vars) | set(builtins.NAMES)
    if ctx.env is not None:
        known |= set(ctx.env.parameters)
    help_ = nearest(expr.id, known)
    if ctx.env is not None and not ctx.env.open:
        help_ = ""
    return fault("E220", f"`{expr.id}` is not known", expr.span, help=help_)
