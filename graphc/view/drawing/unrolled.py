"""A picture with an axis unrolled: every step has boxes of its own, and weights stand next to their users.

A recurrence is no cycle any more: the wire that reads `h[t-1]` goes from one step to the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from graphc.view.drawing.formulas import at_step
from graphc.view.drawing.picture import Array, Axis, Box, Frame, Picture, Reading, Wire
from graphc.view.drawing.places import Steps, bounds, examples, holds, position

_LONE = re.compile(r"\w+\[[^\]]*\]")
"""An operation that is called by an axis, `mean[t]`, not by a step."""


def unrolled(picture: Picture, length: str, size: int) -> Picture:
    """The picture with the axes that end at `length` taken apart into `size` steps."""
    return _Unrolling(picture, length, size).picture()


@dataclass
class _Unrolling:
    rolled: Picture
    length: str
    size: int
    frames: dict[str, Frame] = field(default_factory=dict)
    chips: dict[str, Box] = field(default_factory=dict)

    def __post_init__(self) -> None:
        axes = [axis for box in self.rolled.boxes for axis in box.axes]
        sizes = {axis.length: axis.size for axis in axes if axis.size is not None}
        self.lengths = {**sizes, self.length: self.size}
        self.names = sorted({axis.name for axis in axes if axis.length == self.length})
        own = next((axis.ends for axis in axes if axis.length == self.length), ())
        self.ends: dict[str, tuple[int, ...]] = {name: (size,) for name, size in self.lengths.items()}
        if own and max(own) == self.size:
            self.ends[self.length] = own

    def picture(self) -> Picture:
        boxes = [copy for box in self.rolled.boxes for copy in self._copies(box)]
        wires = [copy for wire in self.rolled.wires for copy in self._wires(wire)]
        boxes = [*self.chips.values(), *self._outside(boxes, wires)]
        boxes, wires = self._without_unused(boxes, wires)
        frames = [*self._around(boxes)]
        return replace(self.rolled, boxes=_in_order(boxes, wires), wires=wires, frames=frames)

    def _outside(self, boxes: list[Box], wires: list[Wire]) -> Iterator[Box]:
        """A weight that steps have copies of is one itself where it is read outside of them too."""
        copied = {chip.copies for chip in self.chips.values()}
        back: dict[str, list[Array]] = {key: [] for key in copied}
        for wire in wires:
            if wire.source in copied and wire.cotangent is not None:
                back[wire.source].append(wire.cotangent)
        for box in boxes:
            if box.id in copied:
                share = np.add.reduce(back[box.id]) if back[box.id] else None
                box = replace(box, copies=box.id, cotangent=share, shares={})
            yield box

    def _without_unused(self, boxes: list[Box], wires: list[Wire]) -> tuple[list[Box], list[Wire]]:
        """Without weights that have copies at each step, and without operations for steps at which a boundary
        stands in the place of their equation."""
        read = {wire.source for wire in self.rolled.wires}
        while True:
            used = {wire.source for wire in wires}
            kept = [box for box in boxes if box.id in used or not self._is_for_users(box, read)]
            if len(kept) == len(boxes):
                return boxes, wires
            boxes, left = kept, {box.id for box in kept}
            wires = [wire for wire in wires if wire.target in left]

    def _is_for_users(self, box: Box, read: set[str]) -> bool:
        """Whether a box is drawn because it is read."""
        is_read = box.id in read or box.id.rpartition("@")[0] in read
        is_boundary = "[" in box.id
        return box.role == "param" or (is_read and (is_boundary or not box.name))

    # ------------------------------------------------------------------------------------- boxes

    def _along(self, box: Box) -> tuple[int, Axis] | None:
        """The first of a box's axes that is taken apart, and its place."""
        found = [(place, axis) for place, axis in enumerate(box.axes) if axis.length == self.length]
        return found[0] if found else None

    def _copies(self, box: Box) -> Iterator[Box]:
        along = self._along(box)
        if along is None:
            yield replace(box, frame=self._frame(box.frame, 0))
            return
        place, axis = along
        for step in range(1, self.size + 1):
            steps = {axis.name: step}
            is_lone = _LONE.fullmatch(box.operation) and "=" not in box.operation
            yield replace(
                box,
                id=_at(box.id, step),
                name=at_step(box.name, steps),
                operation=box.operation if is_lone else at_step(box.operation, steps, self.lengths),
                axes=(*box.axes[:place], *box.axes[place + 1 :]),
                frame=self._frame(box.frame, step, axis.name),
                value=_part(box, box.value, place, step),
                cotangent=_part(box, box.cotangent, place, step),
                shares={},
            )

    def _frame(self, key: str, step: int, axis: str = "") -> str:
        """The copy of a frame that a step has; a frame for the step itself is around all of them."""
        if not key:
            return self._step(step)
        frame = self.rolled.frame(key)
        copy = _at(key, step) if step else key
        if copy not in self.frames:
            parent = self._frame(frame.parent, step, axis)
            if step and frame.kind == "equation":
                steps = {axis: step}
                label, formula = at_step(frame.label, steps), at_step(frame.formula, steps, self.lengths)
                frame = replace(frame, label=label, formula=formula, general=frame.label)
            self.frames[copy] = replace(frame, id=copy, parent=parent)
        return copy

    def _step(self, step: int) -> str:
        if not step:
            return ""
        key = f"{self.length}={step}"
        if key not in self.frames:
            label = ", ".join(f"{name} = {step}" for name in self.names)
            self.frames[key] = Frame(key, label, "step")
        return key

    def _around(self, boxes: list[Box]) -> Iterator[Frame]:
        """The frames that hold any of the boxes."""
        held: set[str] = set()
        for box in boxes:
            key = box.frame
            while key and key not in held:
                held.add(key)
                key = self.frames[key].parent
        yield from (frame for key, frame in self.frames.items() if key in held)

    # ------------------------------------------------------------------------------------- wires

    def _wires(self, wire: Wire) -> Iterator[Wire]:
        source, target = self.rolled.box(wire.source), self.rolled.box(wire.target)
        here, there = self._along(target), self._along(source)
        for step in range(1, self.size + 1) if here else (0,):
            steps = {here[1].name: step} if here else {}
            for at in self._positions(wire, there, steps):
                found = _at(source.id, at) if there else source.id
                cotangent = self._cotangent(wire, there, at, step)
                if here and not there and source.role in ("param", "state"):
                    found = self._chip(source, step, target, cotangent)
                yield replace(
                    wire,
                    source=found,
                    target=_at(target.id, step) if here else target.id,
                    said="" if there else wire.said,
                    is_back=wire.is_back and self._still_back(wire, there),
                    cotangent=cotangent,
                    only=(),
                    never=(),
                    shares={},
                )

    def _cotangent(self, wire: Wire, there: tuple[int, Axis] | None, at: int, step: int) -> Array | None:
        """What comes back at a step: of what all steps read a summand of the step's own."""
        found = wire.cotangent
        if step and self.length in wire.shares:
            found = wire.shares[self.length][step - 1]
        return _part(self.rolled.box(wire.source), found, there[0], at) if there else found

    def _positions(self, wire: Wire, there: tuple[int, Axis] | None, steps: Steps) -> list[int]:
        """The steps of the source that are read at a step of the target by some example; [0] where the source
        has none, none where a boundary value is read instead."""
        found: set[int] = set()
        for lengths in examples(self.ends):
            known = {**lengths, **steps}
            is_read = all(holds(one, known) is not False for one in wire.only)
            if is_read and not any(all(holds(one, known) for one in start) for start in wire.never):
                reading = wire.readings.get(there[1].name, Reading()) if there else None
                found.update(self._read(reading, known) if reading else [0])
        return sorted(found)

    def _read(self, reading: Reading, steps: Steps) -> range:
        """The steps of the source that are read."""
        low, high = 1, self.size
        if reading.place is not None:
            at = position(reading.place, steps)
            low, high = (at, at) if at is not None else bounds(reading.place, steps) or (low, high)
        return range(max(low, 1), min(high, self.size) + 1)

    def _still_back(self, wire: Wire, there: tuple[int, Axis] | None) -> bool:
        """Whether the wire goes from step to step of another axis than the one that is taken apart."""
        own = there[1].name if there else ""
        return any(r.axis and r.shift for name, r in wire.readings.items() if name != own)

    def _chip(self, source: Box, step: int, target: Box, share: Array | None) -> str:
        """One more picture of a weight, next to its user at a step, with what that adds to its cotangent."""
        frame = self._frame(target.frame, step)
        key = f"{source.id}@{frame}"
        known = self.chips.get(key)
        if known is None:
            self.chips[key] = replace(
                source, id=key, frame=frame, cotangent=share, copies=source.id, shares={}
            )
        elif known.cotangent is not None and share is not None:
            self.chips[key] = replace(known, cotangent=known.cotangent + share)
        return key


def _part(box: Box, array: Array | None, place: int, step: int) -> Array | None:
    """A step of a box's value or cotangent, along its axis at `place`."""
    if array is None:
        return None
    part: Array = np.take(array, step - 1, axis=place + box.has_batch)
    return part


def _at(key: str, step: int) -> str:
    return f"{key}@{step}"


def _in_order(boxes: list[Box], wires: list[Wire]) -> list[Box]:
    """Boxes so that each one comes behind what it reads, otherwise as they stand."""
    import networkx as nx

    known = {box.id: box for box in boxes}
    graph = nx.DiGraph()
    graph.add_nodes_from(known)
    graph.add_edges_from((wire.source, wire.target) for wire in wires if not wire.is_back)
    place = {key: number for number, key in enumerate(known)}
    return [known[key] for key in nx.lexicographical_topological_sort(graph, key=place.__getitem__)]
