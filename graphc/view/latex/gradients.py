"""The gradients of a whole spec: for each name, the sum of what its uses give back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import networkx as nx

from graphc.ir.system import System, Unit
from graphc.types import BATCH, Affine, Index
from graphc.view.latex.adjoint import Derived, Named, derived
from graphc.view.latex.aliases import aliases
from graphc.view.latex.cleaning import Aliases
from graphc.view.latex.shortcuts import softmax_shortcuts
from graphc.view.latex.summands import Sum, Summand, merged, summand
from graphc.view.latex.terms import REF


@dataclass(frozen=True)
class Gradients:
    """Formulas of the forward pass, and `steps` of the backward pass, from the loss to the parameters.

    `seed` is the name whose cotangent is 1, None for a forward pass alone. With `couples` an equation goes
    through the examples, and the formulas are those of a whole batch, in which each example of the seed has
    the cotangent 1 / B; else they are for one example.
    """

    seed: str | None
    couples: bool
    derived: Sequence[Derived]
    steps: Sequence[Sum | Named]
    short: Mapping[str, Summand]
    """Shorter forms of some cotangents, by name, at the positions where these are not zero."""

    @property
    def named(self) -> list[Named]:
        return [named for found in self.derived for named in found.named]


def gradients(system: System, seed: str | None, units: Iterable[str], wanted: Iterable[str]) -> Gradients:
    """The derived equations for everything between the `wanted` leaves and the unit `seed`.

    `units` are the names of those that `seed` needs, in the order in which they are written.
    """
    chosen = [system.units[name] for name in units]
    instead = aliases(system, chosen, seed)
    chosen = [unit for unit in chosen if unit.name not in instead]
    active = _active(system, chosen, wanted, instead)
    return _Gathering(system, seed, chosen, active, instead).gradients()


def _active(system: System, units: Sequence[Unit], wanted: Iterable[str], aliases: Aliases) -> frozenset[str]:
    """The names whose values depend on the wanted leaves."""
    found = set(wanted)
    while True:
        more = {
            _owner(unit)
            for unit in units
            if _owner(unit) not in found
            and any(_of(system, node.attrs["unit"], aliases) in found for node in unit.reads())
        }
        if not more:
            return frozenset(found)
        found |= more


def _owner(unit: Unit) -> str:
    return unit.place.of if unit.place else unit.name


def _of(system: System, name: str, aliases: Aliases) -> str:
    """The name that a read is one of."""
    name = _owner(system.units[name]) if name in system.units else name
    alias = aliases.get(name)
    return name if alias is None or alias.op != REF else str(alias.attr("name"))


def _reached(seed: str | None, found: Sequence[Derived]) -> set[str]:
    """The names that something comes back to from the seed: a `stop_gradient` may stand in between."""
    graph = nx.DiGraph((_owner(each.unit), use.name) for each in found for use in each.uses)
    return {seed, *nx.descendants(graph, seed)} if seed is not None and seed in graph else set()


@dataclass
class _Gathering:
    system: System
    seed: str | None
    units: Sequence[Unit]
    active: frozenset[str]
    aliases: Aliases
    summands: dict[str, list[Summand]] = field(default_factory=dict)

    def gradients(self) -> Gradients:
        values = [derived(self.system, unit, lambda name: False).value for unit in self.units]
        couples = any(BATCH in part.bound for value in values for part in value.walk())
        found = [self._derived(unit, self.active, couples) for unit in self.units]
        reached = _reached(self.seed, found)
        found = [
            each if _owner(each.unit) in reached else self._derived(each.unit, frozenset(), couples)
            for each in found
        ]
        for each in reversed(found):
            for use in each.uses:
                part = summand(self.system, self.units, each.unit, use)
                self.summands.setdefault(use.name, []).append(part)
        steps: list[Sum | Named] = []
        done = {str(self.seed)}
        for each in reversed(found):
            if (name := _owner(each.unit)) not in done:
                done.add(name)
                steps += self._sums(name)
            steps += [named for named in reversed(each.named) if named.cotangent is not None]
        for name in self.system.leaves:
            steps += self._sums(name)
        return Gradients(self.seed, couples, found, steps, softmax_shortcuts(found, steps))

    def _derived(self, unit: Unit, active: frozenset[str], couples: bool) -> Derived:
        is_seed = unit.name == self.seed and not couples
        return derived(self.system, unit, active.__contains__, is_seed=is_seed, aliases=self.aliases)

    def _sums(self, name: str) -> Iterator[Sum]:
        """The equation of a name, after those of single positions that are read alone."""
        summands = self.summands.get(name, ())
        indices = self.system.indices(name)
        general = merged(summand for summand in summands if not summand.fixed)
        places = list(dict.fromkeys(summand.fixed for summand in summands if summand.fixed))
        places += [place for place in self._boundaries(name) if place not in places]
        for place in places:
            at = dict(place)
            parts = merged(part for summand in summands if (part := summand.at(at)) is not None)
            if parts:
                yield Sum(name, tuple(at.get(i, Affine.of(i)) for i in indices), parts)
        is_unused = name in self.system.leaves and name in self.active and not summands
        if general or is_unused:
            yield Sum(
                name, tuple(map(Affine.of, indices)), general, tuple(p[0] for p in places if len(p) == 1)
            )

    def _boundaries(self, name: str) -> Iterator[tuple[tuple[Index, Affine], ...]]:
        """Positions of boundary equations through which something wanted is reached."""
        for unit in self.units:
            reads = (_of(self.system, node.attrs["unit"], self.aliases) for node in unit.reads())
            if unit.place and unit.place.of == name and any(read in self.active for read in reads):
                yield unit.place.positions
