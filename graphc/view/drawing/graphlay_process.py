"""Lays out problems with graphlay: one a line comes in as JSON, its solution goes out.

A program of its own, so that what takes too long can be ended. It imports nothing of this package.
"""

import json
import sys
from itertools import pairwise
from typing import Any

import graphlay

THOROUGH = 250
"""Above so many items places are found in one way only."""

WAYS: list[dict[str, Any]] = [
    {"effort": "fast"},
    {"effort": "balanced", "compaction": {"mode": "priority"}},
    {"effort": "fast", "coords": {"placement": "brandes_koepf"}},
]
"""How places are found: all are tried for small problems, and the smallest drawing is taken. More effort in
all of them finds none that are smaller, and takes half as long again."""
ROUNDS = 4
"""So often a problem is solved anew because a wire goes where numbers are to stand."""

Solution = dict[str, Any]


def solve(problem: dict[str, Any], layer_gap: float, item_gap: float) -> Solution:
    """Centers and ways, of those that are found the smallest with no wire in the room beside an item.

    graphlay leads wires through that room where it has no other way. Then the room becomes a part of the
    item, which wires touch where they did before, and places are found again.
    """
    items, links = problem["items"], [list(link) for link in problem["links"]]
    spacing = {"layer_gap": layer_gap, "node_gap": item_gap, "dummy_gap": 10.0}
    shifts = [0.0] * len(items)
    for _ in range(ROUNDS):
        tried = WAYS[: 1 if len(items) > THOROUGH else None]
        found = [_solved(items, links, {"spacing": spacing, **way}) for way in tried]
        crossed = [_crossed(items, links, solution) for solution in found]
        best = min(range(len(found)), key=lambda n: (len(crossed[n]), found[n]["area"]))
        if not crossed[best]:
            break
        items = list(items)
        for n in crossed[best]:
            along, across, end, before, behind = items[n]
            shifts[n] = (before - behind) / 2
            _hold(n, links, found[best], shifts[n])
            items[n] = (along, before + across + behind, end, 0.0, 0.0)
    centers = [(x, y + by) for (x, y), by in zip(found[best]["centers"], shifts, strict=True)]
    return {"centers": centers, "ways": found[best]["ways"]}


def _crossed(items: list[Any], links: list[Any], solution: Solution) -> list[int]:
    """The items beside which a wire goes through the room that is kept free."""
    roomy = [n for n, (*_, before, behind) in enumerate(items) if before or behind]
    found = []
    for n in roomy:
        (along, across, _, before, behind), (x, y) = items[n], solution["centers"][n]
        rooms = [(y - across / 2 - before, y - across / 2), (y + across / 2, y + across / 2 + behind)]
        sides = [(x - along / 2, x + along / 2, *room) for room in rooms if room[1] - room[0] > 1]
        if any(_goes_through(way, side) for way in solution["ways"] for side in sides):
            found.append(n)
    return found


def _goes_through(way: list[tuple[float, float]], room: tuple[float, float, float, float]) -> bool:
    """Whether a way of upright and level lines has a part inside a rectangle: left, right, top, bottom."""
    left, right, top, bottom = room
    return any(
        min(a, c) < right - 1 and max(a, c) > left + 1 and min(b, d) < bottom - 1 and max(b, d) > top + 1
        for (a, b), (c, d) in pairwise(way)
    )


def _hold(item: int, links: list[Any], solution: Solution, shift: float) -> None:
    """Wires touch an item where they do now, from the middle that it gets with the room beside it."""
    _, middle = solution["centers"][item]
    for link, way in zip(links, solution["ways"], strict=True):
        for end, touched in ((0, way[0]), (1, way[-1])):
            if link[end] == item:
                link[2 + end] = touched[1] - middle + shift


def _solved(items: list[Any], links: list[Any], options: dict[str, Any]) -> Solution:
    nodes = [
        {
            "size": {"width": along, "height": across},
            "shape": "box",
            "key": str(n),
            "rank": end or "free",
            "margin": {"along_neg": 0.0, "along_pos": 0.0, "cross_neg": before, "cross_pos": behind},
        }
        for n, (along, across, end, before, behind) in enumerate(items)
    ]
    edges = []
    for source, target, leaves, enters, weight in links:
        edge: dict[str, Any] = {"source": source, "target": target, "weight": weight}
        if leaves is not None:
            edge["source_port"] = _port("right", leaves, items[source][1])
        if enters is not None:
            edge["target_port"] = _port("left", enters, items[target][1])
        edges.append(edge)
    options |= {"direction": "leftright", "labels": {"reservation": "never"}}
    drawn = graphlay.layout({"nodes": nodes, "edges": edges}, options=options)
    found = drawn.to_dict()
    return {
        "centers": [(node["center"]["x"], node["center"]["y"]) for node in found["nodes"]],
        "ways": [[(p["x"], p["y"]) for p in edge["points"]] for edge in found["edges"]],
        "area": _area(drawn),
    }


def _area(drawing: graphlay.Layout) -> float:
    low, high = drawing.bounds["min"], drawing.bounds["max"]
    return float((high["x"] - low["x"]) * (high["y"] - low["y"]))


def _port(side: str, offset: float, across: float) -> dict[str, Any]:
    return {"offset": {"side": side, "t": max(-1.0, min(1.0, 2 * offset / across)) if across else 0.0}}


for line in sys.stdin:
    print(json.dumps(solve(**json.loads(line))), flush=True)  # noqa: T201 - this is what it is for
