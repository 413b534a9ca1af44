"""Where things stand: sizes from texts, positions from a layout library in a process of its own.

A wire's numbers stand on the wire: to the layout they are a small box between its two ends, so that they
never collide with anything.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphc.view.drawing import metrics
from graphc.view.drawing.numbers import brief
from graphc.view.drawing.picture import Box, Picture, Wire

SECONDS = 10.0
"""What a layout may take before a plain one takes its place."""
HEADER = 18.0
"""Room for a frame's label, in px."""
LABELLED = 150
"""Above so many boxes wires carry no numbers: they could not be read."""

MARGIN = 16.0
"""Around the whole drawing, in px."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Rect:
    """`x` and `y` are the left upper corner; y grows downwards, everything in px."""

    x: float
    y: float
    width: float
    height: float

    @property
    def center(self) -> Point:
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True)
class Label:
    """The numbers of a wire: the value above it, the cotangent below it."""

    above: str
    below: str
    rect: Rect


@dataclass(frozen=True)
class Placed:
    """A picture with places: boxes and open frames by key, wires (and their labels) in the picture's
    order."""

    picture: Picture
    boxes: Mapping[str, Rect]
    frames: Mapping[str, Rect]
    wires: Sequence[Sequence[Point]]
    labels: Sequence[Label | None]
    width: float
    height: float
    engine: str


def lines(box: Box) -> list[str]:
    """The text in a box."""
    axes = "".join(f" {axis.name}" for axis in box.axes)
    small = box.shape + (f" ×{axes}" if axes else "")
    return [box.title or "=", *([small] if small not in ("", "real") else [])]


def wire_label(picture: Picture, wire: Wire) -> tuple[str, str]:
    """What stands above and below a wire."""
    value = brief(picture.box(wire.source).value)
    above = f"{wire.said}: {value}" if wire.said and value else wire.said or value
    return above, brief(wire.cotangent)


def lay_out(picture: Picture, *, labels: bool | None = None) -> Placed:
    """Places for all boxes, for the frames around them and for the wires."""
    labelled = len(picture.boxes) <= LABELLED if labels is None else labels
    request = _Request(picture, labelled)
    answer = _graphlay(request.graph)
    return request.placed(answer, "graphlay")


@dataclass
class _Request:
    """A picture as the library wants it: frames and labels are nodes too."""

    picture: Picture
    labelled: bool

    def __post_init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.nodes: list[dict[str, object]] = []
        self.edges: list[dict[str, object]] = []
        self.turned: set[int] = set()
        self.paths: list[list[int]] = []
        self.on: list[tuple[int, str, str] | None] = []
        used = {frame.id for box in self.picture.boxes for frame in self.picture.around(box.frame)}
        for frame in self.picture.frames:
            if frame.id in used:
                self._node(frame.id, metrics.width(frame.label, metrics.SMALL) + 16, HEADER, frame.parent)
        for box in self.picture.boxes:
            wide, high = metrics.block(lines(box))
            self._node(box.id, wide + 16, high + 8, box.frame)
        for wire in self.picture.wires:
            self._wire(wire)
        self.graph = {"nodes": self.nodes, "edges": self.edges}

    def _node(self, key: str, width: float, height: float, parent: str) -> int:
        node: dict[str, object] = {"size": {"width": width, "height": height}, "shape": "box", "key": key}
        if parent:
            node["parent"] = self.numbers[parent]
        self.numbers[key] = len(self.nodes)
        self.nodes.append(node)
        return self.numbers[key]

    def _wire(self, wire: Wire) -> None:
        source, target = self.numbers[wire.source], self.numbers[wire.target]
        above, below = wire_label(self.picture, wire) if self.labelled else (wire.said, "")
        if wire.source == wire.target or not (above or below):
            self.paths.append([self._edge(source, target, wire.is_back)])
            self.on.append(None)
            return
        wide = max(metrics.width(above, metrics.SMALL), metrics.width(below, metrics.SMALL))
        frame = self._common(wire)
        middle = self._node(f"@{len(self.paths)}", wide + 6, metrics.SMALL * metrics.LINE * 2 + 2, frame)
        self.paths.append(
            [self._edge(source, middle, wire.is_back), self._edge(middle, target, wire.is_back)]
        )
        self.on.append((middle, above, below))

    def _common(self, wire: Wire) -> str:
        """The innermost frame that holds both ends."""
        inside = {frame.id for frame in self.picture.around(self.picture.box(wire.source).frame)}
        around = self.picture.around(self.picture.box(wire.target).frame)
        return next((frame.id for frame in around if frame.id in inside), "")

    def _edge(self, source: int, target: int, is_back: bool) -> int:
        """A wire of a recurrence goes against the order of computation: without it, a step is in the order in
        which it is computed."""
        if is_back and source != target:
            source, target = target, source
            self.turned.add(len(self.edges))
        self.edges.append({"source": source, "target": target})
        return len(self.edges) - 1

    def placed(self, answer: Mapping[str, Any], engine: str) -> Placed:
        rects = [_rect(node) for node in answer["nodes"]]
        polylines = [[(p["x"], p["y"]) for p in edge["points"]] for edge in answer["edges"]]
        left = min(min(r.x for r in rects), min((x for p in polylines for x, _ in p), default=0)) - MARGIN
        top = min(min(r.y for r in rects), min((y for p in polylines for _, y in p), default=0)) - MARGIN
        rects = [Rect(r.x - left, r.y - top, r.width, r.height) for r in rects]
        polylines = [[(x - left, y - top) for x, y in points] for points in polylines]
        polylines = [points[::-1] if n in self.turned else points for n, points in enumerate(polylines)]
        named = {key: rects[number] for key, number in self.numbers.items()}
        right = max(max(r.x + r.width for r in rects), max((x for p in polylines for x, _ in p), default=0))
        bottom = max(max(r.y + r.height for r in rects), max((y for p in polylines for _, y in p), default=0))
        return Placed(
            self.picture,
            {box.id: named[box.id] for box in self.picture.boxes},
            {frame.id: named[frame.id] for frame in self.picture.frames if frame.id in named},
            [[point for number in path for point in polylines[number]] for path in self.paths],
            [Label(on[1], on[2], rects[on[0]]) if on else None for on in self.on],
            right + MARGIN,
            bottom + MARGIN,
            engine,
        )


def _rect(node: Mapping[str, Any]) -> Rect:
    w, h = node["size"]["width"], node["size"]["height"]
    return Rect(node["center"]["x"] - w / 2, node["center"]["y"] - h / 2, w, h)


_WORKER = """
import graphlay, json, sys
request = json.load(sys.stdin)
json.dump(graphlay.layout(request["graph"], options=request["options"]).to_dict(), sys.stdout)
"""

_OPTIONS = {
    "spacing": {
        "layer_gap": 26.0,
        "node_gap": 18.0,
        "dummy_gap": 14.0,
        "compound_header": HEADER,
        "compound_padding": 10.0,
    }
}


def _graphlay(graph: Mapping[str, object]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", _WORKER],
        input=json.dumps({"graph": graph, "options": _OPTIONS}),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
