"""What of a program nobody asked for: names that do not lead to a loss, an output, a report or a check."""

from __future__ import annotations

from collections.abc import Iterable

import networkx as nx

from graphc.ir.system import System


def whole_graph(system: System) -> nx.MultiDiGraph:
    """All names as nodes, leaves first, and an edge for each read, from what is read to who reads it."""
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(system.leaves)
    graph.add_nodes_from(system.units)
    for unit in system.units.values():
        for node in unit.reads():
            graph.add_edge(node.attrs["unit"], unit.name, node=node)
    return graph


def needed(system: System, asked: Iterable[str]) -> set[str]:
    """The names that have been asked for, and all that they are computed from."""
    graph = whole_graph(system)
    return leading_to(graph, (name for name in asked if name in graph))


def leading_to(graph: nx.MultiDiGraph, names: Iterable[str]) -> set[str]:
    """The names and all their ancestors, in one search, as there may be as many names as there are nodes."""
    layers = nx.bfs_layers(graph.reverse(copy=False), set(names))
    return {name for layer in layers for name in layer}


def readers(system: System, name: str) -> list[str]:
    """Who reads a name directly, in the order of the file."""
    graph = whole_graph(system)
    wanted = set(graph.successors(name)) if name in graph else set()
    return [unit for unit in system.units if unit in wanted]
