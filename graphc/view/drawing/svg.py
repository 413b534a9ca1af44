"""A laid-out picture as SVG: boxes over wires over frames, every text an element of its own.

Only what plain viewers know too is used: shapes, texts, one marker, and rules of CSS with single classes. The
elements are made by a library, so no name or text of a user can become markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from xml.etree import ElementTree as ET

from graphc.view.drawing import metrics, sizes
from graphc.view.drawing.framing import HEADER
from graphc.view.drawing.geometry import Label, Placed, Point, Rect
from graphc.view.drawing.legend import Legend, legend
from graphc.view.drawing.memory import marks, strip
from graphc.view.drawing.outlines import outline
from graphc.view.drawing.picture import Box, Frame, Wire
from graphc.view.drawing.widths import Widths

CORNER = 7.0
"""Radius of the bends of a wire, in px."""


def svg(placed: Placed, *, standalone: bool = True, gradients: bool = False) -> str:
    """The drawing as a whole.

    `standalone` adds what a page around it would have: style, background, legend and notes. With `gradients`
    a wire is as wide as the norm of the cotangent that comes back through it is large.
    """
    picture = placed.picture
    widths = Widths.of(picture) if gradients else None
    below = legend(placed, widths) if standalone else Legend([], 0.0, 0.0)
    width, height = max(placed.width, below.width), placed.height + below.height
    root = _root(placed, width, height, below if standalone else None)
    for key, rect in placed.frames.items():
        root.append(_frame(picture.frame(key), rect, placed.headers[key]))
    for number, (wire, points) in enumerate(zip(picture.wires, placed.wires, strict=True)):
        root.append(_wire(number, wire, points, widths))
    for number, label in enumerate(placed.labels):
        if label is not None:
            root.append(_label(number, label))
    rows = sizes.rows(picture)
    root.extend(_box(box, placed.boxes[box.id], rows[box.id]) for box in picture.boxes)
    arenas = [pieces for pieces in picture.memory if pieces]
    root.extend(strip(pieces, rect) for pieces, rect in zip(arenas, placed.strips, strict=True))
    root.extend(below.elements)
    for element in root:
        element.tail = "\n"
    return ET.tostring(root, encoding="unicode") + "\n"


def _root(placed: Placed, width: float, height: float, below: Legend | None) -> ET.Element:
    w, h = f"{width:.0f}", f"{height:.0f}"
    root = ET.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "class": "graphc", "role": "img"})
    root.attrib |= {"width": w, "height": h, "viewBox": f"0 0 {w} {h}", "aria-labelledby": "title desc"}
    ET.SubElement(root, "title", {"id": "title"}).text = placed.picture.title
    ET.SubElement(root, "desc", {"id": "desc"}).text = _described(placed)
    if below is not None:
        ET.SubElement(root, "style").text = _style()
        ET.SubElement(root, "rect", {"class": "paper", "width": w, "height": h})
    marker = {"viewBox": "0 0 8 8", "refX": "8", "refY": "4", "orient": "auto"}
    marker |= {"id": "arrow", "markerWidth": "7", "markerHeight": "7", "markerUnits": "userSpaceOnUse"}
    arrow = ET.SubElement(ET.SubElement(root, "defs"), "marker", marker)
    ET.SubElement(arrow, "path", {"class": "arrow", "d": "M0 0.5 8 4 0 7.5z"})
    return root


def _style() -> str:
    folder = files(__package__)
    light, dark = (folder.joinpath(name).read_text() for name in ("drawing.css", "dark.css"))
    return f"{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def _described(placed: Placed) -> str:
    """For who hears the drawing: what there is, in the order of computation."""
    picture = placed.picture
    names = [box.title for box in picture.boxes if box.name]
    more = f" and {len(names) - 40} more" if len(names) > 40 else ""
    count = f"A computation graph of {len(picture.boxes)} boxes and {len(picture.wires)} wires"
    return f"{count}: {', '.join(names[:40])}{more}."


# -------------------------------------------------------------------------------------- elements


def _text(parent: ET.Element, kind: str, x: float, y: float, text: str) -> None:
    ET.SubElement(parent, "text", {"class": kind, "x": f"{x:.1f}", "y": f"{y:.1f}"}).text = text


def _frame(frame: Frame, r: Rect, header: float) -> ET.Element:
    group = ET.Element("g", {"class": f"frame {frame.kind}", "data-id": frame.id})
    group.append(outline("rect", r, rx=6.0))
    _text(group, "frame-label", header, r.y + HEADER - 6, sizes.frame_label(frame))
    return group


def _wire(number: int, wire: Wire, points: Sequence[Point], widths: Widths | None) -> ET.Element:
    kind = "wire back" if wire.is_back else "wire"
    attributes = {"class": kind, "data-wire": str(number), "d": _path(points), "marker-end": "url(#arrow)"}
    if widths is not None:
        attributes |= {"class": f"{kind} wide", "stroke-width": f"{widths.width(wire.cotangent):.2f}"}
    return ET.Element("path", attributes)


def _path(points: Sequence[Point]) -> str:
    """A polyline with rounded bends."""
    points = corners(points)
    text = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        a, b = towards(at, before), towards(at, after)
        text += f"L{a[0]:.1f} {a[1]:.1f}Q{at[0]:.1f} {at[1]:.1f} {b[0]:.1f} {b[1]:.1f}"
    return text + f"L{points[-1][0]:.1f} {points[-1][1]:.1f}"


def corners(points: Sequence[Point]) -> list[Point]:
    """Without points that are no bends: a rounded one would bend the line around itself."""
    found: list[Point] = []
    for point in points:
        if found and abs(point[0] - found[-1][0]) + abs(point[1] - found[-1][1]) < 0.05:
            continue
        if len(found) > 1 and _is_straight(found[-2], found[-1], point):
            found.pop()
        found.append(point)
    return found if len(found) > 1 else [*points[:1], points[-1]]


def _is_straight(a: Point, b: Point, c: Point) -> bool:
    turn = (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])
    return abs(turn) < 0.05 and (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]) > 0


def towards(start: Point, end: Point) -> Point:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = (dx * dx + dy * dy) ** 0.5
    share = min(CORNER, length / 2) / length if length else 0.0
    return start[0] + dx * share, start[1] + dy * share


def _label(number: int, label: Label) -> ET.Element:
    """Two lines around a wire that goes to the right, one or two beside a wire that goes up."""
    kind, x = ("numbers beside", label.rect.x) if label.beside else ("numbers", label.rect.center[0])
    group = ET.Element("g", {"class": kind, "data-wire": str(number)})
    rows = [("value", label.above), ("cotangent", label.below)]
    rows = [row for row in rows if row[1]] if label.beside else rows
    step = metrics.SMALL * metrics.LINE
    first = label.rect.center[1] - (len(rows) - 1) * step / 2 + metrics.SMALL * 0.36
    for place, (name, text) in enumerate(rows):
        if text:
            _text(group, name, x, first + place * step, text)
    return group


def _kind(box: Box) -> str:
    is_left = box.copies and box.role == "operation"
    return f"box {box.role} left" if is_left else f"box {box.role}"


def _box(box: Box, r: Rect, rows: Sequence[sizes.Row]) -> ET.Element:
    group = ET.Element("g", {"class": _kind(box), "data-id": box.id})
    if box.line:
        where = f"{box.line.file}:{box.line.number}: {box.line.text}"
        ET.SubElement(group, "title").text = where
    group.append(outline(box.role, r))
    y = r.center[1] - sum(row.height for row in rows) / 2
    for row in rows:
        y += row.height
        base = y - (row.height - row.size * 0.72) / 2 - row.size * 0.1
        if row.kind == "chip":
            _chip(group, row, sizes.chip_rect(r, y, row), base)
        else:
            _text(group, row.kind, r.center[0], base, row.text)
    group.extend(marks(box.marks, r))
    return group


def _chip(box: ET.Element, row: sizes.Row, r: Rect, base: float) -> None:
    """A weight in the box of the equation that reads it."""
    group = ET.SubElement(box, "g", {"class": "param"})
    group.append(outline("param", r))
    _text(group, "small", r.center[0], base, f"{row.text}  " if row.share else row.text)
    if row.share:
        ET.SubElement(group[-1], "tspan", {"class": "cotangent"}).text = row.share
