"""Things that no wire connects, in rows: one after the other like words of a text."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.view.drawing.layered import Item, Solution

WIDEST = 1500.0
"""A row of several things is not wider, in px."""
GAP = 14.0
"""Between things and between rows, in px."""


def shelved(items: Sequence[Item], widest: float = WIDEST) -> Solution:
    """Places in the order of the items, which begin each row at the same height."""
    widest = max([widest, *(item.along for item in items)])
    centers: list[tuple[float, float]] = []
    left = top = height = 0.0
    for item in items:
        if left and left + item.along > widest:
            left, top, height = 0.0, top + height + GAP, 0.0
        centers.append((left + item.along / 2, top + item.across / 2))
        left, height = left + item.along + GAP, max(height, item.across)
    return Solution(centers, [])
