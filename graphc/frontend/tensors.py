"""Built-in functions that move elements, convolve and pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from graphc.diagnostics import fault
from graphc.frontend import ast
from graphc.frontend.arguments import expect
from graphc.frontend.arithmetic import one_line, shape_text
from graphc.frontend.constants import MOST_CONSTANTS, dim_of, names_in, too_large
from graphc.frontend.terms import UNKNOWN, Context, Term, lifted_of
from graphc.ir.op import Op
from graphc.ops import elementwise as ew
from graphc.ops.contraction import CONTRACT
from graphc.ops.convolution import AVERAGE_POOL, CONV, MAX_POOL
from graphc.ops.indexing import ONE_HOT
from graphc.ops.leaf import CONSTANT
from graphc.ops.movement import CONCAT, EXPAND, RESHAPE, STACK, TRANSPOSE
from graphc.types import Dim

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions


def _concat(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    return _joined(ex, expr, ctx, CONCAT)


def _stack(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    return _joined(ex, expr, ctx, STACK)


def _joined(ex: Expressions, expr: ast.Call, ctx: Context, op: Op) -> Term:
    expect(expr, max(1, len(expr.args)), ("dim",) if op is CONCAT else ())
    terms = ex.one_kind(ex.terms(expr.args, ctx))
    if any(term.value is None for term in terms):
        return Term(None, lifted_of(terms), frozenset().union(*(t.indices for t in terms)))
    attrs = {"dim": whole(expr, "dim", ctx, 0)} if op is CONCAT else {}
    for term, argument in zip(terms, expr.args, strict=True):
        if op is CONCAT and term.value is not None and term.value.type.rank <= attrs["dim"]:
            raise fault(
                "E208",
                f"`{one_line(argument.span.text)}` is {shape_text(term.value.type)}, "
                f"and has no dim {attrs['dim']} to be joined along",
                argument.span,
                help="single numbers are put side by side by `stack` or `[a, b]`"
                if not term.value.type.rank
                else "",
            )
    return ex.apply(op, terms, expr.span, **attrs)


def _reshape(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    expect(expr, 2)
    term = ex.term(expr.args[0], ctx)
    shape = tuple(dim_of(e, ctx.scope.all_dims) for e in _items(expr.args[1]))
    if term.value is None:
        return UNKNOWN
    have, want = _product(term.value.type.shape), _product(shape)
    if have != want:
        raise fault(
            "E201",
            f"`{one_line(expr.span.text)}`: {shape_text(term.value.type)} has {have} elements, "
            f"[{', '.join(map(str, shape))}] has {want}",
            expr.span,
        )
    return Term(ex.b(RESHAPE, term.value, shape=shape), term.lifted)


def _flatten(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    expect(expr, 1)
    term = ex.term(expr.args[0], ctx)
    if term.value is None:
        return UNKNOWN
    size = Dim.literal(1)
    for dim in term.value.type.shape:
        size = size * dim
    return Term(ex.b(RESHAPE, term.value, shape=(size,)), term.lifted)


def _transpose(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    expect(expr, 2)
    term = ex.term(expr.args[0], ctx)
    if term.value is None:
        return UNKNOWN
    wanted = [dim_of(e, ctx.scope.all_dims).terms for e in _items(expr.args[1])]
    have = [dim.terms for dim in term.value.type.shape]
    if sorted(wanted) != sorted(have) or len(set(have)) < len(have):
        raise fault(
            "E260",
            f"`{one_line(expr.span.text)}`: {shape_text(term.value.type)} cannot be put in the order "
            f"{one_line(expr.args[1].span.text)}",
            expr.span,
            help="name each dim once, in the new order; two dims of one name need `.T`",
        )
    return Term(ex.b(TRANSPOSE, term.value, perm=tuple(have.index(w) for w in wanted)), term.lifted)


def _outer(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    expect(expr, 2)
    terms = [ex.real(t) for t in ex.terms(expr.args, ctx)]
    left, right = (t.value for t in terms)
    if left is None or right is None:
        return UNKNOWN
    a = tuple(f"a{i}" for i in range(left.type.rank))
    b = tuple(f"b{i}" for i in range(right.type.rank))
    return Term(ex.b(CONTRACT, left, right, labels=(a, b, a + b), indices=()), lifted_of(terms))


def _cumsum(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    """Running sums of a vector, as a product with the lower triangle of ones."""
    expect(expr, 1)
    term = ex.real(ex.term(expr.args[0], ctx))
    if term.value is None:
        return UNKNOWN
    if term.value.type.rank != 1:
        raise fault("E261", f"`cumsum` of {shape_text(term.value.type)}: it takes a vector", expr.span)
    (dim,) = term.value.type.shape
    if dim.value**2 > MOST_CONSTANTS:
        raise too_large(expr.span, (dim.value, dim.value), MOST_CONSTANTS)
    rows = tuple(tuple(float(j <= i) for j in range(dim.value)) for i in range(dim.value))
    triangle = ex.b(CONSTANT, value=rows, dtype="real", shape=(dim, dim))
    labels = (("i", "j"), ("j",), ("i",))
    return Term(ex.b(CONTRACT, triangle, term.value, labels=labels, indices=()), term.lifted)


def _one_hot(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    expect(expr, 2)
    term = ex.term(expr.args[0], ctx)
    classes = dim_of(expr.args[1], ctx.scope.all_dims)
    return ex.apply(ONE_HOT, [term], expr.span, classes=classes)


def _size(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    expect(expr, 1)
    term = ex.term(expr.args[0], ctx)
    return UNKNOWN if term.value is None else Term(ex.number(_product(term.value.type.shape)))


def _conv(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    expect(expr, 2, ("bias", "stride", "pad", "dilation"))
    options = {o.name: o.value for o in expr.options}
    x, w = (ex.real(t) for t in ex.terms(expr.args, ctx))
    if x.value is None or w.value is None:
        return UNKNOWN
    spatial = x.value.type.rank - 1
    if spatial < 1 or w.value.type.rank != spatial + 2:
        raise fault(
            "E205",
            f"`{one_line(expr.span.text)}`: "
            f"`{one_line(expr.args[0].span.text)}` is {shape_text(x.value.type)}, "
            f"`{one_line(expr.args[1].span.text)}` is {shape_text(w.value.type)}; "
            "an image is [C, N, M], its filters are [K, C, n, m]",
            expr.span,
        )
    result = ex.apply(
        CONV,
        [x, w],
        expr.span,
        stride=whole_list(expr, "stride", ctx, 1, spatial, positive=True),
        pad=tuple((p, p) for p in whole_list(expr, "pad", ctx, 0, spatial)),
        dilation=whole_list(expr, "dilation", ctx, 1, spatial, positive=True),
    )
    if "bias" in options:
        bias = ex.real(ex.term(options["bias"], ctx))
        assert result.value is not None
        if bias.value is None:
            return result
        if bias.value.type.rank == 1 and bias.value.type.shape[0].agrees(result.value.type.shape[0]):
            source = (0, *(None,) * spatial)
            wide = ex.b(EXPAND, bias.value, shape=result.value.type.shape, source=source)
            return ex.apply(ew.ADD, [result, Term(wide, bias.lifted)], expr.span)
        raise fault(
            "E201",
            f"bias `{one_line(options['bias'].span.text)}` is {shape_text(bias.value.type)}; "
            f"there are {result.value.type.shape[0]} filters",
            options["bias"].span,
        )
    return result


def _pool(op: Op) -> Callable[[Expressions, ast.Call, Context], Term]:
    def build(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
        expect(expr, 2, ("stride", "pad"))
        x = ex.real(ex.term(expr.args[0], ctx))
        if x.value is None:
            return UNKNOWN
        spatial = x.value.type.rank - 1
        if spatial < 1:
            raise fault(
                "E205",
                f"`{one_line(expr.args[0].span.text)}` is {shape_text(x.value.type)}; "
                "pooling needs channels first: [C, N, M]",
                expr.span,
            )
        window = _wholes(expr.args[1], ctx, spatial, positive=True)
        stride = whole_list(expr, "stride", ctx, None, spatial, positive=True) or window
        pad = tuple((p, p) for p in whole_list(expr, "pad", ctx, 0, spatial))
        return ex.apply(op, [x], expr.span, window=window, stride=stride, pad=pad)

    return build


def _items(expr: ast.Expr) -> Sequence[ast.Expr]:
    return expr.items if isinstance(expr, ast.ListLiteral) else (expr,)


def _product(shape: Sequence[Dim]) -> int:
    total = 1
    for dim in shape:
        total *= dim.value
    return total


def whole(expr: ast.Call, name: str, ctx: Context, default: int) -> int:
    """A whole-number option."""
    for option in expr.options:
        if option.name == name:
            return _whole(option.value, ctx)
    return default


def whole_list(
    expr: ast.Call, name: str, ctx: Context, default: int | None, count: int, *, positive: bool = False
) -> tuple[int, ...]:
    """An option that is one whole number for all spatial dims, or a list of them."""
    for option in expr.options:
        if option.name == name:
            return _wholes(option.value, ctx, count, positive=positive)
    return () if default is None else (default,) * count


def _whole(expr: ast.Expr, ctx: Context) -> int:
    """A whole number known when the spec is compiled. Raises E251 for a name that has a value later."""
    for used in names_in(expr):
        if used.id not in ctx.scope.all_dims and ctx.scope.lookup(used.id) is not None:
            raise fault(
                "E251",
                f"`{used.id}` has a value only when the network runs, and this must be a constant",
                used.span,
                help="write a number, a dim, or a parameter of the block",
            )
    return dim_of(expr, ctx.scope.all_dims).value


def _wholes(expr: ast.Expr, ctx: Context, count: int, *, positive: bool = False) -> tuple[int, ...]:
    values = tuple(_whole(e, ctx) for e in _items(expr))
    if positive and min(values, default=1) < 1:
        raise fault("E262", f"`{one_line(expr.span.text)}` is less than 1", expr.span)
    if len(values) == 1:
        values *= count
    if len(values) != count:
        raise fault(
            "E262", f"`{one_line(expr.span.text)}` has {len(values)} numbers for {count} dims", expr.span
        )
    return values


NAMES = {
    "concat": _concat,
    "stack": _stack,
    "reshape": _reshape,
    "flatten": _flatten,
    "transpose": _transpose,
    "outer": _outer,
    "cumsum": _cumsum,
    "one_hot": _one_hot,
    "size": _size,
    "conv": _conv,
    "maxpool": _pool(MAX_POOL),
    "avgpool": _pool(AVERAGE_POOL),
}
