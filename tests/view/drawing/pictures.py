"""Pictures of all specs, with numbers of the widths that numbers have, and what no layout may do."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from unittest import mock

import numpy as np

import graphc
from graphc.driver import parameters
from graphc.driver.pictures.picturing import Picturing
from graphc.view.drawing import metrics, sizes
from graphc.view.drawing.geometry import Placed, Rect
from graphc.view.drawing.picture import Box, Picture
from graphc.view.drawing.unrolled import unrolled

SPECS = Path(__file__).parents[3] / "specs"
NAMES = sorted(path.stem for path in SPECS.glob("*.nn"))
STEPS = 3


@cache
def rolled(name: str) -> Picture:
    """The picture of a spec of `specs/`, with numbers that nothing has computed."""
    # What parameters begin with takes longer than all else of a large spec, and stands nowhere here.
    with mock.patch.object(parameters, "draw", lambda initializer, shape, *_: np.zeros(shape)):
        program = graphc.compile(str(SPECS / f"{name}.nn"), backend="reference")
    found = Picturing(program, numbers=False).picture
    boxes = [replace(box, value=_array(box), cotangent=_array(box)) for box in found.boxes]
    wires = [replace(wire, cotangent=_array(found.box(wire.source))) for wire in found.wires]
    return replace(found, boxes=boxes, wires=wires)


def _array(box: Box) -> np.ndarray:
    dims = (2, 2) if box.shape.startswith("[") else ()
    shape = (*(STEPS for _ in box.axes), *dims)
    return np.linspace(-1.234e-5, 0.98765, int(np.prod(shape))).reshape(shape)


def lengths(found: Picture) -> list[str]:
    """The ends of all axes."""
    return list(dict.fromkeys(axis.length for box in found.boxes for axis in box.axes))


def pictures(name: str) -> list[Picture]:
    """Rolled, and unrolled along each axis."""
    found = rolled(name)
    return [found, *(unrolled(found, length, STEPS) for length in lengths(found))]


@cache
def computed(name: str) -> Picture:
    """The picture of a spec with the numbers of its own values, and those of each step of all its axes."""
    found = Picturing(graphc.compile(str(SPECS / f"{name}.nn"), backend="reference"))
    return found.by_step(*lengths(found.outline))


def bare(found: Picture) -> Picture:
    """The picture without numbers, so that it can be unrolled into any number of steps."""
    boxes = [replace(box, value=None, cotangent=None) for box in found.boxes]
    return replace(found, boxes=boxes, wires=[replace(wire, cotangent=None) for wire in found.wires])


def collisions(placed: Placed) -> list[tuple[str, str]]:
    """Pairs of boxes and labels that share more than a border."""
    named = dict(placed.boxes)
    named |= {f"@{n}": label.rect for n, label in enumerate(placed.labels) if label is not None}
    left, top, right, bottom = np.array([(r.x, r.y, r.right, r.bottom) for r in named.values()]).T
    across = np.minimum.outer(right, right) - np.maximum.outer(left, left)
    down = np.minimum.outer(bottom, bottom) - np.maximum.outer(top, top)
    pairs = np.argwhere(np.triu((across > 0.01) & (down > 0.01), 1))
    keys = list(named)
    return [(keys[a], keys[b]) for a, b in pairs]


def crossed(placed: Placed) -> list[tuple[str, str]]:
    """Wires that go through a box, through another wire's numbers or through a frame's label."""
    named = dict(placed.boxes)
    named |= {f"@{n}": label.rect for n, label in enumerate(placed.labels) if label is not None}
    for key, x in placed.headers.items():
        label = metrics.width(sizes.frame_label(placed.picture.frame(key)), metrics.SMALL)
        named[f"#{key}"] = Rect(x, placed.frames[key].y + 3, label, metrics.SMALL)
    lines = [(n, *begin, *end) for n, way in enumerate(placed.wires) for begin, end in pairwise(way)]
    if not lines:
        return []
    keys, wires = list(named), [line[0] for line in lines]
    meets = _meets(np.array(lines)[:, 1:], np.array([(r.x, r.y, r.right, r.bottom) for r in named.values()]))
    return [
        (f"{placed.picture.wires[n].source} to {placed.picture.wires[n].target}", keys[k])
        for n, k in sorted({(wires[line], k) for line, k in np.argwhere(meets)})
        if keys[k] != f"@{n}"
    ]


def _meets(lines: np.ndarray, rects: np.ndarray) -> np.ndarray:
    """Which lines have a part inside which rectangles, farther in than half a px (Liang and Barsky 1984)."""
    first, last = np.zeros((len(lines), len(rects))), np.ones((len(lines), len(rects)))
    for low, high in ((0, 2), (1, 3)):
        start, way = lines[:, low, None], lines[:, high, None] - lines[:, low, None]
        sides = np.stack([rects[None, :, low] + 0.5 - start, rects[None, :, high] - 0.5 - start])
        # A line along the other axis is inside all of the time or never: its quotients are infinite.
        found = np.sort(sides / np.where(way == 0, 1e-30, way), axis=0)
        first, last = np.maximum(first, found[0]), np.minimum(last, found[1])
    return first < last


def outside(placed: Placed) -> list[str]:
    """Boxes and frames that are not within the frame that they belong to, and what is not in the drawing."""
    whole = Rect(0, 0, placed.width, placed.height)
    items = [(box.id, placed.boxes[box.id], box.frame) for box in placed.picture.boxes]
    items += [(key, rect, placed.picture.frame(key).parent) for key, rect in placed.frames.items()]
    return [key for key, rect, frame in items if not _holds(placed.frames.get(frame, whole), rect)]


def _holds(outer: Rect, inner: Rect) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.right <= outer.right
        and inner.bottom <= outer.bottom
    )
