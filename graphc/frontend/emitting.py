"""The third stage of elaboration: the units of a definition, with each boundary equation in its place."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from graphc.analysis.intervals import greatest
from graphc.diagnostics import Diagnostic, GraphcError, Label, Span, fault
from graphc.frontend import ranges, reads
from graphc.frontend.arithmetic import name_alignment, one_line, shape_text
from graphc.frontend.expressions import Expressions
from graphc.frontend.guards import guarded
from graphc.frontend.names import head_of
from graphc.frontend.scope import Boundary, Definition
from graphc.frontend.terms import Term
from graphc.ir.graph import AnyNode, Value
from graphc.ir.system import Place, Unit
from graphc.ops import elementwise as ew
from graphc.ops.indexing import BROADCAST, RENAME
from graphc.ops.leaf import PIN
from graphc.ops.movement import EXPAND
from graphc.types import Affine, Index, TensorType

if TYPE_CHECKING:
    from graphc.frontend.elaborate import Elaborator


def emit(
    el: Elaborator,
    definition: Definition,
    general: tuple[Expressions, Term] | None,
    boundaries: list[tuple[Expressions, Term]],
) -> None:
    """The units of this round; without a type there are none yet."""
    type_ = definition.guess
    if type_ is None or any(term.value is None for _, term in boundaries):
        return
    _check_places(definition)
    outside = reads.outside_boundaries(definition)
    inside: list[tuple[Boundary, Unit]] = []
    for boundary, (ex, term) in zip(definition.boundaries, boundaries, strict=True):
        unit = _boundary_unit(definition, boundary, ex, term, type_)
        el.units[unit.name] = unit
        if boundary not in outside:
            inside.append((boundary, unit))
    _check_corners(definition, [boundary for boundary, _ in inside])
    if general is None or general[1].value is None:
        return
    ex, term = general
    assert term.value is not None
    value = _fit(ex, term.value, type_, definition.span)
    # A corner (`a[1,1]`) goes before an edge (`a[1,t]`).
    for boundary, unit in sorted(inside, key=lambda pair: pair[0].fixed):
        value = _overlay(ex, definition, boundary, unit, value)
    value = ex.b(PIN, value, name=definition.name)
    nodes = _pruned(ex.b.nodes, value)
    el.units[definition.name] = Unit(definition.name, definition.indices, nodes, value, definition.span)


def _check_places(definition: Definition) -> None:
    """Raises E325 unless a boundary equation has a subscript for each axis of its name; those that are
    lifted it may leave out as well."""
    own = definition.leaf.indices if definition.leaf else definition.visible
    written = own if definition.leaf else definition.own
    for boundary in definition.boundaries:
        fits = len(written) <= len(boundary.positions) <= len(own)
        if not fits and definition.guess is not None:
            names = ",".join(index.name for index in own)
            name = definition.name.split(".")[-1]
            raise fault(
                "E325",
                f"`{boundary.label}` has {len(boundary.positions)} of the {len(own)} axes of `{name}`",
                head_of(boundary.span),
                labels=ranges.definition_label(definition, boundary.span),
                help=f"all equations of a name have the same axes: `{name}[{names}]`",
            )


def _check_corners(definition: Definition, edges: Sequence[Boundary]) -> None:
    """Raises E326 where two edges (`a[1,t]`, `a[u,1]`) meet and no equation for the corner goes first."""
    faults: list[Diagnostic] = []
    for first, second in itertools.combinations(edges, 2):
        corner = _corner(definition, first, second)
        if corner is None or any(_covers(definition, other, corner, first.fixed) for other in edges):
            continue
        written = ",".join(str(corner.get(index, index.name)) for index in definition.visible)
        place = f"{definition.name.split('.')[-1]}[{written}]"
        faults.append(
            Diagnostic(
                "E326",
                f"`{first.label}` and `{second.label}` both give a value for `{place}`",
                head_of(second.span),
                labels=(Label(head_of(first.span), "the other one"),),
                help=f"say which it is, by an equation of its own: `{place} = ...`",
            )
        )
    if faults:
        raise GraphcError(faults)


def _fixed(definition: Definition, boundary: Boundary) -> dict[Index, Affine]:
    pairs = zip(definition.visible, boundary.positions, strict=False)
    return {index: at for index, at in pairs if isinstance(at, Affine)}


def _corner(definition: Definition, first: Boundary, second: Boundary) -> dict[Index, Affine] | None:
    """Where two edges meet of which neither stands before the other; None if they do not."""
    one, other = _fixed(definition, first), _fixed(definition, second)
    if len(one) != len(other) or any(one[i] != other[i] for i in one.keys() & other.keys()):
        return None
    corner = one | other
    for index, at in corner.items():
        for room in (at - index.lo, index.hi - at):
            for fixed, place in corner.items():
                room = room.substitute(fixed, place)
            most = greatest(room)
            if most is not None and most < 0:
                return None
    return corner


def _covers(definition: Definition, boundary: Boundary, corner: dict[Index, Affine], edge: int) -> bool:
    """Whether an equation holds in all of a corner and goes before edges with `edge` fixed positions."""
    fixed = _fixed(definition, boundary)
    return len(fixed) > edge and fixed.items() <= corner.items()


def _fit(ex: Expressions, value: Value, type_: TensorType, span: Span) -> Value:
    """`value` as the definition's type: kind, shape and indices."""
    if value.type.dtype != type_.dtype and type_.dtype == "real":
        value = ex.b(ew.CAST, value, dtype="real")
    if not value.type.same_shape(type_):
        source: tuple[int | None, ...] | None = (None,) * type_.rank
        if value.type.rank:
            source = name_alignment(value.type.shape, type_.shape)
        if source is None:
            raise fault(
                "E239",
                f"`{one_line(head_of(span).text)}` is {shape_text(value.type)} here, "
                f"the other equation of the name gives {shape_text(type_)}",
                span,
            )
        value = ex.b(EXPAND, value, shape=type_.shape, source=source)
    for index in value.type.axes:
        same = [i for i in type_.axes if i.name == index.name and i != index]
        if same:
            value = ex.b(RENAME, value, old=index, new=same[0])
    missing = [i for i in type_.axes if i not in value.type.axes]
    return ex.b(BROADCAST, value, indices=tuple(missing)) if missing else value


def _boundary_unit(
    definition: Definition, boundary: Boundary, ex: Expressions, term: Term, type_: TensorType
) -> Unit:
    visible = definition.leaf.indices if definition.leaf else definition.visible
    pairs = zip(visible, boundary.positions, strict=False)
    place = Place(definition.name, tuple((i, p) for i, p in pairs if isinstance(p, Affine)))
    fixed = {index for index, _ in place.positions}
    indices = tuple(
        i for i in (definition.leaf.indices if definition.leaf else definition.indices) if i not in fixed
    )
    name = boundary.unit(definition.name)
    assert term.value is not None
    target = type_.with_axes(set(type_.axes) - fixed)
    value = _fit(ex, term.value, target, boundary.span)
    value = ex.b(PIN, value, name=name)
    return Unit(name, indices, _pruned(ex.b.nodes, value), value, boundary.span, place)


def _overlay(ex: Expressions, definition: Definition, boundary: Boundary, unit: Unit, value: Value) -> Value:
    """The boundary's value at its own position, the general one elsewhere."""
    places = [Affine.of(i) for i in unit.indices]
    held = reads.node(ex, unit.name, unit.value.type, unit.indices, places)
    condition: Value | None = None
    for at, index in zip(boundary.positions, definition.visible, strict=False):
        if isinstance(at, Affine):
            here = ex.b(ew.EQUAL, ex.affine(Affine.of(index)), ex.affine(at))
            condition = here if condition is None else ex.b(ew.LOGICAL_AND, condition, here)
    assert condition is not None
    value = guarded(ex.b, value, ex.b(ew.LOGICAL_NOT, condition))
    return ex.b(ew.SELECT, condition, held, value)


def _pruned(nodes: Iterable[AnyNode], value: Value) -> tuple[AnyNode, ...]:
    """The nodes that `value` needs, in order."""
    needed = {id(value)}
    kept: list[AnyNode] = []
    for node in reversed(list(nodes)):
        if any(id(result) in needed for result in node.results):
            needed |= {id(operand) for operand in node.operands}
            kept.append(node)
    return tuple(reversed(kept))
