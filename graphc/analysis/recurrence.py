"""Order and recurrences: which equations can be computed at once, and which need a loop, along which axis.

The dependence graph has a node for each unit and an edge for each read, from what is read to who reads. A
strongly connected component is a recurrence. It is legal if along some axis all its distances have one sign
and not all are zero: a loop over that axis carries the edges of nonzero distance, and what is left inside is
planned in the same way.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import networkx as nx

from graphc.analysis.intervals import Interval, distance
from graphc.analysis.usage import leading_to
from graphc.diagnostics import GraphcError, Label, fault
from graphc.ir.graph import Node
from graphc.ir.system import System
from graphc.types import Affine, Index

CAUSALITY = frozenset({"E302", "E303", "E316"})
"""Codes of the faults that `plan` finds."""


@dataclass(frozen=True, eq=False)
class Read:
    """An edge: `reader` reads `unit` at the subscripts of `node`."""

    unit: str
    reader: str
    node: Node

    def distance(self, system: System, index: Index) -> Interval:
        """How many steps of `index` back the read reaches."""
        place = system.indices(self.unit).index(index)
        subscript = self.node.attrs["subscripts"][place]
        return distance(index, subscript if isinstance(subscript, Affine) else None)


@dataclass(frozen=True, eq=False)
class Single:
    """One unit, computed for all of its index space at once."""

    unit: str


@dataclass(frozen=True, eq=False)
class Recurrence:
    """A loop over `index`: `steps` are done for each position, carrying what `members` were at others."""

    index: Index
    reverse: bool
    members: frozenset[str]
    steps: tuple[Step, ...]


Step = Single | Recurrence


def dependence_graph(system: System) -> nx.MultiDiGraph:
    """Units as nodes in the order of the file, reads as edges (data `read`)."""
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(system.units)
    for unit in system.units.values():
        for node in unit.reads():
            if node.attrs["unit"] in system.units:
                read = Read(node.attrs["unit"], unit.name, node)
                graph.add_edge(read.unit, read.reader, read=read)
    return graph


def plan(system: System, wanted: Iterable[str], *, generating: bool = False) -> tuple[Step, ...]:
    """What to compute for the `wanted` units, in order.

    Raises E302 for a cycle without a lag, E303 for lags and leads in one cycle, E316 for a generation that
    looks into the future.
    """
    graph = dependence_graph(system)
    needed = graph.subgraph(leading_to(graph, wanted)).copy()
    order = {name: number for number, name in enumerate(system.units)}
    faults: list[GraphcError] = []
    steps = tuple(_steps(system, needed, order, frozenset(), faults, generating))
    if faults:
        raise GraphcError([d for error in faults for d in error.diagnostics])
    return steps


def _steps(
    system: System,
    graph: nx.MultiDiGraph,
    order: dict[str, int],
    looped: frozenset[Index],
    faults: list[GraphcError],
    generating: bool,
) -> Iterator[Step]:
    condensed = nx.condensation(graph)
    first = {c: min(order[n] for n in data["members"]) for c, data in condensed.nodes(data=True)}
    for component in nx.lexicographical_topological_sort(condensed, key=first.__getitem__):
        members = condensed.nodes[component]["members"]
        inner = graph.subgraph(members)
        if inner.number_of_edges() == 0:
            yield Single(next(iter(members)))
            continue
        found = _carrying(system, inner, members, looped)
        if found is None:
            faults.append(_causality_fault(system, inner, members, looped, generating))
            yield from (Single(name) for name in sorted(members, key=order.__getitem__))
            continue
        index, reverse = found
        rest = nx.MultiDiGraph()
        rest.add_nodes_from(members)
        for a, b, data in inner.edges(data=True):
            gap = data["read"].distance(system, index)
            if not (gap.strictly_backward if reverse else gap.strictly_forward):
                rest.add_edge(a, b, **data)
        steps = tuple(_steps(system, rest, order, looped | {index}, faults, generating))
        yield Recurrence(index, reverse, frozenset(members), steps)


def _shared(system: System, members: Collection[str], looped: frozenset[Index]) -> list[Index]:
    """The indices that every member has. Fixed ones (depth) come first, so that a layer's work on its whole
    input can leave the loop over time inside it."""
    common = set.intersection(*(set(system.units[name].indices) for name in members)) - looped
    return sorted(common, key=lambda i: (not i.length.is_fixed, i.name))


def _reads(graph: nx.MultiDiGraph) -> list[Read]:
    return [data["read"] for _, _, data in graph.edges(data=True)]


def _carrying(
    system: System, graph: nx.MultiDiGraph, members: Collection[str], looped: frozenset[Index]
) -> tuple[Index, bool] | None:
    for index in _shared(system, members, looped):
        gaps = [read.distance(system, index) for read in _reads(graph)]
        if all(g.forward for g in gaps) and any(g.strictly_forward for g in gaps):
            return index, False
        if all(g.backward for g in gaps) and any(g.strictly_backward for g in gaps):
            return index, True
    return None


def _causality_fault(
    system: System,
    graph: nx.MultiDiGraph,
    members: Collection[str],
    looped: frozenset[Index],
    generating: bool,
) -> GraphcError:
    for index in _shared(system, members, looped):
        reads = _reads(graph)
        gaps = [(read, read.distance(system, index)) for read in reads]
        back = [read for read, gap in gaps if gap.lo is None or gap.lo < 0]
        forth = [read for read, gap in gaps if gap.hi is None or gap.hi > 0]
        if back and forth:
            return _mixed(index, back[0], forth[0], graph, generating)
    cycle = shortest_cycle(_same_step(system, graph, looped))
    places = [(read.node.span, f"`{_shown(read.reader)}` needs this") for read in cycle if read.node.span]
    names = [_shown(read.reader) for read in cycle]
    # A long cycle is shown by its two ends.
    chain = " -> ".join([*(names if len(names) <= 8 else [*names[:4], "...", *names[-3:]]), names[0]])
    axes = _shared(system, members, frozenset())
    return fault(
        "E302",
        f"a cycle without a lag: {chain}",
        places[0][0] if places else None,
        note=places[0][1] if len(places) > 1 else "",
        labels=[Label(span, text) for span, text in places[1:8]],
        help=f"one of them must read an earlier step: `[{axes[0].name}-1]`"
        if axes
        else "a name can depend on itself only step by step, along an axis",
    )


def _mixed(index: Index, lead: Read, lag: Read, graph: nx.MultiDiGraph, generating: bool) -> GraphcError:
    names = ", ".join(f"`{_shown(name)}`" for name in sorted(graph.nodes))
    labels = []
    if lag.node.span and lag.node.span != lead.node.span:
        labels = [Label(lag.node.span, f"this reads an earlier `{index.name}`")]
    if generating:
        return fault(
            "E316",
            f"cannot generate: `{_shown(lead.reader)}` looks at later `{index.name}` than are drawn yet",
            lead.node.span,
            note=f"the cycle runs through {names}",
            help="generation needs a model that reads the past only (no leads, no `softmax[t]` over all)",
        )
    return fault(
        "E303",
        f"lags and leads along `{index.name}` in one cycle: {names}",
        lead.node.span,
        note=f"this reads a later `{index.name}`, or any",
        labels=labels,
        help="two directions need two recurrences of their own, as in a bidirectional network",
    )


def _same_step(system: System, graph: nx.MultiDiGraph, looped: frozenset[Index]) -> nx.MultiDiGraph:
    """The graph without reads of another step, if there is a cycle without them."""
    rest = nx.MultiDiGraph()
    rest.add_nodes_from(graph)
    for a, b, data in graph.edges(data=True):
        both = set(system.units[a].indices) & set(system.units[b].indices) - looped
        gaps = [data["read"].distance(system, index) for index in both]
        if not any(gap.strictly_forward or gap.strictly_backward for gap in gaps):
            rest.add_edge(a, b, **data)
    return graph if nx.is_directed_acyclic_graph(rest) else rest


def shortest_cycle(graph: nx.MultiDiGraph) -> Sequence[Read]:
    """A shortest cycle's reads, each read by the reader of the next one's unit."""
    best: list[Read] = []
    for a, b, data in sorted(graph.edges(data=True), key=lambda e: (e[0], e[1])):
        if a == b:
            return [data["read"]]
        try:
            path = nx.shortest_path(graph, b, a)
        except nx.NetworkXNoPath:
            continue
        if not best or len(path) < len(best):
            reads = [graph.get_edge_data(p, q)[0]["read"] for p, q in itertools.pairwise(path)]
            best = [data["read"], *reads]
    return [*reversed(best)]


def _shown(name: str) -> str:
    return name.split("@")[0] if "@" in name else name


def recurrences(steps: Iterable[Step]) -> Iterator[Recurrence]:
    """All loops of a plan, outer before inner."""
    for step in steps:
        if isinstance(step, Recurrence):
            yield step
            yield from recurrences(step.steps)
