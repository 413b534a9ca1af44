"""What the page of a drawing knows beyond what is drawn: numbers, statistics, places and sources, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphc.view.drawing.geometry import Placed, Rect
from graphc.view.drawing.numbers import brief
from graphc.view.drawing.picture import Array, Box, Frame, Line, Picture, Wire

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

WHOLE = 1024
"""An array of so many elements goes into the page whole; of a larger one only its statistics do."""
ALL = 300_000
"""So many elements go into a page at most: a few MB. What comes later in the picture has statistics only."""

STEPS = 200
"""Of a sum over an axis so many summands are listed."""


@dataclass
class Contents:
    """The data of a page, made view by view; the views share one allowance of elements."""

    left: int = ALL

    def view(self, name: str, placed: Placed) -> Json:
        """One picture of the spec: what it shows, and where."""
        picture = placed.picture
        wires = zip(picture.wires, placed.wires, placed.labels, strict=True)
        return {
            "name": name,
            "title": picture.title,
            "notes": list(picture.notes),
            "width": round(placed.width, 1),
            "height": round(placed.height, 1),
            "boxes": [self._box(picture, box, placed.boxes[box.id]) for box in picture.boxes],
            "frames": [
                _frame(frame, placed.frames[frame.id])
                for frame in picture.frames
                if frame.id in placed.frames
            ],
            "wires": [
                self._wire(
                    wire, [[round(x, 1), round(y, 1)] for x, y in points], label.rect if label else None
                )
                for wire, points, label in wires
            ],
        }

    def _box(self, picture: Picture, box: Box, rect: Rect) -> Json:
        return {
            "id": box.id,
            "name": box.name,
            "operation": box.operation,
            "role": box.role,
            "shape": box.shape,
            "axes": [
                axis.name if axis.size is None else f"{axis.name} = 1..{axis.size}" for axis in box.axes
            ],
            "indices": [axis.name for axis in box.axes],
            "frame": box.frame,
            "line": _line(box.line),
            "equation": _equation(picture, box),
            "derivative": box.derivative.splitlines(),
            "value": self._array(box.value),
            "cotangent": self._array(box.cotangent),
            "shares": {length: _shares(box, steps) for length, steps in box.shares.items()},
            "batch": box.has_batch,
            "copies": box.copies,
            "notes": list(box.notes),
            "rect": _rect(rect),
        }

    def _wire(self, wire: Wire, points: Json, label: Rect | None) -> Json:
        return {
            "source": wire.source,
            "target": wire.target,
            "said": wire.said,
            "back": wire.is_back,
            "cotangent": self._array(wire.cotangent),
            "points": points,
            "label": _rect(label) if label else None,
        }

    def _array(self, array: Array | None) -> Json:
        if array is None:
            return None
        flat = np.asarray(array).ravel()
        is_whole = flat.size <= min(WHOLE, self.left)
        self.left -= flat.size if is_whole else 0
        return {
            "brief": brief(array),
            "shape": list(np.shape(array)),
            "statistics": statistics(flat),
            "numbers": [_number(x) for x in flat.tolist()] if is_whole else None,
        }


def statistics(flat: Array) -> Json:
    """Of the finite elements, and how many are none. `deviation` is the population's, `norm` the Euclidean
    one."""
    if not flat.size:
        return {"elements": 0}
    numbers = flat.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    found: dict[str, Json] = {"elements": int(flat.size)}
    if finite.size:
        found |= {
            "minimum": float(finite.min()),
            "maximum": float(finite.max()),
            "mean": float(finite.mean()),
            "deviation": float(finite.std()),
            "norm": float(np.linalg.norm(finite)),
        }
    return found | {
        "zeros": int((numbers == 0).sum()),
        "NaN": int(np.isnan(numbers).sum()),
        "infinite": int(np.isinf(numbers).sum()),
    }


def _shares(box: Box, steps: Array) -> Json:
    """What each step adds to a cotangent, and what comes in other ways, such as a penalty: by name."""
    found = [[f"step {number}", brief(step)] for number, step in enumerate(steps[:STEPS], 1)]
    if len(steps) > STEPS:
        found.append([f"{len(steps) - STEPS} more steps", brief(np.add.reduce(steps[STEPS:]))])
    if box.cotangent is not None:
        rest = box.cotangent - np.add.reduce(steps)
        if not np.allclose(rest, 0, atol=1e-5 * float(np.max(np.abs(box.cotangent), initial=0))):
            found.append(["in other ways", brief(rest)])
    return found


def _number(x: bool | int | float) -> Json:
    """JSON has no word for what is not finite: a text stands for it."""
    if isinstance(x, float) and not np.isfinite(x):
        return {"nan": "NaN", "inf": "∞", "-inf": "-∞"}[str(x)]
    return float(f"{x:.6g}") if isinstance(x, float) else x


def _frame(frame: Frame, rect: Rect) -> Json:
    return {
        "id": frame.id,
        "label": frame.label,
        "kind": frame.kind,
        "parent": frame.parent,
        "open": frame.is_open,
        "line": _line(frame.line),
        "rect": _rect(rect),
    }


def _equation(picture: Picture, box: Box) -> str:
    """The whole equation that an operation belongs to; a leaf's declaration."""
    for frame in picture.around(box.frame):
        if frame.kind == "equation" and frame.line:
            return frame.line.text
    text = box.line.text if box.line else ""
    return f"{box.name} = {text}" if box.name and box.operation else text


def _line(line: Line | None) -> Json:
    return {"file": line.file, "number": line.number, "text": line.text} if line else None


def _rect(rect: Rect) -> Json:
    return [round(x, 1) for x in (rect.x, rect.y, rect.width, rect.height)]
