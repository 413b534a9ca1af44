"""`minimize`, `report`, `output`, `check`, `data`, `fit`: what is asked of the equations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.diagnostics import Diagnostic, GraphcError, Span, fault
from graphc.frontend import ast
from graphc.frontend.arithmetic import one_line, shape_text
from graphc.frontend.scope import Definition, Layer
from graphc.frontend.spec import OUTPUT, Metric, Objective
from graphc.types import BATCH, Index, TensorType

if TYPE_CHECKING:
    from graphc.frontend.elaborate import Elaborator


def declare(el: Elaborator) -> None:
    """Hidden definitions for every expression that is asked for, under names with an `@`."""
    scope = el.spec.scope
    minimized = [s for s in el.spec.file.statements if isinstance(s, ast.Minimize)]
    for number, loss in enumerate(minimized):
        if len(minimized) > 1 and not loss.over:
            el.faults.append(
                Diagnostic(
                    "E240",
                    "with several `minimize`, each says which parameters it moves",
                    loss.span,
                    help="write `minimize ... over W1, enc`",
                )
            )
        unit = _hidden(el, f"loss@{number}", loss.value)
        el.spec.objectives.append(Objective(unit, _over(el, loss), loss.value.span))
    for statement in el.spec.file.statements:
        match statement:
            case ast.Report():
                for item in statement.items:
                    _report(el, item)
            case ast.Output():
                for value in statement.values:
                    named = isinstance(value, ast.Name) and value.id in scope.names
                    name = value.id if named and isinstance(value, ast.Name) else one_line(value.span.text)
                    el.spec.outputs.append(name if named else _hidden(el, OUTPUT + name, value))
            case ast.Check():
                _check(el, statement)
            case ast.Settings():
                _settings(el, statement)
            case ast.Generate():
                el.spec.generate = statement


def _check(el: Elaborator, statement: ast.Check) -> None:
    """Every expression but `grad(...)` becomes a unit; `loss` is what is minimized, unless it is a name."""
    number = len(el.spec.checks)
    el.spec.checks.append(statement)
    for place, item in enumerate(statement.items):
        head = item.value.function if isinstance(item.value, ast.Call) else None
        if isinstance(head, ast.Name) and head.id == "grad":
            continue
        if isinstance(item.value, ast.Name) and item.value.id == "loss" and "loss" not in el.spec.scope.names:
            continue
        _hidden(el, f"check@{number}.{place}", item.value)


def _settings(el: Elaborator, statement: ast.Settings) -> None:
    if getattr(el.spec, statement.kind) is not None:
        el.faults.append(Diagnostic("E221", f"`{statement.kind}` stands twice", statement.span))
    elif statement.kind == "data":
        el.spec.data = statement
    else:
        el.spec.fit = statement


def _hidden(el: Elaborator, name: str, value: ast.Expr) -> str:
    definition = Definition(name, el.spec.scope, value.span)
    definition.general = value
    el.spec.scope.names[name] = definition
    return name


def _report(el: Elaborator, item: ast.ReportItem) -> None:
    name = item.name
    if name is None:
        head = item.value.function if isinstance(item.value, ast.Call) else None
        name = head.id if isinstance(head, ast.Name) else one_line(item.value.span.text)
        taken = {metric.name for metric in el.spec.metrics}
        if name in taken:
            name = one_line(item.value.span.text)
    if name in {metric.name for metric in el.spec.metrics}:
        el.faults.append(Diagnostic("E221", f"`{name}` is reported twice", item.span))
        return
    unit = _hidden(el, f"report@{name}", item.value)
    el.spec.metrics.append(Metric(name, unit, item.value.span))


def _over(el: Elaborator, statement: ast.Minimize) -> tuple[str, ...] | None:
    if not statement.over:
        return None
    found: list[str] = []
    for name in statement.over:
        text = name.span.text
        entry = el.spec.scope.names.get(text)
        if isinstance(entry, Layer) or any(p.startswith(text + ".") for p in el.spec.params):
            found += [p for p in el.spec.params if p.startswith(text + ".")]
        elif text in el.spec.params:
            found.append(text)
        else:
            el.faults.append(fault("E220", f"`{text}` is not a parameter or layer", name.span).diagnostics[0])
    return tuple(found)


def check_scalars(el: Elaborator) -> None:
    """A loss and a report are one number for each example, or one for the batch."""
    asked: list[tuple[str, str, Span]] = [
        *(("minimize", o.unit, o.span) for o in el.spec.objectives),
        *(("report", m.unit, m.span) for m in el.spec.metrics),
    ]
    for what, name, span in asked:
        unit = el.spec.system.units.get(name)
        if unit is None:
            continue
        axes = [i for i in unit.value.type.axes if i != BATCH]
        try:
            _check_scalar(what, axes, unit.value.type, span)
        except GraphcError as error:
            el.faults.extend(error.diagnostics)


def _check_scalar(what: str, axes: list[Index], type_: TensorType, span: Span) -> None:
    if type_.rank:
        raise fault(
            "E241",
            f"`{what} {one_line(span.text)}` is {shape_text(type_)}, not a number",
            span,
            help="sum it: `sum(...)`",
        )
    if axes:
        names = ", ".join(i.name for i in axes)
        raise fault(
            "E241",
            f"`{what} {one_line(span.text)}` is one number for each `{names}`",
            span,
            help=f"average it: `mean[{names}](...)`",
        )
