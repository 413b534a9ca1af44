"""Dims and axes, and what types and left sides say of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

from graphc.diagnostics import Diagnostic, GraphcError, Label, fault, nearest
from graphc.frontend import ast
from graphc.frontend.constants import MOST_ELEMENTS, dim_of, names_in, too_large
from graphc.frontend.names import RESERVED, defined_twice, reject_reserved, reserved
from graphc.frontend.scope import Scope
from graphc.types import Dim, Index, Length


def declare_dims(
    statements: Iterable[ast.Statement], scope: Scope, given: dict[str, int], faults: list[Diagnostic]
) -> None:
    """Dims may use one another in any order. `given` values (the command line's) win."""
    items: dict[str, ast.DimItem] = {}
    for statement in statements:
        for item in statement.items if isinstance(statement, ast.DimDeclaration) else ():
            if item.name in RESERVED:
                faults.append(reserved(item.name, item.span))
            elif item.name in items:
                faults += defined_twice(item.name, item.span, items[item.name].span).diagnostics
            else:
                items[item.name] = item
                scope.spans[item.name] = item.span
    pending: list[str] = []

    def resolve(name: str) -> Dim:
        if name in scope.dims:
            return scope.dims[name]
        item = items[name]
        if name in pending:
            round_ = pending[pending.index(name) :]
            scope.unsized.update(round_)
            raise fault(
                "E232",
                f"dims are defined in a circle: {' -> '.join([*round_, name])}",
                item.span,
                labels=[Label(items[other].span, f"`{other}`") for other in round_[1:]],
                help="give one of them a number",
            )
        pending.append(name)
        try:
            if name in given:
                value = given[name]
            elif item.value is None:
                raise fault(
                    "E230",
                    f"dim `{name}` has no value",
                    item.span,
                    help=f"write `dim {name} = 64`, or give it with `--set {name}=64`",
                )
            else:
                for used in (name.id for name in names_in(item.value)):
                    if used in items:
                        resolve(used)
                    if used in scope.unsized:
                        raise GraphcError(())
                value = dim_of(item.value, scope.all_dims).value
            if value < 1:
                raise fault("E231", f"dim `{name}` is {value}; a dim is at least 1", item.span)
            scope.dims[name] = Dim.named(name, value)
        finally:
            pending.pop()
        return scope.dims[name]

    for name in items:
        try:
            resolve(name)
        except GraphcError as error:
            faults.extend(d for d in error.diagnostics if d not in faults)
            scope.dims.setdefault(name, Dim.named(name, 1))
            scope.unsized.add(name)


def declare_axes(
    statements: Iterable[ast.Statement], scope: Scope, given: dict[str, int], faults: list[Diagnostic]
) -> None:
    """`axis t = 1..T`: the end is a run-time length unless it is a number or an expression over dims."""
    for statement in statements:
        if isinstance(statement, ast.AxisDeclaration):
            for item in statement.items:
                if scope.parent is not None and item.name in scope.axes:
                    continue  # a formal axis, bound by the argument
                try:
                    _axis(item, scope, given)
                except GraphcError as error:
                    faults.extend(error.diagnostics)
                    unknown = Length(item.name.upper())
                    scope.axes.setdefault(item.name, Index.full(item.name, unknown))


def _axis(item: ast.AxisItem, scope: Scope, given: dict[str, int]) -> None:
    if not (isinstance(item.lo, ast.Number) and item.lo.text == "1"):
        raise fault(
            "E310", f"axis `{item.name}` starts at `{item.lo.span.text}`; axes start at 1", item.lo.span
        )
    if item.name in scope.axes or item.name in scope.dims:
        raise defined_twice(item.name, item.span, scope.spans.get(item.name))
    reject_reserved(item.name, item.span)
    scope.spans[item.name] = item.span
    length: Length
    if isinstance(item.hi, ast.Name) and item.hi.id not in scope.all_dims:
        name = item.hi.id
        reject_reserved(name, item.hi.span)
        if name == item.name:
            raise fault("E221", f"`{name}` names both the axis and its end", item.span)
        known = scope.lengths.get(name)
        if known is None:
            size = Dim.named(name, given[name]) if name in given else None
            known = Length(name, size)
        length = scope.lengths[name] = known
    else:
        size = dim_of(item.hi, scope.all_dims)
        if size.value < 1:
            raise fault("E231", f"axis `{item.name}` ends at {size.value}; it needs a step", item.hi.span)
        length = Length(size.expression, size)
        if isinstance(item.hi, ast.Name):
            scope.lengths[item.hi.id] = length
    scope.axes[item.name] = Index.full(item.name, length)


def type_of(
    annotation: ast.TypeExpr, scope: Scope
) -> tuple[Literal["real", "int", "bool"], tuple[Dim, ...], int | None]:
    """dtype, shape and number of classes of a written type."""
    dims = scope.all_dims
    shape = tuple(dim_of(expr, dims) for expr in annotation.shape)
    elements = np.prod([float(dim.value) for dim in shape]) if shape else 1.0
    if elements > MOST_ELEMENTS:
        raise too_large(annotation.span, [dim.value for dim in shape])
    if annotation.kind == "index":
        assert annotation.classes is not None
        return "int", shape, dim_of(annotation.classes, dims).value
    return ("bool" if annotation.kind == "bool" else "real"), shape, None


def axes_of(item: ast.Declarator, scope: Scope) -> tuple[Index, ...]:
    """The indices that a declarator's subscripts name."""
    found: list[Index] = []
    for subscript in item.subscripts:
        axis = scope.axis(subscript.id) if isinstance(subscript, ast.Name) else None
        if axis is None:
            raise _no_axis(subscript, scope)
        if axis in found:
            raise fault(
                "E325",
                f"axis `{axis.name}` stands twice in `{item.name}[...]`",
                subscript.span,
                help=f"a second axis of the same length: `axis u = 1..{axis.length}`"
                if axis.name != "u"
                else "",
            )
        found.append(axis)
    return tuple(found)


def _no_axis(subscript: ast.Expr, scope: Scope) -> GraphcError:
    text = subscript.span.text
    if not isinstance(subscript, ast.Name):
        help_ = "the brackets of a declaration hold axes: `x[t]`; a shape follows a colon, `x : [3]`"
    elif text in scope.all_dims:
        help_ = f"`{text}` is a dim; dims stand in the shape: `x : [{text}]`"
    else:
        help_ = nearest(text, scope.axes) or f"declare it: `axis {text} = 1..{text.upper()}`"
        # Known from here on, so that this is said once.
        scope.axes.setdefault(text, Index.full(text, Length(text.upper())))
    return fault("E311", f"`{text}` is not an axis", subscript.span, help=help_)
