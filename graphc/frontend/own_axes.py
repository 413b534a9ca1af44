"""Equations under the names of their axes: `t` for a bound `t'` that stands for it, where nothing else is.

A layer that is called inside an equation over `t` runs over an index of its own. Causality is judged axis by
axis, so that equations which depend on each other in a cycle have to bear the name that they share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from graphc.ir.graph import Node, Value
from graphc.ir.system import Place, Unit
from graphc.types import Affine, Index, Length, TensorType


def with_own_axes(units: Mapping[str, Unit]) -> dict[str, Unit]:
    """The units of a system, each over the axes themselves where that is clear. Values stay what they are."""
    families: dict[str, list[Unit]] = {}
    for unit in units.values():
        families.setdefault(unit.place.of if unit.place else unit.name, []).append(unit)
    found: dict[str, Unit] = {}
    for family in families.values():
        for index in dict.fromkeys(i for unit in family for i in unit.indices):
            plain = Index.full(index.name.rstrip("'"), index.length)
            taken = {other.name for unit in family for other in _mentioned(unit)}
            if index.is_full and plain.name not in taken:
                family = [_Renaming(index, plain).unit(unit) for unit in family]
        found.update((unit.name, unit) for unit in family)
    return {name: found[name] for name in units}


def _mentioned(unit: Unit) -> Iterator[Index]:
    """All indices of an equation, its own and those that it binds."""
    yield from unit.indices
    if unit.place is not None:
        yield from (index for index, _ in unit.place.positions)
    for node in unit.nodes:
        assert isinstance(node, Node)
        yield from node.result.type.axes
        yield from _indices(node.attrs.values())


def _indices(values: Iterable[Any]) -> Iterator[Index]:
    for value in values:
        if isinstance(value, Index):
            yield value
            yield from value.dependencies
        elif isinstance(value, Affine):
            yield from (symbol for symbol, _ in value.terms if isinstance(symbol, Index))
        elif isinstance(value, TensorType):
            yield from value.axes
        elif isinstance(value, tuple | frozenset):
            yield from _indices(value)


class _Renaming:
    """One index under another name, in all that speaks of it."""

    def __init__(self, old: Index, new: Index) -> None:
        self.old, self.new = old, new

    def unit(self, unit: Unit) -> Unit:
        values: dict[Value, Value] = {}
        nodes = []
        for node in unit.nodes:
            assert isinstance(node, Node)
            values[node.result] = Value(self.of(node.result.type), node.result.name)
            attrs = {key: self.of(value) for key, value in node.attrs.items()}
            operands = tuple(values[operand] for operand in node.operands)
            nodes.append(replace(node, operands=operands, attrs=attrs, result=values[node.result]))
        place = unit.place and Place(unit.place.of, self.of(unit.place.positions))
        indices = self.of(unit.indices)
        return replace(unit, indices=indices, nodes=tuple(nodes), value=values[unit.value], place=place)

    def of(self, value: Any) -> Any:
        """A type, an attribute, or a part of one."""
        if isinstance(value, Index):
            if value == self.old:
                return self.new
            return replace(value, lo=self.of(value.lo), hi=self.of(value.hi))
        if isinstance(value, Affine):
            for symbol, _ in value.terms:
                if not isinstance(symbol, Length):
                    value = value.substitute(symbol, Affine.of(self.of(symbol)))
            return value
        if isinstance(value, TensorType):
            return value.with_axes(map(self.of, value.axes))
        if isinstance(value, tuple):
            return tuple(map(self.of, value))
        if isinstance(value, frozenset):
            return frozenset(map(self.of, value))
        return value
