"""What the page of a drawing knows beyond what is drawn: numbers, statistics, places and sources, as JSON."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np

from graphc.view.drawing.arrangements import Arranged
from graphc.view.drawing.geometry import Placed, Rect
from graphc.view.drawing.numbers import brief, norm
from graphc.view.drawing.picture import Array, Box, Frame, Line, Picture, Wire

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

WHOLE = 10_000
"""An array of so many elements goes into the page whole; of a larger one only its statistics do."""
ALL = 200_000
"""So many elements go into a page at most, about 1 MB; what comes later in it has statistics only."""
LISTED = 100
"""So many elements are written as numbers; more are bytes, which take less room."""

STEPS = 200
"""Of a sum over an axis so many summands are listed."""


@dataclass
class Contents:
    """The data of a page, made view by view; the views share one allowance of elements.

    Equal arrays are in `arrays` once, as a weight that stands beside each of its users: boxes and wires have
    the number of theirs.
    """

    left: int = ALL
    arrays: list[Json] = field(default_factory=list)
    _numbers: dict[tuple[object, ...], int] = field(default_factory=dict)

    def view(self, name: str, arranged: Arranged) -> Json:
        """One picture of the spec: what it shows, and where, in each of its arrangements."""
        picture = arranged.whole
        return {
            "name": name,
            "notes": list(dict.fromkeys((*picture.notes, *arranged.shown[0].notes))),
            "boxes": [self._box(picture, box) for box in picture.boxes],
            "frames": [_frame(frame) for frame in picture.frames],
            "wires": [self._wire(wire) for wire in picture.wires],
            "arrangements": [_arrangement(placed, arranged.closed(placed)) for placed in arranged.shown],
        }

    def _box(self, picture: Picture, box: Box) -> Json:
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
        }

    def _wire(self, wire: Wire) -> Json:
        return {
            "source": wire.source,
            "target": wire.target,
            "said": wire.said,
            "back": wire.is_back,
            "cotangent": self._array(wire.cotangent),
        }

    def _array(self, array: Array | None) -> int | None:
        """The number of an array in the page."""
        if array is None:
            return None
        found = np.asarray(array)
        key = (found.shape, found.dtype.str, sha256(found.tobytes()).digest())
        if key not in self._numbers:
            self._numbers[key] = len(self.arrays)
            self.arrays.append(self._packed(found))
        return self._numbers[key]

    def _packed(self, array: Array) -> Json:
        flat = array.ravel()
        is_whole = flat.size <= min(WHOLE, self.left)
        self.left -= flat.size if is_whole else 0
        return {
            "brief": brief(array),
            "shape": list(array.shape),
            "statistics": statistics(flat),
            **(_elements(flat) if is_whole else {}),
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
            "mean": float((finite / finite.size).sum()),
            "deviation": _number(_deviation(finite)),
            "norm": _number(norm(finite)),
        }
    return found | {
        "zeros": int((numbers == 0).sum()),
        "NaN": int(np.isnan(numbers).sum()),
        "infinite": int(np.isinf(numbers).sum()),
    }


def _deviation(finite: Array) -> float:
    """Of numbers scaled to 1, so that their squares are finite."""
    largest = float(np.abs(finite).max())
    return largest * float((finite / largest).std()) if largest else 0.0


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


def _elements(flat: Array) -> dict[str, Json]:
    """Few as numbers, many as bytes: little-endian, of 4 each where that shows what the numbers are."""
    if flat.size <= LISTED:
        return {"numbers": [_number(x) for x in flat.tolist()]}
    narrow = flat.astype("<f4") if flat.dtype == np.float32 or _fits(flat) else flat.astype("<f8")
    return {"type": narrow.dtype.name, "bytes": b64encode(narrow.tobytes()).decode()}


def _fits(flat: Array) -> bool:
    """Whether rounding to 4 bytes each leaves whole numbers as they are and makes none infinite or zero."""
    sizes = np.abs(flat[np.isfinite(flat) & (flat != 0)].astype(np.float64))
    if flat.dtype.kind != "f":
        return bool((sizes <= 2**24).all())
    limits = np.finfo(np.float32)
    return bool(((sizes < limits.max) & (sizes > limits.tiny)).all())


def _number(x: bool | int | float) -> Json:
    """JSON has no word for what is not finite: a text stands for it."""
    if isinstance(x, float) and not np.isfinite(x):
        return {"nan": "NaN", "inf": "∞", "-inf": "-∞"}[str(x)]
    return float(f"{x:.7g}") if isinstance(x, float) else x


def _arrangement(placed: Placed, closed: Sequence[str]) -> Json:
    """Where everything is; of each wire the numbers of those of the whole picture that it stands for."""
    wires = enumerate(zip(placed.picture.wires, placed.labels, strict=True))
    return {
        "closed": closed,
        "width": round(placed.width, 1),
        "height": round(placed.height, 1),
        "boxes": {key: _rect(rect) for key, rect in placed.boxes.items()},
        "frames": {key: _rect(rect) for key, rect in placed.frames.items()},
        "wires": [
            {"parts": list(wire.parts or (number,)), "label": _rect(label.rect) if label else None}
            for number, (wire, label) in wires
        ],
    }


def _frame(frame: Frame) -> Json:
    return {
        "id": frame.id,
        "label": frame.label,
        "title": _title(frame),
        "kind": frame.kind,
        "parent": frame.parent,
        "open": frame.is_open,
    }


def _title(frame: Frame) -> str:
    """What a closed frame says: of an equation all of it, as of its step."""
    return f"{frame.label} = {frame.formula}" if frame.formula else frame.label


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
