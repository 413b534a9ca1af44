"""What stands below a drawing: what its shapes and colours mean, and what was left out of it."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from graphc.view.drawing import metrics
from graphc.view.drawing.geometry import Placed, Rect
from graphc.view.drawing.numbers import number
from graphc.view.drawing.outlines import outline
from graphc.view.drawing.widths import NARROW, WIDEST, Widths

ROLES = {
    "input": "input",
    "param": "parameter",
    "state": "state",
    "operation": "operation",
    "output": "output",
    "loss": "loss",
}
LINE = 20.0
"""Height of a line, in px."""
LEFT = 16.0
"""From the drawing's border, in px."""


@dataclass(frozen=True)
class Legend:
    """Elements at their places below a drawing, and the room that they take."""

    elements: list[ET.Element]
    width: float
    height: float


def legend(placed: Placed, widths: Widths | None) -> Legend:
    """One line of samples, and a line for each note."""
    row = _Row(placed.height + LINE / 2)
    present = {part.role for box in placed.picture.boxes for part in (box, *box.chips)}
    for role, name in ROLES.items():
        if role in present:
            row.sample(f"box {role}", outline(role, Rect(row.x, row.y - 6, 18, 12)), 18, name)
    if any(box.copies and box.role == "operation" for box in placed.picture.boxes):
        row.sample(
            "box operation left",
            outline("operation", Rect(row.x, row.y - 6, 18, 12)),
            18,
            "left by an earlier phase",
        )
    if any(box.marks for box in placed.picture.boxes):
        row.sample(
            "memory piece0",
            outline("operation", Rect(row.x, row.y - 6, 12, 12), 3.0),
            12,
            "a letter for each piece of memory that is shared",
        )
    if any(wire.is_back for wire in placed.picture.wires):
        row.sample("", _line(row.x, row.y, "wire back"), 24, "from an earlier step")
    if any(label and label.below for label in placed.labels):
        row.text("value", "value")
        row.text("cotangent", "cotangent")
    if widths is not None and widths.least is not None and widths.most is not None:
        for width, size in ((NARROW, widths.least), (WIDEST, widths.most)):
            line = _line(row.x, row.y, "wire wide")
            line.set("stroke-width", str(width))
            row.sample("", line, 24, f"norm of the gradient {number(size)}")
    width = row.x
    for note in (*placed.picture.notes, *placed.notes):
        row.line()
        row.text("note", note)
        width = max(width, row.x)
    return Legend(row.elements, width + LEFT, row.y + LINE / 2 - placed.height + 6)


class _Row:
    """Samples and texts, put one behind the other."""

    def __init__(self, y: float) -> None:
        self.x, self.y = LEFT, y
        self.elements: list[ET.Element] = []

    def sample(self, kind: str, element: ET.Element, width: float, name: str) -> None:
        group = ET.Element("g", {"class": f"legend {kind}".strip()})
        group.append(element)
        self.elements.append(group)
        self.x += width + 5
        self.text("note", name)

    def text(self, kind: str, text: str) -> None:
        place = {"class": f"legend-text {kind}", "x": f"{self.x:.1f}", "y": f"{self.y + 3.6:.1f}"}
        element = ET.Element("text", place)
        element.text = text
        self.elements.append(element)
        self.x += metrics.width(text, metrics.SMALL) + 14

    def line(self) -> None:
        self.x, self.y = LEFT, self.y + LINE


def _line(x: float, y: float, kind: str) -> ET.Element:
    return ET.Element("path", {"class": kind, "d": f"M{x:.1f} {y:.1f}h24"})
