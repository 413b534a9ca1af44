"""What a layout engine is asked: boxes of known sizes and links between them, to be put into layers.

Engines know one direction: layers follow each other *along* the flow, and within a layer boxes stand side by
side *across* it. Which of them is x and which is y is decided by `layout.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import dist
from typing import Literal

Point = tuple[float, float]
"""In px: first along the flow, then across it."""

LAYER_GAP = 16.0
"""Between layers, in px: room for an arrow's head and for bends."""
ITEM_GAP = 14.0
"""Between boxes of a layer, in px."""


@dataclass(frozen=True)
class Item:
    """Something with a size, in px, and the room that is kept free across the flow, `before` and `behind` it.
    `end` keeps it in the first or in the last layer."""

    along: float
    across: float
    end: Literal["", "first", "last"] = ""
    before: float = 0.0
    behind: float = 0.0


@dataclass(frozen=True)
class Link:
    """From one item to another, by their numbers. `leaves` and `enters` are where it touches them: the
    distance across the flow from their centers, in px; None leaves that to the engine. How much it matters
    that a link is straight is its `weight`."""

    source: int
    target: int
    leaves: float | None = None
    enters: float | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class Problem:
    """Items in the order of computation, and links between them; all of one level."""

    items: tuple[Item, ...]
    links: tuple[Link, ...]

    def mirrored(self) -> Problem:
        """What is on one side across the flow is on the other."""
        items = (replace(item, before=item.behind, behind=item.before) for item in self.items)
        links = (replace(k, leaves=_negated(k.leaves), enters=_negated(k.enters)) for k in self.links)
        return Problem(tuple(items), tuple(links))


@dataclass(frozen=True)
class Solution:
    """The items' centers, and each link's way from border to border."""

    centers: Sequence[Point]
    ways: Sequence[Sequence[Point]]

    def mirrored(self) -> Solution:
        """As `Problem.mirrored`."""
        return Solution([(a, -c) for a, c in self.centers], [[(a, -c) for a, c in way] for way in self.ways])

    def length(self) -> float:
        """Of all links together, in px."""
        return sum(dist(one, other) for way in self.ways for one, other in pairwise(way))


def _negated(offset: float | None) -> float | None:
    return None if offset is None else -offset
