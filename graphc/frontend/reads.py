"""Reading a name at subscripts: which equation holds there, and that it exists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphc.analysis.intervals import greatest, least
from graphc.diagnostics import GraphcError, Label, Span, fault, nearest
from graphc.frontend import ast, calls
from graphc.frontend.arithmetic import one_line
from graphc.frontend.declarations import fixed_position
from graphc.frontend.scope import Boundary, Definition, Layer, Record, Scope
from graphc.frontend.terms import Context, Poisoned, Term
from graphc.ir.graph import Node, Value
from graphc.ir.system import READ
from graphc.ops import elementwise as ew
from graphc.types import BATCH, Affine, Index, Length, TensorType

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions


@dataclass(frozen=True, eq=False)
class Target:
    """A definition that an expression names, with what stands for its invisible indices."""

    definition: Definition
    hidden: tuple[Affine, ...] = ()
    visible: tuple[Index, ...] = field(default=())


Place = Affine | Value
"""A subscript: affine in indices and lengths, or a whole number computed at run time."""


def target(ex: Expressions, expr: ast.Expr, ctx: Context) -> Target | None:
    """The definition that `expr` names: a name, `e.h`, `enc.W`, `res[2].W`; None if it is no name."""
    match expr:
        case ast.Name(id=name):
            if ctx.env is not None and name in ctx.env.parameters:
                closure = ctx.env.parameters[name]
                return target(ex, closure.expr, ctx.enter(closure))
            if name in ctx.vars:
                return None
            entry = ex.lookup(name, ctx)
            if isinstance(entry, Definition):
                return of_definition(entry, ctx)
            if isinstance(entry, Record | Layer):
                return None
        case ast.Field(object=obj, name=name):
            return _field_target(ex, obj, name, ctx)
    return None


def of_definition(definition: Definition, ctx: Context) -> Target:
    """A parameter of a family is read at the family's subscripts, an equation of a block at the indices of
    the place where the block is called."""
    if definition.leaf is not None and definition.leaf.kind == "param":
        family = len(definition.leaf.indices) - len(definition.own)
        if family and len(ctx.scope.family) == family:
            return Target(definition, ctx.scope.family, definition.own)
        return Target(definition, (), definition.leaf.indices)
    hidden = tuple(Affine.of(index) for index in definition.outer)
    return Target(definition, hidden, definition.visible)


def _field_target(ex: Expressions, obj: ast.Expr, name: str, ctx: Context) -> Target | None:
    owner, owner_ctx = obj, ctx
    while isinstance(owner, ast.Name) and owner_ctx.env is not None and owner.id in owner_ctx.env.parameters:
        closure = owner_ctx.env.parameters[owner.id]
        owner, owner_ctx = closure.expr, ctx.enter(closure)
    subscripts: tuple[ast.Expr, ...] = ()
    if isinstance(owner, ast.Subscript) and isinstance(owner.object, ast.Name):
        subscripts = tuple(i for i in owner.items if not isinstance(i, ast.Slice | ast.Binder))
        owner = owner.object
    if isinstance(owner, ast.Call):
        scope = calls.instance(ex, owner, owner_ctx)
        return None if scope is None else _output(ex, scope, name, obj)
    if isinstance(owner, ast.Field):
        layer = _layer(ex, owner, owner_ctx)
        return None if layer is None else _weight(layer, name)
    if not isinstance(owner, ast.Name):
        return None
    entry = ex.lookup(owner.id, owner_ctx)
    if isinstance(entry, Layer):
        found = _weight(entry, name)
        if found is None or not subscripts:
            return found
        places = tuple(fixed(ex, s, ctx) for s in subscripts)
        return Target(found.definition, places, found.definition.own)
    if isinstance(entry, Record):
        return _record_target(ex, entry, name, subscripts, obj, ctx)
    if isinstance(entry, Definition) and isinstance(entry.general, ast.Call) and not entry.failed:
        block = ex.el.block_of(entry.general, entry.scope)
        if block is not None and name in ex.el.output_names(block):
            return of_definition(entry, ctx)
    return None


def _layer(ex: Expressions, expr: ast.Expr, ctx: Context) -> Layer | None:
    if isinstance(expr, ast.Name):
        entry = ex.lookup(expr.id, ctx)
        return entry if isinstance(entry, Layer) else None
    if isinstance(expr, ast.Field):
        owner = _layer(ex, expr.object, ctx)
        inner = owner.scope.names.get(expr.name) if owner else None
        return inner if isinstance(inner, Layer) else None
    return None


def _weight(layer: Layer, name: str) -> Target | None:
    entry = layer.scope.names.get(name)
    if not isinstance(entry, Definition) or entry.leaf is None:
        return None
    return Target(entry, (), entry.leaf.indices)


def fixed(ex: Expressions, expr: ast.Expr, ctx: Context) -> Affine:
    """A subscript of a family or record: an affine position."""
    place = position(ex, expr, ctx)
    if place is None:
        raise fault("E312", f"`{expr.span.text}` is not a position along an axis", expr.span)
    return place


def _record_target(
    ex: Expressions, record: Record, name: str, subscripts: Sequence[ast.Expr], obj: ast.Expr, ctx: Context
) -> Target | None:
    scope = ex.el.record_instance(ex, record)
    if scope is None:
        return None
    found = _output(ex, scope, name, obj)
    if not record.own:
        return found
    if len(subscripts) != len(record.own):
        raise fault(
            "E306",
            f"`{one_line(obj.span.text)}` needs {len(record.own)} subscripts before `.{name}`",
            obj.span,
        )
    moved = dict(zip(record.own, (fixed(ex, s, ctx) for s in subscripts), strict=True))
    hidden = tuple(moved.get(index, Affine.of(index)) for index in found.definition.outer)
    return Target(found.definition, hidden, found.visible)


def _output(ex: Expressions, scope: Scope, name: str, place: ast.Expr) -> Target:
    if name not in scope.outputs:
        raise fault(
            "E226",
            f"`{one_line(place.span.text)}` has no output `{name}`",
            place.span,
            help=nearest(name, scope.outputs) or "it has " + ", ".join(f"`{n}`" for n in scope.outputs),
        )
    entry = scope.names[name] if name in scope.names else scope.names["@output"]
    assert isinstance(entry, Definition)
    hidden = tuple(Affine.of(index) for index in entry.outer)
    return Target(entry, hidden, entry.visible)


def no_field(ex: Expressions, expr: ast.Field, ctx: Context) -> GraphcError:
    """What a field that does not exist may have been meant for."""
    text = one_line(expr.object.span.text)
    layer = _layer(ex, expr.object, ctx)
    if layer is not None:
        known = [n for n, e in layer.scope.names.items() if isinstance(e, Definition)]
        what, help_ = f"the layer `{text}` has no parameter `{expr.name}`", nearest(expr.name, known)
        if not help_ and known:
            help_ = "it has " + ", ".join(f"`{name}`" for name in known)
        return fault("E226", what, expr.span, labels=[Label(layer.span, "declared here")], help=help_)
    entry = ex.lookup(expr.object.id, ctx) if isinstance(expr.object, ast.Name) else None
    if isinstance(entry, Definition) and entry.broken:
        raise Poisoned
    if isinstance(expr.object, ast.Name) and entry is None and expr.object.id not in ctx.vars:
        raise ex.unknown_name(expr.object, ctx)
    return fault(
        "E226",
        f"`{text}` has no field `{expr.name}`: fields are the outputs of a layer's call",
        expr.span,
        labels=definition_label(entry, expr.span) if isinstance(entry, Definition) else [],
    )


def pending(ex: Expressions, expr: ast.Field, ctx: Context) -> bool:
    """Whether the field may exist once a type that is still unknown is known."""
    owner, owner_ctx = expr.object, ctx
    while isinstance(owner, ast.Name) and owner_ctx.env is not None and owner.id in owner_ctx.env.parameters:
        closure = owner_ctx.env.parameters[owner.id]
        owner, owner_ctx = closure.expr, ctx.enter(closure)
    if isinstance(owner, ast.Call):
        return ex.el.block_of(owner, owner_ctx.scope) is not None
    if isinstance(owner, ast.Subscript):
        owner = owner.object
    return isinstance(owner, ast.Name) and isinstance(ex.lookup(owner.id, owner_ctx), Record)


def whole(ex: Expressions, entry: Record | Layer, expr: ast.Name, ctx: Context) -> Term:
    """A record or a layer where a value belongs: always a fault."""
    if isinstance(entry, Layer):
        raise fault(
            "E222", f"`{expr.id}` is a layer, not a value", expr.span, help=f"call it: `{expr.id}(x)`"
        )
    block = ex.el.block_of(entry.call, entry.scope)
    assert block is not None
    fields = " or ".join(f"`{expr.id}.{n}`" for n in ex.el.output_names(block))
    raise fault("E227", f"`{expr.id}` has several outputs; name one", expr.span, help=f"write {fields}")


# ------------------------------------------------------------------------------------------ reading


def bare(
    ex: Expressions, definition: Definition, expr: ast.Expr, ctx: Context, at: Target | None = None
) -> Term:
    """A name without subscripts: its value, or the sequence over the one axis that is missing."""
    ex.el.visit(definition)
    found = at or of_definition(definition, ctx)
    return _lifted(ex, found, (), found_visible(found), expr, ctx)


def found_visible(found: Target) -> tuple[Index, ...]:
    """The visible indices, once the definition's lifted ones are known."""
    definition = found.definition
    if definition.leaf is not None:
        return found.visible
    return definition.visible


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
            help=f"write them out: `{_shown(definition)}[{written}]`",
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
            raise fault(
                "E305",
                f"`{one_line(expr.span.text)}` is a whole sequence over `{index.name}`, "
                f"and this equation is written for one step",
                expr.span,
                labels=definition_label(definition, expr.span, f"defined here, with axis `{index.name}`"),
                help=f"write `{one_line(expr.span.text)}[{index.name}]` for its step",
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


def position(ex: Expressions, expr: ast.Expr, ctx: Context) -> Affine | None:
    """`expr` as an affine position over the index variables in sight; None if it is something else."""
    match expr:
        case ast.Number() if expr.is_integer:
            return Affine(int(expr.text[:18]))
        case ast.Name(id=name):
            if ctx.env is not None and name in ctx.env.parameters:
                closure = ctx.env.parameters[name]
                return position(ex, closure.expr, ctx.enter(closure))
            if name in ctx.vars:
                return Affine.of(ctx.vars[name])
            entry = ex.lookup(name, ctx)
            if isinstance(entry, Index):
                raise fault(
                    "E301",
                    f"this equation does not run over `{name}`",
                    expr.span,
                    help=f"give the left side `[{name}]`, or bind it by a reduction, `sum[{name}](...)`",
                )
            return fixed_position(expr, ctx.scope) if isinstance(entry, Length) or entry else None
        case ast.Unary(op="-"):
            inner = position(ex, expr.operand, ctx)
            return None if inner is None else -inner
        case ast.Binary(op=("+" | "-")):
            left, right = position(ex, expr.left, ctx), position(ex, expr.right, ctx)
            if left is None or right is None:
                return None
            return left + right if expr.op == "+" else left - right
        case ast.Binary(op="*"):
            left, right = position(ex, expr.left, ctx), position(ex, expr.right, ctx)
            if left is None or right is None or not (left.is_constant or right.is_constant):
                return None
            factor, other = (left, right) if left.is_constant else (right, left)
            scaled = Affine(0)
            for symbol, coefficient in other.terms:
                scaled = scaled + Affine(0, ((symbol, coefficient * factor.constant),))
            return scaled + other.constant * factor.constant
    return None


def read(ex: Expressions, definition: Definition, places: Sequence[Place], span: Span, ctx: Context) -> Term:
    """The value at `places`: the general equation's, or a boundary's where one holds."""
    if definition.failed:
        raise Poisoned
    axes = _axes_at(places)
    indices = definition.leaf.indices if definition.leaf else definition.indices
    if definition.guess is None or len(places) != len(indices):
        number = Value(TensorType.of("real", axes)) if ex.el.rounds.scalars else None
        return Term(number, frozenset(), frozenset(axes))
    with ex.b.at(span):
        _check_ranges(ex, definition, indices, places, span, ctx)
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


def _check_ranges(
    ex: Expressions,
    definition: Definition,
    indices: Sequence[Index],
    places: Sequence[Place],
    span: Span,
    ctx: Context,
) -> None:
    """Every position that is read must exist: inside the axis, or at a boundary."""
    hidden = len(indices) - len(definition.visible) if definition.leaf is None else 0
    at = dict(zip(indices, places, strict=True))
    for number, (index, place) in enumerate(zip(indices, places, strict=True)):
        if not isinstance(place, Affine) or place == Affine.of(index):
            continue
        _check_length(definition, index, place, span)
        lo, hi = index.lo, index.hi
        for symbol, other in at.items():
            if isinstance(other, Affine):
                lo, hi = lo.substitute(symbol, other), hi.substitute(symbol, other)
        below, above = least(place - lo, ctx.ranges), least(hi - place, ctx.ranges)
        if not index.is_full and (below is None or below < 0 or above is None or above < 0):
            raise _beyond(definition, index, place, span)
        held = [
            b.positions[number - hidden]
            for b in definition.boundaries
            if number - hidden in range(len(b.positions))
        ]
        covered = [p for p in held if isinstance(p, Affine)]
        for short, ends, sign in ((below, lo, -1), (above, hi, 1)):
            if short is None or short >= 0:
                continue
            for step in range(1, min(-short, 64) + 1):
                beyond = ends + sign * step
                if beyond not in covered:
                    help_ = _narrower(index, place, ex.name, ctx) if definition.leaf is not None else ""
                    raise _missing(definition, number - hidden, index, place, beyond, span, help_)


def _beyond(definition: Definition, index: Index, place: Affine, span: Span) -> Exception:
    at = str(place).replace("'", "")
    bare_index = len(place.terms) == 1 and abs(place.terms[0][1]) == 1 and not place.constant
    where = f"for every `{at}`" if bare_index else f"at `{index.name} = {at}`"
    return fault(
        "E309",
        f"`{one_line(span.text)}` is read {where}, and it exists for `{_range_text(index)}` only",
        span,
        labels=definition_label(definition, span),
        help=f"read it for the same part, as in `sum[{_range_text(index)}](...)`" if bare_index else "",
    )


def _range_text(index: Index) -> str:
    return f"{index.name} = {index.lo}..{index.hi}".replace("'", "")


def _missing(
    definition: Definition, number: int, index: Index, place: Affine, at: Affine, span: Span, narrower: str
) -> Exception:
    """A position that does not exist: outside of an axis, before an input's first step, or without an
    initial value."""
    runs = f"`{index.name}` runs over {index.lo}..{index.hi}"
    text = one_line(span.text)
    # Whole multiples of an index, such as `x[2*t]`, leave the axis sooner or later: no boundary helps.
    steps = all(abs(c) == 1 for symbol, c in place.terms if isinstance(symbol, Index))
    if not any(isinstance(symbol, Index) for symbol, _ in place.terms) or not steps:
        return fault(
            "E308",
            f"`{text}` is outside the axis: {runs}",
            span,
            labels=definition_label(definition, span),
            help="axes are counted from 1" if place == Affine(0) else "",
        )
    others = [p.name for p in definition.visible]
    others[number] = str(at)
    missing = f"{_shown(definition)}[{','.join(others)}]"
    if definition.leaf is not None:
        return fault(
            "E308",
            f"`{text}` reads `{missing}`, which does not exist: {runs}",
            span,
            labels=definition_label(definition, span),
            help=narrower,
        )
    return fault(
        "E304",
        f"`{text}` reads `{missing}`, which has no value: {runs}",
        span,
        labels=definition_label(definition, span),
        help=f"give it one by a boundary equation: `{missing} = 0`",
    )


def _narrower(index: Index, place: Affine, equation: str, ctx: Context) -> str:
    """How to keep from reading an input before its first or behind its last step."""
    reader = next((s for s, c in place.terms if isinstance(s, Index) and c == 1), None)
    if reader is None:
        return ""
    shift = place - Affine.of(reader)
    name = reader.name.rstrip("'")
    if not shift.is_constant:
        return ""
    if reader in ctx.bound:
        lo, hi = (Affine(1), index.hi - shift) if shift.constant > 0 else (Affine(1) - shift, index.hi)
        return f"leave that step out: `[{name} = {lo}..{hi}]`"
    edge = index.hi if shift.constant > 0 else Affine(1)
    own = equation.split(".")[-1]
    return f"give that step an equation of its own: `{own}[{edge}] = ...`" if "@" not in own else ""


def _shown(definition: Definition) -> str:
    """The name as it is written inside its block."""
    return definition.name.split(".")[-1]


def definition_label(definition: Definition, place: Span, text: str = "") -> list[Label]:
    """Where a name comes from, unless that is the very line at fault."""
    span = definition.span
    inside = span.source == place.source and span.start <= place.start and place.end <= span.end
    if inside or span.source != place.source:
        return []
    return [Label(left_side(definition), text or f"`{_shown(definition)}` is defined here")]


def left_side(definition: Definition) -> Span:
    """The left side of an equation, or a declaration as a whole."""
    span = definition.span
    if definition.leaf is not None or definition.general is None or "=" not in span.text:
        return span
    written = span.text.split("=")[0].rstrip()
    return Span(span.source, span.start, span.start + len(written))


def _check_length(definition: Definition, index: Index, place: Affine, span: Span) -> None:
    for symbol, _ in place.terms:
        length = symbol.length if isinstance(symbol, Index) else symbol
        if length == index.length:
            continue
        sizes = (length.size, index.length.size)
        if sizes[0] is not None and sizes[1] is not None and sizes[0].agrees(sizes[1]):
            continue
        if isinstance(symbol, Length):
            continue
        name = symbol.name.rstrip("'")
        raise fault(
            "E318",
            f"`{one_line(span.text)}`: `{name}` runs over 1..{length}, "
            f"and the axis `{index.name}` of `{_shown(definition)}` over 1..{index.length}",
            span,
            labels=definition_label(definition, span),
            help=f"if both are equally long, let them have one end: `axis {name} = 1..{index.length}`",
        )
