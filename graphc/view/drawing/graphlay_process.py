"""Lays out problems with graphlay: one a line comes in as JSON, its solution goes out.

A program of its own, so that what takes too long can be ended. It imports nothing of this package.
"""

import json
import sys
from typing import Any

import graphlay

THOROUGH = 250
"""Above so many items the order is searched for less long."""

WAYS: list[dict[str, Any]] = [
    {},
    {"compaction": {"mode": "priority"}},
    {"coords": {"placement": "brandes_koepf"}},
]
"""How places are found: all are tried for small problems, and the smallest drawing is taken."""


def solve(problem: dict[str, Any], layer_gap: float, item_gap: float) -> dict[str, Any]:
    nodes = [
        {
            "size": {"width": along, "height": across},
            "shape": "box",
            "key": str(n),
            "rank": end or "free",
            "margin": {"along_neg": 0.0, "along_pos": 0.0, "cross_neg": before, "cross_pos": behind},
        }
        for n, (along, across, end, before, behind) in enumerate(problem["items"])
    ]
    edges = []
    for source, target, leaves, enters in problem["links"]:
        edge: dict[str, Any] = {"source": source, "target": target}
        if leaves is not None:
            edge["source_port"] = _port("right", leaves, problem["items"][source][1])
        if enters is not None:
            edge["target_port"] = _port("left", enters, problem["items"][target][1])
        edges.append(edge)
    options = {
        "direction": "leftright",
        "effort": "balanced" if len(nodes) <= THOROUGH else "fast",
        "spacing": {"layer_gap": layer_gap, "node_gap": item_gap, "dummy_gap": 10.0},
        "labels": {"reservation": "never"},
    }
    has_room = any(before or behind for *_, before, behind in problem["items"])
    # Other ways are better for few large items, but put wires into the room that some have beside them.
    ways = WAYS[:1] if has_room or len(nodes) > THOROUGH else WAYS
    drawn = [graphlay.layout({"nodes": nodes, "edges": edges}, options=options | way) for way in ways]
    found = min(drawn, key=_area).to_dict()
    return {
        "centers": [(node["center"]["x"], node["center"]["y"]) for node in found["nodes"]],
        "ways": [[(p["x"], p["y"]) for p in edge["points"]] for edge in found["edges"]],
    }


def _area(drawing: graphlay.Layout) -> float:
    low, high = drawing.bounds["min"], drawing.bounds["max"]
    return float((high["x"] - low["x"]) * (high["y"] - low["y"]))


def _port(side: str, offset: float, across: float) -> dict[str, Any]:
    return {"offset": {"side": side, "t": max(-1.0, min(1.0, 2 * offset / across)) if across else 0.0}}


for line in sys.stdin:
    print(json.dumps(solve(**json.loads(line))), flush=True)  # noqa: T201 - this is what it is for
