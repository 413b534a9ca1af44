"""Boundary equations within an axis that are part of a recurrence: `h[1] = f(s[1])`, where `s[2]` follows.

Such an equation holds at one position, and depends on what the loop computes there. So it becomes an equation
for all positions, of which the general one takes the value at its own: `s[1]` is then `s[t]`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

import networkx as nx

from graphc.analysis.recurrence import dependence_graph
from graphc.ir.builder import Builder
from graphc.ir.graph import Node, Value
from graphc.ir.op import Attrs
from graphc.ir.system import READ, System, Unit
from graphc.types import Affine, Index


def with_running_edges(system: System) -> dict[str, Unit]:
    """The units, in which boundaries that stand in a cycle run along their axis."""
    units = dict(system.units)
    for members in nx.strongly_connected_components(dependence_graph(system)):
        for name in sorted(members):
            found = _edge(units[name], members)
            if found is not None:
                place, index, at = found
                edge = _rebuilt(units[name], partial(_along, system, index, at))
                units[name] = replace(edge, indices=(*edge.indices, index))
                units[place] = _rebuilt(units[place], partial(_here, name, index))
    return units


def _edge(unit: Unit, members: Collection[str]) -> tuple[str, Index, int] | None:
    """A boundary in a cycle with its name: that name, the axis and the position."""
    if unit.place is None or unit.place.of not in members or len(unit.place.positions) != 1:
        return None
    index, at = unit.place.positions[0]
    return (unit.place.of, index, at.constant) if at.is_constant and at.constant >= 1 else None


def _along(system: System, axis: Index, at: int, node: Node) -> Attrs:
    """A read in an equation for position `at`, for all positions: it reaches as far back from any other."""
    places, type_ = list(node.attrs["subscripts"]), node.attrs["type"]
    for number, index in enumerate(system.indices(node.attrs["unit"])):
        place = places[number]
        if index == axis and isinstance(place, Affine) and place.is_constant and 1 <= place.constant <= at:
            places[number] = Affine.of(axis) + (place.constant - at)
            type_ = type_.with_axes({*type_.axes, axis})
    return {**node.attrs, "subscripts": tuple(places), "type": type_}


def _here(name: str, axis: Index, node: Node) -> Attrs:
    """A read of an equation that is now one for all positions, at the reader's own."""
    if node.attrs["unit"] != name:
        return node.attrs
    type_ = node.attrs["type"].with_axes({*node.attrs["type"].axes, axis})
    return {**node.attrs, "subscripts": (*node.attrs["subscripts"], Affine.of(axis)), "type": type_}


def _rebuilt(unit: Unit, reading: Callable[[Node], Attrs]) -> Unit:
    """The unit with other attributes of its reads; the types of what follows from them are inferred anew."""
    b = Builder()
    moved: dict[Value, Value] = {}
    for node in unit.nodes:
        assert isinstance(node, Node)
        with b.at(node.span):
            operands = [moved[operand] for operand in node.operands]
            attrs = reading(node) if node.op is READ else node.attrs
            moved[node.result] = b(node.op, *operands, called=node.result.name, **attrs)
    return replace(unit, nodes=tuple(b.nodes), value=moved[unit.value])
