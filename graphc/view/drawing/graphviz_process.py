"""Lays out problems with Graphviz (pygraphviz): one a line comes in as JSON, its solution goes out.

A program of its own, so that what takes too long can be ended. It imports nothing of this package.
"""

import json
import sys
from typing import Any

import pygraphviz

INCH = 72.0
"""Points in an inch: Graphviz gives places in points and takes sizes in inches."""


def solve(problem: dict[str, Any], layer_gap: float, item_gap: float) -> dict[str, Any]:
    graph = pygraphviz.AGraph(directed=True, strict=False)
    graph.graph_attr.update(
        rankdir="LR", splines="polyline", nodesep=item_gap / INCH, ranksep=layer_gap / INCH
    )
    ends: dict[str, list[int]] = {"first": [], "last": []}
    for n, (along, across, end, before, behind) in enumerate(problem["items"]):
        graph.add_node(
            n,
            shape="box",
            fixedsize=True,
            label="",
            width=along / INCH,
            height=max(across + 2 * max(before, behind), 1) / INCH,
        )
        ends.get(end, []).append(n)
    for n, (source, target, _, _, weight) in enumerate(problem["links"]):
        graph.add_edge(source, target, key=str(n), arrowhead="none", weight=round(weight))
    for end, rank in (("first", "source"), ("last", "sink")):
        if ends[end]:
            graph.add_subgraph(ends[end], rank=rank)
    graph.layout("dot")
    centers = [_point(graph.get_node(n).attr["pos"]) for n in range(len(problem["items"]))]
    ways = []
    for n, (source, target, leaves, enters, _) in enumerate(problem["links"]):
        spline = [_point(p) for p in graph.get_edge(source, target, key=str(n)).attr["pos"].split()]
        way = spline[::3]  # a polyline is a spline whose every third point is a corner
        ways.append(_through_ports(way, problem["items"], centers, (source, leaves), (target, enters)))
    return {"centers": centers, "ways": ways}


def _through_ports(
    way: list[tuple[float, float]],
    items: list[tuple[float, float, str, float, float]],
    centers: list[tuple[float, float]],
    source: tuple[int, float | None],
    target: tuple[int, float | None],
) -> list[tuple[float, float]]:
    """The way with its ends where they are wanted: Graphviz lets plain boxes be touched anywhere."""
    start, end = way[0], way[-1]
    if source[1] is not None:
        start = (centers[source[0]][0] + items[source[0]][0] / 2, centers[source[0]][1] + source[1])
    if target[1] is not None:
        end = (centers[target[0]][0] - items[target[0]][0] / 2, centers[target[0]][1] + target[1])
    return [start, *way[1:-1], end]


def _point(text: str) -> tuple[float, float]:
    """Graphviz's y grows upwards."""
    x, y = text.removeprefix("e,").removeprefix("s,").split(",")
    return float(x), -float(y)


for line in sys.stdin:
    print(json.dumps(solve(**json.loads(line))), flush=True)  # noqa: T201 - this is what it is for
