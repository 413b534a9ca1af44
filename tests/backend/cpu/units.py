"""A kernel, and a program that calls it, in a module that does not import Numba."""

from __future__ import annotations

import numpy as np

from graphc.backend.cpu.compile import build
from graphc.backend.cpu.unit import Unit

POINTERS = ("float32*", "float32*", "int64")
DOUBLE = Unit(
    "double",
    "def double(x, y, n):\n    for i in range(n):\n        y[i] = x[i] + x[i]\n",
    POINTERS,
)
TWICE = Unit(
    "twice", "def twice(x, y, n):\n    double(x, y, n)\n", POINTERS, {"double": DOUBLE}, language="steps"
)


def applied(unit: Unit) -> list[float]:
    """What it makes of 1, 2, 3."""
    x = np.array([1, 2, 3], np.float32)
    y = np.zeros_like(x)
    build(unit)(x.ctypes.data, y.ctypes.data, len(x))
    return list(map(float, y))
