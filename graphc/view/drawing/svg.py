"""A laid-out picture as SVG: boxes over wires over frames, every text an element of its own."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files

from graphc.view.drawing import metrics
from graphc.view.drawing.geometry import Label, Placed, Point, Rect
from graphc.view.drawing.nesting import HEADER
from graphc.view.drawing.sizes import lines
from graphc.view.drawing.picture import Box, Frame, Wire

CORNER = 7.0
"""Radius of the bends of a wire, in px."""


def svg(placed: Placed, *, standalone: bool = True) -> str:
    """The drawing as a whole; `standalone` puts the style inside, for viewers without a page around it."""
    style = f"<style>{files(__package__).joinpath('drawing.css').read_text()}</style>" if standalone else ""
    body = [
        *(_frame(placed.picture.frame(key), rect) for key, rect in placed.frames.items()),
        *(_wire(n, w, p) for n, (w, p) in enumerate(zip(placed.picture.wires, placed.wires, strict=True))),
        *(_label(n, label) for n, label in enumerate(placed.labels) if label is not None),
        *(_box(box, placed.boxes[box.id]) for box in placed.picture.boxes),
    ]
    w, h = f"{placed.width:.0f}", f"{placed.height:.0f}"
    size = f'width="{w}" height="{h}" viewBox="0 0 {w} {h}"'
    title = f"<title>{escape(placed.picture.title)}</title>"
    arrow = (
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto">'
        '<path class="arrow" d="M0 0.5 8 4 0 7.5z"/></marker></defs>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="graphc" role="img" {size}>{title}{style}{arrow}'
        + "\n".join(body)
        + "</svg>\n"
    )


def _frame(frame: Frame, r: Rect) -> str:
    return (
        f'<g class="frame {frame.kind}" data-id="{escape(frame.id)}">'
        f'<rect x="{r.x:.1f}" y="{r.y:.1f}" width="{r.width:.1f}" height="{r.height:.1f}" rx="6"/>'
        f'<text x="{r.x + 7:.1f}" y="{r.y + HEADER - 6:.1f}">{escape(frame.label)}</text></g>'
    )


def _wire(number: int, wire: Wire, points: Sequence[Point]) -> str:
    kind = "wire back" if wire.is_back else "wire"
    return f'<path class="{kind}" data-wire="{number}" d="{_path(points)}" marker-end="url(#arrow)"/>'


def _path(points: Sequence[Point]) -> str:
    """A polyline with rounded bends."""
    points = [p for n, p in enumerate(points) if n == 0 or p != points[n - 1]]
    text = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        a, b = _towards(at, before), _towards(at, after)
        text += f"L{a[0]:.1f} {a[1]:.1f}Q{at[0]:.1f} {at[1]:.1f} {b[0]:.1f} {b[1]:.1f}"
    return text + f"L{points[-1][0]:.1f} {points[-1][1]:.1f}"


def _towards(start: Point, end: Point) -> Point:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = (dx * dx + dy * dy) ** 0.5
    share = min(CORNER, length / 2) / length if length else 0.0
    return start[0] + dx * share, start[1] + dy * share


def _label(number: int, label: Label) -> str:
    x, y = label.rect.center
    kind = "numbers"
    if label.beside:
        kind, x = "numbers beside", label.rect.x
    rows = [("value", label.above), ("cotangent", label.below)]
    if label.beside:
        rows = [row for row in rows if row[1]]
    first = y - (len(rows) - 1) * 7.5 + 3.5
    text = "".join(
        f'<text class="{name}" x="{x:.1f}" y="{first + n * 15:.1f}">{escape(row)}</text>'
        for n, (name, row) in enumerate(rows)
        if row
    )
    return f'<g class="{kind}" data-wire="{number}">{text}</g>'


def _box(box: Box, r: Rect) -> str:
    x = r.x + r.width / 2
    rows = lines(box)
    first = r.y + r.height / 2 - (len(rows) - 1) * metrics.FONT * metrics.LINE / 2 + metrics.FONT * 0.36
    step = metrics.FONT * metrics.LINE
    texts = "".join(
        f'<text class="{kind}" x="{x:.1f}" y="{first + n * step:.1f}">{escape(row)}</text>'
        for n, (kind, row) in enumerate(zip(("name", "small"), rows, strict=False))
    )
    line = (
        f"<title>{escape(f'{box.line.file}:{box.line.number}: {box.line.text}')}</title>" if box.line else ""
    )
    return f'<g class="box {box.role}" data-id="{escape(box.id)}">{line}{_outline(box, r)}{texts}</g>'


def _outline(box: Box, r: Rect) -> str:
    """Roles differ in shape as well as in colour."""
    x, y, w, h = r.x, r.y, r.width, r.height
    if box.role == "input":
        return f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{h / 2:.1f}"/>'
    if box.role == "loss":
        c = min(8.0, h / 3)
        across, down = w - 2 * c, h - 2 * c
        corners = f"h{across:.1f}l{c} {c}v{down:.1f}l{-c} {c}h{-across:.1f}l{-c} {-c}v{-down:.1f}z"
        return f'<path d="M{x + c:.1f} {y:.1f}{corners}"/>'
    if box.role in ("param", "state"):
        return f'<path d="M{x:.1f} {y:.1f}h{w - 7:.1f}l7 7v{h - 7:.1f}h{-w:.1f}z"/>'
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="4"/>'
