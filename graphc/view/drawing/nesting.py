"""Levels of a picture: which part of which wire lies in which frame, and the places within each frame.

A frame is laid out first, then it is one box for the frame around it; wires that cross its border have ports
there. So an engine sees one level at a time, equal steps are laid out once, and each level may flow its own
way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

from graphc.view.drawing import sizes
from graphc.view.drawing.engines import Engine
from graphc.view.drawing.framing import PADDING, Inside, framed_size
from graphc.view.drawing.geometry import Flow, Point, Rect, around, moved
from graphc.view.drawing.layered import Item, Link, Problem, Solution
from graphc.view.drawing.picture import Picture, Wire
from graphc.view.drawing.shelves import shelved
from graphc.view.drawing.sizes import Size
from graphc.view.drawing.strips import Crossing, with_strips

_SIDE_BY_SIDE = ("step", "phase")
"""Frames that stand beside each other, while what is in them goes upwards."""
IN_LINE = 1000.0
"""How much more it matters that steps stand on one line than that a wire is straight."""


class Part(NamedTuple):
    """A wire's way within one level, from item to item, in the direction of the layers."""

    source: str
    target: str
    wire: int


@dataclass
class Level:
    """What a frame holds, by key: boxes, frames, labels `@3` and ports `<3` and `>3` of wires."""

    items: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    crossings: list[Crossing] = field(default_factory=list)


@dataclass
class Nesting:
    picture: Picture
    labelled: bool
    flow: Flow
    engine: Engine
    levels: dict[str, Level] = field(default_factory=lambda: {"": Level()})
    insides: dict[str, Inside] = field(default_factory=dict)
    sizes: dict[str, Size] = field(default_factory=dict)
    own: dict[str, Size] = field(default_factory=dict)
    """Of boxes without the room for self-loops."""
    loops: dict[str, list[int]] = field(default_factory=dict)
    """By box: its wires to itself."""
    reversed: set[tuple[str, int]] = field(default_factory=set)
    """By frame and wire: whose way in the frame is laid out against that in the steps."""

    def solved(self) -> Nesting:
        """With all levels laid out."""
        self._fill_boxes()
        for number, wire in enumerate(self.picture.wires):
            if wire.source != wire.target:
                self._fill_wire(number, wire)
        depth = {key: len([*self.picture.around(key)]) for key in self.levels}
        for frame in sorted(self.levels, key=lambda key: -depth[key]):
            self.insides[frame] = self._inside(frame)
            self.sizes[frame] = self.insides[frame].size
        return self

    # ---------------------------------------------------------------------------- what is on a level

    def _fill_boxes(self) -> None:
        for number, wire in enumerate(self.picture.wires):
            if wire.source == wire.target:
                self.loops.setdefault(wire.source, []).append(number)
        for box in self.picture.boxes:
            self._level(box.frame).items.append(box.id)
            self.own[box.id] = self.sizes[box.id] = sizes.box_size(self.rows[box.id])
            if box.id in self.loops:
                flow = self.flow_in(box.frame)
                labels = [self.label_size(number, flow) for number in self.loops[box.id]]
                self.sizes[box.id] = sizes.with_loops(self.sizes[box.id], labels, flow)

    def _level(self, frame: str) -> Level:
        if frame not in self.levels:
            self.levels[frame] = Level()
            self._level(self.picture.frame(frame).parent).items.append(frame)
        return self.levels[frame]

    def flow_in(self, frame: str) -> Flow:
        """Steps stand side by side, and what is in a step goes upwards."""
        if frame not in self._flows:
            steps = [found.id for found in self.picture.around(frame) if found.kind in _SIDE_BY_SIDE]
            self._flows[frame] = "up" if any(step not in self._rows_of_steps for step in steps) else self.flow
        return self._flows[frame]

    def __post_init__(self) -> None:
        self._rows_of_steps = {frame.parent for frame in self.picture.frames if frame.kind in _SIDE_BY_SIDE}
        self.rows = sizes.rows(self.picture)
        self.texts = [self._texts(wire) for wire in self.picture.wires]
        """Of each wire: what stands above and below it."""
        self._paths: dict[str, list[str]] = {}
        self._flows: dict[str, Flow] = {}
        order = [*(frame.id for frame in self.picture.frames), *(box.id for box in self.picture.boxes)]
        self._place = {key: n for n, key in enumerate(order)}

    def label_size(self, number: int, flow: Flow) -> Size:
        """The room for a wire's numbers, none if it has none."""
        above, below = self.texts[number]
        return sizes.label_size(above, below, flow) if above or below else Size(0.0, 0.0)

    def _texts(self, wire: Wire) -> tuple[str, str]:
        return sizes.wire_label(self.picture, wire) if self.labelled else (wire.said, "")

    def _fill_wire(self, number: int, wire: Wire) -> None:
        """The parts of a wire: out of frames, past its numbers, into frames. One that goes back is laid out
        the other way round, so that layers are in the order of computation."""
        is_back = self.is_turned(wire)
        source, target = (wire.target, wire.source) if is_back else (wire.source, wire.target)
        out, into = self.path(source), self.path(target)
        common = next(frame for frame in out if frame in into)
        begin = self._through(number, source, out[: out.index(common)], is_back, to_right=True)
        end = self._through(number, target, into[: into.index(common)], is_back, to_right=False)
        level = self.levels[common]
        if not any(self.texts[number]):
            level.parts.append(Part(begin, end, number))
            return
        self.sizes[f"@{number}"] = self.label_size(number, self.flow_in(common))
        level.items.append(f"@{number}")
        level.parts += [Part(begin, f"@{number}", number), Part(f"@{number}", end, number)]

    def is_turned(self, wire: Wire) -> bool:
        """Whether a wire goes against the order of computation, or from a step to one before it."""
        if wire.is_back:
            return self._place[wire.source] > self._place[wire.target]
        out, into = self.path(wire.source), self.path(wire.target)
        common = next(frame for frame in out if frame in into)
        steps = [path[path.index(common) - 1] for path in (out, into) if path.index(common)]
        if len(steps) < 2 or any(self.picture.frame(step).kind != "step" for step in steps):
            return False
        return self._place[steps[0]] > self._place[steps[1]]

    def path(self, box: str) -> list[str]:
        """The frames around a box from the inside, and the whole drawing."""
        frame = self.picture.box(box).frame
        if frame not in self._paths:
            self._paths[frame] = [*(found.id for found in self.picture.around(frame)), ""]
        return self._paths[frame]

    def _through(self, number: int, item: str, frames: list[str], is_back: bool, *, to_right: bool) -> str:
        """A wire's way from an item through the borders of frames; the last of these.

        Within a step every wire leaves its source upwards and enters its target from below, also one whose
        way through the steps is laid out the other way round.
        """
        leaves = to_right != is_back
        sides = [n for n, frame in enumerate(frames) if self._is_turned_flow(frame)]
        for n, frame in enumerate(frames):
            level = self.levels[frame]
            if n in sides:
                level.crossings.append(Crossing(number, item, to_right, leaves))
            else:
                is_exit = leaves if sides and n < sides[-1] else to_right
                port = f"{'>' if is_exit else '<'}{number}"
                level.items.append(port)
                level.parts.append(Part(item, port, number) if is_exit else Part(port, item, number))
                if is_exit != to_right:
                    self.reversed.add((frame, number))
            item = frame
        return item

    def _is_turned_flow(self, frame: str) -> bool:
        return self.flow_in(frame) != self.flow_in(self.picture.frame(frame).parent)

    # ---------------------------------------------------------------------------- places on a level

    def _inside(self, frame: str) -> Inside:
        level, flow = self.levels[frame], self.flow_in(frame)
        if self.picture.memory and not (level.parts or level.crossings):
            rows = shelved([self._item(key, flow) for key in level.items])
            return self._framed(frame, level, _turned(rows, flow), flow)
        steps = self._even_steps(level)
        numbers = {key: n for n, key in enumerate(level.items)}
        found = self.engine.solve(
            Problem(
                tuple(self._item(key, flow) for key in level.items),
                (
                    *(
                        Link(numbers[p.source], numbers[p.target], *self._touched(p, flow))
                        for p in level.parts
                    ),
                    # Nobody sees these: they keep the steps on one line.
                    *(Link(numbers[a], numbers[b], 0.0, 0.0, IN_LINE) for a, b in pairwise(steps)),
                ),
            )
        )
        return self._framed(frame, level, _turned(found, flow), flow)

    def _even_steps(self, level: Level) -> list[str]:
        """The steps of a level, all as high as the highest: with their middles their feet are on one line."""
        steps = [key for key in level.items if key in self.insides and self.picture.frame(key).kind == "step"]
        highest = max((self.sizes[key].height for key in steps), default=0.0)
        for key in steps:
            self.insides[key] = self.insides[key].as_high_as(highest)
            self.sizes[key] = self.insides[key].size
        return steps

    def _item(self, key: str, flow: Flow) -> Item:
        if key[0] in "<>":
            return Item(1.0, 1.0, "first" if key[0] == "<" else "last")
        size = self.sizes[key]
        if flow == "right":
            return Item(size.width, size.height, before=size.above)
        return Item(size.height, size.width, behind=size.beside)

    def _touched(self, part: Part, flow: Flow) -> tuple[float | None, float | None]:
        return self._offset(part.source, f">{part.wire}", flow), self._offset(
            part.target, f"<{part.wire}", flow
        )

    def _offset(self, key: str, port: str, flow: Flow) -> float | None:
        """Where a wire touches an item, across the flow from its middle; None for anywhere."""
        if key in self.insides:
            inside = self.insides[key]
            x, y = inside.borders[port][-1]
            return y - inside.size.height / 2 if flow == "right" else x - inside.size.width / 2
        return 0.0 if key[0] in "<>@" else None

    def _framed(self, frame: str, level: Level, found: Solution, flow: Flow) -> Inside:
        """The level within its frame: strips for what leaves it at its sides, ports at its border."""
        free = dict(zip(level.items, found.centers, strict=True))
        rects = {key: _rect(center, self.sizes[key]) for key, center in free.items() if key[0] not in "<>"}
        crossings = [self._at_port(crossing, rects) for crossing in level.crossings]
        wide = with_strips(rects, found.ways[: len(level.parts)], crossings)
        inner = around(wide.rects.values(), [p for way in (*wide.ways, *wide.strips) for p in way])
        exits = [x - inner.x for key, (x, _) in free.items() if key[0] == ">" and flow == "up"]
        label = sizes.frame_label(self.picture.frame(frame)) if frame else ""
        size, header, dx = framed_size(inner, label, sorted(exits))
        dx -= inner.x
        dy = size.height - PADDING - inner.bottom
        borders: dict[str, list[Point]] = {}
        for crossing, strip in zip(crossings, wide.strips, strict=True):
            y = strip[1][1] + dy
            end = (size.width if crossing.to_right else 0.0, y)
            borders[crossing.key] = [*moved(strip, dx, dy), end]
        for key, (x, y) in free.items():
            if key[0] in "<>":
                begin = (x + dx, y + dy)
                borders[key] = [begin, _border(begin, size, flow, key[0] == ">")]
        return Inside(
            size,
            {key: rect.moved(dx, dy) for key, rect in wide.rects.items()},
            [moved(way, dx, dy) for way in wide.ways],
            borders,
            header,
        )

    def _at_port(self, crossing: Crossing, rects: Mapping[str, Rect]) -> Crossing:
        """A port of its own: where the wire leaves a frame, or near a box's corner."""
        key = crossing.item
        if key in self.insides:
            x, _ = self.insides[key].borders[crossing.within][-1]
            return replace(crossing, port=x - rects[key].width / 2)
        side = 1 if crossing.to_right else -1
        return replace(crossing, port=side * (self.own[key].width / 2 - 8) - self.sizes[key].beside / 2)


def _turned(found: Solution, flow: Flow) -> Solution:
    """From along and across to x and y."""
    if flow == "right":
        return found
    return Solution([(c, -a) for a, c in found.centers], [[(c, -a) for a, c in way] for way in found.ways])


def _rect(center: Point, size: Size) -> Rect:
    """An item with the room beside and above it."""
    x, y = center[0] - size.width / 2, center[1] - size.height / 2 - size.above
    return Rect(x, y, size.width + size.beside, size.height + size.above)


def _border(port: Point, size: Size, flow: Flow, is_exit: bool) -> Point:
    """Straight on from a port to the frame's border."""
    if flow == "right":
        return (size.width if is_exit else 0.0, port[1])
    return (port[0], 0.0 if is_exit else size.height)
