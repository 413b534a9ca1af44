"""How large gradients and moves are, parameter by parameter: what a record of a training may hold.

A network that learns well moves its weights by about a thousandth of their size at each step; a parameter
whose gradient is far smaller than the others' hardly learns.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from graphc.train.data.examples import Array
from graphc.train.state import Vector


def norms(vector: Vector, names: Collection[str]) -> dict[str, float]:
    """The Euclidean norm of each of these parts, computed in double precision: sqrt of the sum of squares."""
    return {name: _norm(part) for name, part in vector.parts.items() if name in names}


def relative_moves(now: Vector, before: Vector) -> dict[str, float]:
    """For each parameter |w - w0| / |w0|: the norm of a move by the norm before it.

    Parameters that were all zero have no ratio and are left out.
    """
    found: dict[str, float] = {}
    for name, part in before.parts.items():
        size = _norm(part)
        if size > 0:
            # In double precision: small moves of large weights are lost otherwise.
            found[name] = _norm(np.subtract(now.parts[name], part, dtype=np.float64)) / size
    return found


def _norm(part: Array) -> float:
    flat = part.reshape(-1)
    return math.sqrt(float(np.einsum("i,i->", flat, flat, dtype=np.float64)))
