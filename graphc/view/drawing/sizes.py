"""What is written into boxes and onto wires, and how much room it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from graphc.view.drawing import metrics
from graphc.view.drawing.geometry import Flow
from graphc.view.drawing.numbers import brief
from graphc.view.drawing.picture import Box, Picture, Wire

LOOP = 14.0
"""How far a self-loop stands out of its box, in px."""
PORT = 5.0
"""From a wire to the numbers beside it, in px."""


class Size(NamedTuple):
    """Width and height in px of what wires touch, and the room for numbers above it and beside it, on its
    right."""

    width: float
    height: float
    above: float = 0.0
    beside: float = 0.0


def lines(box: Box) -> list[str]:
    """The text in a box."""
    axes = "".join(f" {axis.name}" for axis in box.axes)
    small = box.shape + (f" ×{axes}" if axes else "")
    return [box.title or "=", *([small] if small not in ("", "real") else [])]


def summed(picture: Picture) -> Mapping[str, str]:
    """By box that is used several times: how many summands its cotangent has, and their sum."""
    parts = Counter(wire.source for wire in picture.wires if wire.cotangent is not None)
    return {
        box.id: f"sum of {parts[box.id]}: {brief(box.cotangent)}"
        for box in picture.boxes
        if parts[box.id] > 1 and box.cotangent is not None
    }


def wire_label(picture: Picture, wire: Wire) -> tuple[str, str]:
    """What stands above and below a wire."""
    value = brief(picture.box(wire.source).value)
    above = f"{wire.said}: {value}" if wire.said and value else wire.said or value
    return above, brief(wire.cotangent)


def box_size(box: Box, total: str) -> Size:
    wide, high = metrics.block(lines(box))
    small = metrics.SMALL * metrics.LINE if total else 0.0
    return Size(max(wide, metrics.width(total, metrics.SMALL)) + 16, high + small + 8)


def label_size(above: str, below: str, flow: Flow) -> Size:
    """Numbers on a wire: it goes through between them, or upwards on their left."""
    wide = max(metrics.width(above, metrics.SMALL), metrics.width(below, metrics.SMALL)) + 4
    if flow == "right":
        return Size(wide, metrics.SMALL * metrics.LINE * 2 + 2)
    return Size(2.0, metrics.SMALL * metrics.LINE * (bool(above) + bool(below)) + 2, beside=wide + PORT)


def with_loop(box: Size, label: Size | None, flow: Flow) -> Size:
    """Room for a self-loop: above a box whose wires go to the right, beside one whose wires go up."""
    wide, high = (label.width + label.beside, label.height) if label else (0.0, 0.0)
    if flow == "right":
        return Size(max(box.width, wide), box.height, above=LOOP + high)
    return Size(box.width, max(box.height, high), beside=LOOP + wide)
