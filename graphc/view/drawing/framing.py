"""A level of a picture with places, and the frame around it: its size, its label, the wires at its border."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf

from graphc.view.drawing import metrics
from graphc.view.drawing.geometry import Point, Rect, moved
from graphc.view.drawing.sizes import Size

HEADER = 18.0
"""Room for a frame's label, in px."""
PADDING = 10.0
"""Within a frame, in px."""
LABEL = 7.0
"""From a frame's side to its label, in px."""
CLEAR = 4.0
"""Between a label and a wire that goes past it, in px."""


@dataclass
class Inside:
    """A level with places, from the frame's left upper corner."""

    size: Size
    rects: dict[str, Rect]
    ways: list[list[Point]]
    borders: dict[str, list[Point]]
    """By port: the way from within to the border."""
    header: float
    """Where the frame's label begins."""

    def as_high_as(self, height: float) -> Inside:
        """With more room at the top."""
        down = height - self.size.height
        return replace(
            self,
            size=self.size._replace(height=height),
            rects={key: rect.moved(0, down) for key, rect in self.rects.items()},
            ways=[moved(way, 0, down) for way in self.ways],
            borders={port: moved(way, 0, down) for port, way in self.borders.items()},
        )


def framed_size(inner: Rect, label: str, exits: Sequence[float]) -> tuple[Size, float, float]:
    """The size of a frame, where its label begins, and where what is inside begins; without a label, of the
    whole drawing.

    Wires leave upwards at the `exits`. The label stands in front of them, between two or behind them,
    whichever takes least room.
    """
    if not label:
        return Size(inner.width + 2 * PADDING, inner.height + 2 * PADDING), 0.0, PADDING
    needed = metrics.width(label, metrics.SMALL)
    found = []
    for begin, end in pairwise([-inf, *exits, inf]):
        at = max(LABEL, PADDING + begin + CLEAR)
        shift = max(0.0, at + needed + CLEAR - PADDING - end)
        if not shift or begin == -inf:
            found.append((max(inner.width + 2 * PADDING + shift, at + needed + LABEL), at, PADDING + shift))
    wide, at, left = min(found)
    return Size(wide, inner.height + PADDING + HEADER), at, left
