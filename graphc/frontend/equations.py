"""Left sides: general and boundary equations, running statistics, records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.diagnostics import fault, nearest
from graphc.frontend import ast
from graphc.frontend.constants import names_in, number_of
from graphc.frontend.names import define, defined_twice
from graphc.frontend.positions import fixed_position
from graphc.frontend.scope import Boundary, Definition, Record, Scope
from graphc.frontend.sizes import type_of
from graphc.frontend.spec import StateInfo
from graphc.types import Affine, Index, TensorType

if TYPE_CHECKING:
    from graphc.frontend.elaborate import Elaborator


def declare_equation(el: Elaborator, equation: ast.Equation, scope: Scope) -> None:
    """A general equation, a boundary equation, a running statistic or a record (`e = enc(x)`)."""
    own, positions = left_side(equation, scope)
    name = equation.name
    entry = scope.names.get(name)
    if all(isinstance(p, Index) for p in positions):
        if el.is_record(equation.value, scope):
            assert isinstance(equation.value, ast.Call)
            define(scope, name, Record(name, own, equation.value, scope, equation.span))
            return
        if (
            isinstance(entry, Definition)
            and entry.leaf is None
            and entry.general is None
            and entry.boundaries
        ):
            entry.general, entry.own, entry.span = equation.value, own, equation.span
        else:
            entry = Definition(scope.prefix + name, scope, equation.span, own, scope.outer)
            entry.general = equation.value
            define(scope, name, entry)
        if equation.annotation is not None:
            _annotate(entry, equation.annotation, scope)
        if equation.running:
            _declare_running(el, equation, entry)
        return
    if entry is None:
        entry = Definition(scope.prefix + name, scope, equation.span, (), scope.outer)
        define(scope, name, entry)
    if not isinstance(entry, Definition):
        raise defined_twice(name, equation.span, entry.span)
    written = ",".join(p.name if isinstance(p, Index) else str(p) for p in positions)
    label = f"{name}[{written}]"
    first = next((b for b in entry.boundaries if b.positions == positions), None)
    if first is not None:
        raise defined_twice(label, equation.span, first.span)
    entry.boundaries.append(Boundary(positions, equation.value, equation.span, label))


def _annotate(entry: Definition, annotation: ast.TypeExpr, scope: Scope) -> None:
    """`h[t] : [H] = ...`: what the right side must be, and where a recurrence's shape begins."""
    dtype, shape, _ = type_of(annotation, scope)
    entry.annotation = TensorType.of(dtype, (), shape)
    entry.guess = TensorType.of(dtype, (*entry.own, *entry.outer), shape)


def left_side(equation: ast.Equation, scope: Scope) -> tuple[tuple[Index, ...], tuple[Affine | Index, ...]]:
    """The indices of a left side, and for each place its index or its fixed position."""
    positions: list[Affine | Index] = []
    for subscript in equation.subscripts:
        axis = scope.axis(subscript.id) if isinstance(subscript, ast.Name) else None
        if axis is not None:
            if axis in positions:
                raise fault("E325", f"axis `{axis.name}` stands twice on the left side", subscript.span)
            positions.append(axis)
            continue
        fixed = fixed_position(subscript, scope)
        if fixed is None:
            raise fault(
                "E312",
                f"`{subscript.span.text}` on the left side is neither an axis nor a fixed position",
                subscript.span,
                help=_left_side_help(equation.name, subscript, scope),
            )
        positions.append(fixed)
    return tuple(p for p in positions if isinstance(p, Index)), tuple(positions)


def _left_side_help(name: str, subscript: ast.Expr, scope: Scope) -> str:
    if isinstance(subscript, ast.Name):
        near = nearest(subscript.id, scope.axes)
        return near or f"declare it: `axis {subscript.id} = 1..{subscript.id.upper()}`"
    axis = next((n.id for n in names_in(subscript) if n.id in scope.axes), None)
    if axis is None:
        return ""
    return (
        f"a general equation is written for `{name}[{axis}]`: shift the subscripts of the right side instead"
    )


def _declare_running(el: Elaborator, equation: ast.Equation, entry: Definition) -> None:
    entry.running = equation
    known = {"decay": 0.9, "start": None}
    values: dict[str, float | None] = dict(known)
    for option in equation.options:
        if option.name not in known:
            raise fault(
                "E225",
                f"`running` has no option `{option.name}`",
                option.span,
                help=nearest(option.name, known),
            )
        values[option.name] = number_of(option.value, entry.scope.numbers)
    decay = values["decay"]
    assert decay is not None
    if not 0 <= decay < 1:
        place = next(option.span for option in equation.options if option.name == "decay")
        raise fault("E262", f"`decay` is {decay:g}; it is at least 0 and less than 1", place)
    placeholder = TensorType("real")
    el.spec.states[entry.name] = StateInfo(entry.name, placeholder, decay, values["start"], equation.span)
