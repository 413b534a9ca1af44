"""A picture with an axis unrolled: every step has boxes of its own, and weights stand next to their users.

A recurrence is no cycle any more: the wire that reads `h[t-1]` goes from one step to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from graphc.view.drawing.picture import Array, Axis, Box, Frame, Picture, Reading, Wire


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

    def picture(self) -> Picture:
        boxes = [copy for box in self.rolled.boxes for copy in self._copies(box)]
        wires = [copy for wire in self.rolled.wires for copy in self._wires(wire)]
        used = {wire.source for wire in wires} | {wire.target for wire in wires}
        boxes = [box for box in (*self.chips.values(), *boxes) if box.id in used or box.role != "param"]
        return replace(
            self.rolled, boxes=_in_order(boxes, wires), wires=wires, frames=list(self.frames.values())
        )

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
            yield replace(
                box,
                id=_at(box.id, step),
                name=box.name.replace(f"[{axis.name}", f"[{step}").replace(f", {axis.name}", f", {step}"),
                axes=(*box.axes[:place], *box.axes[place + 1 :]),
                frame=self._frame(box.frame, step),
                value=_part(box, box.value, place, step),
                cotangent=_part(box, box.cotangent, place, step),
            )

    def _frame(self, key: str, step: int) -> str:
        """The copy of a frame that a step has; a frame for the step itself is around all of them."""
        if not key:
            return self._step(step)
        frame = self.rolled.frame(key)
        copy = _at(key, step) if step else key
        if copy not in self.frames:
            parent = self._frame(frame.parent, step)
            self.frames[copy] = replace(frame, id=copy, parent=parent)
        return copy

    def _step(self, step: int) -> str:
        if not step:
            return ""
        key = f"{self.length}={step}"
        if key not in self.frames:
            names = {
                axis.name for box in self.rolled.boxes for axis in box.axes if axis.length == self.length
            }
            label = ", ".join(f"{name} = {step}" for name in sorted(names))
            self.frames[key] = Frame(key, label, "step")
        return key

    # ------------------------------------------------------------------------------------- wires

    def _wires(self, wire: Wire) -> Iterator[Wire]:
        source, target = self.rolled.box(wire.source), self.rolled.box(wire.target)
        here, there = self._along(target), self._along(source)
        steps = range(1, self.size + 1) if here else (0,)
        for step in steps:
            if here and wire.only.get(here[1].name, step) not in (step, step - self.size - 1):
                continue
            at = self._positions(wire, there, step)
            for position in at:
                found = source.id if not there else _at(source.id, position)
                if here and not there and source.role in ("param", "state"):
                    found = self._chip(source, step, target)
                yield replace(
                    wire,
                    source=found,
                    target=_at(target.id, step) if here else target.id,
                    said="" if there else wire.said,
                    is_back=wire.is_back and self._still_back(wire, there),
                    cotangent=self._cotangent(wire, there, position, step),
                    only={},
                )

    def _cotangent(
        self, wire: Wire, there: tuple[int, Axis] | None, position: int, step: int
    ) -> Array | None:
        """What comes back at a step. Of what all steps read that is the step's share, if it has one user."""
        if there:
            return _part(self.rolled.box(wire.source), wire.cotangent, there[0], position)
        if not step or wire.only:
            return wire.cotangent
        users = [other for other in self.rolled.wires if other.source == wire.source]
        return self._share(self.rolled.box(wire.source), step) if len(users) == 1 else None

    def _share(self, box: Box, step: int) -> Array | None:
        shares = box.shares.get(self.length)
        return _part(replace(box, has_batch=False), shares, 0, step)

    def _positions(self, wire: Wire, there: tuple[int, Axis] | None, step: int) -> range | tuple[int, ...]:
        """The steps of the source that are read at a step of the target; (0,) where the source has none."""
        if there is None:
            return (0,)
        reading = wire.readings.get(there[1].name, Reading())
        if reading.axis is not None and step:
            wanted = step + reading.shift
        elif reading.position is not None:
            wanted = reading.position if reading.position >= 0 else self.size + 1 + reading.position
        else:
            return range(1, self.size + 1)
        return (wanted,) if 1 <= wanted <= self.size else ()

    def _still_back(self, wire: Wire, there: tuple[int, Axis] | None) -> bool:
        """Whether the wire goes from step to step of another axis than the one that is taken apart."""
        own = there[1].name if there else ""
        return any(r.axis and r.shift for name, r in wire.readings.items() if name != own)

    def _chip(self, source: Box, step: int, target: Box) -> str:
        """One more picture of a weight, next to who uses it."""
        frame = self._frame(target.frame, step)
        key = f"{source.id}@{frame}"
        share = self._share(source, step)
        self.chips.setdefault(key, replace(source, id=key, frame=frame, cotangent=share, copies=source.id))
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
