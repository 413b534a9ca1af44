"""The faults of a file: which of them count, where they are shown, and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from graphc.analysis.recurrence import plan
from graphc.diagnostics import Diagnostic, GraphcError, Span
from graphc.frontend import ast
from graphc.frontend.arithmetic import one_line
from graphc.frontend.scope import Definition
from graphc.frontend.spec import Spec
from graphc.ir.system import System

if TYPE_CHECKING:
    from graphc.frontend.elaborate import Elaborator

_OF_SIZES = frozenset(
    {"E201", "E203", "E205", "E206", "E207", "E208", "E234", "E236", "E237", "E253", "E254", "E258", "E304"}
    | {"E308", "E319"}
)
"""Codes of faults that the value of a dim can cause or hide."""


DEFINING = ast.FunctionDefinition | ast.BlockDefinition | ast.OptimizerDefinition
"""What a file can hold for others to import."""


def gather(el: Elaborator) -> None:
    """Take over the faults of the last round; without any, those of types that nothing settles."""
    el.faults += [d for d in el.round_faults if d not in el.faults]
    if el.faults:
        return
    for definition in el.definitions:
        if definition.guess is None and not definition.failed:
            el.faults.append(
                Diagnostic(
                    "E239",
                    f"the shape of `{definition.name}` cannot be resolved",
                    definition.span,
                    help="give its initial value the shape, or declare a type where it enters",
                )
            )
    if el.rounds.changed and not el.faults:
        loose = next(d for d in el.definitions if d.general is not None)
        el.faults.append(Diagnostic("E239", "shapes do not settle", loose.span))


def independent(el: Elaborator) -> list[Diagnostic]:
    """All faults but those that may only come from a dim without a proper value; and with them the faults
    of causality among the equations that have none of their own."""
    if el.spec.scope.unsized:
        return [d for d in el.faults if d.code not in _OF_SIZES]
    try:
        plan(System(el.spec.system.leaves, el.units), el.units)
    except GraphcError as error:
        return [*el.faults, *(d for d in error.diagnostics if d not in el.faults)]
    return el.faults


def located(el: Elaborator, diagnostic: Diagnostic, definition: Definition) -> Diagnostic:
    """A fault inside a library's text is shown at the place of the user's own that led there."""
    source = el.spec.file.span.source
    if diagnostic.span is None or diagnostic.span.source == source:
        return diagnostic
    calls = {id(i.scope): (i.span, caller) for (_, caller, _), i in el.instances.items()}
    place: Span | None = None
    scope = id(definition.scope)
    while scope in calls and (place is None or place.source != source):
        place, scope = calls[scope]
    return moved(el, diagnostic, place)


def moved(el: Elaborator, diagnostic: Diagnostic, place: Span | None) -> Diagnostic:
    """A fault in a library's text, shown where the user's own text calls it."""
    span = diagnostic.span
    if place is None or span is None or span.source == el.spec.file.span.source:
        return diagnostic
    note = f"inside `{one_line(place.text)}`, {span.source.name} line {span.line}"
    return replace(diagnostic, span=place, note=note, labels=())


def nothing_to_compute(spec: Spec) -> Diagnostic:
    """E247, with what such a file may be for."""
    defines = any(isinstance(s, DEFINING) for s in spec.file.statements)
    first = spec.file.statements[0].span if spec.file.statements else spec.file.span
    return Diagnostic(
        "E247",
        "nothing is computed here: the file has no equation",
        Span(first.source, first.start, min(first.end, first.start + 1)) if not first.text else first,
        help="definitions are for other files: `import` this one there"
        if defines
        else "add one, such as `y = W @ x`",
    )


def in_order(faults: list[Diagnostic]) -> list[Diagnostic]:
    unique = list(dict.fromkeys(faults))
    return sorted(unique, key=lambda d: d.span.start if d.span else -1)
