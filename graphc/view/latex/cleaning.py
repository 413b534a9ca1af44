"""A unit without what only a machine needs: its nodes are those that a formula shows.

A read of a name with boundaries is a choice between several units; here it is one read of the name, since a
formula says `h[t-1]` and lets `h[0]` be what it is. Masks before a sum go too.
"""

from __future__ import annotations

from collections.abc import Mapping

from graphc.ir.builder import Builder
from graphc.ir.graph import Node, Value
from graphc.ir.op import Attrs
from graphc.ir.system import READ, System, Unit
from graphc.ops.elementwise import SELECT
from graphc.ops.leaf import INSIDE, PIN, constant
from graphc.types import Affine, TensorType
from graphc.view.latex.terms import CONSTANT, Term, substitute

Aliases = Mapping[str, Term]
"""Names that only pass on another name at some position, or a number, and are left out of formulas."""


def cleaned(system: System, unit: Unit, aliases: Aliases) -> tuple[Builder, Value]:
    """A builder with the nodes that are left, and the unit's value among them."""
    makers = {node.result: node for node in unit.nodes if isinstance(node, Node)}
    moved: dict[Value, Value] = {}
    builder = Builder()
    end = _general(system, unit, makers)
    for node in _needed(makers, end):
        kept = _passed(node, makers, moved)
        if kept is not None:
            moved[node.result] = kept
            continue
        attrs = _of_name(system, node.attrs) if node.op is READ else node.attrs
        with builder.at(node.span):
            if node.op is READ and (term := aliases.get(attrs["unit"])) is not None:
                moved[node.result] = _instead_of_alias(system, builder, attrs, term)
                continue
            operands = [moved[operand] for operand in node.operands]
            moved[node.result] = builder(node.op, *operands, called=node.result.name, **attrs)
    return builder, moved[end]


def _instead_of_alias(system: System, builder: Builder, attrs: Attrs, term: Term) -> Value:
    type_: TensorType = attrs["type"]
    if term.op == CONSTANT:
        return constant(builder, float(term.number() or 0), shape=type_.shape)
    by = dict(zip(system.indices(attrs["unit"]), attrs["subscripts"], strict=True))
    term = substitute(term, by)
    return builder(READ, unit=term.attr("name"), subscripts=term.attr("subscripts"), type=type_)


def _general(system: System, unit: Unit, makers: Mapping[Value, Node]) -> Value:
    """What the general equation says: a unit first asks whether it stands at a boundary of its own name."""
    value = unit.value
    while True:
        node = makers[value]
        if node.op is PIN:
            value = node.operands[0]
        elif node.op is SELECT and _is_own_boundary(system, unit, makers[node.operands[1]]):
            value = node.operands[2]
        else:
            return value


def _is_own_boundary(system: System, unit: Unit, node: Node) -> bool:
    other = system.units.get(node.attrs["unit"]) if node.op is READ else None
    return other is not None and other.place is not None and other.place.of == unit.name


def _needed(makers: Mapping[Value, Node], value: Value) -> list[Node]:
    """What a value is made of once masks and choices between boundaries are gone, in order."""
    wanted = {value}
    found = []
    for node in reversed(list(makers.values())):
        if node.result in wanted:
            found.append(node)
            wanted.update(_seen(node, makers))
    return found[::-1]


def _seen(node: Node, makers: Mapping[Value, Node]) -> tuple[Value, ...]:
    kept = _instead(node, makers)
    return node.operands if kept is None else (kept,)


def _passed(node: Node, makers: Mapping[Value, Node], moved: Mapping[Value, Value]) -> Value | None:
    kept = _instead(node, makers)
    return None if kept is None else moved[kept]


def _instead(node: Node, makers: Mapping[Value, Node]) -> Value | None:
    """The operand that stands for a node which is not shown."""
    if node.op is PIN:
        return node.operands[0]
    if node.op is not SELECT:
        return None
    condition, x, y = node.operands
    if _is_mask(condition, makers):
        return x
    reads = {makers[value].span for value in (x, y) if value in makers}
    accesses = all(_is_access(value, makers) for value in (x, y))
    return y if accesses and reads == {node.span} else None


def _is_mask(condition: Value, makers: Mapping[Value, Node]) -> bool:
    node = makers[condition]
    return node.op is INSIDE or (
        node.op.name == "logical_and" and all(_is_mask(operand, makers) for operand in node.operands)
    )


def _is_access(value: Value, makers: Mapping[Value, Node]) -> bool:
    node = makers[value]
    return node.op is READ or (node.op is SELECT and _instead(node, makers) is not None)


def _of_name(system: System, attrs: Attrs) -> Attrs:
    """A read of a boundary equation as a read of the name that it belongs to."""
    unit = system.units.get(attrs["unit"])
    if unit is None or unit.place is None:
        return attrs
    fixed = dict(unit.place.positions)
    free = iter(attrs["subscripts"])
    subscripts: list[Affine | int] = [
        fixed[index] if index in fixed else next(free) for index in system.indices(unit.place.of)
    ]
    return {**attrs, "unit": unit.place.of, "subscripts": tuple(subscripts)}
