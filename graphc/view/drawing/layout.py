"""Where things stand: sizes from texts, places level by level (`nesting.py`), wires put together.

Steps of time stand side by side, and what is computed in each of them goes upwards. A wire's numbers stand on
the wire: to an engine they are a box between its two ends, so that they never collide with anything.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from graphc.view.drawing import sizes
from graphc.view.drawing.engines import SECONDS, Engine
from graphc.view.drawing.geometry import Flow, Label, Placed, Point, Rect, moved
from graphc.view.drawing.memory import with_strips
from graphc.view.drawing.nesting import Nesting
from graphc.view.drawing.picture import Picture, Wire
from graphc.view.drawing.sizes import lines, wire_label

__all__ = ["Label", "Placed", "Point", "Rect", "lay_out", "lines", "wire_label"]

LABELLED = 150
"""Above so many boxes wires carry no numbers: they could not be read."""
TRIED = 1000
"""Above so many boxes one direction is laid out: in neither the drawing fits on a screen."""
MARGIN = 16.0
"""Around the whole drawing, in px."""
SCREEN = (1500.0, 850.0)
"""What can be seen at once, in px: of two layouts the one is better that is shrunk less to fit in."""


def lay_out(
    picture: Picture,
    *,
    labels: bool | None = None,
    engine: str | Engine = "auto",
    flow: Flow | None = None,
    seconds: float = SECONDS,
) -> Placed:
    """Places for all boxes, for the frames around them and for the wires.

    `labels` says whether wires carry numbers, None that those of small pictures do; `flow` which way a
    picture without steps is computed, None that both are tried where it is not too large; `seconds` how long
    a library may take. An `engine` that is open already serves several pictures, and solves once what is
    equal in them.
    Raises E522 for an unknown engine and E721 for one that is not installed.
    """
    labelled = len(picture.boxes) <= LABELLED if labels is None else labels
    has_steps = any(frame.kind in ("step", "phase") for frame in picture.frames)
    flows: tuple[Flow, ...] = ("right", "up") if len(picture.boxes) <= TRIED else ("right",)
    flows = ("right",) if has_steps else (flow,) if flow else flows
    own = Engine(engine, seconds) if isinstance(engine, str) else nullcontext(engine)
    with own as solver:
        nestings = [Nesting(picture, labelled, one, solver).solved() for one in flows]
    placed = [replace(_Gathering(nesting).placed(), flow=nesting.flow) for nesting in nestings]
    best = max(placed, key=_scale)
    return with_strips(replace(best, engine=solver.name, notes=tuple(solver.notes)), MARGIN)


def _scale(placed: Placed) -> float:
    return min(SCREEN[0] / placed.width, SCREEN[1] / placed.height, 1.0)


@dataclass
class _Gathering:
    """Levels with places, on their way to one drawing."""

    nesting: Nesting
    origins: dict[str, Point] = field(default_factory=lambda: {"": (MARGIN - 10, MARGIN - 10)})
    rects: dict[str, Rect] = field(default_factory=dict)
    """By key of boxes, frames and labels."""
    parts: dict[tuple[str, int], list[list[Point]]] = field(default_factory=dict)
    """By frame and wire: what the engine gave, in the direction of the layers."""
    borders: dict[tuple[str, int], list[Point]] = field(default_factory=dict)
    """By frame and wire: the way to the border."""

    def placed(self) -> Placed:
        for frame in sorted(self.nesting.levels, key=lambda key: len([*self.picture.around(key)])):
            self._gather(frame)
        size = self.nesting.insides[""].size
        return Placed(
            self.picture,
            {box.id: self._box(box.id) for box in self.picture.boxes},
            {frame.id: self.rects[frame.id] for frame in self.picture.frames if frame.id in self.rects},
            {
                key: self.origins[key][0] + inside.header
                for key, inside in self.nesting.insides.items()
                if key
            },
            [self._wire(n, wire) for n, wire in enumerate(self.picture.wires)],
            [self._label(n, wire) for n, wire in enumerate(self.picture.wires)],
            size.width + 2 * (MARGIN - 10),
            size.height + 2 * (MARGIN - 10),
            self.nesting.engine.name,
        )

    @property
    def picture(self) -> Picture:
        return self.nesting.picture

    def _gather(self, frame: str) -> None:
        """A level's places from the drawing's corner; frames come before what they hold."""
        dx, dy = self.origins[frame]
        inside = self.nesting.insides[frame]
        for key, rect in inside.rects.items():
            self.rects[key] = rect.moved(dx, dy)
            self.origins[key] = (rect.x + dx, rect.y + dy)
        for part, way in zip(self.nesting.levels[frame].parts, inside.ways, strict=True):
            self.parts.setdefault((frame, part.wire), []).append(moved(way, dx, dy))
        for port, way in inside.borders.items():
            self.borders[frame, int(port[1:])] = moved(way, dx, dy)

    # ------------------------------------------------------------------------------- wires and labels

    def _wire(self, number: int, wire: Wire) -> list[Point]:
        if wire.source == wire.target:
            return self._loop(number, wire)
        is_back = self.nesting.is_turned(wire)
        begin, end = (wire.target, wire.source) if is_back else (wire.source, wire.target)
        out, into = self.nesting.path(begin), self.nesting.path(end)
        common = next(frame for frame in out if frame in into)
        points: list[Point] = []
        for frame in out[: out.index(common)]:
            points += self._ways(frame, number) + self.borders[frame, number]
        points += self._ways(common, number)
        for frame in into[: into.index(common)][::-1]:
            points += self.borders[frame, number][::-1] + self._ways(frame, number)
        points = points[::-1] if is_back else points
        return self._touching(points, wire)

    def _ways(self, frame: str, number: int) -> list[Point]:
        points = [point for way in self.parts.get((frame, number), ()) for point in way]
        return points[::-1] if (frame, number) in self.nesting.reversed else points

    def _touching(self, points: list[Point], wire: Wire) -> list[Point]:
        """From border to border: the room for a self-loop is not the box."""
        found = list(points)
        for key, at in ((wire.source, 0), (wire.target, -1)):
            rect, (x, y) = self._box(key), found[at]
            if rect.x <= x <= rect.right and not rect.y <= y <= rect.bottom:
                found[at] = (x, rect.y if y < rect.y else rect.bottom)
            elif rect.y <= y <= rect.bottom and not rect.x <= x <= rect.right:
                found[at] = (rect.x if x < rect.x else rect.right, y)
        return found

    def _box(self, key: str) -> Rect:
        """The box itself, without the room for a self-loop."""
        item, size, own = self.rects[key], self.nesting.sizes[key], self.nesting.own[key]
        x, y = item.x + size.width / 2, item.bottom - size.height / 2
        return Rect(x - own.width / 2, y - own.height / 2, own.width, own.height)

    def _loop(self, number: int, wire: Wire) -> list[Point]:
        """Each self-loop of a box stands around the one before it."""
        more = sizes.LOOPS_APART * self.nesting.loops[wire.source].index(number)
        box, far, half = self._box(wire.source), sizes.LOOP - 4 + more, 8 + more
        x, y = box.center
        if self.nesting.flow_in(self.picture.box(wire.source).frame) == "right":
            half += 4
            return [(x + half, box.y), (x + half, box.y - far), (x - half, box.y - far), (x - half, box.y)]
        right = box.right
        return [(right, y - half), (right + far, y - half), (right + far, y + half), (right, y + half)]

    def _label(self, number: int, wire: Wire) -> Label | None:
        above, below = self.nesting.texts[number]
        if not above and not below:
            return None
        flow = self.nesting.flow_in(self._common(wire))
        size = self.nesting.label_size(number, flow)
        rect = (
            self._loop_label(number, wire, flow) if wire.source == wire.target else self.rects[f"@{number}"]
        )
        if flow == "right":
            return Label(above, below, rect)
        room = size.width + sizes.PORT
        return Label(above, below, Rect(rect.x + room, rect.y, rect.width - room, rect.height), beside=True)

    def _loop_label(self, number: int, wire: Wire, flow: Flow) -> Rect:
        """Those of several self-loops stand on top of each other, the innermost loop's below."""
        loops, box = self.nesting.loops[wire.source], self._box(wire.source)
        labels = [self.nesting.label_size(loop, flow) for loop in loops]
        size, below = (
            labels[loops.index(number)],
            sum(label.height for label in labels[: loops.index(number)]),
        )
        out = sizes.LOOP + sizes.LOOPS_APART * (len(loops) - 1)
        x, y = box.center
        if flow == "right":
            top = box.y - out - below - size.height
            return Rect(x - size.width / 2, top, size.width, size.height)
        top = y + sum(label.height for label in labels) / 2 - below - size.height
        return Rect(box.right + out - sizes.PORT, top, size.width + size.beside, size.height)

    def _common(self, wire: Wire) -> str:
        """The innermost frame that holds both ends."""
        into = self.nesting.path(wire.target)
        return next(frame for frame in self.nesting.path(wire.source) if frame in into)
