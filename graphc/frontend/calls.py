"""Calls: functions are expanded, layers are inlined, built-in functions build nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from graphc.diagnostics import GraphcError, Label, fault, nearest
from graphc.frontend import ast, builtins, explaining, instances, layers, positions, ranges, reads, targets
from graphc.frontend.arithmetic import one_line
from graphc.frontend.scope import Definition, Layer, Scope
from graphc.frontend.terms import UNKNOWN, Closure, Context, Env, Poisoned, Term

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions


def call(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    """Whatever `f(...)`, `enc(...)`, `res[k](...)` or `sum[t](...)` stands for."""
    head = expr.function.object if isinstance(expr.function, ast.Subscript) else expr.function
    if not isinstance(head, ast.Name):
        raise fault("E222", f"`{one_line(expr.function.span.text)}` cannot be called", expr.function.span)
    entry = ex.lookup(head.id, ctx)
    if isinstance(entry, Definition | Layer) and entry.broken:
        raise Poisoned
    if isinstance(entry, Layer):
        return _layer_value(ex, expr, ctx)
    if head.id in ctx.library.functions and not isinstance(expr.function, ast.Subscript):
        return _function(ex, expr, head, ctx)
    if head.id in builtins.NAMES:
        return builtins.build(ex, expr, head, ctx)
    if (block := ctx.library.blocks.get(head.id)) is not None:
        raise fault(
            "E222",
            f"`{head.id}` is a block; a call never creates weights",
            head.span,
            help=f"make a layer of it, and call that: `layer f = {layers.block_signature(block)}`, `f(x)`",
        )
    if entry is not None or head.id in ctx.vars:
        raise fault(
            "E222",
            f"`{head.id}` is not a function",
            head.span,
            labels=ranges.definition_label(entry, expr.span) if isinstance(entry, Definition) else [],
            help=f"a product is `{head.id} * (...)`, a subscript `{head.id}[...]`",
        )
    raise unknown(head, ctx)


def unknown(head: ast.Name, ctx: Context) -> GraphcError:
    """A call of a name that nothing defines."""
    known = {*ctx.library.functions, *ctx.library.blocks, *ctx.library.others, *builtins.NAMES}
    known |= {n for n, e in ctx.scope.names.items() if isinstance(e, Layer)}
    return fault(
        "E220", f"`{head.id}` is not a known function or layer", head.span, help=nearest(head.id, known)
    )


def _layer_value(ex: Expressions, expr: ast.Call, ctx: Context) -> Term:
    scope = instance(ex, expr, ctx)
    if scope is None:
        return UNKNOWN
    entry = _output(scope, expr)
    return reads.bare(ex, entry, expr, ctx, targets.of_definition(entry, ctx))


def _output(scope: Scope, expr: ast.Call) -> Definition:
    if len(scope.outputs) != 1:
        fields = ", ".join(f"`.{name}`" for name in scope.outputs)
        raise fault(
            "E227",
            f"`{one_line(expr.span.text)}` has {len(scope.outputs)} outputs; name one",
            expr.span,
            help=f"write one of {fields} behind it",
        )
    (name,) = scope.outputs
    entry = scope.names[name] if name in scope.names else scope.names["@output"]
    assert isinstance(entry, Definition)
    return entry


def sequence(ex: Expressions, expr: ast.Subscript, ctx: Context) -> targets.Target | None:
    """The output of a layer whose call stands in front of a position along an axis: `enc(x)[t]`, `enc(x)[T]`.

    None for anything else: behind other calls, and where a constant is, brackets hold elements.
    """
    if not isinstance(expr.object, ast.Call):
        return None
    head = expr.object.function
    head = head.object if isinstance(head, ast.Subscript) else head
    if not isinstance(head, ast.Name) or not isinstance(ex.lookup(head.id, ctx), Layer):
        return None
    items = [item for item in expr.items if not isinstance(item, ast.Slice | ast.Binder)]
    places = [positions.position(ex, item, ctx) for item in items]
    if not any(place is not None and not place.is_constant for place in places):
        return None
    scope = instance(ex, expr.object, ctx)
    return None if scope is None else targets.of_definition(_output(scope, expr.object), ctx)


def instance(ex: Expressions, expr: ast.Call, ctx: Context) -> Scope | None:
    """The scope of a layer's call; None while the arguments' types are unknown."""
    return instances.instance(ex, expr, ctx)


# ---------------------------------------------------------------------------------------- functions


def _function(ex: Expressions, expr: ast.Call, head: ast.Name, ctx: Context) -> Term:
    function = _overload(ex, expr, head, ctx)
    if function is None:
        return UNKNOWN
    chain = ctx.env.chain(function) if ctx.env is not None else []
    if chain:
        way = " -> ".join([*chain, head.id]) if len(chain) > 1 else ""
        raise fault(
            "E248",
            f"function `{head.id}` contains itself" + (f": {way}" if way else ""),
            expr.span,
            labels=[Label(function.span, f"`{head.id}` is defined here")] if way else [],
            help="what repeats is written along an axis, with `f[k-1]`",
        )
    env = ex.el.env_of(expr, ctx)
    if env is None or env.function is not function:
        env = Env(
            function,
            _parameters(function, expr, ctx),
            ex.el.library_of(function, ctx.library),
            ex.el.is_own(function),
            ctx.env,
        )
        ex.el.keep_env(expr, ctx, env)
        ex.el.expand(f"`{head.id}`", expr.span)
    try:
        return ex.term(function.value, replace(ctx, env=env))
    except GraphcError as error:
        raise (error if env.open else explaining.at_the_call(ex, error, expr)) from None


def _parameters(function: ast.FunctionDefinition, expr: ast.Call, ctx: Context) -> Mapping[str, Closure]:
    found: dict[str, Closure] = {}
    for parameter, argument in zip(function.parameters, expr.args, strict=False):
        found[parameter.name] = Closure(argument, ctx.scope, ctx.env)
    for option in expr.options:
        found[option.name] = Closure(option.value, ctx.scope, ctx.env)
    for parameter in function.parameters:
        if parameter.name not in found:
            assert parameter.default is not None
            found[parameter.name] = Closure(parameter.default, ctx.scope, None)
    return found


def _overload(ex: Expressions, expr: ast.Call, head: ast.Name, ctx: Context) -> ast.FunctionDefinition | None:
    overloads = ctx.library.functions[head.id]
    names = {p.name for f in overloads for p in f.parameters}
    for option in expr.options:
        if option.name not in names:
            raise fault(
                "E225",
                f"`{head.id}` has no parameter `{option.name}`",
                option.span,
                help=nearest(option.name, names),
            )
    fitting = [f for f in overloads if _fits(f, expr)]
    if not fitting:
        shapes = " or ".join(f"`{_signature(f)}`" for f in overloads[:4])
        count = len(expr.args) + len(expr.options)
        raise fault(
            "E224",
            f"`{head.id}` is called with {count} argument{'s' * (count != 1)}; it is {shapes}",
            expr.span,
        )
    if len(fitting) == 1 and not any(p.kind for p in fitting[0].parameters):
        return fitting[0]
    return _by_kind(ex, fitting, expr, head, ctx)


def _fits(function: ast.FunctionDefinition, expr: ast.Call) -> bool:
    names = [p.name for p in function.parameters]
    given = {*names[: len(expr.args)], *(o.name for o in expr.options)}
    required = {p.name for p in function.parameters if p.default is None}
    twice = len(expr.args) + len(expr.options) > len(given)
    return len(expr.args) <= len(names) and given <= set(names) and required <= given and not twice


def _by_kind(
    ex: Expressions, fitting: list[ast.FunctionDefinition], expr: ast.Call, head: ast.Name, ctx: Context
) -> ast.FunctionDefinition | None:
    """The first overload whose annotated parameters have the kind that is given."""
    terms = ex.terms(expr.args, ctx)
    kinds = {"index": "int", "real": "real", "bool": "bool"}
    for function in sorted(fitting, key=lambda f: -sum(p.kind is not None for p in f.parameters)):
        pairs = list(zip(function.parameters, terms, strict=False))
        if any(p.kind and t.value is None for p, t in pairs):
            return None
        if all(p.kind is None or (t.value and t.value.type.dtype == kinds[p.kind]) for p, t in pairs):
            return function
    found = ", ".join(t.value.type.dtype if t.value else "?" for t in terms)
    wanted = " or ".join(f"`{_signature(f)}`" for f in fitting)
    raise fault("E224", f"`{head.id}` is given ({found}); it is {wanted}", expr.span)


def _signature(function: ast.FunctionDefinition) -> str:
    return f"{function.name}({', '.join(map(layers.parameter_text, function.parameters))})"
