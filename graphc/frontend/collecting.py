"""The first stage of elaboration: what each statement of a file declares, before any shape is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from graphc.diagnostics import Diagnostic, GraphcError, Label, Span
from graphc.frontend import ast, objectives
from graphc.frontend.declarations import declare_input, declare_noise, declare_param
from graphc.frontend.equations import declare_equation
from graphc.frontend.layers import declare_layer
from graphc.frontend.names import break_names, grouped, head_of
from graphc.frontend.scope import Scope
from graphc.frontend.sizes import declare_axes, declare_dims

if TYPE_CHECKING:
    from graphc.frontend.elaborate import Elaborator


def collect(el: Elaborator) -> None:
    """Declare every name of the file; the faults of doing so are kept in `el.faults`."""
    scope, statements = el.spec.scope, el.spec.file.statements
    _check_twice(el, statements)
    declare_dims(statements, scope, el.given, el.faults)
    declare_axes(statements, scope, el.given, el.faults)
    broken: dict[str, Span] = {}
    for statement in statements:
        for name, span, action in _actions(el, statement, scope):
            try:
                action()
            except GraphcError as error:
                el.faults.extend(error.diagnostics)
                if all(d.code != "E221" for d in error.diagnostics):
                    broken.setdefault(name, span)
    break_names(scope, broken)
    objectives.declare(el)


def _actions(
    el: Elaborator, statement: ast.Statement, scope: Scope
) -> Iterable[tuple[str, Span, Callable[[], None]]]:
    match statement:
        case ast.InputDeclaration():
            for item in grouped(statement.items):
                yield item.name, item.span, partial(declare_input, el, item, scope)
        case ast.ParamDeclaration():
            for item in grouped(statement.items):
                yield (
                    item.name,
                    item.span,
                    partial(declare_param, el, item, scope, (), statement.frozen),
                )
        case ast.NoiseDeclaration():
            for item in grouped(statement.items):
                yield item.name, item.span, partial(declare_noise, item, scope)
        case ast.LayerDeclaration():
            for layer in statement.items:
                yield layer.name, layer.span, partial(declare_layer, el, layer, scope, ())
        case ast.Equation():
            yield statement.name, statement.span, lambda: declare_equation(el, statement, scope)


def _check_twice(el: Elaborator, statements: Iterable[ast.Statement]) -> None:
    first: dict[tuple[str, int], ast.FunctionDefinition] = {}
    blocks: dict[str, ast.BlockDefinition] = {}
    optimizers: dict[tuple[str, frozenset[str]], ast.OptimizerDefinition] = {}
    for statement in statements:
        known: ast.Statement | None = None
        if isinstance(statement, ast.BlockDefinition):
            known = blocks.setdefault(statement.name, statement)
        elif isinstance(statement, ast.OptimizerDefinition):
            options = frozenset(setting.name for setting in statement.settings)
            known = optimizers.setdefault((statement.name, options), statement)
        elif isinstance(statement, ast.FunctionDefinition):
            kinds = sum(p.kind == "index" for p in statement.parameters)
            known = first.setdefault((statement.name, 100 * len(statement.parameters) + kinds), statement)
        if known is not None and known is not statement:
            assert isinstance(
                statement, ast.BlockDefinition | ast.FunctionDefinition | ast.OptimizerDefinition
            )
            el.faults.append(
                Diagnostic(
                    "E221",
                    f"`{statement.name}` is defined twice",
                    head_of(statement.span),
                    labels=(Label(head_of(known.span), f"`{statement.name}` is first defined here"),),
                )
            )
