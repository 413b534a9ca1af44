"""Random draws in equations: dropout masks, noise, samples of a distribution.

In training a draw is fresh for each example; in evaluation it is its distribution's mean, so that evaluation
is deterministic. `sample` always draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.diagnostics import GraphcError, fault, nearest
from graphc.frontend import ast
from graphc.frontend.arguments import expect
from graphc.frontend.arithmetic import one_line, shape_text
from graphc.frontend.constants import number_of
from graphc.frontend.terms import UNKNOWN, Context, Term
from graphc.ir.graph import Value
from graphc.ops import elementwise as ew
from graphc.ops import random
from graphc.ops.indexing import BROADCAST
from graphc.ops.leaf import POSITION
from graphc.ops.movement import EXPAND
from graphc.ops.softmax import SOFTMAX
from graphc.types import BATCH, Dim, Index

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions


def noise(
    ex: Expressions, draw: ast.Expr, axes: frozenset[Index], shape: tuple[Dim, ...], ctx: Context
) -> Value:
    """The value of `noise eps[t] : [D] ~ normal(0, 1)`."""
    name, args = _distribution(draw)
    numbers = [number_of(arg, ctx.scope.numbers) for arg in args]
    if name == "normal":
        mean, deviation = (0.0, 1.0) if not numbers else (0.0, numbers[0])
        if len(numbers) == 2:
            mean, deviation = numbers
        return _shifted(ex, "normal", mean, deviation, axes, shape)
    if name == "uniform":
        lo, hi = numbers if len(numbers) == 2 else (0.0, 1.0)
        return _shifted(ex, "uniform", lo, hi - lo, axes, shape)
    if len(numbers) != 1 or not 0 <= numbers[0] <= 1:
        raise fault("E262", f"`{one_line(draw.span.text)}`: bernoulli takes a probability", draw.span)
    return _drawn(ex, "bernoulli", ex.real(Term(ex.number(numbers[0]))).value, axes, shape)


def _distribution(draw: ast.Expr) -> tuple[str, tuple[ast.Expr, ...]]:
    args: tuple[ast.Expr, ...] = ()
    head = draw
    if isinstance(draw, ast.Call):
        head, args = draw.function, draw.args
    known = ("normal", "uniform", "bernoulli")
    if not isinstance(head, ast.Name) or head.id not in known:
        text = one_line(head.span.text)
        raise fault(
            "E264",
            f"`{text}` is not a known distribution",
            draw.span,
            help=nearest(text, known) or "known are " + ", ".join(known),
        )
    if len(args) > 2:
        raise fault("E224", f"`{head.id}` takes at most 2 numbers", draw.span)
    return head.id, args


def _shifted(
    ex: Expressions, name: str, shift: float, scale: float, axes: frozenset[Index], shape: tuple[Dim, ...]
) -> Value:
    value = _drawn(ex, name, None, axes, shape)
    if scale != 1:
        value = ex.b(ew.MUL, value, ex.number(float(scale)))
    return value if shift == 0 else ex.b(ew.ADD, value, ex.number(float(shift)))


_MEANS = {"normal": 0.0, "uniform": 0.5}
_OPS = {"normal": random.NORMAL, "uniform": random.UNIFORM, "bernoulli": random.BERNOULLI}


def _drawn(
    ex: Expressions, name: str, parameter: Value | None, axes: frozenset[Index], shape: tuple[Dim, ...]
) -> Value:
    ex.draws += 1
    if ex.el.mode == "eval":
        mean = parameter or ex.number(_MEANS[name])
        if shape and mean.type.rank == 0:
            mean = ex.b(EXPAND, mean, shape=shape, source=(None,) * len(shape))
        missing = axes - set(mean.type.axes)
        return ex.b(BROADCAST, mean, indices=tuple(sorted(missing, key=str))) if missing else mean
    places = [ex.b(POSITION, index=i) for i in sorted(axes - {BATCH}, key=lambda i: i.name)]
    operands = [parameter] if parameter is not None else []
    stream = ex.name if ex.draws == 1 else f"{ex.name}/{ex.draws}"
    return ex.b(_OPS[name], *operands, *places, stream=stream, shape=shape, per_example=BATCH in axes)


def _like(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    """`normal(like = x)`, `bernoulli(p, like = x, shared = t)`: indices and shape of `x`."""
    assert isinstance(expr.function, ast.Name)
    name = expr.function.id
    expect(expr, 1 if name == "bernoulli" else 0, ("like", "shared"))
    options = {o.name: o.value for o in expr.options}
    if "like" not in options:
        raise fault(
            "E224",
            f"`{one_line(expr.span.text)}` does not say its shape",
            expr.span,
            help=f"write `{name}(..., like = x)`, or declare `noise`",
        )
    like = ex.term(options["like"], ctx)
    parameter = ex.real(ex.term(expr.args[0], ctx)) if expr.args else None
    if like.value is None or (parameter is not None and parameter.value is None):
        return UNKNOWN
    axes = set(like.value.type.axes)
    if "shared" in options:
        axes -= {_shared(options["shared"], axes, ctx)}
    value = _drawn(ex, name, parameter.value if parameter else None, frozenset(axes), like.value.type.shape)
    return Term(value, like.lifted & frozenset(axes))


def _shared(expr: ast.Expr, axes: set[Index], ctx: Context) -> Index:
    while isinstance(expr, ast.Name) and ctx.env is not None and expr.id in ctx.env.parameters:
        closure = ctx.env.parameters[expr.id]
        expr, ctx = closure.expr, ctx.enter(closure)
    name = expr.id if isinstance(expr, ast.Name) else ""
    found = BATCH if name == "batch" else ctx.vars.get(name) or ctx.scope.axis(name)
    if found not in axes or found is None:
        raise fault("E315", f"`shared = {expr.span.text}`: the value does not vary over it", expr.span)
    return found


def _sample(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    """`sample(p, temperature = 0.8)`: a class drawn with probabilities p^(1/temperature), normalized."""
    expect(expr, 1, ("temperature",))
    p = ex.term(expr.args[0], ctx)
    if p.value is None:
        return UNKNOWN
    if p.value.type.rank != 1:
        raise fault(
            "E261", f"`sample` of {shape_text(p.value.type)}: it takes a vector of probabilities", expr.span
        )
    value = p.value
    for option in expr.options:
        _check_temperature(option, ctx)
        temperature = ex.real(ex.term(option.value, ctx)).value
        if temperature is not None:
            scaled = ex.b(ew.DIV, ex.b(ew.LOG, value), temperature)
            value = ex.b(SOFTMAX, scaled, dims=(0,), indices=())
    ex.draws += 1
    axes = set(value.type.axes)
    places = [ex.b(POSITION, index=i) for i in sorted(axes - {BATCH}, key=lambda i: i.name)]
    stream = ex.name if ex.draws == 1 else f"{ex.name}/{ex.draws}"
    result = ex.b(random.CATEGORICAL, value, *places, stream=stream, shape=(), per_example=BATCH in axes)
    return Term(result, p.lifted)


def _check_temperature(option: ast.Option, ctx: Context) -> None:
    """Raises E262 for a constant that is not above 0."""
    try:
        found = number_of(option.value, ctx.scope.numbers)
    except GraphcError:
        return  # it is computed
    if found <= 0:
        raise fault("E262", f"`{one_line(option.span.text)}`: a temperature is above 0", option.span)


NAMES = {"normal": _like, "uniform": _like, "bernoulli": _like, "sample": _sample}
