"""A picture with places: what layouts give and what formats are written from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from graphc.view.drawing.picture import Picture

Point = tuple[float, float]
"""x and y in px; y grows downwards."""
Flow = Literal["right", "up"]
"""Which way values are computed."""


@dataclass(frozen=True)
class Rect:
    """`x` and `y` are the left upper corner, in px."""

    x: float
    y: float
    width: float
    height: float

    @property
    def center(self) -> Point:
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def moved(self, dx: float, dy: float) -> Rect:
        return Rect(self.x + dx, self.y + dy, self.width, self.height)


@dataclass(frozen=True)
class Label:
    """The numbers of a wire, the value above and the cotangent below: in the middle of `rect` where the wire
    goes through it, at its left where the wire passes it on the left (`beside`)."""

    above: str
    below: str
    rect: Rect
    beside: bool = False


@dataclass(frozen=True)
class Placed:
    """A picture with places: boxes and open frames by key, wires (and their labels) in the picture's
    order, and the x at which a frame's label begins. `engine` found them; `notes` say if another one was
    wanted. `flow` is that of what is in no step."""

    picture: Picture
    boxes: Mapping[str, Rect]
    frames: Mapping[str, Rect]
    headers: Mapping[str, float]
    wires: Sequence[Sequence[Point]]
    labels: Sequence[Label | None]
    width: float
    height: float
    engine: str
    notes: tuple[str, ...] = ()
    flow: Flow = "right"
    strips: tuple[Rect, ...] = ()
    """Where the arenas of the picture's `memory` are shown."""


def moved(points: Iterable[Point], dx: float, dy: float) -> list[Point]:
    return [(x + dx, y + dy) for x, y in points]


def around(rects: Iterable[Rect], points: Iterable[Point]) -> Rect:
    """The smallest rectangle around all of them."""
    boxes, corners = [*rects], [*points]
    xs = [*(r.x for r in boxes), *(r.x + r.width for r in boxes), *(x for x, _ in corners)]
    ys = [*(r.y for r in boxes), *(r.y + r.height for r in boxes), *(y for _, y in corners)]
    if not xs:
        return Rect(0, 0, 0, 0)
    return Rect(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))
