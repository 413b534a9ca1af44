"""Pictures of very many equations that no layer holds together: frames around runs of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from graphc.view.drawing.picture import Box, Frame, Picture

PARTS = 20
"""So many frames a picture without any gets at most."""


def in_parts(picture: Picture, shown: Picture) -> tuple[Picture, set[str]]:
    """The picture with frames around what follows each other in the order of computation, and their ids.

    `shown` is the picture as far as it can be folded: each of its boxes goes into one part. No wire leads
    from a part to one before it, but for recurrences. A weight or an input is in the part of its first user.
    """
    into = {wire.target for wire in shown.wires}
    computed = [box for box in shown.boxes if box.id in into] or shown.boxes
    size = ceil(len(computed) / PARTS)
    runs = [computed[first : first + size] for first in range(0, len(computed), size)]
    parts = [Frame(f"part {n}", _label(run), "layer") for n, run in enumerate(runs, 1)]
    part_of = {box.id: part.id for part, run in zip(parts, runs, strict=True) for box in run}
    place = {box.id: number for number, box in enumerate(shown.boxes)}
    for wire in sorted(shown.wires, key=lambda wire: place[wire.target]):
        part_of.setdefault(wire.source, part_of[wire.target])
    for box in shown.boxes:
        part_of.setdefault(box.id, parts[0].id)  # what nothing uses
    boxes = [replace(b, frame=part_of[b.id]) if b.id in part_of else b for b in picture.boxes]
    frames = [replace(f, parent=part_of[f.id]) if f.id in part_of else f for f in picture.frames]
    return replace(picture, boxes=boxes, frames=[*parts, *frames]), {part.id for part in parts}


def _label(run: Sequence[Box]) -> str:
    """The names at both ends."""
    names = [box.name for box in run if box.name] or [box.title for box in run]
    return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"
