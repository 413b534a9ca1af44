"""A laid-out picture as a LaTeX document: TikZ, with the places of the SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from graphc.view.drawing import metrics
from graphc.view.drawing.framing import HEADER
from graphc.view.drawing.geometry import Label, Placed, Point, Rect
from graphc.view.drawing.memory import laid_out
from graphc.view.drawing.picture import Box, Frame, Role, Wire
from graphc.view.drawing.sizes import Row, chip_rect, frame_label, rows
from graphc.view.drawing.svg import corners, towards
from graphc.view.drawing.widths import Widths

POINT = 0.75
"""Points of TeX in a px."""
LARGEST = 12000.0
"""TeX knows no length above 16,384 points: what is larger is drawn smaller."""

NOTE = metrics.SMALL * metrics.LINE
"""From one line of small letters to the next, in px."""

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


def tikz(placed: Placed, *, gradients: bool = False) -> str:
    """The text of a `.tex` file: one page that is as large as the drawing, with its notes below.

    With `gradients` a wire is as wide as the norm of the cotangent that comes back through it is large.
    """
    return "\n".join(_document(placed, Widths.of(placed.picture) if gradients else None)) + "\n"


def escaped(text: str) -> str:
    """A text as LaTeX sets it; what it has no sign for is a question mark."""
    return "".join(_SPECIAL.get(c, c if c.isascii() and c.isprintable() else "?") for c in text)


def _document(placed: Placed, widths: Widths | None) -> Iterator[str]:
    unit = min(POINT, LARGEST / max(placed.width, placed.height))
    notes = (*placed.picture.notes, *placed.notes)
    below = placed.height + len(notes) * NOTE
    width, height = f"{placed.width * unit:.1f}pt", f"{below * unit + 1:.1f}pt"
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
    yield rf"\useasboundingbox (0,0) rectangle {_at((placed.width, below))};"
    for key, rect in placed.frames.items():
        yield _frame(placed.picture.frame(key), rect, placed.headers[key])
    yield from (
        _wire(w, points, widths) for w, points in zip(placed.picture.wires, placed.wires, strict=True)
    )
    for label in placed.labels:
        if label is not None:
            yield from _label(label)
    texts = rows(placed.picture)
    for box in placed.picture.boxes:
        yield from _box(box, placed.boxes[box.id], texts[box.id])
    for pieces, strip in zip(filter(None, placed.picture.memory), placed.strips, strict=True):
        for _, rect, said in laid_out(pieces, strip):
            yield rf"\draw[fill=operation inside, draw=operation border] {_corners(rect)};"
            yield _text("small text, anchor=base west", (rect.x + 4, rect.center[1] + 3.6), said)
    for number, note in enumerate(notes):
        yield _text(
            "small text, anchor=base west", (7.0, placed.height + number * NOTE + metrics.SMALL), note
        )
    yield r"\end{tikzpicture}"
    yield r"\end{document}"


def _looks(unit: float) -> Iterator[str]:
    for name, (inside, border) in _COLOURS.items():
        yield _colour(f"{name} inside", inside)
        yield _colour(f"{name} border", border)
    yield from (_colour(f"{name} ink", ink) for name, ink in _INKS.items())
    yield r"\tikzset{"
    yield rf"  name text/.style={{inner sep=0pt, font={_font(metrics.FONT * unit)}}},"
    for name in ("small", "value", "cotangent"):
        yield rf"  {name} text/.style={{inner sep=0pt, font={_font(metrics.SMALL * unit)}, text={name} ink}},"
    yield r"  wire/.style={draw=wire ink, -{Stealth[length=4pt]}},"
    yield r"  back/.style={wire, draw=back ink, densely dashed},"
    yield r"}"


def _colour(name: str, value: str) -> str:
    return rf"\definecolor{{{name}}}{{HTML}}{{{value}}}"


def _font(size: float) -> str:
    return rf"\sffamily\fontsize{{{size:.1f}}}{{{size:.1f}}}\selectfont"


def _frame(frame: Frame, r: Rect, header: float) -> str:
    border = rf"\draw[fill=frame inside, draw=frame border, rounded corners=4pt] {_corners(r)};"
    label = _text("small text, anchor=base west", (header, r.y + HEADER - 6), frame_label(frame))
    return f"{border} {label}"


def _text(style: str, at: Point, text: str) -> str:
    return rf"\node[{style}] at {_at(at)} {{{escaped(text)}}};"


def _wire(wire: Wire, points: Sequence[Point], widths: Widths | None) -> str:
    style = "back" if wire.is_back else "wire"
    if widths is not None:
        style += f", line width={widths.width(wire.cotangent) * POINT:.2f}pt"
    return rf"\draw[{style}] {_path(corners(points))};"


def _path(points: Sequence[Point]) -> str:
    """A polyline with rounded bends, as in the SVG: what TikZ rounds by itself has loops where lines are
    short."""
    way = _at(points[0])
    for before, bend, after in zip(points, points[1:], points[2:], strict=False):
        way += f" -- {_at(towards(bend, before))} .. controls {_at(bend)} .. {_at(towards(bend, after))}"
    return f"{way} -- {_at(points[-1])}"


def _at(point: Point) -> str:
    return f"({point[0]:.1f},{point[1]:.1f})"


def _label(label: Label) -> Iterator[str]:
    """Two lines around a wire that goes to the right, one or two beside a wire that goes up."""
    x, anchor = (label.rect.x, "base west") if label.beside else (label.rect.center[0], "base")
    lines = [("value", label.above), ("cotangent", label.below)]
    lines = [line for line in lines if line[1]] if label.beside else lines
    first = label.rect.center[1] - (len(lines) - 1) * NOTE / 2 + metrics.SMALL * 0.36
    for number, (kind, text) in enumerate(lines):
        if text:
            yield _text(f"{kind} text, anchor={anchor}", (x, first + number * NOTE), text)


def _box(box: Box, r: Rect, texts: Sequence[Row]) -> Iterator[str]:
    yield rf"\draw[fill={box.role} inside, draw={box.role} border{_outline(box.role, r)};"
    y = r.center[1] - sum(row.height for row in texts) / 2
    for row in texts:
        y += row.height
        kind, text = row.kind, row.text
        if row.kind == "chip":
            chip = chip_rect(r, y, row)
            yield rf"\draw[fill=param inside, draw=param border{_outline('param', chip)};"
            kind, text = "small", f"{row.text} {row.share}"
        base = y - (row.height - row.size * metrics.LINE) / 2 - row.size * 0.3
        yield _text(f"{kind} text, anchor=base", (r.center[0], base), text.strip())
    if box.marks:
        yield _text("small text, anchor=north east", (r.right, r.bottom + 2), " ".join(box.marks))


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
