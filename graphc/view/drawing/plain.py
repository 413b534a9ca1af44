"""The layout that always works: layers by longest paths, ordered by barycenters, in linear time.

The steps are those of Sugiyama, Tagawa and Toda, *Methods for visual understanding of hierarchical system
structures* (1981). Within a layer the places that are wanted are made to keep their distances by isotonic
regression (pool adjacent violators: Ayer et al. 1955).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import networkx as nx

from graphc.view.drawing.layered import ITEM_GAP, LAYER_GAP, Item, Point, Problem, Solution

SWEEPS = 6
"""Through all layers, forwards and backwards."""
CROSSED = 30
"""A link that crosses more layers goes straight: a place for it in each of them would not be linear."""
_THIN = 6.0
"""The room that a link has in a layer that it crosses, in px."""


def plain(problem: Problem) -> Solution:
    """Layers, an order in each, and straight lines between them."""
    return _Layering(problem).solution() if problem.items else Solution([], [])


@dataclass
class _Layering:
    problem: Problem
    ranks: list[int] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    """The problem's, and behind them those that stand for links in the layers that they cross."""
    chains: list[list[int]] = field(default_factory=list)
    """Of each link: the items that it leads through, in the direction of the layers."""
    turned: list[bool] = field(default_factory=list)

    def solution(self) -> Solution:
        self._rank()
        self._cross()
        layers = self._ordered()
        across = self._across(layers)
        along, edges = self._along(layers)
        centers = [(along[self.ranks[n]], across[n]) for n in range(len(self.problem.items))]
        return Solution(centers, [self._way(n, across, edges) for n in range(len(self.problem.links))])

    # ------------------------------------------------------------------------------------- layers

    def _rank(self) -> None:
        """The longest path from a source; a source itself stands next to its first user."""
        items, links = self.problem.items, self.problem.links
        graph = nx.DiGraph((link.source, link.target) for link in links)
        graph.add_nodes_from(range(len(items)))
        loop = {n: k for k, part in enumerate(nx.strongly_connected_components(graph)) for n in part}
        # In a loop the order of computation says which links go back; without those there is none.
        self.turned = [link.source > link.target and loop[link.source] == loop[link.target] for link in links]
        forward = nx.DiGraph()
        forward.add_nodes_from(range(len(items)))
        forward.add_edges_from(
            (link.target, link.source) if turned else (link.source, link.target)
            for link, turned in zip(links, self.turned, strict=True)
            if link.source != link.target
        )
        self.ranks = [0] * len(items)
        order = list(nx.topological_sort(forward))
        for n in order:
            self.ranks[n] = max((self.ranks[p] + 1 for p in forward.predecessors(n)), default=0)
        for n in order:
            if not forward.in_degree(n) and items[n].end != "first":
                self.ranks[n] = min((self.ranks[s] - 1 for s in forward.successors(n)), default=0)
        last = max(self.ranks, default=0) + any(item.end == "last" for item in items)
        self.ranks = [last if items[n].end == "last" else rank for n, rank in enumerate(self.ranks)]

    def _cross(self) -> None:
        self.items = list(self.problem.items)
        for link, turned in zip(self.problem.links, self.turned, strict=True):
            start, end = (link.target, link.source) if turned else (link.source, link.target)
            # One that goes back turns round beside both of its ends.
            between = range(self.ranks[start] + (not turned), self.ranks[end] + turned)
            added = range(len(self.items), len(self.items) + len(between) * (len(between) <= CROSSED))
            self.items += [Item(0, _THIN)] * len(added)
            self.ranks += between[: len(added)]
            self.chains.append([start, *added, end])

    def _ordered(self) -> list[list[int]]:
        """Items by layer, each near the mean place of those that it is linked with."""
        layers: list[list[int]] = [[] for _ in range(max(self.ranks, default=0) + 1)]
        for n, rank in enumerate(self.ranks):
            layers[rank].append(n)
        before, behind = self._neighbours()
        for sweep in range(SWEEPS):
            near, rows = (before, layers) if sweep % 2 == 0 else (behind, layers[::-1])
            place = {n: k / len(layer) for layer in layers for k, n in enumerate(layer)}
            for row in rows:
                row.sort(key=lambda n: _mean([place[m] for m in near[n]], place[n]))
                place.update({n: (k + 0.5) / len(row) for k, n in enumerate(row)})
        return layers

    def _neighbours(self) -> tuple[list[list[int]], list[list[int]]]:
        before: list[list[int]] = [[] for _ in self.items]
        behind: list[list[int]] = [[] for _ in self.items]
        for chain in self.chains:
            for one, other in pairwise(chain):
                behind[one].append(other)
                before[other].append(one)
        return before, behind

    # ------------------------------------------------------------------------------------- places

    def _port(self, number: int, end: int) -> float:
        """Where a link touches the item at an end of its chain."""
        link = self.problem.links[number]
        at_source = (end == 0) != self.turned[number]
        return (link.leaves if at_source else link.enters) or 0.0

    def _across(self, layers: Sequence[Sequence[int]]) -> list[float]:
        across = [0.0] * len(self.items)
        pulls: list[list[tuple[int, float]]] = [[] for _ in self.items]
        for link, chain in zip(self.problem.links, self.chains, strict=True):
            for one, other in pairwise(chain):
                pulls[one].append((other, link.weight))
                pulls[other].append((one, link.weight))
        firm = [max((weight for _, weight in pulled), default=1.0) for pulled in pulls]
        for sweep in range(SWEEPS):
            for layer in layers if sweep % 2 == 0 else layers[::-1]:
                wanted = [_pulled(pulls[n], across) if pulls[n] else across[n] for n in layer]
                items, weights = [self.items[n] for n in layer], [firm[n] for n in layer]
                for n, place in zip(layer, _apart(wanted, items, weights), strict=True):
                    across[n] = place
        return across

    def _along(self, layers: Sequence[Sequence[int]]) -> tuple[list[float], list[tuple[float, float]]]:
        """The middle of each layer, and its two borders."""
        centers, edges, at = [], [], 0.0
        for layer in layers:
            size = max((self.items[n].along for n in layer), default=0.0)
            centers.append(at + size / 2)
            edges.append((at, at + size))
            at += size + LAYER_GAP
        return centers, edges

    def _way(self, number: int, across: Sequence[float], edges: Sequence[tuple[float, float]]) -> list[Point]:
        chain = self.chains[number]
        way: list[Point] = []
        for n in chain[1:-1]:
            start, end = edges[self.ranks[n]]
            way += [(start, across[n]), (end, across[n])]
        is_back = self.turned[number]
        out = self._end(number, 0, across, edges, is_exit=not is_back)
        into = self._end(number, -1, across, edges, is_exit=is_back)
        way = [*out, *way, *into[::-1]]
        return way[::-1] if is_back else way

    def _end(
        self,
        number: int,
        end: int,
        across: Sequence[float],
        edges: Sequence[tuple[float, float]],
        *,
        is_exit: bool,
    ) -> list[Point]:
        """From an end of a link straight on through the rest of its layer, in which larger items may stand,
        and round to where the link goes if that is back."""
        item = self.chains[number][end]
        low, high = edges[self.ranks[item]]
        side = 1 if is_exit else -1
        touched = (low + high + side * self.items[item].along) / 2
        border = high if is_exit else low
        y = across[item] + self._port(number, end)
        way = [(touched, y), (border, y)]
        if self.turned[number] and len(self.chains[number]) > 2:
            turn = border + side * LAYER_GAP * (1 + number % 3) / 4
            way += [(turn, y), (turn, across[self.chains[number][1 if end == 0 else -2]])]
        return way


def _mean(numbers: Sequence[float], default: float) -> float:
    return sum(numbers) / len(numbers) if numbers else default


def _pulled(pulls: Sequence[tuple[int, float]], across: Sequence[float]) -> float:
    """The mean place of what an item is linked with, by the weights of the links."""
    return sum(across[n] * weight for n, weight in pulls) / sum(weight for _, weight in pulls)


def _apart(wanted: Sequence[float], items: Sequence[Item], weights: Sequence[float]) -> list[float]:
    """The places nearest to those wanted (weighted least squares) at which items in this order do not
    overlap."""
    shifts = [0.0]
    for one, other in pairwise(items):
        shifts.append(shifts[-1] + one.across / 2 + one.behind + other.before + other.across / 2 + ITEM_GAP)
    pools: list[tuple[float, float, int]] = []
    for place, shift, weight in zip(wanted, shifts, weights, strict=False):
        total, heavy, count = (place - shift) * weight, weight, 1
        while pools and pools[-1][0] / pools[-1][1] > total / heavy:
            more, weights_of, many = pools.pop()
            total, heavy, count = total + more, heavy + weights_of, count + many
        pools.append((total, heavy, count))
    level = [total / heavy for total, heavy, count in pools for _ in range(count)]
    return [place + shift for place, shift in zip(level, shifts, strict=True)]
