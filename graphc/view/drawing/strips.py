"""Ways out of a step: its inside goes upwards, what it hands on goes to the right.

Above the layer of what is handed on, and below the layer of what takes it, the drawing is cut and pulled
apart. A wire has such a strip for itself: only wires that go upwards cross it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphc.view.drawing.geometry import Point, Rect

STRIP = 9.0
"""Height of a strip, in px."""
_CLEAR = 2.0
"""Between a layer and the cut, in px."""


@dataclass(frozen=True)
class Crossing:
    """A wire that crosses the border of a step at a side of it: it leaves `item` upwards or enters it from
    below, at `port` px from its middle."""

    wire: int
    item: str
    to_right: bool
    leaves: bool
    port: float = 0.0

    @property
    def key(self) -> str:
        """What the port is called."""
        return f"{'>' if self.to_right else '<'}{self.wire}"

    @property
    def within(self) -> str:
        """What the item's port is called, if that is a frame."""
        return f"{'>' if self.leaves else '<'}{self.wire}"


@dataclass(frozen=True)
class Stretched:
    """The level with strips in it, and the ways in them from the items up to the y at which they go on."""

    rects: dict[str, Rect]
    ways: list[list[Point]]
    strips: list[tuple[Point, Point]]
    """For each crossing: where it touches its item, and the bend in the strip."""


def with_strips(
    rects: Mapping[str, Rect], ways: Sequence[Sequence[Point]], crossings: Sequence[Crossing]
) -> Stretched:
    """Cut and pull apart for each crossing."""
    cuts = [_cut(rects, crossing) for crossing in crossings]
    order = sorted(range(len(cuts)), key=lambda n: cuts[n])

    def shift(y: float) -> float:
        return STRIP * sum(cut <= y for cut in cuts)

    found = {key: r.moved(0, shift(r.center[1])) for key, r in rects.items()}
    stretched = [[(x, y + shift(y)) for x, y in way] for way in ways]
    strips: list[tuple[Point, Point]] = [((0, 0), (0, 0))] * len(cuts)
    for place, n in enumerate(order):
        crossing, item = crossings[n], found[crossings[n].item]
        x = item.center[0] + crossing.port
        edge = item.y if crossing.leaves else item.bottom
        strips[n] = ((x, edge), (x, cuts[n] + STRIP * (place + 0.5)))
    return Stretched(found, stretched, strips)


def _cut(rects: Mapping[str, Rect], crossing: Crossing) -> float:
    """The y right above or right below the layer in which the item stands."""
    top, bottom = rects[crossing.item].y, rects[crossing.item].bottom
    same = [r for r in rects.values() if r.y < bottom and r.bottom > top]
    if crossing.leaves:
        return min(r.y for r in same) - _CLEAR
    return max(r.bottom for r in same) + _CLEAR
