"""What is written into boxes and onto wires, and how much room it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from graphc.view.drawing import metrics
from graphc.view.drawing.geometry import Flow, Rect
from graphc.view.drawing.numbers import brief
from graphc.view.drawing.picture import Box, Frame, Line, Picture, Wire

LOOP = 14.0
"""How far a self-loop stands out of its box, in px."""
LOOPS_APART = 5.0
"""From one self-loop to the next one around it, in px."""
PORT = 5.0
"""From a wire to the numbers beside it, in px."""
CHIP = (20.0, 5.0)
"""Beside the letters of a chip, left and right together, and above and below, in px."""
WIDE = 26
"""Letters in a line of a box."""


class Size(NamedTuple):
    """Width and height in px of what wires touch, and the room for numbers above it and beside it, on its
    right."""

    width: float
    height: float
    above: float = 0.0
    beside: float = 0.0


class Row(NamedTuple):
    """A line of text in a box: what it says, and whether that is a name or something smaller. A chip is a
    weight with its share of a gradient."""

    kind: Literal["name", "small", "value", "cotangent", "chip"]
    text: str
    share: str = ""

    @property
    def size(self) -> float:
        """Of its letters, in px."""
        return metrics.FONT if self.kind == "name" else metrics.SMALL

    @property
    def height(self) -> float:
        """Of the line, in px: a chip has a border around it."""
        return self.size * metrics.LINE + (CHIP[1] if self.kind == "chip" else 0.0)

    @property
    def width(self) -> float:
        """Of the letters, and of the border around a chip, in px."""
        letters = metrics.width(f"{self.text}  {self.share}".strip(), self.size)
        return letters + (CHIP[0] if self.kind == "chip" else 0.0)


def lines(box: Box) -> list[str]:
    """What a box is: its name and operation, the shape below them."""
    return [*_wrapped(box), *filter(None, [_shape(box)])]


def _shape(box: Box) -> str:
    """The shape and the axes; "" for a single real number."""
    axes = "".join(f" {axis.name}" for axis in box.axes)
    shape = box.shape + (f" ×{axes}" if axes else "")
    return "" if shape == "real" else shape


def _wrapped(box: Box) -> list[str]:
    """The title in lines that are not much wider than other boxes."""
    title = box.title or "="
    if len(title) <= WIDE:
        return [title]
    name = f"{box.name} =" if box.name and box.operation else ""
    found = [name if len(name) <= 2 * WIDE else ""]
    for word in title.removeprefix(found[0]).split():
        if len(found[-1]) + len(word) > WIDE and found[-1]:
            found.append("")
        found[-1] = f"{found[-1]} {word}".strip()
    return found


def rows(picture: Picture) -> Mapping[str, list[Row]]:
    """The texts in all boxes: what each is, and its numbers where no wire has room for them.

    Those are the sum of a cotangent's summands, which stand at the wires of a value that is used several
    times, and the value and the cotangent of what nothing uses.
    """
    used = {wire.source for wire in picture.wires}
    parts = Counter(wire.source for wire in picture.wires if wire.cotangent is not None)
    found: dict[str, list[Row]] = {}
    for box in picture.boxes:
        small = _shape(box)
        if box.line and not _in_equation(picture, box):
            small = f"{small}  {_where(box.line)}".strip()
        texts = [*(Row("name", line) for line in _wrapped(box)), Row("small", small)]
        total = brief(box.cotangent)
        if box.id not in used:
            texts += [Row("value", brief(box.value)), Row("cotangent", total)]
        elif box.copies and not parts[box.id] and total:
            texts.append(Row("cotangent", f"share: {total}"))
        elif parts[box.id] > 1 and total:
            texts.append(Row("cotangent", f"sum of {parts[box.id]}: {total}"))
        texts += [Row("chip", chip.name, brief(chip.cotangent)) for chip in box.chips]
        found[box.id] = [row for row in texts if row.text]
    return found


def _where(line: Line) -> str:
    """The number of a line, with the name of a file of the library."""
    folder, _, name = line.file.rpartition("/")
    return f"{name if folder == 'stdlib' else ''}:{line.number}"


def wire_label(picture: Picture, wire: Wire) -> tuple[str, str]:
    """What stands above and below a wire."""
    if wire.merged > 1:
        return wire.said, ""
    value = brief(picture.box(wire.source).value if wire.value is None else wire.value)
    above = f"{wire.said}: {value}" if wire.said and value else wire.said or value
    return above, brief(wire.cotangent)


def _in_equation(picture: Picture, box: Box) -> bool:
    """Whether the frame around a box says in which line it stands."""
    return any(frame.kind == "equation" for frame in picture.around(box.frame))


def frame_label(frame: Frame) -> str:
    """What stands at the top of a frame, with the line of the spec."""
    return f"{frame.label}  :{frame.line.number}" if frame.line else frame.label


def box_size(texts: list[Row]) -> Size:
    """Room for the texts in a box."""
    wide = max(row.width for row in texts)
    return Size(wide + 16, sum(row.height for row in texts) + 8)


def chip_rect(box: Rect, bottom: float, row: Row) -> Rect:
    """Where a chip stands in a box: in the line of text that ends at y = `bottom`."""
    return Rect(box.center[0] - row.width / 2, bottom - row.height + 2, row.width, row.height - 3)


def label_size(above: str, below: str, flow: Flow) -> Size:
    """Numbers on a wire: it goes through between them, or upwards on their left."""
    wide = max(metrics.width(above, metrics.SMALL), metrics.width(below, metrics.SMALL)) + 4
    if flow == "right":
        return Size(wide, metrics.SMALL * metrics.LINE * 2 + 2)
    return Size(2.0, metrics.SMALL * metrics.LINE * (bool(above) + bool(below)) + 2, beside=wide + PORT)


def with_loops(box: Size, labels: Sequence[Size], flow: Flow) -> Size:
    """Room for self-loops and their numbers: above a box whose wires go to the right, beside one whose wires
    go up."""
    out = LOOP + LOOPS_APART * (len(labels) - 1)
    high = sum(label.height for label in labels)
    if flow == "right":
        wide = max(label.width for label in labels)
        return Size(max(box.width, wide), box.height, above=out + high)
    wide = max(label.width + label.beside for label in labels)
    return Size(box.width, max(box.height, high), beside=out + wide)
