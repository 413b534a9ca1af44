"""Frames closed: what is in one becomes one box, so that a large picture can be read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from graphc.view.drawing.metrics import shortened
from graphc.view.drawing.parts import in_parts
from graphc.view.drawing.picture import Box, Frame, Picture, Wire

MOST = 150
"""So many boxes can be looked at."""
SCHEDULED = 400
"""So many of a schedule, of which each phase is a small picture; above `MOST` kernels are closed."""
DETAILED = 40
"""Above so many boxes an equation is one of them, not one for each of its operations."""
FIRST = 3
"""Of an axis of too many steps the first ones are shown, and the last one."""
PARALLEL = 3
"""More wires than these between two boxes are one that says how many they are."""
SAID = 8
"""So many closed frames are named in a note."""
_LONG = 80
"""Letters of a formula in a box."""


def folded(picture: Picture, closed: Collection[str] | None = None) -> Picture:
    """The picture with frames closed, each to a box of the same id that has the value and the cotangent of
    what is computed in it. `closed` are ids of frames, None those that are not open.

    Wires go to that box instead. Equal ones are merged, and more than a few between the same two boxes; a
    recurrence within a closed frame is a wire from its box to itself.
    """
    if closed is None:
        closed = {frame.id for frame in picture.frames if not frame.is_open}
    return _Folding(picture, frozenset(closed)).picture()


@dataclass
class _Folding:
    whole: Picture
    closed: Collection[str]
    inside: dict[str, str] = field(default_factory=dict)
    """The outermost closed frame around a box, by the box."""

    def picture(self) -> Picture:
        for box in self.whole.boxes:
            for frame in self.whole.around(box.frame):
                if frame.id in self.closed:
                    self.inside[box.id] = frame.id
        members: dict[str, list[Box]] = {}
        for box in self.whole.boxes:
            members.setdefault(self.inside.get(box.id, box.id), []).append(box)
        last = {group[-1].id: key for key, group in members.items()}
        boxes = [
            self._closed(self.whole.frame(key), members[key]) if key in self.closed else box
            for box in self.whole.boxes
            if (key := last.get(box.id, "")) and (key in self.closed or key == box.id)
        ]
        frames = [
            frame
            for frame in self.whole.frames
            if not any(around.id in self.closed for around in self.whole.around(frame.id))
        ]
        return replace(self.whole, boxes=boxes, wires=self._wires(boxes), frames=frames)

    def _closed(self, frame: Frame, members: list[Box]) -> Box:
        results = self._results(members)
        result = results[0] if len(results) == 1 else None
        name = operation = ""
        if frame.kind == "equation":
            # What an equation computes at each step may be in frames of its own, without its result.
            is_whole = any(box.name for box in members)
            said = (frame.label, shortened(frame.formula, _LONG))
            name, operation = said if is_whole else (f"part of {frame.label}", "")
        elif frame.kind == "kernel":
            # What it leaves in memory is what other kernels speak of.
            name, operation = shortened(", ".join(_left(members)), _LONG), frame.label
        elif frame.kind == "phase":
            operation = shortened(", ".join(_left(members)), _LONG)
        return Box(
            id=frame.id,
            name=name or frame.label,
            operation=operation,
            role=result.role if result and result.role in ("loss", "output") else "operation",
            shape=result.shape if result and frame.kind not in ("kernel", "phase") else "",
            axes=result.axes if result else (),
            frame=frame.parent,
            line=frame.line,
            value=result.value if result else None,
            cotangent=result.cotangent if result else None,
            has_batch=result.has_batch if result else False,
            notes=(f"{len(members)} boxes",),
            marks=tuple(sorted({letter for box in members for letter in box.marks})),
            chips=tuple(box for box in members if box.copies) if frame.kind == "equation" else (),
        )

    def _results(self, members: list[Box]) -> list[Box]:
        """What is read outside of a frame; the last one if nothing is."""
        return [box for box in members if box.id in self._read] or members[-1:]

    @cached_property
    def _read(self) -> set[str]:
        """The boxes that are read outside of the closed frame around them."""
        return {
            wire.source
            for wire in self.whole.wires
            if self.inside.get(wire.source) != self.inside.get(wire.target)
        }

    def _wires(self, boxes: Iterable[Box]) -> list[Wire]:
        """Wires between other boxes, merged: those of the same value, then those that are too many."""
        same: dict[tuple[str, ...], list[Wire]] = {}
        values = {box.id: box.value for box in boxes}
        for number, wire in enumerate(self.whole.wires):
            source, target = (self.inside.get(end, end) for end in (wire.source, wire.target))
            if source == target and not wire.is_back:
                continue
            moved = replace(wire, parts=wire.parts or (number,))
            if source in self.closed:
                origin = self.whole.box(wire.source)
                several = values[source] is not origin.value
                said = f"{origin.name} {wire.said}".strip() if several else wire.said
                moved = replace(moved, said=said, value=origin.value if several else None)
            key = (source, target, wire.source, moved.said, str(wire.is_back))
            same.setdefault(key, []).append(replace(moved, source=source, target=target))
        merged = [_merged(wires) for wires in same.values()]
        between: dict[tuple[str, str], list[Wire]] = {}
        for wire in merged:
            between.setdefault((wire.source, wire.target), []).append(wire)
        return [
            wire
            for wires in between.values()
            for wire in ([_many(wires)] if len(wires) > PARALLEL else wires)
        ]


def _left(members: Iterable[Box]) -> list[str]:
    """The names of what a kernel or a phase leaves in memory."""
    return [
        box.name for box in members if box.shape and not box.copies and box.role not in ("input", "param")
    ]


def _merged(wires: list[Wire]) -> Wire:
    """Uses of one value by one box: their cotangents add up."""
    if len(wires) == 1:
        return wires[0]
    if any(wire.merged > 1 for wire in wires):
        return _many(wires)
    parts = [wire.cotangent for wire in wires]
    known = [part for part in parts if part is not None]
    total = np.add.reduce(known) if len(known) == len(parts) else None
    said = f"{wires[0].said}, {len(wires)} uses".removeprefix(", ")
    return replace(wires[0], said=said, cotangent=total, readings={}, only=(), parts=_parts(wires))


def _many(wires: list[Wire]) -> Wire:
    """Uses of several values, whose numbers have no room."""
    count = sum(wire.merged for wire in wires)
    return replace(
        wires[0],
        said=f"{count} wires",
        value=None,
        cotangent=None,
        merged=count,
        readings={},
        only=(),
        parts=_parts(wires),
    )


def _parts(wires: list[Wire]) -> tuple[int, ...]:
    return tuple(number for wire in wires for number in wire.parts)


# -------------------------------------------------------------------------------------- what fits


def fitting(picture: Picture, most: int = MOST, detailed: int = DETAILED) -> Picture:
    """The picture with frames marked as closed so that it can be looked at, and notes that say which:
    `folded` closes them.

    Above `detailed` boxes equations are closed, and kernels of a schedule, of which more fit. If there are
    more than `most` then, the steps in the middle of a long axis become one box, then frames are closed from
    the inside out. Where that is not enough, equations that follow each other become one box.
    """
    if picture.memory:
        most, detailed = SCHEDULED, most
    count = len(picture.boxes)
    if count <= detailed:
        return picture
    closed = {frame.id for frame in picture.frames if frame.kind in ("equation", "kernel")}
    found = folded(picture, closed)
    if len(found.boxes) > most:
        picture, left_out = _shortened(picture)
        closed |= left_out
        found = folded(picture, closed)
    while len(found.boxes) > most and (deepest := _deepest(found)):
        closed |= deepest
        found = folded(found, deepest)
    if len(found.boxes) > most:
        picture, parts = in_parts(picture, found)
        closed |= parts
    notes = [*picture.notes]
    if labels := _labels(picture, closed):
        notes.append(f"{count} boxes: closed {labels}")
    frames = [replace(frame, is_open=frame.is_open and frame.id not in closed) for frame in picture.frames]
    return replace(picture, frames=frames, notes=tuple(notes))


def _labels(picture: Picture, closed: Collection[str]) -> str:
    """The outermost of these frames, but for those that stand for steps."""
    frames = [
        frame
        for frame in picture.frames
        if frame.id in closed
        and frame.kind != "step"
        and not any(outer.id in closed for outer in picture.around(frame.parent))
    ]
    labels = list(dict.fromkeys(frame.general or frame.label for frame in frames))
    return ", ".join([*labels[:SAID], *([f"{len(labels) - SAID} more"] if len(labels) > SAID else [])])


def _deepest(picture: Picture) -> set[str]:
    """The innermost frames that are open, steps last."""
    frames = [frame for frame in picture.frames if frame.kind != "step"] or list(picture.frames)
    depths = {frame.id: len([*picture.around(frame.id)]) for frame in frames}
    deepest = max(depths.values(), default=0)
    return {key for key, depth in depths.items() if depth == deepest}


def _shortened(picture: Picture) -> tuple[Picture, set[str]]:
    """The picture with a frame around the steps in the middle of each unrolled axis, and these frames."""
    groups: dict[str, list[Frame]] = {}
    for frame in picture.frames:
        if frame.kind == "step":
            groups.setdefault(frame.id.rsplit("=", 1)[0], []).append(frame)
    frames, notes, around = list(picture.frames), [], set()
    for axis, steps in groups.items():
        left_out = steps[FIRST:-1]
        if len(left_out) < 2:
            continue
        end = left_out[-1].label.split(", ")[0].split(" = ")[-1]
        outer = Frame(f"{axis}=…", f"{left_out[0].label} … {end}", "step", left_out[0].parent)
        inner = {frame.id for frame in left_out}
        frames = [replace(f, parent=outer.id) if f.id in inner else f for f in frames]
        frames.insert(next(n for n, f in enumerate(frames) if f.id in inner), outer)
        notes.append(f"{outer.label}: {len(left_out)} steps as one box")
        around.add(outer.id)
    return replace(picture, frames=frames, notes=(*picture.notes, *notes)), around
