"""`sum`, `mean`, `softmax` and friends over axes, named dims and the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphc.analysis.intervals import least
from graphc.diagnostics import fault, nearest
from graphc.frontend import ast, positions
from graphc.frontend.arguments import expect
from graphc.frontend.arithmetic import one_line, shape_text
from graphc.frontend.spec import NonEmpty
from graphc.frontend.terms import Context, Term
from graphc.ir.graph import Value
from graphc.ir.op import Op
from graphc.ops import elementwise as ew
from graphc.ops import reduction as red
from graphc.ops import softmax as soft
from graphc.ops.indexing import BROADCAST, RENAME
from graphc.ops.leaf import CONSTANT, INSIDE
from graphc.ops.masking import masked
from graphc.types import BATCH, Affine, Dim, Index, Length

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions


@dataclass(frozen=True)
class Kind:
    """`fill` stands at positions that take no part; `keeps` its axis or consumes it."""

    op: Op
    fill: float
    keeps: bool = False
    empty: bool = False
    """Whether nothing at all can be reduced (a sum of nothing is zero, a mean is an error)."""


_INFINITY = float("inf")
KINDS = {
    "sum": Kind(red.REDUCE_SUM, 0.0, empty=True),
    "mean": Kind(red.REDUCE_SUM, 0.0),
    "prod": Kind(red.REDUCE_PROD, 1.0, empty=True),
    "max": Kind(red.REDUCE_MAX, -_INFINITY),
    "min": Kind(red.REDUCE_MIN, _INFINITY),
    "argmax": Kind(red.ARGMAX, -_INFINITY),
    "argmin": Kind(red.ARGMIN, _INFINITY),
    "logsumexp": Kind(soft.LOGSUMEXP, -_INFINITY),
    "softmax": Kind(soft.SOFTMAX, -_INFINITY, keeps=True),
    "log_softmax": Kind(soft.LOG_SOFTMAX, -_INFINITY, keeps=True),
}


def reduce(ex: Expressions, expr: ast.Call, ctx: Context, name: str) -> Term:
    """A call of a reduction: `sum(x)`, `mean[batch, t = 1..T-1](x)`, `softmax[t](s[u,t])`."""
    expect(expr, 1)
    kind = KINDS[name]
    items = expr.function.items if isinstance(expr.function, ast.Subscript) else ()
    bound, dims, inner = _binders(ex, items, ctx, kind)
    term = ex.term(expr.args[0], inner)
    if term.value is None:
        return Term(None, term.lifted, term.axes - set(bound))
    if name not in ("argmax", "argmin") and (term.value.type.dtype == "bool" or name != "sum"):
        term = ex.real(term)
    value = term.value
    assert value is not None
    for index in bound:
        if index not in value.type.axes and index == BATCH and ex.el.rounds.excuse():
            # In a recurrence whose initial value is the same for all examples this is found out later.
            value = ex.b(BROADCAST, value, indices=(BATCH,))
        elif index not in value.type.axes:
            _reject_missing(index, expr, ctx)
    places = _dims(value, dims, items, expr, kind, name)
    if not bound and not places:
        return term
    value = masked(ex.b, value, bound, kind.fill)
    result = ex.b(kind.op, value, dims=places, indices=tuple(bound))
    if name == "mean":
        result = _divided(ex, result, value, bound, places)
    lifted = term.lifted - set(bound)
    _note_nonempty(ex, bound, kind, expr)
    if kind.keeps:
        for index in bound:
            result, kept = _renamed(ex, result, index, ctx)
            if index != BATCH and not _written(kept, ctx):
                lifted |= {kept}
    return Term(result, lifted)


def _binders(
    ex: Expressions, items: Sequence[ast.Expr | ast.Slice | ast.Binder], ctx: Context, kind: Kind
) -> tuple[list[Index], list[tuple[str, Dim]], Context]:
    """The bound indices, the named dims, and the context of the reduced expression."""
    bound: list[Index] = []
    dims: list[tuple[str, Dim]] = []
    inner = ctx
    for item in items:
        if isinstance(item, ast.Binder):
            index = _range(ex, item, ctx, kind)
            bound.append(index)
            inner = inner.bind(item.name, index)
        elif not isinstance(item, ast.Name):
            raise fault("E311", f"`{item.span.text}` is neither an axis nor a dim", item.span)
        elif item.id == "batch":
            bound.append(BATCH)
        elif (axis := _axis(ex, item.id, ctx)) is not None:
            index = fresh(axis, axis.lo, axis.hi, ctx)
            bound.append(index)
            inner = inner.bind(item.id, index)
        elif (dim := ctx.scope.dim(item.id)) is not None:
            dims.append((item.id, dim))
        else:
            known = {*ctx.scope.axes, *ctx.scope.dims, "batch"}
            raise fault(
                "E311",
                f"`{item.id}` is neither an axis nor a dim",
                item.span,
                help=nearest(item.id, known),
            )
    return bound, dims, inner


def _note_nonempty(ex: Expressions, bound: Sequence[Index], kind: Kind, expr: ast.Call) -> None:
    """A mean over a run-time length is checked when the lengths are known."""
    for index in bound:
        steps = index.hi - index.lo
        runtime = all(isinstance(symbol, Length) for symbol, _ in steps.terms)
        if not kind.empty and index != BATCH and runtime and not steps.is_constant:
            note = NonEmpty(steps, expr.span)
            if note not in ex.el.spec.nonempty:
                ex.el.spec.nonempty.append(note)


def _axis(ex: Expressions, name: str, ctx: Context) -> Index | None:
    found = ctx.scope.axis(name)
    if found is None and name in ctx.vars:
        found = Index.full(ctx.vars[name].name.rstrip("'"), ctx.vars[name].length)
    return found


def fresh(axis: Index, lo: Affine, hi: Affine, ctx: Context) -> Index:
    """A bound index over `axis`. Its name is primed, so that it is never the index of an equation."""
    name = axis.name + "'"
    taken = {index.name for index in ctx.active}
    while name in taken:
        name += "'"
    return Index(name, axis.length, lo, hi)


def _range(ex: Expressions, item: ast.Binder, ctx: Context, kind: Kind) -> Index:
    axis = _axis(ex, item.name, ctx)
    if axis is None:
        raise fault(
            "E311",
            f"`{item.name}` is not an axis",
            item.span,
            help=nearest(item.name, ctx.scope.axes) or f"declare it: axis {item.name} = 1..T",
        )
    lo, hi = positions.position(ex, item.lo, ctx), positions.position(ex, item.hi, ctx)
    if lo is None or hi is None:
        wrong = item.lo if lo is None else item.hi
        raise fault(
            "E319", f"`{one_line(wrong.span.text)}` is not a position along `{item.name}`", wrong.span
        )
    end = Affine.of(axis.length)
    below, above = least(lo - 1, ctx.ranges), least(end - hi, ctx.ranges)
    if below is None or below < 0 or above is None or above < 0:
        raise fault(
            "E319",
            f"`{one_line(item.span.text)}` leaves the axis: `{axis.name}` runs over 1..{axis.length}",
            item.span,
        )
    # Long sequences: a range that is empty even there is empty at some step of every sequence.
    shortest = least(hi - lo, ctx.ranges, shortest=1 << 30)
    if not kind.empty and shortest is not None and shortest < 0:
        raise fault(
            "E319",
            f"`{one_line(item.span.text)}` is empty at some step; a mean or maximum of nothing has no value",
            item.span,
            help="start the outer equation one step later with a boundary equation",
        )
    return fresh(axis, lo, hi, ctx)


def _reject_missing(index: Index, expr: ast.Call, ctx: Context) -> None:
    what = "the batch" if index == BATCH else f"axis `{index.name.rstrip(chr(39))}`"
    raise fault(
        "E315",
        f"`{one_line(expr.args[0].span.text)}` does not vary over {what}",
        expr.args[0].span,
    )


def _dims(
    value: Value,
    wanted: Sequence[tuple[str, Dim]],
    items: Sequence[object],
    expr: ast.Call,
    kind: Kind,
    name: str,
) -> tuple[int, ...]:
    shape = value.type.shape
    if not items:
        one = kind.keeps or name in ("argmax", "argmin", "logsumexp")
        if one and len(shape) != 1:
            raise fault(
                "E261",
                f"`{name}` of {shape_text(value.type)}: it works along one dim",
                expr.span,
                help="name it: "
                + " or ".join(f"{name}[{d.expression}](...)" for d in shape if not d.is_literal)
                if len(shape) > 1
                else f"for a sequence name the axis: {name}[t](...)",
            )
        return tuple(range(len(shape)))
    found: set[int] = set()
    for name_, dim in wanted:
        places = {i for i, d in enumerate(shape) if d.terms == dim.terms}
        # Two dims that bind to one size are told apart only by taking both.
        if len(places) != sum(other.terms == dim.terms for _, other in wanted):
            problem = "is not among its dims" if not places else "stands more than once"
            raise fault(
                "E260",
                f"`{name_}` {problem}: `{one_line(expr.args[0].span.text)}` is {shape_text(value.type)}",
                expr.span,
            )
        found |= places
    return tuple(sorted(found))


def _divided(
    ex: Expressions, total: Value, value: Value, bound: Sequence[Index], places: Sequence[int]
) -> Value:
    """The mean: the sum over the number of positions that took part, each example counting its own."""
    size = 1.0
    for place in places:
        size *= value.type.shape[place].value
    count: Value = ex.b(CONSTANT, value=size, dtype="real", shape=())
    over = [i for i in value.type.axes if i in bound or i.dependencies & set(bound)]
    if bound:
        one: Value = ex.b(CONSTANT, value=1.0, dtype="real", shape=())
        axes = set(bound)
        for index in over:
            if index != BATCH and not (index.is_full and index.length.is_fixed):
                inside = ex.b(INSIDE, index=index, steps=frozenset())
                axes |= set(inside.type.axes)
        one = ex.b(BROADCAST, one, indices=tuple(sorted(axes, key=lambda i: i.name)))
        counted = ex.b(red.REDUCE_SUM, masked(ex.b, one, bound, 0.0), dims=(), indices=tuple(bound))
        count = ex.b(ew.MUL, count, counted)
    return ex.b(ew.DIV, total, count)


def _renamed(ex: Expressions, value: Value, index: Index, ctx: Context) -> tuple[Value, Index]:
    """A kept axis goes by the name that stands for it outside: that of the equation or of the reduction
    around this one, else its own."""
    name = index.name.rstrip("'")
    outside = [v.name for v in ctx.vars.values() if v.name.rstrip("'") == name and v.length == index.length]
    plain = Index(outside[0] if outside else name, index.length, index.lo, index.hi)
    if plain == index:
        return value, index
    return ex.b(RENAME, value, old=index, new=plain), plain


def _written(index: Index, ctx: Context) -> bool:
    return any(v.name == index.name for v in ctx.vars.values())
