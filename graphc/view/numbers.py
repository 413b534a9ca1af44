"""How numbers and arrays look in tables: in full where they are short, summed up where they are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

IN_FULL = 8
"""The number of elements up to which an array is written out."""


def number(value: Any, digits: int = 7) -> str:
    """Seven digits are what float32 carries, and enough to compare with a lecture's figures."""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    text = f"{float(value):.{digits}g}"
    return "0" if text == "-0" else text


def brief(value: float) -> str:
    """Four digits: what is looked at while it changes."""
    return f"{value:.4g}"


def array(values: Array) -> str:
    """`-0.2`, `[1, 2]`, or `min -1, mean 0.2, max 3` with the counts of what is no number."""
    values = np.asarray(values)
    if values.size <= IN_FULL:
        return _nested(values)
    if values.dtype.kind == "b":
        return f"{int(values.sum())} of {values.size} true"
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    parts = []
    if finite.size:
        # A mean in the array's own precision could overflow.
        mean = finite.mean(dtype=np.float64)
        parts = [f"min {number(finite.min())}", f"mean {number(mean)}", f"max {number(finite.max())}"]
    if finite.size < values.size:
        nan = int(np.isnan(values).sum())
        infinite = values.size - finite.size - nan
        parts += [f"{count} {name}" for count, name in ((nan, "nan"), (infinite, "inf")) if count]
    return ", ".join(parts)


def _nested(values: Array) -> str:
    if values.ndim == 0:
        return number(values[()])
    return "[" + ", ".join(_nested(part) for part in values) + "]"
