"""A fault of shapes in the words of the user: what the operands are, and where they are declared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from graphc.diagnostics import Diagnostic, GraphcError, Label, Span
from graphc.frontend import ast, ranges
from graphc.frontend.arithmetic import one_line, shape_text
from graphc.frontend.scope import Definition
from graphc.frontend.terms import Context, Poisoned
from graphc.types import TensorType

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions

_OF_SHAPES = frozenset({"E201", "E202", "E203", "E204", "E205", "E206", "E207", "E208", "E253"})
_OF_ARGUMENTS = _OF_SHAPES | {"E256", "E258", "E259", "E260", "E261", "E263", "E315"}


def explained(ex: Expressions, error: GraphcError, expr: ast.Expr, ctx: Context) -> GraphcError:
    """The faults of `expr` itself with the shapes of its operands."""
    return GraphcError(
        _with_operands(ex, d, expr, ctx)
        if d.span == expr.span and d.code in _OF_SHAPES and not d.labels
        else d
        for d in error.diagnostics
    )


def at_the_call(ex: Expressions, error: GraphcError, expr: ast.Call) -> GraphcError:
    """Faults in the text of a library's function, shown where the function is called."""
    moved = []
    for diagnostic in error.diagnostics:
        span = diagnostic.span
        if span is None or span.source == expr.span.source or diagnostic.code not in _OF_ARGUMENTS:
            moved.append(diagnostic)
            continue
        message = f"`{one_line(expr.span.text)}`: {diagnostic.message}"
        moved.append(replace(diagnostic, message=message, span=expr.span, note="", labels=()))
    return GraphcError(moved)


def _with_operands(ex: Expressions, diagnostic: Diagnostic, expr: ast.Expr, ctx: Context) -> Diagnostic:
    known: list[tuple[ast.Expr, TensorType]] = []
    for operand in operands(expr):
        try:
            value = ex.term(operand, ctx).value
        except (GraphcError, Poisoned):
            continue
        if value is not None:
            known.append((operand, value.type))
    labels = declared(ex, [operand for operand, _ in known], expr.span, ctx)
    said = {label.text for label in labels}
    texts = [f"{one_line(operand.span.text)} is {shape_text(type_)}" for operand, type_ in known]
    quoted = diagnostic.message.replace("`", "")
    note = ", ".join(dict.fromkeys(t for t in texts if t not in said and t not in quoted))
    return replace(diagnostic, labels=tuple(labels), note=note)


def operands(expr: ast.Expr) -> Sequence[ast.Expr]:
    match expr:
        case ast.Binary():
            return (expr.left, expr.right)
        case ast.Unary():
            return (expr.operand,)
        case ast.Call():
            return (*expr.args, *(option.value for option in expr.options))
        case ast.ListLiteral():
            return expr.items
        case ast.Subscript() | ast.Field():
            return (expr.object,)
    return ()


def declared(ex: Expressions, exprs: Sequence[ast.Expr], place: Span, ctx: Context) -> list[Label]:
    """Where the names among some operands are declared, with their shapes."""
    labels: list[Label] = []
    for expr in exprs:
        entry = ex.lookup(expr.id, ctx) if isinstance(expr, ast.Name) else None
        if isinstance(entry, Definition) and entry.guess is not None:
            text = f"{entry.name.split('.')[-1]} is {shape_text(entry.guess)}"
            found = ranges.definition_label(entry, place, text)
            labels += [label for label in found if label not in labels]
    return labels
