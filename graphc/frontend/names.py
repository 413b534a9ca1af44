"""Names are defined once, and none of them is a reserved word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from graphc.diagnostics import Diagnostic, GraphcError, Label, Span, fault
from graphc.frontend import ast
from graphc.frontend.scope import Definition, Layer, Record, Scope

RESERVED = frozenset({"batch", "grad", "not", "and", "or"})


def reject_reserved(name: str, span: Span) -> None:
    if name in RESERVED:
        raise GraphcError(reserved(name, span))


def reserved(name: str, span: Span) -> Diagnostic:
    what = "the axis over the examples" if name == "batch" else "a word of the language"
    return Diagnostic("E246", f"`{name}` is {what} and cannot be defined", span, help="choose another name")


def defined_twice(name: str, span: Span, first: Span | None) -> GraphcError:
    labels = [Label(head_of(first), f"`{name}` is first defined here")] if first is not None else []
    return fault("E221", f"`{name}` is defined twice", head_of(span), labels=labels)


def head_of(span: Span) -> Span:
    """What stands before `=`: the left side of an equation, a name with its type."""
    head = span.text.split("=")[0].rstrip()
    return Span(span.source, span.start, span.start + len(head)) if "\n" not in head else span


def grouped(items: tuple[ast.Declarator, ...]) -> list[ast.Declarator]:
    """Bare names take type and initializer from the next name that has one of them."""
    result: list[ast.Declarator] = []
    source = ast.Declarator(items[-1].span, "")
    for item in reversed(items):
        if item.type is None and item.draw is None and item.value is None:
            item = replace(item, type=source.type, draw=source.draw, value=source.value)
        else:
            source = item
        result.append(item)
    return result[::-1]


def define(scope: Scope, name: str, entry: Definition | Record | Layer) -> None:
    """Raises E221 if the name is taken in this scope, E246 if it is reserved."""
    reject_reserved(name, entry.span)
    if name in scope.names or name in scope.dims or name in scope.axes or name in scope.lengths:
        first = scope.names.get(name)
        raise defined_twice(name, entry.span, first.span if first else scope.spans.get(name))
    scope.names[name] = entry


def break_names(scope: Scope, broken: Mapping[str, Span]) -> None:
    """Names whose declaration is at fault: nobody who reads them is told of it once more."""
    for name, span in broken.items():
        entry = scope.names.setdefault(name, Definition(name, scope, span))
        if isinstance(entry, Definition | Layer):
            entry.broken = True
        if isinstance(entry, Definition):
            entry.failed = True
