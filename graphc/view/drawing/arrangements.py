"""The ways in which a page shows a picture: which groups are closed in each, and where everything is then.

A page cannot lay out: what a reader can reach by one click from the beginning is laid out beforehand. For
anything else the page moves an arrangement together that has at least as much open.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from graphc.view.drawing.folding import folded
from graphc.view.drawing.geometry import Flow, Placed
from graphc.view.drawing.picture import Picture

ROOM = 500
"""So many boxes the arrangements have at most beside the three that are always there, about 1 KB each."""


@dataclass(frozen=True)
class Arranged:
    """A picture of which everything is open, and its arrangements: as it is shown at first, with everything
    open, with everything closed, then what one click leads to. What is closed in an arrangement is a box of
    its picture, with the frame's id."""

    whole: Picture
    shown: Sequence[Placed]

    def closed(self, placed: Placed) -> list[str]:
        """The frames that an arrangement shows as boxes."""
        frames = {frame.id for frame in self.whole.frames}
        return [box.id for box in placed.picture.boxes if box.id in frames]


Place = Callable[[Picture, Flow | None], Placed]
"""Lays out a picture, computed into a direction or the one that suits it."""


def arranged(whole: Picture, place: Place, room: int = ROOM) -> Arranged:
    """The frames that `whole` calls closed are closed at first. What one click leads to is computed into the
    same direction: a reader is to find things again."""
    # Of a picture that was folded before, its own wires are the whole ones.
    whole = replace(whole, wires=[replace(wire, parts=()) for wire in whole.wires])
    found: dict[frozenset[str], Placed] = {}
    flow: Flow | None = None
    always = 3
    for number, closed in enumerate(_ways(whole)):
        key = _outermost(whole, closed)
        if key in found:
            continue
        picture = folded(whole, key)
        if number >= always:
            room -= len(picture.boxes)
            if room < 0:
                break
            flow = next(iter(found.values())).flow
        found[key] = place(picture, flow)
    return Arranged(whole, list(found.values()))


def _ways(whole: Picture) -> Iterator[set[str]]:
    """Sets of frames to close."""
    every = {frame.id for frame in whole.frames}
    first = {frame.id for frame in whole.frames if not frame.is_open}
    yield first
    yield set()
    yield every
    visible = [f.id for f in whole.frames if not any(a.id in first for a in whole.around(f.parent))]
    yield from (first - {key} for key in visible if key in first)
    yield from (every - {frame.id} for frame in whole.frames if not frame.parent)
    yield from (first | {key} for key in visible if key not in first)


def _outermost(whole: Picture, closed: Collection[str]) -> frozenset[str]:
    """Without what is within another closed frame, and without what holds no boxes."""
    held = {frame.id for box in whole.boxes for frame in whole.around(box.frame)}
    return frozenset(key for key in closed if key in held and not _any(whole, key, closed))


def _any(whole: Picture, key: str, closed: Collection[str]) -> bool:
    around: Iterable[str] = (frame.id for frame in whole.around(whole.frame(key).parent))
    return any(outer in closed for outer in around)
