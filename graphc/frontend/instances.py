"""Layers: a block's weights are declared once, its equations at each call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from graphc.diagnostics import Diagnostic, GraphcError, Label, Span, fault, nearest
from graphc.frontend import ast
from graphc.frontend.arithmetic import one_line
from graphc.frontend.bindings import (
    argument_context,
    argument_terms,
    arguments_of,
    called,
    formal_axes,
    formal_dims,
)
from graphc.frontend.declarations import declare_noise
from graphc.frontend.equations import declare_equation
from graphc.frontend.names import break_names, define, grouped
from graphc.frontend.scope import Definition, Layer, Scope
from graphc.frontend.sizes import declare_axes, type_of
from graphc.frontend.terms import Context
from graphc.frontend.verdict import moved
from graphc.types import BATCH, Index, TensorType, sort_indices

if TYPE_CHECKING:
    from graphc.frontend.elaborate import Elaborator
    from graphc.frontend.expressions import Expressions


@dataclass(eq=False)
class Instance:
    """One call of a layer; `signature` is what it was built for (indices and formal dims)."""

    prefix: str
    signature: tuple[object, ...]
    scope: Scope
    span: Span


def instance(ex: Expressions, expr: ast.Call, ctx: Context) -> Scope | None:
    """The equations of a layer's call, inlined where it is called; None while its arguments are unknown."""
    el = ex.el
    layer, subscripts = called(ex, expr, ctx)
    block = layer.block
    items = [
        item
        for statement in block.body
        if isinstance(statement, ast.InputDeclaration)
        for item in grouped(statement.items)
    ]
    given = arguments_of(layer, items, expr)
    terms = argument_terms(ex, items, given, ctx)
    if any(term.value is None for term in terms.values()):
        return None
    formal = formal_axes(layer, items, terms, given)
    dims = formal_dims(layer, items, terms, given)
    used: set[Index] = {s for p in subscripts for s, _ in p.terms if isinstance(s, Index)}
    used |= {i for t in terms.values() for i in t.indices}
    outer = tuple(i for i in sort_indices(used) if i not in formal.values() and i != BATCH)
    signature = (outer, tuple(formal.items()), tuple(dims.items()), subscripts)
    known = el.instances.get((id(expr), id(ctx.scope), id(ctx.env)))
    if known is not None and known.signature == signature:
        return known.scope
    if known is None:
        layer.calls += 1
        if layer.calls > 1 and any(isinstance(s, ast.Equation) and s.running for s in block.body):
            raise fault(
                "E255",
                f"`{layer.name}` keeps running statistics and is called a second time",
                expr.span,
                labels=[Label(layer.span, f"`{layer.name}` is declared here")],
                help=f"make a layer for each place: `layer {layer.name}1 = ..., {layer.name}2 = ...`",
            )
        prefix = f"{layer.name}." if layer.calls == 1 else f"{layer.name}#{layer.calls}."
        scope = Scope(prefix, layer.scope.library, parent=layer.scope)
        el.instances[(id(expr), id(ctx.scope), id(ctx.env))] = Instance(prefix, signature, scope, expr.span)
        el.keep(expr)
    else:
        # The scope stays the same object, so that the calls inside it are known again.
        scope, known.signature = known.scope, signature
        el.forget(scope)
    scope.outer, scope.family = outer, subscripts
    scope.axes = dict(formal)
    scope.lengths = {name.upper(): index.length for name, index in formal.items()}
    scope.dims = dims
    faults: list[Diagnostic] = []
    declare_axes(layer.block.body, scope, {}, faults)
    _declare_body(el, layer, scope, items, given, ctx, faults)
    el.faults += [d for d in (moved(el, d, expr.span) for d in faults) if d not in el.faults]
    return scope


def _declare_body(
    el: Elaborator,
    layer: Layer,
    scope: Scope,
    items: Sequence[ast.Declarator],
    given: dict[str, ast.Expr],
    ctx: Context,
    faults: list[Diagnostic],
) -> None:
    """The inputs, equations and outputs of a call. What is wrong with them goes to `faults`."""
    broken: dict[str, Span] = {}

    def attempt(name: str, span: Span, action: Callable[[], None]) -> None:
        try:
            action()
        except GraphcError as error:
            faults.extend(error.diagnostics)
            if all(d.code != "E221" for d in error.diagnostics):
                broken.setdefault(name, span)

    for item in items:
        attempt(item.name, item.span, partial(_declare_argument, scope, item, given, ctx))
    for statement in layer.block.body:
        match statement:
            case ast.Equation():
                attempt(statement.name, statement.span, partial(declare_equation, el, statement, scope))
            case ast.NoiseDeclaration():
                for item in grouped(statement.items):
                    attempt(item.name, item.span, partial(declare_noise, item, scope))
    break_names(scope, broken)
    for statement in layer.block.body:
        if isinstance(statement, ast.Output):
            _declare_outputs(statement, scope, faults)
    el.adopt(scope)


def _declare_argument(scope: Scope, item: ast.Declarator, given: dict[str, ast.Expr], ctx: Context) -> None:
    axes = tuple(scope.axes[s.id] for s in item.subscripts if isinstance(s, ast.Name) and s.id in scope.axes)
    definition = Definition(scope.prefix + item.name, scope, item.span, axes, scope.outer)
    if item.name in given:
        definition.general, definition.context = given[item.name], argument_context(item, ctx)
        definition.span = given[item.name].span
    else:
        definition.general = item.value
    if item.type is not None:
        dtype, shape, _ = type_of(item.type, scope)
        definition.annotation = TensorType.of(dtype, (), shape)
    define(scope, item.name, definition)


def _declare_outputs(statement: ast.Output, scope: Scope, faults: list[Diagnostic]) -> None:
    for value in statement.values:
        if isinstance(value, ast.Name) and isinstance(scope.names.get(value.id), Definition):
            scope.outputs[value.id] = value
            continue
        if len(statement.values) > 1:
            text = one_line(value.span.text)
            named = isinstance(value, ast.Name)
            faults += fault(
                "E220",
                f"the output `{text}` is not " + ("known in the block" if named else "a name"),
                value.span,
                help=nearest(text, scope.names) if named else "give it an equation of its own",
            ).diagnostics
            scope.names[text] = Definition(text, scope, value.span, failed=True, broken=True)
            scope.outputs[text] = value
            continue
        entry = Definition(f"{scope.prefix}output", scope, value.span, (), scope.outer)
        entry.general = value
        scope.names["@output"] = entry
        scope.outputs["output"] = value
