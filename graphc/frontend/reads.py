"""Reading a name at subscripts: which equation holds there, and that it exists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphc.analysis.intervals import greatest, least
from graphc.diagnostics import Span, fault
from graphc.frontend import ast
from graphc.frontend.arithmetic import one_line
from graphc.frontend.positions import Place, position
from graphc.frontend.ranges import check_ranges, definition_label, shown
from graphc.frontend.scope import Boundary, Definition
from graphc.frontend.targets import Target, found_visible, of_definition
from graphc.frontend.terms import Context, Poisoned, Term
from graphc.ir.graph import Node, Value
from graphc.ir.system import READ
from graphc.ops import elementwise as ew
from graphc.types import BATCH, Affine, Index, TensorType

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions


# ------------------------------------------------------------------------------------------ reading


def bare(
    ex: Expressions, definition: Definition, expr: ast.Expr, ctx: Context, at: Target | None = None
) -> Term:
    """A name without subscripts: its value, or the sequence over the one axis that is missing."""
    ex.el.visit(definition)
    found = at or of_definition(definition, ctx)
    return _lifted(ex, found, (), found_visible(found), expr, ctx)


def subscripted(ex: Expressions, found: Target, expr: ast.Subscript, ctx: Context) -> Term:
    """`h[t-1]`, `a[u]` (a sequence over the second axis), `e.h[T]`."""
    ex.el.visit(found.definition)
    visible = found_visible(found)
    if len(expr.items) > len(visible):
        raise _too_many(found.definition, visible, expr)
    places: list[Place] = []
    for item in expr.items:
        if isinstance(item, ast.Slice | ast.Binder):
            raise fault("E312", f"`{item.span.text}` is not a position along an axis", item.span)
        affine = position(ex, item, ctx)
        if affine is not None:
            places.append(affine)
            continue
        term = ex.term(item, ctx)
        if term.value is None:
            return Term(None)
        if term.value.type.dtype != "int" or term.value.type.rank:
            raise fault("E312", f"`{one_line(item.span.text)}` is not a position along an axis", item.span)
        places.append(term.value)
    return _lifted(ex, found, tuple(places), visible[len(places) :], expr, ctx)


def _too_many(definition: Definition, visible: Sequence[Index], expr: ast.Subscript) -> Exception:
    texts = [one_line(item.span.text) for item in expr.items]
    name, count = one_line(expr.object.span.text), len(visible)
    axes = f"one axis, `{visible[0].name}`" if count == 1 else f"{count} axes, {_names(visible)}"
    split = f"{name}[{', '.join(texts[:count])}][{', '.join(texts[count:])}]"
    return fault(
        "E307",
        f"`{one_line(expr.span.text)}` has {len(texts)} subscripts, `{name}` has {axes}",
        expr.span,
        labels=definition_label(definition, expr.span),
        help=f"elements of a step stand in brackets of their own: `{split}`",
    )


def _names(indices: Sequence[Index]) -> str:
    return ", ".join(f"`{index.name}`" for index in indices)


def _lifted(
    ex: Expressions,
    found: Target,
    given: tuple[Place, ...],
    missing: tuple[Index, ...],
    expr: ast.Expr,
    ctx: Context,
) -> Term:
    definition = found.definition
    lifted: set[Index] = set()
    places: list[Place] = [*found.hidden, *given]
    free = [i for i in missing if not any(_same_axis(i, b) for b in ctx.bound)]
    if len(free) > max(1, ctx.sequences):
        written = ", ".join([*(str(p) for p in given), *(i.name for i in missing)])
        raise fault(
            "E306",
            f"`{one_line(expr.span.text)}` lacks subscripts for {_names(free)}; only one may be missing",
            expr.span,
            labels=definition_label(definition, expr.span),
            help=f"write them out: `{shown(definition)}[{written}]`",
        )
    for index in missing:
        bound = [b for b in ctx.bound if _same_axis(index, b)]
        if bound:
            places.append(Affine.of(max(bound, key=lambda b: b.name.count("'"))))
            continue
        if ctx.sequences:
            lifted.add(_whole(index, ctx))
            places.append(Affine.of(_whole(index, ctx)))
            continue
        if any(_same_axis(index, v) for v in ctx.vars.values()):
            axis = index.name.rstrip("'")
            raise fault(
                "E305",
                f"`{one_line(expr.span.text)}` is a whole sequence over `{axis}`, "
                f"and this equation is written for one step",
                expr.span,
                labels=definition_label(definition, expr.span, f"defined here, with axis `{axis}`"),
                help=f"write `{one_line(expr.span.text)}[{axis}]` for its step",
            )
        lifted.add(index)
        places.append(Affine.of(index))
    term = read(ex, definition, places, expr.span, ctx)
    return Term(term.value, term.lifted | lifted, term.axes)


def _same_axis(a: Index, b: Index) -> bool:
    return a.name.rstrip("'") == b.name.rstrip("'") and a.length == b.length


def _whole(index: Index, ctx: Context) -> Index:
    """The index of a sequence that is handed over whole, apart from those of the equation around it."""
    taken = {other.name for other in ctx.active}
    name = index.name
    while name in taken:
        name += "'"
    return index if name == index.name else Index(name, index.length, index.lo, index.hi)


def read(ex: Expressions, definition: Definition, places: Sequence[Place], span: Span, ctx: Context) -> Term:
    """The value at `places`: the general equation's, or a boundary's where one holds."""
    if definition.failed and not definition.is_declared:
        raise Poisoned
    axes = _axes_at(places)
    indices = definition.leaf.indices if definition.leaf else definition.indices
    if definition.guess is None or len(places) != len(indices):
        number = Value(TensorType.of("real", axes)) if ex.el.rounds.scalars else None
        return Term(number, frozenset(), frozenset(axes))
    with ex.b.at(span):
        check_ranges(ex, definition, indices, places, span, ctx)
        value = node(ex, definition.name, definition.guess, indices, places)
        hidden = len(indices) - len(definition.visible) if definition.leaf is None else 0
        # A corner, with more fixed positions, stands before the edges that it lies on.
        for boundary in sorted(definition.boundaries, key=lambda b: b.fixed):
            value = _boundary(ex, definition, boundary, hidden, indices, places, value, ctx)
    return Term(value)


def _axes_at(places: Sequence[Place]) -> set[Index]:
    axes: set[Index] = set()
    for place in places:
        if isinstance(place, Value):
            axes |= set(place.type.axes)
            continue
        for symbol, _ in place.terms:
            if isinstance(symbol, Index):
                axes.add(symbol)
            elif not symbol.is_fixed:
                axes.add(BATCH)
    return axes


def node(
    ex: Expressions, unit: str, type_: TensorType, indices: Sequence[Index], places: Sequence[Place]
) -> Value:
    """A `read` node: the unit's type with its indices replaced by those of the places."""
    operands = tuple(place for place in places if isinstance(place, Value))
    subscripts = tuple(place if isinstance(place, Affine) else operands.index(place) for place in places)
    axes = (set(type_.axes) - set(indices)) | _axes_at(places)
    result = Value(TensorType.of(type_.dtype, axes, type_.shape), unit)
    attrs = {"unit": unit, "subscripts": subscripts, "type": result.type}
    ex.b.nodes.append(Node(READ, operands, attrs, result, ex.b.span))
    return result


def _is_outside(place: Affine, index: Index) -> bool:
    """A boundary position that the index's own range does not contain."""
    if place.is_constant and place.constant < 1:
        return True
    behind = place - Affine.of(index.length)
    return behind.is_constant and behind.constant > 0


def outside_boundaries(definition: Definition) -> list[Boundary]:
    """Boundaries at positions before or behind the axis; those inside are part of the general value."""
    found = []
    for boundary in definition.boundaries:
        own = definition.visible if definition.leaf is None else definition.leaf.indices
        pairs = zip(boundary.positions, own, strict=False)
        if any(isinstance(p, Affine) and _is_outside(p, i) for p, i in pairs):
            found.append(boundary)
    return found


def _boundary(
    ex: Expressions,
    definition: Definition,
    boundary: Boundary,
    hidden: int,
    indices: Sequence[Index],
    places: Sequence[Place],
    value: Value,
    ctx: Context,
) -> Value:
    """`value`, or the boundary's where every one of its fixed positions is the place that is read."""
    if boundary not in outside_boundaries(definition):
        return value
    conditions: list[Value] = []
    free: list[tuple[Index, Place]] = [*zip(indices[:hidden], places[:hidden], strict=True)]
    for at, index, place in zip(
        boundary.positions, indices[hidden:], places[hidden : hidden + len(boundary.positions)], strict=False
    ):
        if isinstance(at, Index):
            free.append((index, place))
            continue
        if isinstance(place, Affine):
            gap = place - at
            if gap == Affine(0):
                continue
            low, high = least(gap, ctx.ranges, 0), greatest(gap, ctx.ranges, 0)
            if (low is not None and low > 0) or (high is not None and high < 0):
                return value
        here = ex.affine(place) if isinstance(place, Affine) else place
        conditions.append(ex.b(ew.EQUAL, here, ex.affine(at)))
    rest = indices[hidden + len(boundary.positions) :]
    free += zip(rest, places[len(indices) - len(rest) :], strict=True)
    unit = boundary.unit(definition.name)
    assert definition.guess is not None
    fixed = {i for p, i in zip(boundary.positions, indices[hidden:], strict=False) if isinstance(p, Affine)}
    type_ = definition.guess.with_axes(set(definition.guess.axes) - fixed)
    held = node(ex, unit, type_, [i for i, _ in free], [p for _, p in free])
    if not conditions:
        return held
    condition = conditions[0]
    for other in conditions[1:]:
        condition = ex.b(ew.LOGICAL_AND, condition, other)
    return ex.b(ew.SELECT, condition, held, value)
