"""Numbers as a drawing shows them: few digits, and of a tensor so much as there is room for."""

from __future__ import annotations

import numpy as np

from graphc.view import numbers
from graphc.view.drawing.picture import Array

MOST = 4
"""So many elements of a vector are written out."""


def brief(array: Array | None) -> str:
    """A number, a short vector, or the norm of a tensor; "" for what was not computed."""
    if array is None:
        return ""
    if array.ndim == 0:
        return number(array[()])
    if array.ndim == 1 and array.size <= MOST:
        return "[" + ", ".join(number(x) for x in array) + "]"
    shape = "×".join(map(str, array.shape))
    if not array.size:
        return f"empty {shape}"
    if array.dtype.kind not in "fc":
        return f"{array.dtype.name} {shape}"
    if not np.isfinite(array).all():
        count = int(array.size - np.isfinite(array).sum())
        return f"{shape}, {count} not finite"
    return f"{shape} ‖{number(norm(array))}‖"


def norm(array: Array) -> float:
    """The Euclidean norm of finite numbers, scaled first: squares of large ones would be infinite."""
    numbers = np.abs(array.ravel()).astype(np.float64)
    largest = float(numbers.max(initial=0.0))
    return largest * float(np.linalg.norm(numbers / largest)) if largest else 0.0


def number(x: object) -> str:
    """Four significant digits; NaN and infinities as such."""
    text = numbers.number(x, digits=4)
    signs = {"nan": "NaN", "inf": "∞", "-inf": "-∞"}
    return signs.get(text, text).replace("e-0", "e-").replace("e+0", "e")
