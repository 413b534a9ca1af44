"""A laid-out picture as a LaTeX document: TikZ, with the places of the SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import dist

from graphc.view.drawing import metrics
from graphc.view.drawing.geometry import Label, Placed, Point, Rect
from graphc.view.drawing.layout import HEADER
from graphc.view.drawing.picture import Box, Frame, Role, Wire
from graphc.view.drawing.sizes import lines

POINT = 0.75
"""Points of TeX in a px."""
LARGEST = 12000.0
"""TeX knows no length above 16,384 points: what is larger is drawn smaller."""

BEND = 7.0
"""How long the bend of a wire is at most, in px."""

_COLOURS: Mapping[str, tuple[str, str]] = {
    "input": ("E3F1FD", "2471A8"),
    "param": ("FDF0D9", "B06F00"),
    "state": ("EEE8FA", "6B4FA0"),
    "operation": ("F4F6F8", "6B7885"),
    "output": ("E4F5E6", "2E7D32"),
    "loss": ("FDE4E4", "B3261E"),
    "frame": ("F8F9FB", "B9C3CD"),
}
"""Inside and border, by role."""
_INKS = {"wire": "8C98A4", "back": "4A5A8A", "value": "1B6E2C", "cotangent": "B3261E", "small": "5B6875"}

_SPECIAL: Mapping[str, str] = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "‖": r"$\Vert$",
    "∞": r"$\infty$",
    "→": r"$\to$",
    "…": r"\ldots{}",
    **{c: "\\" + c for c in "{}$&#_%"},
}


def tikz(placed: Placed) -> str:
    """The text of a `.tex` file: one page that is as large as the drawing."""
    return "\n".join(_document(placed)) + "\n"


def escaped(text: str) -> str:
    """A text as LaTeX sets it; what it has no sign for is a question mark."""
    return "".join(_SPECIAL.get(c, c if c.isascii() and c.isprintable() else "?") for c in text)


def _document(placed: Placed) -> Iterator[str]:
    unit = min(POINT, LARGEST / max(placed.width, placed.height))
    width, height = f"{placed.width * unit:.1f}pt", f"{placed.height * unit + 1:.1f}pt"
    yield f"% {escaped(placed.picture.title)}"
    yield r"\documentclass{article}"
    yield rf"\usepackage[paperwidth={width}, paperheight={height}, margin=0pt]{{geometry}}"
    yield r"\usepackage[T1]{fontenc}"
    yield r"\usepackage{tikz}"
    yield r"\usetikzlibrary{arrows.meta}"
    yield r"\pagestyle{empty} \setlength{\parindent}{0pt} \setlength{\topskip}{0pt}"
    yield from _looks(unit)
    yield r"\begin{document}"
    yield rf"\begin{{tikzpicture}}[x={unit:.4f}pt, y=-{unit:.4f}pt]"
    yield rf"\useasboundingbox (0,0) rectangle ({placed.width:.1f},{placed.height:.1f});"
    yield from (_frame(placed.picture.frame(key), rect) for key, rect in placed.frames.items())
    yield from (_wire(w, points) for w, points in zip(placed.picture.wires, placed.wires, strict=True))
    for label in placed.labels:
        if label is not None:
            yield from _label(label)
    for box in placed.picture.boxes:
        yield from _box(box, placed.boxes[box.id])
    yield r"\end{tikzpicture}"
    yield r"\end{document}"


def _looks(unit: float) -> Iterator[str]:
    for name, (inside, border) in _COLOURS.items():
        yield _colour(f"{name} inside", inside)
        yield _colour(f"{name} border", border)
    yield from (_colour(f"{name} ink", ink) for name, ink in _INKS.items())
    yield r"\tikzset{"
    yield rf"  title/.style={{inner sep=0pt, font={_font(metrics.FONT * unit)}}},"
    yield rf"  small/.style={{inner sep=0pt, font={_font(metrics.SMALL * unit)}, text=small ink}},"
    yield r"  wire/.style={draw=wire ink, -{Stealth[length=4pt]}},"
    yield r"  back/.style={wire, draw=back ink, densely dashed},"
    yield r"}"


def _colour(name: str, value: str) -> str:
    return rf"\definecolor{{{name}}}{{HTML}}{{{value}}}"


def _font(size: float) -> str:
    return rf"\sffamily\fontsize{{{size:.1f}}}{{{size:.1f}}}\selectfont"


def _frame(frame: Frame, r: Rect) -> str:
    border = rf"\draw[fill=frame inside, draw=frame border, rounded corners=4pt] {_corners(r)};"
    return f"{border} {_text('small, anchor=base west', (r.x + 7, r.y + HEADER - 6), frame.label)}"


def _text(style: str, at: Point, text: str) -> str:
    return rf"\node[{style}] at {_at(at)} {{{escaped(text)}}};"


def _wire(wire: Wire, points: Sequence[Point]) -> str:
    return rf"\draw[{'back' if wire.is_back else 'wire'}] {_path(points)};"


def _path(points: Sequence[Point]) -> str:
    """A polyline with rounded bends, each within the halves of the lines that it joins: what TikZ rounds by
    itself has loops where lines are short."""
    points = [p for n, p in enumerate(points) if n == 0 or p != points[n - 1]]
    way = _at(points[0])
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        way += (
            f" -- {_at(_towards(corner, before))} .. controls {_at(corner)} .. {_at(_towards(corner, after))}"
        )
    return f"{way} -- {_at(points[-1])}"


def _towards(start: Point, end: Point) -> Point:
    length = dist(start, end)
    share = min(BEND, length / 2) / length
    return start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share


def _at(point: Point) -> str:
    return f"({point[0]:.1f},{point[1]:.1f})"


def _label(label: Label) -> Iterator[str]:
    x, y = label.rect.center
    anchor = "anchor=base"
    if label.beside:
        x, anchor = label.rect.x, "anchor=base west"
    if label.above:
        yield _text(f"small, {anchor}, text=value ink", (x, y - 4), label.above)
    if label.below:
        yield _text(f"small, {anchor}, text=cotangent ink", (x, y + 11), label.below)


def _box(box: Box, r: Rect) -> Iterator[str]:
    yield rf"\draw[fill={box.role} inside, draw={box.role} border{_outline(box.role, r)};"
    rows = lines(box)
    step = metrics.FONT * metrics.LINE
    first = r.y + r.height / 2 - (len(rows) - 1) * step / 2 + metrics.FONT * 0.36
    for number, row in enumerate(rows):
        style = "small" if number else "title"
        yield _text(f"{style}, anchor=base", (r.center[0], first + number * step), row)


def _outline(role: Role, r: Rect) -> str:
    """The rest of a border's options and its path: roles differ in shape as well as in colour."""
    left, top, right, bottom = r.x, r.y, r.right, r.bottom
    if role == "input":
        return f", rounded corners={r.height / 2 * POINT - 0.1:.1f}pt] {_corners(r)}"
    if role == "loss":
        c = min(8.0, r.height / 3)
        corners = [(left + c, top), (right - c, top), (right, top + c), (right, bottom - c)]
        corners += [(right - c, bottom), (left + c, bottom), (left, bottom - c), (left, top + c)]
        return f"] {_closed(corners)}"
    if role in ("param", "state"):
        return (
            f"] {_closed([(left, top), (right - 7, top), (right, top + 7), (right, bottom), (left, bottom)])}"
        )
    double = ", double, double distance=1pt" if role == "output" else ""
    return f"{double}, rounded corners=2pt] {_corners(r)}"


def _corners(r: Rect) -> str:
    return f"{_at((r.x, r.y))} rectangle {_at((r.right, r.bottom))}"


def _closed(points: Sequence[Point]) -> str:
    return " -- ".join(map(_at, points)) + " -- cycle"
