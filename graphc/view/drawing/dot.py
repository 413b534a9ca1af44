"""A picture in the DOT language of Graphviz, which finds places for it itself.

Frames are clusters. What stands in a box is its label, its line in the spec its tooltip. A wire says
its value and its cotangent. Roles differ in shape as in the other formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphc.view.drawing.numbers import brief
from graphc.view.drawing.picture import Box, Frame, Picture, Role, Wire
from graphc.view.drawing.sizes import lines, wire_label

_INDENT = "  "
_LOOKS: Mapping[Role, str] = {
    "input": 'style="rounded,filled", fillcolor="#e3f1fd", color="#2471a8"',
    "param": 'shape=note, fillcolor="#fdf0d9", color="#b06f00"',
    "state": 'shape=folder, fillcolor="#eee8fa", color="#6b4fa0"',
    "operation": 'fillcolor="#f4f6f8", color="#6b7885"',
    "output": 'peripheries=2, fillcolor="#e4f5e6", color="#2e7d32"',
    "loss": 'shape=octagon, fillcolor="#fde4e4", color="#b3261e"',
}


def dot(picture: Picture, *, numbers: bool = True) -> str:
    """The text of a `.dot` file; `numbers` are the values and cotangents at the wires."""
    return "\n".join(_Writing(picture, numbers).lines()) + "\n"


def quote(text: str) -> str:
    """A string of DOT. Its one escape outside of line ends is `\\"`, but labels read backslashes too."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "\\n")
    return '"' + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text) + '"'


class _Writing:
    """Boxes and frames are numbered: their own keys need not be words of DOT."""

    def __init__(self, picture: Picture, numbers: bool) -> None:
        self.picture = picture
        self.numbers = numbers
        self.boxes = {box.id: f"b{number}" for number, box in enumerate(picture.boxes)}
        self.clusters = {frame.id: f"cluster_{number}" for number, frame in enumerate(picture.frames)}
        self.content: dict[str, list[Box | Frame]] = {}
        for box in picture.boxes:
            self.content.setdefault(box.frame, []).append(box)
        for frame in picture.frames:
            self.content.setdefault(frame.parent, []).append(frame)

    def lines(self) -> Iterator[str]:
        yield f"digraph {quote(self.picture.title)} {{"
        yield f"{_INDENT}rankdir=LR;"
        yield f'{_INDENT}graph [fontname="sans-serif", fontsize=10];'
        yield f'{_INDENT}node [fontname="sans-serif", shape=box, style=filled];'
        yield f'{_INDENT}edge [fontname="sans-serif", fontsize=10, color="#8c98a4"];'
        if self.picture.notes:
            yield f"{_INDENT}label={quote(chr(10).join(self.picture.notes))};"
        yield from self._inside("", 1)
        yield from (self._wire(wire) for wire in self.picture.wires)
        yield "}"

    def _inside(self, frame: str, depth: int) -> Iterator[str]:
        """The boxes and frames that stand in a frame, "" for those in none."""
        for inner in self.content.get(frame, ()):
            if isinstance(inner, Box):
                yield _INDENT * depth + self._box(inner)
            else:
                yield from self._cluster(inner, depth)

    def _cluster(self, frame: Frame, depth: int) -> Iterator[str]:
        content = list(self._inside(frame.id, depth + 1))
        if content:
            yield f"{_INDENT * depth}subgraph {self.clusters[frame.id]} {{"
            yield f'{_INDENT * (depth + 1)}label={quote(frame.label)}; color="#b9c3cd"; style=rounded;'
            yield from content
            yield f"{_INDENT * depth}}}"

    def _box(self, box: Box) -> str:
        chips = [f"{chip.name} {brief(chip.cotangent)}".strip() for chip in box.chips]
        marks = [f"memory {' '.join(box.marks)}"] if box.marks else []
        attributes = [f"label={quote(chr(10).join([*lines(box), *chips, *marks]))}", _LOOKS[box.role]]
        if box.line is not None:
            place = f"{box.line.file}:{box.line.number}: {box.line.text}"
            attributes.append(f"tooltip={quote(chr(10).join((place, *box.notes)))}")
        return f"{self.boxes[box.id]} [{', '.join(attributes)}];"

    def _wire(self, wire: Wire) -> str:
        """A wire of a recurrence has no say in what stands in front of what."""
        above, below = wire_label(self.picture, wire) if self.numbers else (wire.said, "")
        text = "\n".join(part for part in (above, below) if part)
        attributes = [f"label={quote(text)}"] if text else []
        attributes += ["style=dashed", "constraint=false"] if wire.is_back else []
        looks = f" [{', '.join(attributes)}]" if attributes else ""
        return f"{_INDENT}{self.boxes[wire.source]} -> {self.boxes[wire.target]}{looks};"
