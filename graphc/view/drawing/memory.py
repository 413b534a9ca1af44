"""How a drawing shows who shares memory: letters at boxes, and the arena as a strip below them.

In the strip time goes to the right, phase by phase, and bytes go upwards: a buffer is a rectangle as wide as
its life and as high as its room. Each piece of memory that is shared has a letter and a colour, so that it
can be told without the colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

from graphc.view.drawing import metrics
from graphc.view.drawing.geometry import Placed, Rect
from graphc.view.drawing.picture import Piece

HUES = 8
"""So many colours there are; then they come again."""
SIDE = 13.0
"""Of a letter's field, in px."""
MOST = 4
"""So many letters stand at a box; of more the number of the others."""

_LEFT = 60.0
"""Room for numbers of bytes beside a strip, in px."""
_PHASE, _WIDEST = 70.0, 1400.0
"""The least width of a phase, and the most of a strip that need not be wider, in px."""
_ROW, _SCALE = 14.0, 130.0
"""The least height of a piece, and what all bytes together have beyond that, in px."""
_GAP = 3.0
"""Height of bytes that nobody uses, in px."""
_TITLE, _AXIS = 22.0, 18.0
"""Height of the line above a strip, and of that with the phases, in px."""
_BETWEEN = 10.0
"""Between strips, in px."""


def hue(letter: str) -> str:
    """The class of a letter's colour."""
    number = 0
    for character in letter:
        number = number * 26 + ord(character) - ord("a") + 1
    return f"piece{(number - 1) % HUES}"


def marks(letters: Sequence[str], r: Rect) -> list[ET.Element]:
    """The letters of a box, at its right lower corner."""
    shown = [*letters[:MOST], *([f"+{len(letters) - MOST}"] if len(letters) > MOST else [])]
    found = []
    for place, letter in enumerate(reversed(shown)):
        kind = "alone" if letter.startswith("+") else hue(letter)
        group = ET.Element("g", {"class": f"memory {kind}"})
        field = Rect(r.right - SIDE / 2 - place * (SIDE + 2), r.bottom - 3, SIDE, SIDE)
        _field(group, field, letter)
        found.append(group)
    return found


def with_strips(placed: Placed, margin: float) -> Placed:
    """The layout with room for a strip of each arena below everything."""
    strips: list[Rect] = []
    y = placed.height
    for pieces in placed.picture.memory:
        if pieces:
            phases = _phases(pieces)
            across = max(min(placed.width - 2 * margin - _LEFT, _WIDEST), _PHASE * phases)
            high = sum(height for *_, height in _rows(pieces))
            strips.append(Rect(margin, y, _LEFT + across, _TITLE + high + _AXIS))
            y = strips[-1].bottom + _BETWEEN
    width = max([placed.width, *(strip.right + margin for strip in strips)])
    return replace(placed, strips=tuple(strips), width=width, height=y)


def strip(pieces: Sequence[Piece], r: Rect) -> ET.Element:
    """One arena: a rectangle for each buffer that lies in it."""
    group = ET.Element("g", {"class": "arena"})
    most, total = max(p.start + p.bytes for p in pieces), sum(p.bytes for p in pieces)
    said = f"memory: {total} bytes of buffers in {most} · time to the right, bytes upwards, not to scale"
    _text(group, "strip-label", r.x, r.y + _TITLE - 8, said)
    bottom = r.bottom - _AXIS
    levels = _levels(pieces, bottom)
    phase = (r.width - _LEFT) / _phases(pieces)
    left = r.x + _LEFT
    for number in range(_phases(pieces)):
        x = left + number * phase
        rule = {"class": "rule", "d": f"M{x:.1f} {r.y + _TITLE:.1f}V{bottom:.1f}"}
        ET.SubElement(group, "path", rule)
        _text(group, "strip-label", x + 3, r.bottom - 5, f"phase {number}")
    for start in sorted({piece.start for piece in pieces}):
        _text(group, "strip-label", r.x, levels[start] - 3, f"{start}")
    group.extend(_piece(piece, rect, said) for piece, rect, said in laid_out(pieces, r))
    return group


def laid_out(pieces: Sequence[Piece], r: Rect) -> Iterator[tuple[Piece, Rect, str]]:
    """Each buffer of an arena with its place in a strip and what stands there, as far as there is room."""
    levels, phase = _levels(pieces, r.bottom - _AXIS), (r.width - _LEFT) / _phases(pieces)
    for piece in pieces:
        top, low = levels[piece.start + piece.bytes], levels[piece.start]
        wide = (piece.last + 1 - piece.first) * phase - 2
        letters = " ".join(piece.marks)
        text = f"{letters} · {piece.title}" if letters else piece.title
        while text and metrics.width(text, metrics.SMALL) > wide - 8:
            text = text[:-2] + "…" if len(text) > 2 else ""
        yield piece, Rect(r.x + _LEFT + piece.first * phase + 1, top, wide, low - top), text


def _levels(pieces: Sequence[Piece], bottom: float) -> dict[int, float]:
    """The y of each byte at which a piece begins or ends."""
    levels = {0: bottom}
    for _, end, height in _rows(pieces):
        levels[end] = min(levels.values()) - height
    return levels


def _piece(piece: Piece, r: Rect, text: str) -> ET.Element:
    kind = hue(piece.marks[0]) if piece.marks else "alone"
    group = ET.Element("g", {"class": f"memory {kind}"})
    said = f"bytes {piece.start} to {piece.start + piece.bytes - 1}, phases {piece.first} to {piece.last}"
    ET.SubElement(group, "title").text = f"{piece.title}: {said}"
    ET.SubElement(group, "rect", _box(r))
    _text(group, "strip-text", r.x + 4, r.center[1] + 3.6, text)
    return group


def _rows(pieces: Sequence[Piece]) -> list[tuple[int, int, float]]:
    """The bytes between neighbouring borders of pieces: from, to, and the height that they have."""
    borders = sorted({0, *(p.start for p in pieces), *(p.start + p.bytes for p in pieces)})
    most = max(borders[-1], 1)
    found = []
    for start, end in pairwise(borders):
        is_used = any(p.start <= start < p.start + p.bytes for p in pieces)
        found.append((start, end, _ROW + _SCALE * (end - start) / most if is_used else _GAP))
    return found


def _phases(pieces: Sequence[Piece]) -> int:
    return max(piece.last for piece in pieces) + 1


def _field(group: ET.Element, r: Rect, letter: str) -> None:
    ET.SubElement(group, "rect", {**_box(r), "rx": "3"})
    _text(group, "letter", r.center[0], r.center[1] + 3.4, letter)


def _box(r: Rect) -> dict[str, str]:
    size = {"x": r.x, "y": r.y, "width": r.width, "height": r.height}
    return {name: f"{number:.1f}" for name, number in size.items()}


def _text(group: ET.Element, kind: str, x: float, y: float, text: str) -> None:
    ET.SubElement(group, "text", {"class": kind, "x": f"{x:.1f}", "y": f"{y:.1f}"}).text = text
