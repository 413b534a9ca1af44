"""Lays out problems with graphlay: one a line comes in as JSON, its solution goes out.

A program of its own, so that what takes too long can be ended. It imports nothing of this package.
"""

import json
import sys
from typing import Any

import graphlay

THOROUGH = 250
"""Above so many items the order is searched for less long."""


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
    has_room = any(before or behind for *_, before, behind in problem["items"])
    options = {
        "direction": "leftright",
        "effort": "balanced" if len(nodes) <= THOROUGH else "fast",
        "spacing": {"layer_gap": layer_gap, "node_gap": item_gap, "dummy_gap": 10.0},
        # Compaction is better for few large items, but puts wires into the room that is kept free beside some.
        "compaction": {"mode": "none" if has_room else "priority"},
        "labels": {"reservation": "never"},
    }
    found = graphlay.layout({"nodes": nodes, "edges": edges}, options=options).to_dict()
    return {
        "centers": [(node["center"]["x"], node["center"]["y"]) for node in found["nodes"]],
        "ways": [[(p["x"], p["y"]) for p in edge["points"]] for edge in found["edges"]],
    }


def _port(side: str, offset: float, across: float) -> dict[str, Any]:
    return {"offset": {"side": side, "t": max(-1.0, min(1.0, 2 * offset / across)) if across else 0.0}}


for line in sys.stdin:
    print(json.dumps(solve(**json.loads(line))), flush=True)  # noqa: T201 - this is what it is for
